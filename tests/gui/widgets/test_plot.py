"""Charts: round ticks, and what the mouse reads off."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from deskq import formats
from deskq.history.rows import Gap
from deskq.views.widgets.charts.plot import Plot, labelled_ticks, series_colour, time_ticks, value_ticks
from deskq.views.widgets.charts.time_chart import Series, TimeChart


@pytest.mark.parametrize(
    ("top", "most", "ticks"),
    [(10.8, 5, [0, 5, 10]), (1.0, 5, [0, 0.2, 0.4, 0.6, 0.8, 1.0]), (7_560, 4, [0, 2_000, 4_000, 6_000])],
)
def test_values_are_round(top: float, most: int, ticks: list[float]) -> None:
    assert list(value_ticks(top, most)) == pytest.approx(ticks)


@pytest.mark.parametrize("span", [60.0, 900.0, 86_400.0, 7 * 86_400.0, 90 * 86_400.0])
def test_times_are_round_and_few(span: float) -> None:
    now = 1_795_000_123.4
    ticks = list(time_ticks(now - span, now, 6))
    assert 1 <= len(ticks) <= 7
    assert all(now - span <= moment <= now and time.localtime(moment).tm_sec % 10 == 0 for moment, _ in ticks)
    assert len({text for _, text in ticks}) == len(ticks)


def test_the_mouse_reads_the_nearest_values(qtbot: QtBot) -> None:
    chart = TimeChart("Depth", formats.number)
    qtbot.addWidget(chart)
    chart.resize(600, 250)
    times = [1_795_000_000.0 + 10 * n for n in range(100)]
    chart.show_series([Series("ready", "running", times, [float(n) for n in range(100)])], [], times[0], times[-1])
    chart.show()
    plot = chart.findChild(Plot)
    assert plot is not None
    plot.grab()  # painted: now it knows where its lines are
    QTest.mouseMove(plot, QPoint(plot.width() // 2, plot.height() // 2))
    qtbot.waitUntil(lambda: "ready" in chart.reading.text())
    value = int(chart.reading.text().rpartition(" ")[2])
    assert 40 <= value <= 60


@pytest.mark.parametrize(
    ("top", "unit", "texts"),
    [
        (1.08, formats.number, ["0", "1"]),
        (3.24, formats.number, ["0", "1", "2", "3"]),
        (43.2, formats.number, ["0", "10", "20", "30", "40"]),
        (1.0, formats.rate, ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (0.108, formats.rate, ["0", "0.05", "0.1"]),
        (12.96, formats.rate, ["0", "5.0", "10"]),
        (0.000_000_4, formats.duration, ["0"]),
    ],
)
def test_labels_of_an_axis_are_different(top: float, unit: Callable[[float], str], texts: list[str]) -> None:
    """For every height; they were 0, 0, 1, 2, 2, 2, 3 for counts up to 3."""
    for most in range(2, 12):
        _, written = labelled_ticks(top, most, unit)
        assert len(set(written)) == len(written)
    assert labelled_ticks(top, 5, unit)[1] == texts


def test_no_line_is_drawn_through_a_gap(qtbot: QtBot) -> None:
    """What was measured before and after it says nothing of the time between."""
    plot = Plot(formats.number)
    qtbot.addWidget(plot)
    plot.resize(600, 250)
    times = [0.0, 5.0, 10.0, 60.0, 65.0, 70.0]
    line = Series("ready", "running", times, [8.0] * len(times))
    colour = series_colour(line)

    def is_drawn(gaps: list[Gap]) -> bool:
        plot.show_series([line], gaps, (0.0, 70.0))
        image = plot.grab().toImage()
        middle = image.width() // 2
        return any(image.pixelColor(middle, y) == colour for y in range(image.height()))

    assert is_drawn([])
    assert not is_drawn([Gap(1, 12.0, 58.0, "no recorder was running", None)])
    assert is_drawn([Gap(1, 12.0, 13.0, "one event was lost", 1)])
