"""The picture of a time line: a lane for each schedule below a lane of collisions; paints only what is in sight."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Final

from PySide6.QtCore import QEvent, QLineF, QPoint, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QToolTip

from deskq import formats
from deskq.models.schedules.timeline import ShownTimeline, collision_words, lane_words, later_words
from deskq.views.overview.timeline_axis import axis_title, paint_axis
from deskq.views.widgets import theme

COLLISIONS: Final = -1
"""The lane of collisions, above all others."""
_REACH: Final = 5.0
"""Pixels beside a mark that still mean it."""
_LONGEST: Final = 28
"""Letters of the longest name that is not elided."""
_NAME_SHARE: Final = 0.66
"""What is left to a name where its profile stands beside it."""
_CLOSE: Final = 4.0
_PLACES: Final = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


class TimelinePicture(QAbstractScrollArea):
    """Left and Right go from collision to collision, Up and Down from lane to lane.

    ``told``: what is current or pointed at, in words; ``opened``: a lane, by its place.
    """

    told = Signal(str)
    opened = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.shown: ShownTimeline | None = None
        self.lane = COLLISIONS
        self.collision = -1
        self._pointed = ""
        self._names = 0
        self._left, self._width = 0.0, 1.0
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Schedule calendar")
        self.viewport().setMouseTracking(True)
        self.setMinimumHeight(self._row * 6)

    def show_timeline(self, shown: ShownTimeline) -> None:
        """Show another time line; what is current stays current where it is still there."""
        before, lane, collision = self.shown, self.lane, self.collision
        self.shown = shown
        self._names = self._width_of_names(shown)
        self.lane, self.collision = COLLISIONS, -1
        if before is not None and 0 <= lane < len(before.rows):
            place = before.rows[lane].place
            self.lane = next((n for n, one in enumerate(shown.rows) if one.place == place), COLLISIONS)
        if before is not None and 0 <= collision < len(before.timeline.collisions):
            at = before.timeline.collisions[collision].at
            times = [one.at for one in shown.timeline.collisions]
            found = bisect_left(times, at)
            self.collision = found if found < len(times) and times[found] == at else -1
        self._lay_out()
        self._say()

    def words(self) -> str:
        """Return what is current in words."""
        if self.shown is None:
            return ""
        if self.lane >= 0:
            return lane_words(self.shown, self.lane)
        if self.collision >= 0:
            return collision_words(self.shown, self.shown.timeline.collisions[self.collision])
        return "Left and Right: collisions. Up and Down: schedules. Enter: open."

    def open_current(self) -> None:
        """Ask for the detail of the current lane, or of the rarest in the current collision."""
        if self.shown is None:
            return
        if self.lane == COLLISIONS and self.collision >= 0:
            self.opened.emit(self.shown.timeline.collisions[self.collision].lanes[0])
        elif self.lane >= 0:
            self.opened.emit(self.lane)

    def step_collision(self, step: int) -> None:
        """Go to the next collision (1) or to the one before (-1)."""
        number = len(self.shown.timeline.collisions) if self.shown is not None else 0
        if number:
            self.collision = max(0, min(number - 1, self.collision + step))
            self._go_to(COLLISIONS)

    def lane_area(self, place: int) -> QRectF:
        """Return where a lane is in the viewport, COLLISIONS for that lane; below or above it when it is scrolled."""
        if place == COLLISIONS:
            return QRectF(0, self._row, self.viewport().width(), self._row)
        top = self._top + place * self._row - self.verticalScrollBar().value()
        return QRectF(0, top, self.viewport().width(), self._row)

    def x_of(self, at: float) -> float:
        """Return where a time is in the viewport."""
        assert self.shown is not None
        line = self.shown.timeline
        return self._left + (at - line.start) / (line.end - line.start) * self._width

    def keyPressEvent(self, event: QKeyEvent) -> None:
        lanes = len(self.shown.rows) if self.shown is not None else 0
        page = max(1, int((self.viewport().height() - self._top) // self._row) - 1)
        steps = {
            Qt.Key.Key_Up: -1,
            Qt.Key.Key_Down: 1,
            Qt.Key.Key_PageUp: -page,
            Qt.Key.Key_PageDown: page,
            Qt.Key.Key_Home: -lanes - 1,
            Qt.Key.Key_End: lanes + 1,
        }
        key = Qt.Key(event.key())
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.open_current()
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self.step_collision(1 if key == Qt.Key.Key_Right else -1)
        elif key in steps:
            self._go_to(max(COLLISIONS, min(lanes - 1, self.lane + steps[key])))
        else:
            super().keyPressEvent(event)

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            words = self._words_at(event.pos())
            if words:
                QToolTip.showText(event.globalPos(), formats.tooltip(words), self)
            return True
        if event.type() == QEvent.Type.Leave:
            self._point("")
        return super().viewportEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._point(self._words_at(event.position().toPoint()))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        point = event.position().toPoint()
        place = self._lane_at(point)
        if place == COLLISIONS:
            found = self._collision_at(point.x())
            if found is not None:
                self.collision = found
            self._go_to(COLLISIONS)
        elif place is not None:
            self._go_to(place)
            self.opened.emit(place)

    def resizeEvent(self, event: Any) -> None:
        self._lay_out()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.fillRect(self.viewport().rect(), self.palette().color(QPalette.ColorRole.Base))
        if self.shown is None:
            return
        bottom = self.viewport().height()
        painter.setClipRect(QRectF(0, self._top, self.viewport().width(), bottom - self._top))
        for place in self._in_sight():
            self._paint_ground(painter, place)
        painter.setClipping(False)
        paint_axis(painter, self.shown, self.x_of, self._row, QRectF(self._left, 0, self._width, bottom))
        self._paint_collisions(painter, bottom)
        painter.setClipRect(QRectF(0, self._top, self.viewport().width(), bottom - self._top))
        for place in self._in_sight():
            self._paint_lane(painter, place)

    @property
    def _row(self) -> int:
        return round(self.fontMetrics().height() * 1.6)

    @property
    def _top(self) -> int:
        """Where the lanes of the schedules begin: below the times and the collisions."""
        return 2 * self._row + theme.GAP_S

    def _width_of_names(self, shown: ShownTimeline) -> int:
        """Return how wide the names are: about the longest, within limits."""
        n = self.fontMetrics().horizontalAdvance("n")
        longest = max((formats.plain(one.entry.name[:_LONGEST]) for one in shown.rows), key=len, default="")
        name = min(self.fontMetrics().horizontalAdvance(longest), _LONGEST * n)
        least = self.fontMetrics().horizontalAdvance(axis_title(shown))
        return max(least, round(name / _NAME_SHARE) if shown.several else name) + 3 * theme.GAP

    def _lay_out(self) -> None:
        """Find where now is, beside the names, how wide the span is, and how far it scrolls."""
        self._left = float(min(self._names, self.viewport().width() * 0.3))
        self._width = max(1.0, self.viewport().width() - self._left - theme.GAP_M)
        lanes = len(self.shown.rows) if self.shown is not None else 0
        bar, height = self.verticalScrollBar(), max(0, self.viewport().height() - self._top)
        bar.setRange(0, max(0, lanes * self._row + theme.GAP - height))
        bar.setPageStep(height)
        bar.setSingleStep(self._row)
        self.viewport().update()

    def _in_sight(self) -> range:
        assert self.shown is not None
        scrolled = self.verticalScrollBar().value()
        last = (scrolled + self.viewport().height() - self._top) // self._row + 1
        return range(scrolled // self._row, min(len(self.shown.rows), last))

    def _go_to(self, place: int) -> None:
        self.lane = place
        bar = self.verticalScrollBar()
        if place >= 0:
            top, height = place * self._row, self.viewport().height() - self._top
            bar.setValue(max(min(bar.value(), top), top + self._row - height))
        self._tell()

    def _tell(self) -> None:
        self._pointed = ""
        self._say()
        self.viewport().update()

    def _say(self) -> None:
        words = self.words()
        if words != self.accessibleDescription():
            self.setAccessibleDescription(words)
        self.told.emit(self._pointed or words)

    def _point(self, words: str) -> None:
        if words != self._pointed:
            self._pointed = words
            self.told.emit(words or self.words())

    def _lane_at(self, point: QPoint) -> int | None:
        if self.shown is None or point.y() < self._row:
            return None
        if point.y() < self._top:
            return COLLISIONS
        place = (point.y() - self._top + self.verticalScrollBar().value()) // self._row
        return place if place < len(self.shown.rows) else None

    def _collision_at(self, x: int) -> int | None:
        """Return the collision nearest to there; of several that are as near, the largest."""
        assert self.shown is not None
        times = [one.at for one in self.shown.timeline.collisions]
        found = self._near(times, x)
        return max(found, key=lambda n: self.shown.timeline.collisions[n].count) if found else None  # type: ignore[union-attr]

    def _near(self, times: Sequence[float], x: float) -> range:
        """Return which of these times are within reach."""
        assert self.shown is not None
        line = self.shown.timeline
        scale = (line.end - line.start) / self._width
        at = line.start + (x - self._left) * scale
        return range(bisect_left(times, at - _REACH * scale), bisect_left(times, at + _REACH * scale))

    def _words_at(self, point: QPoint) -> str:
        place = self._lane_at(point)
        if place is None or self.shown is None:
            return ""
        if place == COLLISIONS:
            found = self._collision_at(point.x())
            return "" if found is None else collision_words(self.shown, self.shown.timeline.collisions[found])
        runs = self.shown.timeline.lanes[place].runs
        near = min(self._near(runs, point.x()), key=lambda n: abs(self.x_of(runs[n]) - point.x()), default=None)
        return lane_words(self.shown, place, None if near is None else runs[near])

    def _paint_ground(self, painter: QPainter, place: int) -> None:
        area = self.lane_area(place)
        role = QPalette.ColorRole.Highlight if place == self.lane else QPalette.ColorRole.AlternateBase
        if place == self.lane or place % 2:
            painter.fillRect(area, self.palette().color(role))

    def _paint_collisions(self, painter: QPainter, bottom: int) -> None:
        assert self.shown is not None
        area, collisions = self.lane_area(COLLISIONS), self.shown.timeline.collisions
        if self.lane == COLLISIONS and self.hasFocus():
            painter.fillRect(area, self.palette().color(QPalette.ColorRole.Highlight))
        painter.setPen(self.palette().color(QPalette.ColorRole.Text))
        painter.setFont(theme.bold_font())
        painter.drawText(area.adjusted(theme.GAP, 0, 0, 0), _PLACES, "Collisions")
        painter.setFont(self.font())
        highest = max((one.count for one in collisions), default=1)
        columns: dict[int, int] = {}
        for one in collisions:
            x = round(self.x_of(one.at))
            columns[x] = max(columns.get(x, 0), one.count)
        colour = theme.state_colour("retry")
        for x, count in columns.items():
            height = (self._row - theme.GAP_S) * (0.25 + 0.75 * ((count - 1) / max(1, highest - 1)))
            painter.fillRect(QRectF(x - 1, area.bottom() - height, 3, height), colour)
        painter.setPen(self.palette().color(QPalette.ColorRole.Mid))
        painter.drawLine(QLineF(0, area.bottom() + 1, area.width(), area.bottom() + 1))
        if 0 <= self.collision < len(collisions):
            middle = round(self.x_of(collisions[self.collision].at)) + 0.5
            painter.setPen(QPen(colour, 1, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(middle, area.top()), QPointF(middle, bottom))

    def _paint_lane(self, painter: QPainter, place: int) -> None:
        assert self.shown is not None
        area, lane, one = self.lane_area(place), self.shown.timeline.lanes[place], self.shown.rows[place]
        metrics, text = self.fontMetrics(), self.palette().color(QPalette.ColorRole.Text)
        left, right = float(theme.GAP), self._left - theme.GAP
        if self.shown.several:
            middle = left + (right - left) * _NAME_SHARE
            profile = metrics.elidedText(
                formats.plain(one.profile.name), Qt.TextElideMode.ElideRight, int(right - middle)
            )
            painter.setPen(theme.muted())
            painter.drawText(QRectF(middle, area.top(), right - middle, area.height()), _PLACES, profile)
            right = middle - theme.GAP
        name = metrics.elidedText(formats.plain(one.entry.name), Qt.TextElideMode.ElideRight, int(right - left))
        painter.setPen(text)
        painter.drawText(QRectF(left, area.top(), right - left, area.height()), _PLACES, name)
        if lane.first is None:
            painter.setPen(theme.muted())
            painter.drawText(area.adjusted(self._left + theme.GAP, 0, 0, 0), _PLACES, later_words(lane))
            return
        colour = theme.state_colour("running")
        pale = QColor(colour)
        pale.setAlphaF(0.22)
        inner = area.adjusted(0, theme.GAP_S, 0, -theme.GAP_S)
        for band in lane.bands:
            x = self.x_of(band.first)
            painter.fillRect(QRectF(x, inner.top(), max(self.x_of(band.last) - x, _CLOSE), inner.height()), pale)
        self._paint_sentence(painter, inner, place)
        height = area.height() * 0.5
        top = area.center().y() - height / 2
        ticks = [QLineF(x, top, x, top + height) for x in (round(self.x_of(at)) + 0.5 for at in lane.runs)]
        painter.setPen(QPen(colour, 2))
        painter.drawLines(ticks)

    def _paint_sentence(self, painter: QPainter, area: QRectF, place: int) -> None:
        """Write what the bands mean, from the first of them to the next tick."""
        assert self.shown is not None
        lane = self.shown.timeline.lanes[place]
        if not lane.bands:
            return
        following = bisect_left(lane.runs, lane.bands[0].first)
        until = self.x_of(lane.runs[following]) if following < len(lane.runs) else area.right()
        left = self.x_of(lane.bands[0].first) + theme.GAP
        room = int(until - left) - theme.GAP
        if room > self.fontMetrics().horizontalAdvance("every 10…"):
            sentence = formats.plain(self.shown.rows[place].row.sentence)
            words = self.fontMetrics().elidedText(sentence, Qt.TextElideMode.ElideRight, room)
            painter.setPen(self.palette().color(QPalette.ColorRole.Text))
            painter.drawText(QRectF(left, area.top(), room, area.height()), _PLACES, words)
