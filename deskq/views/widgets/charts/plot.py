"""Lines over time, painted by QPainter alone: a redraw costs a millisecond, where a chart library takes fifty."""

from __future__ import annotations

import math
import time
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QBrush, QColor, QMouseEvent, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QWidget

from deskq.history.rows import Gap
from deskq.views.widgets import theme

LINE_COLOURS: Final = ("running", "retry", "success", "revoked", "failure", "other", "waiting")
"""Of lines that stand for no state."""
_TIME_STEPS: Final = (10, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800)
_LINE: Final = 1.6
_DOT: Final = 2.5
_FEW: Final = 3
"""A line of fewer points is shown by dots."""


@dataclass(frozen=True, slots=True)
class Series:
    """A line: ``colour`` is a state group or "#rrggbb"; None among ``values`` is a hole."""

    name: str
    colour: str
    times: Sequence[float]
    values: Sequence[float | None]


class Plot(QWidget):
    """Series and gaps over a span; ``unit`` writes a value for people. ``hovered``: a time, or None."""

    hovered = Signal(object)

    def __init__(self, unit: Callable[[float], str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._unit = unit
        self._series: Sequence[Series] = ()
        self._gaps: Sequence[Gap] = ()
        self._span = (0.0, 0.0)  # nothing was given yet
        self._top = 1.0
        self._cursor: float | None = None
        self._lines = QRect()  # where the lines were painted
        self.setMouseTracking(True)
        self.setMinimumHeight(110)

    def show_series(self, series: Sequence[Series], gaps: Sequence[Gap], span: tuple[float, float]) -> None:
        """Paint these with the next turn of the loop."""
        self._series, self._gaps, self._span = series, sorted(gaps, key=_start), span
        highest = max((value for one in series for value in one.values if value is not None), default=0.0)
        self._top = highest * 1.08 or 1.0
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        palette = self.palette()
        painter.fillRect(self.rect(), palette.color(QPalette.ColorRole.Base))
        if self._span[0] == self._span[1]:
            return
        ticks, texts = labelled_ticks(self._top, max(2, self.height() // (3 * self.fontMetrics().height())), self._unit)
        area = self._lines = self._area(texts)
        self._paint_values(painter, area, ticks, texts)
        self._paint_times(painter, area)
        painter.setClipRect(area.adjusted(0, 0, 1, 1))
        self._paint_gaps(painter, area)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for series in self._series:
            self._paint_line(painter, area, series)
        if self._cursor is not None:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
            painter.setPen(theme.muted())
            x = round(self._x(area, self._cursor))
            painter.drawLine(x, area.top(), x, area.bottom())
        painter.end()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        place = (event.position().x() - self._lines.left()) / max(self._lines.width(), 1)
        self._point(self._span[0] + place * (self._span[1] - self._span[0]) if 0 <= place <= 1 else None)

    def leaveEvent(self, event: QEvent) -> None:
        self._point(None)

    def _point(self, moment: float | None) -> None:
        if moment != self._cursor:
            self._cursor = moment
            self.hovered.emit(moment)
            self.update()

    def _area(self, texts: Sequence[str]) -> QRect:
        """Where the lines are: beside the values, above the times."""
        metrics = self.fontMetrics()
        left = max((metrics.horizontalAdvance(text) for text in texts), default=0) + theme.GAP
        return self.rect().adjusted(left, metrics.height() // 2, -theme.GAP, -metrics.height() - theme.GAP_S)

    def _x(self, area: QRect, moment: float) -> float:
        since, until = self._span
        return area.left() + (moment - since) / max(until - since, 1e-9) * area.width()

    def _paint_values(self, painter: QPainter, area: QRect, ticks: Sequence[float], texts: Sequence[str]) -> None:
        line = QColor(self.palette().color(QPalette.ColorRole.Mid))
        line.setAlpha(90)
        height = self.fontMetrics().height()
        for value, text in zip(ticks, texts, strict=True):
            y = round(area.bottom() - value / self._top * area.height())
            painter.setPen(line)
            painter.drawLine(area.left(), y, area.right(), y)
            painter.setPen(theme.muted())
            place = QRect(0, y - height // 2, area.left() - theme.GAP_S, height)
            painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)

    def _paint_times(self, painter: QPainter, area: QRect) -> None:
        metrics = self.fontMetrics()
        width = metrics.horizontalAdvance("00:00:00")
        painter.setPen(theme.muted())
        for moment, text in time_ticks(*self._span, max(1, area.width() // (2 * width))):
            x = round(self._x(area, moment))
            painter.drawLine(x, area.bottom(), x, area.bottom() + theme.GAP_S)
            place = QRect(x - width, area.bottom() + theme.GAP_S, 2 * width, metrics.height())
            painter.drawText(place, Qt.AlignmentFlag.AlignHCenter, text)

    def _paint_gaps(self, painter: QPainter, area: QRect) -> None:
        colour = theme.state_colour("lost")
        for gap in self._gaps:
            first = self._x(area, max(gap.started, self._span[0]))
            last = self._x(area, min(gap.ended if gap.ended is not None else self._span[1], self._span[1]))
            if last < first:
                continue
            place = QRectF(first, area.top(), max(last - first, 1.0), area.height())
            pale = QColor(colour)
            pale.setAlpha(90)
            painter.fillRect(place, QBrush(pale, Qt.BrushStyle.BDiagPattern))
            painter.setPen(pale)
            painter.drawLine(place.topLeft(), place.bottomLeft())
            painter.drawLine(place.topRight(), place.bottomRight())

    def _paint_line(self, painter: QPainter, area: QRect, series: Series) -> None:
        colour = series_colour(series)
        scale = area.height() / self._top
        pieces: list[list[QPointF]] = [[]]
        before = -math.inf
        for moment, value in zip(series.times, series.values, strict=False):
            if pieces[-1] and self._unseen(before, moment):
                pieces.append([])
            before = moment
            if value is None or math.isnan(value):
                pieces.append([])
            else:
                pieces[-1].append(QPointF(self._x(area, moment), area.bottom() - value * scale))
        few = sum(map(len, pieces)) < _FEW
        painter.setPen(QPen(colour, _LINE))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for piece in pieces:
            if len(piece) > 1:
                painter.drawPolyline(piece)
        painter.setBrush(colour)
        painter.setPen(Qt.PenStyle.NoPen)
        for piece in pieces:
            for point in piece if few or len(piece) == 1 else ():
                painter.drawEllipse(point, _DOT, _DOT)

    def _unseen(self, before: float, after: float) -> bool:
        """Was most of the time between two points a gap? Then nobody knows what the line would be there."""
        first, last = (bisect(self._gaps, moment, key=_start) for moment in (before, after))
        for gap in self._gaps[max(0, first - 1) : last]:
            ended = after if gap.ended is None else min(gap.ended, after)
            if ended - max(gap.started, before) > (after - before) / 2:
                return True
        return False


def _start(gap: Gap) -> float:
    return gap.started


def series_colour(series: Series) -> QColor:
    """Return a line's colour in the theme."""
    return QColor(series.colour) if series.colour.startswith("#") else theme.state_colour(series.colour)


def value_ticks(top: float, most: int) -> Iterator[float]:
    """Yield about ``most`` round values from 0 to ``top``: steps of 1, 2 or 5 times a power of ten."""
    rough = top / max(most, 1)
    power = 10.0 ** math.floor(math.log10(rough)) if rough > 0 else 1.0
    step = next((factor * power for factor in (1, 2, 5) if factor * power >= rough), 10 * power)
    for number in range(int(top / step) + 1):
        yield number * step


def labelled_ticks(top: float, most: int, unit: Callable[[float], str]) -> tuple[list[float], list[str]]:
    """Return round values and their texts, fewer than ``most`` where the unit would write two of them alike."""
    for number in range(most, 0, -1):
        ticks = list(value_ticks(top, number))
        texts = [unit(value) if value else "0" for value in ticks]
        if len(set(texts)) == len(texts):
            return ticks, texts
    return [0.0], ["0"]


def time_ticks(since: float, until: float, most: int) -> Iterator[tuple[float, str]]:
    """Yield at most about ``most`` round times of the local clock, and how they are written."""
    step = next((step for step in _TIME_STEPS if (until - since) / step <= most), 0)
    if not step:
        days = math.ceil((until - since) / 86_400 / max(most, 1))
        step = 86_400 * days
    offset = time.localtime(until).tm_gmtoff
    form = "%H:%M:%S" if step < 60 else "%H:%M" if step < 86_400 else "%d %b"
    moment = math.ceil((since + offset) / step) * step - offset
    while moment <= until:
        yield moment, time.strftime(form, time.localtime(moment))
        moment += step
