"""The picture of a time line: a lane for each schedule below a lane of collisions; paints only what is in sight."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

from PySide6.QtCore import QEvent, QRectF, Qt, Signal
from PySide6.QtGui import QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QToolTip

from deskq import formats
from deskq.models.schedules.timeline import ShownTimeline, collision_words, lane_words
from deskq.views.overview.timeline_painter import TimelinePainter
from deskq.views.overview.timeline_places import COLLISIONS, TimelinePlaces


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
        self.places = TimelinePlaces(self)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Schedule calendar")
        self.viewport().setMouseTracking(True)
        self.setMinimumHeight(self.places.row * 6)

    def show_timeline(self, shown: ShownTimeline) -> None:
        """Show another time line; what is current stays current where it is still there."""
        before, lane, collision = self.shown, self.lane, self.collision
        self.shown = shown
        self.places.show_timeline(shown)
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

    def keyPressEvent(self, event: QKeyEvent) -> None:
        lanes = len(self.shown.rows) if self.shown is not None else 0
        page = self.places.page
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
            words = self.places.words_at(event.pos())
            if words:
                QToolTip.showText(event.globalPos(), formats.tooltip(words), self)
            return True
        if event.type() == QEvent.Type.Leave:
            self._point("")
        return super().viewportEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._point(self.places.words_at(event.position().toPoint()))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        point = event.position().toPoint()
        place = self.places.lane_at(point)
        if place == COLLISIONS:
            found = self.places.collision_at(point.x())
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
        painting = TimelinePainter(painter, self.shown, self.places, self, lane=self.lane, collision=self.collision)
        painting.paint(QRectF(self.viewport().rect()))

    def _lay_out(self) -> None:
        self.places.lay_out()
        self.viewport().update()

    def _go_to(self, place: int) -> None:
        self.lane = place
        if place >= 0:
            self.places.scroll_to(place)
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
