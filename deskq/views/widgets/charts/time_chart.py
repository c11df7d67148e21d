"""Charts over time: gaps are drawn, holes stay holes, values show where the mouse is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from deskq import formats
from deskq.history.rows import Gap
from deskq.views.widgets import theme
from deskq.views.widgets.charts.plot import LINE_COLOURS, Plot, Series, series_colour
from deskq.views.widgets.empty_pane import LineLabel, plain_label

__all__ = ("LINE_COLOURS", "SPANS", "Series", "TimeChart", "span_until")


class TimeChart(QWidget):
    """Lines over a span of time. ``unit`` writes a value for people."""

    def __init__(self, title: str, unit: Callable[[float], str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._unit = unit
        self._series: list[Series] = []
        self._gaps: list[Gap] = []
        self._span = (0.0, 1.0)
        self._written: list[tuple[str, QColor]] = []
        self.setAccessibleName(title)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.GAP_M, theme.GAP, theme.GAP_M, theme.GAP_S)
        layout.setSpacing(theme.GAP_S)
        head = QHBoxLayout()
        self._title = plain_label(title)
        self._title.setFont(theme.bold_font())
        head.addWidget(self._title)
        self._legend = QHBoxLayout()
        self._legend.setSpacing(theme.GAP_M)
        head.addSpacing(theme.GAP_L)
        head.addLayout(self._legend)
        head.addStretch(1)
        self.reading = LineLabel(muted=True)
        head.addWidget(self.reading)
        layout.addLayout(head)
        self._plot = Plot(unit)
        self._plot.hovered.connect(self._read_off)
        layout.addWidget(self._plot, 1)
        self.nothing = plain_label("Nothing was recorded in this span.", muted=True)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout.addWidget(self.nothing)
        self.nothing.hide()

    def show_series(self, series: Sequence[Series], gaps: Sequence[Gap], since: float, until: float) -> None:
        """Draw these lines over a span, with the gaps in the recording."""
        self._series, self._gaps, self._span = list(series), list(gaps), (since, until)
        self.draw()

    def draw(self) -> None:
        """Draw everything in the colours of the theme."""
        known = any(value is not None for series in self._series for value in series.values)
        self._plot.show_series(self._series, self._gaps, self._span)
        self._plot.setVisible(known)
        self.nothing.setVisible(not known)
        self._write_legend()

    def theme_changed(self) -> None:
        """Draw in the colours of the new theme."""
        self.draw()

    def _write_legend(self) -> None:
        """Say which line is which; labels are made anew only if the lines or their colours are others."""
        wanted = [(formats.plain(series.name), series_colour(series)) for series in self._series]
        if wanted == self._written:
            return
        self._written = wanted
        while self._legend.count():
            item = self._legend.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.deleteLater()
        for name, colour in wanted:
            label = LineLabel(f"— {name}")
            palette = label.palette()
            palette.setColor(QPalette.ColorRole.WindowText, colour)
            label.setPalette(palette)
            self._legend.addWidget(label)

    def _read_off(self, moment: float | None) -> None:
        if moment is None:
            self.reading.setText("")
            return
        gap = next((g for g in self._gaps if g.started <= moment <= (g.ended or self._span[1])), None)
        if gap is not None:
            estimate = "" if gap.estimate is None else f", about {gap.estimate:,} events"
            self.reading.setText(f"gap: {formats.plain(gap.cause)[:80]}{estimate}")
            return
        parts = [formats.clock_time(moment)]
        for series in self._series:
            value = _nearest(series, moment)
            parts.append(f"{formats.plain(series.name)} {formats.NONE if value is None else self._unit(value)}")
        self.reading.setText("   ".join(parts))


def _nearest(series: Series, moment: float) -> float | None:
    if not series.times:
        return None
    number = min(range(len(series.times)), key=lambda n: abs(series.times[n] - moment))
    return series.values[number]


SPANS = (("15 min", 900.0), ("1 hour", 3_600.0), ("6 hours", 21_600.0), ("24 hours", 86_400.0), ("7 days", 604_800.0))


def span_until(now: float, seconds: float) -> tuple[float, float]:
    """Return the span that ends now."""
    return now - seconds, now
