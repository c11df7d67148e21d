"""What was missed, and what was no event: the dialog, and the hatched lines in the task table."""

from __future__ import annotations

import time
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from deskq.history.reading.task_filter import Sort, TaskFilter
from deskq.history.rows import Gap, MalformedRow
from deskq.models.overview.gap_marks import EndedGaps, gap_text
from deskq.models.table.columns import GapRole
from deskq.views.journal.stream_log import StreamLog, dump
from tests.gui.conftest import Recorded, Run, until
from tests.gui.shell.test_window import opened

NOW = 1_795_000_000.0


@pytest.mark.parametrize(
    ("gap", "text"),
    [
        (
            Gap(1, NOW, NOW + 724, "the recorder was not running", 340),
            "12 min 4 s without events: the recorder was not running (about 340 events lost)",
        ),
        (Gap(1, NOW, NOW + 2, "w\u202e\x1b accepted", None), "2.00 s without events: w⟨U+202E⟩⟨U+001B⟩ accepted"),
        (Gap(1, NOW, NOW - 5, "a clock was set", 1), "0 µs without events: a clock was set (about 1 event lost)"),
    ],
)
def test_a_gap_in_words(gap: Gap, text: str) -> None:
    assert gap_text(gap) == text


def test_gaps_lie_between_the_rows_at_their_ends() -> None:
    gaps = EndedGaps(
        [
            Gap(1, 10.0, 20.0, "one", None),
            Gap(2, 15.0, 18.0, "within it", None),
            Gap(3, 30.0, None, "goes on", None),
            Gap(4, 21.0, 22.0, "another", None),
        ]
    )
    assert [gap.id for gap in gaps.between(25.0, 9.0)] == [2, 1, 4]
    assert [gap.id for gap in gaps.between(9.0, 20.5)] == [2, 1]  # ascending or descending is the same
    assert [gap.id for gap in gaps.between(19.0, 20.5)] == [1]  # recorded in it, at its very beginning
    assert list(gaps.between(22.5, 29.0)) == []
    assert list(EndedGaps().between(0.0, 1e12)) == []


def test_bytes_as_hexadecimal_and_plain_text() -> None:
    row = MalformedRow(NOW, "not JSON", 5_000, b"<b>\x1b[31m\x00\xe2\x80\xae" + b"z" * 10)
    first, second, last = dump(row).splitlines()
    assert first == "000000  3c 62 3e 1b 5b 33 31 6d 00 e2 80 ae 7a 7a 7a 7a  <b>·[31m····zzzz"
    assert second.endswith("  zzzzzz")
    assert last == "… the first 22 of 5,000 bytes are kept"


def test_the_log_follows_the_history(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        recorded.add(1)
        async with opened(qapp) as app:
            app.add(recorded.profile)
            window = app.window
            window.show()
            await until(lambda: window.bar.text.text() != "")
            QTest.mouseClick(window.bar.text, Qt.MouseButton.LeftButton)
            log = window.findChild(StreamLog)
            assert log is not None
            assert not log.isModal()
            await until(lambda: log.no_gaps.reason.text().startswith("No gaps since"))
            assert not log.gap_table.isVisible()
            recorded.history.open_gap(NOW, "the recorder was not running", NOW + 60, 12)
            recorded.history.open_gap(NOW + 100, "the broker closed the event stream")
            recorded.history.put_malformed("not JSON: <b>x</b>", b"\xff" * 5_000, NOW)
            await until(lambda: log.gaps.rowCount() == 2 and log.malformed.rowCount() == 1)
            cells = [[log.gaps.index(row, column).data() for column in (1, 2, 3, 4)] for row in (0, 1)]
            assert cells[0] == ["ongoing", "–", "–", "the broker closed the event stream"]
            assert cells[1][1:] == ["1 min 0 s", "12", "the recorder was not running"]
            assert [log.tabs.tabText(number) for number in (0, 1)] == ["Gaps 2", "Malformed 1"]
            log.tabs.setCurrentIndex(1)
            assert log.malformed.index(0, 1).data() == "4.9 KB"
            await until(lambda: log.bytes.toPlainText().startswith("000000  ff ff"))
            recorded.history.put_malformed("empty", b"", NOW + 1)
            await until(lambda: log.malformed.rowCount() == 2)
            assert log.malformed_table.currentIndex().row() == 1  # the selected one stays selected
            window.run_command("stream_log")
            assert window.findChildren(StreamLog) == [log]
            log.close()
            await until(lambda: window.findChildren(StreamLog) == [])

    run(scenario())


def test_a_gap_is_a_hatched_line_between_rows(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        recorded.add(3)
        at = time.time()
        recorded.history.open_gap(at - 0.001, "the recorder was <b>not</b> running", at, 340)
        await until(lambda: time.time() > at + 0.01)
        recorded.add(2)
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            view: Any = app.window.show_view("shop", "tasks")
            await until(lambda: view.model.rowCount() == 5)

            def marks() -> list[bool]:
                return [bool(view.model.index(row, 0).data(GapRole)) for row in range(view.model.rowCount())]

            await until(lambda: marks() == [False, True, False, False, False])
            edge = view.table.rowViewportPosition(2)
            assert view.table.gap_at(edge - 2) == view.table.gap_at(edge + 2)
            assert "(about 340 events lost)" in view.table.gap_at(edge)
            assert view.table.gap_at(edge - view.table.rowHeight(1) // 2) == ""
            image = view.table.viewport().grab().toImage()
            line = {image.pixel(QPoint(x, edge)) for x in range(10, 200)}
            assert len(line) > 1  # hatched; a row's ground has one colour at its border
            view.model.choose(TaskFilter(), Sort("seen", descending=False))
            await until(lambda: marks() == [False, False, True, False, False])
            view.model.choose(TaskFilter(), Sort("runtime"))
            await until(lambda: marks() == [False] * 5)
            view.set_filter("nothing like this")
            await until(lambda: view.empty.title.text() == "No task matches")

    run(scenario())
