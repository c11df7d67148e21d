"""Paints a time line: the ground and the marks of the lanes in sight, the collisions, the axis."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPalette, QPen
from PySide6.QtWidgets import QWidget

from deskq import formats
from deskq.models.schedules.timeline import ShownTimeline, later_words
from deskq.views.overview.timeline_axis import paint_axis
from deskq.views.overview.timeline_places import COLLISIONS, NAME_SHARE, TimelinePlaces
from deskq.views.widgets import theme

_CLOSE: Final = 4.0
_PLACES: Final = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


class TimelinePainter:
    """Paints with ``painter``, in the fonts and colours of ``widget``; ``lane`` and ``collision`` are current."""

    def __init__(
        self,
        painter: QPainter,
        shown: ShownTimeline,
        places: TimelinePlaces,
        widget: QWidget,
        *,
        lane: int,
        collision: int,
    ) -> None:
        self._painter = painter
        self._shown = shown
        self._places = places
        self._widget = widget
        self._lane = lane
        self._collision = collision

    def paint(self, size: QRectF) -> None:
        """Paint all that is in sight into a viewport of this size."""
        places, bottom = self._places, int(size.height())
        lanes = QRectF(0, places.top, size.width(), bottom - places.top)
        self._painter.setClipRect(lanes)
        for place in places.in_sight():
            self._paint_ground(place)
        self._painter.setClipping(False)
        axis = QRectF(places.left, 0, places.width, bottom)
        paint_axis(self._painter, self._shown, places.x_of, places.row, axis)
        self._paint_collisions(bottom)
        self._painter.setClipRect(lanes)
        for place in places.in_sight():
            self.paint_lane(place)

    def _paint_ground(self, place: int) -> None:
        area = self._places.lane_area(place)
        role = QPalette.ColorRole.Highlight if place == self._lane else QPalette.ColorRole.AlternateBase
        if place == self._lane or place % 2:
            self._painter.fillRect(area, self._widget.palette().color(role))

    def _paint_collisions(self, bottom: int) -> None:
        area, collisions = self._places.lane_area(COLLISIONS), self._shown.timeline.collisions
        if self._lane == COLLISIONS and self._widget.hasFocus():
            self._painter.fillRect(area, self._widget.palette().color(QPalette.ColorRole.Highlight))
        self._painter.setPen(self._widget.palette().color(QPalette.ColorRole.Text))
        self._painter.setFont(theme.bold_font())
        self._painter.drawText(area.adjusted(theme.GAP, 0, 0, 0), _PLACES, "Collisions")
        self._painter.setFont(self._widget.font())
        highest = max((one.count for one in collisions), default=1)
        columns: dict[int, int] = {}
        for one in collisions:
            x = round(self._places.x_of(one.at))
            columns[x] = max(columns.get(x, 0), one.count)
        colour = theme.state_colour("retry")
        for x, count in columns.items():
            height = (self._places.row - theme.GAP_S) * (0.25 + 0.75 * ((count - 1) / max(1, highest - 1)))
            self._painter.fillRect(QRectF(x - 1, area.bottom() - height, 3, height), colour)
        self._painter.setPen(self._widget.palette().color(QPalette.ColorRole.Mid))
        self._painter.drawLine(QLineF(0, area.bottom() + 1, area.width(), area.bottom() + 1))
        if 0 <= self._collision < len(collisions):
            middle = round(self._places.x_of(collisions[self._collision].at)) + 0.5
            self._painter.setPen(QPen(colour, 1, Qt.PenStyle.DashLine))
            self._painter.drawLine(QPointF(middle, area.top()), QPointF(middle, bottom))

    def paint_lane(self, place: int) -> None:
        """Paint the name and the runs of a lane."""
        area, lane, one = self._places.lane_area(place), self._shown.timeline.lanes[place], self._shown.rows[place]
        metrics, text = self._widget.fontMetrics(), self._widget.palette().color(QPalette.ColorRole.Text)
        left, right = float(theme.GAP), self._places.left - theme.GAP
        if self._shown.several:
            middle = left + (right - left) * NAME_SHARE
            profile = metrics.elidedText(
                formats.plain(one.profile.name), Qt.TextElideMode.ElideRight, int(right - middle)
            )
            self._painter.setPen(theme.muted())
            self._painter.drawText(QRectF(middle, area.top(), right - middle, area.height()), _PLACES, profile)
            right = middle - theme.GAP
        name = metrics.elidedText(formats.plain(one.entry.name), Qt.TextElideMode.ElideRight, int(right - left))
        self._painter.setPen(text)
        self._painter.drawText(QRectF(left, area.top(), right - left, area.height()), _PLACES, name)
        if lane.first is None:
            self._painter.setPen(theme.muted())
            self._painter.drawText(area.adjusted(self._places.left + theme.GAP, 0, 0, 0), _PLACES, later_words(lane))
            return
        colour = theme.state_colour("running")
        pale = QColor(colour)
        pale.setAlphaF(0.22)
        inner = area.adjusted(0, theme.GAP_S, 0, -theme.GAP_S)
        for band in lane.bands:
            x = self._places.x_of(band.first)
            width = max(self._places.x_of(band.last) - x, _CLOSE)
            self._painter.fillRect(QRectF(x, inner.top(), width, inner.height()), pale)
        self._paint_sentence(inner, place)
        height = area.height() * 0.5
        top = area.center().y() - height / 2
        ticks = [QLineF(x, top, x, top + height) for x in (round(self._places.x_of(at)) + 0.5 for at in lane.runs)]
        self._painter.setPen(QPen(colour, 2))
        self._painter.drawLines(ticks)

    def _paint_sentence(self, area: QRectF, place: int) -> None:
        """Write what the bands mean, from the first of them to the next tick."""
        lane = self._shown.timeline.lanes[place]
        if not lane.bands:
            return
        following = bisect_left(lane.runs, lane.bands[0].first)
        until = self._places.x_of(lane.runs[following]) if following < len(lane.runs) else area.right()
        left = self._places.x_of(lane.bands[0].first) + theme.GAP
        room = int(until - left) - theme.GAP
        if room > self._widget.fontMetrics().horizontalAdvance("every 10…"):
            sentence = formats.plain(self._shown.rows[place].row.sentence)
            words = self._widget.fontMetrics().elidedText(sentence, Qt.TextElideMode.ElideRight, room)
            self._painter.setPen(self._widget.palette().color(QPalette.ColorRole.Text))
            self._painter.drawText(QRectF(left, area.top(), room, area.height()), _PLACES, words)
