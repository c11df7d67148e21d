"""Charts over time: gaps are drawn, holes stay holes, values show where the mouse is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QBrush, QColor, QPalette
from PySide6.QtWidgets import QApplication, QHBoxLayout, QVBoxLayout, QWidget

from deskq.history.rows import Gap
from deskq.models import formats
from deskq.views import theme
from deskq.views.empty import plain_label


@dataclass(frozen=True, slots=True)
class Series:
    """A line: ``colour`` is a state group or "#rrggbb"; None among ``values`` is a hole."""

    name: str
    colour: str
    times: Sequence[float]
    values: Sequence[float | None]


class TimeChart(QWidget):
    """Lines over a span of time. ``unit`` writes a value for people."""

    def __init__(self, title: str, unit: Callable[[float], str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        import pyqtgraph

        self._pg: Any = pyqtgraph
        self._unit = unit
        self._series: list[Series] = []
        self._gaps: list[Gap] = []
        self._span = (0.0, 1.0)
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
        self.reading = plain_label(muted=True)
        head.addWidget(self.reading)
        layout.addLayout(head)
        self._plot: Any = pyqtgraph.PlotWidget(
            axisItems={"bottom": pyqtgraph.DateAxisItem(), "left": _UnitAxis(pyqtgraph, unit)}
        )
        self._plot.setMenuEnabled(False)
        self._plot.setMouseEnabled(x=False, y=False)
        self._plot.hideButtons()
        self._plot.setAntialiasing(True)
        self._plot.setMinimumHeight(110)
        self._plot.setFrameShape(self._plot.Shape.NoFrame)
        self._cursor = pyqtgraph.InfiniteLine(angle=90, movable=False)
        self._cursor.hide()
        self._plot.scene().sigMouseMoved.connect(self._moved)
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
        pg, palette = self._pg, QApplication.palette()
        self._plot.clear()
        self._plot.setBackground(palette.color(QPalette.ColorRole.Base))
        grey = theme.muted()
        for side in ("left", "bottom"):
            axis = self._plot.getAxis(side)
            axis.setPen(palette.color(QPalette.ColorRole.Mid))
            axis.setTextPen(grey)
        self._plot.showGrid(x=False, y=True, alpha=0.15)
        highest = 0.0
        known = False
        for series in self._series:
            values = [math.nan if value is None else value for value in series.values]
            known = known or any(value is not None for value in series.values)
            highest = max([highest, *(value for value in series.values if value is not None)])
            pen = pg.mkPen(_colour(series.colour), width=1.6)
            single = sum(value is not None for value in series.values) < 3
            marks = (
                {"symbol": "o", "symbolSize": 5, "symbolBrush": _colour(series.colour), "symbolPen": None}
                if single
                else {}
            )
            self._plot.plot(list(series.times), values, pen=pen, connect="finite", **marks)
        for gap in self._gaps:
            end = gap.ended if gap.ended is not None else self._span[1]
            region = pg.LinearRegionItem((max(gap.started, self._span[0]), end), movable=False)
            colour = QColor(theme.state_colour("lost"))
            colour.setAlpha(90)
            region.setBrush(QBrush(colour, Qt.BrushStyle.BDiagPattern))
            for line in region.lines:
                line.setPen(pg.mkPen(colour))
            self._plot.addItem(region)
        self._plot.addItem(self._cursor, ignoreBounds=True)
        self._cursor.setPen(pg.mkPen(grey))
        self._plot.setXRange(*self._span, padding=0)
        self._plot.setYRange(0, highest * 1.08 or 1, padding=0)
        self._plot.setVisible(known)
        self.nothing.setVisible(not known)
        self._write_legend()

    def theme_changed(self) -> None:
        """Draw in the colours of the new theme."""
        self.draw()

    def _write_legend(self) -> None:
        while self._legend.count():
            item = self._legend.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.deleteLater()
        for series in self._series:
            label = plain_label(f"— {formats.plain(series.name)}")
            palette = label.palette()
            palette.setColor(QPalette.ColorRole.WindowText, _colour(series.colour))
            label.setPalette(palette)
            self._legend.addWidget(label)

    def _moved(self, place: Any) -> None:
        if not self._plot.sceneBoundingRect().contains(place):
            self._cursor.hide()
            self.reading.setText("")
            return
        moment = self._plot.getPlotItem().vb.mapSceneToView(place).x()
        self._cursor.setPos(moment)
        self._cursor.show()
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


def _UnitAxis(pg: Any, unit: Callable[[float], str]) -> Any:
    class UnitAxis(pg.AxisItem):  # type: ignore[misc]
        def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
            return [unit(value * scale) if value else "0" for value in values]

    return UnitAxis("left")


def _nearest(series: Series, moment: float) -> float | None:
    if not series.times:
        return None
    number = min(range(len(series.times)), key=lambda n: abs(series.times[n] - moment))
    return series.values[number]


def _colour(name: str) -> QColor:
    return QColor(name) if name.startswith("#") else theme.state_colour(name)


SPANS = (("15 min", 900.0), ("1 hour", 3_600.0), ("6 hours", 21_600.0), ("24 hours", 86_400.0), ("7 days", 604_800.0))
LINE_COLOURS = ("running", "retry", "success", "revoked", "failure", "other", "waiting")


def span_until(now: float, seconds: float) -> tuple[float, float]:
    """Return the span that ends now."""
    return now - seconds, now
