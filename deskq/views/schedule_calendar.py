"""A week of schedules: how much runs in each hour, as a heat map, and what runs in the hour that is chosen."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QEvent, QPoint, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QVBoxLayout, QWidget

from deskq.models import formats
from deskq.schedules.load import HOUR, HourLoad
from deskq.views import theme
from deskq.views.empty import plain_label

DAYS: Final = 7
HOURS: Final = DAYS * 24
_LISTED: Final = 12


class ScheduleCalendar(QWidget):
    """The heat map with what the chosen hour holds below."""

    def __init__(self) -> None:
        super().__init__()
        self.grid = WeekGrid()
        self.chosen = plain_label(wrap=True)
        self.chosen.setContentsMargins(theme.GAP_M, 0, theme.GAP_M, theme.GAP)
        self.about = plain_label(muted=True, wrap=True)
        self.about.setContentsMargins(theme.GAP_M, theme.GAP_S, theme.GAP_M, 0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.about)
        layout.addWidget(self.grid, 1)
        layout.addWidget(self.chosen)
        self.grid.moved.connect(self._describe)

    def show_load(self, start: float, hours: Sequence[HourLoad], left_out: int) -> None:
        """Show a week from ``start``, the midnight before today's first hour, by this machine's clock."""
        self.grid.show_load(start, hours)
        busiest = max((hour.total for hour in hours), default=0)
        rest = f" {left_out:,} more are not counted: filter to see them." if left_out else ""
        self.about.setText(f"Runs an hour in the next seven days, by this machine's clock; at most {busiest:,}.{rest}")
        self._describe()

    def theme_changed(self) -> None:
        """Draw in the new colours."""
        self.grid.update()

    def _describe(self) -> None:
        self.chosen.setText(self.grid.text_of(self.grid.current))


class WeekGrid(QWidget):
    """A row for each day, a column for each hour; arrows move, ``moved`` says so."""

    moved = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.current = 0
        self._start = 0.0
        self._hours: Sequence[HourLoad] = ()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Calendar of schedules")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(self.fontMetrics().height() * 12)

    def show_load(self, start: float, hours: Sequence[HourLoad]) -> None:
        """Show these hours."""
        if start != self._start:
            self.current = max(0, min(HOURS - 1, int((time.time() - start) // HOUR)))
        self._start, self._hours = start, hours
        self.setAccessibleDescription(self.text_of(self.current))
        self.update()

    def text_of(self, place: int) -> str:
        """Return what an hour holds, for people."""
        if not 0 <= place < len(self._hours):
            return ""
        at = self._start + place * HOUR
        title = time.strftime("%A %d %B, %H:00", time.localtime(at))
        load = self._hours[place]
        if not load.total:
            return f"{title}: nothing runs."
        listed = [
            formats.plain(name) + (f" ×{number:,}" if number > 1 else "")
            for name, number in load.runs.most_common(_LISTED)
        ]
        more = f", and {len(load.runs) - _LISTED:,} more" if len(load.runs) > _LISTED else ""
        return f"{title}: {formats.count(load.total, 'run')}. {', '.join(listed)}{more}"

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            place = self._place_at(event.pos())
            if place is not None:
                QToolTip.showText(event.globalPos(), formats.tooltip(self.text_of(place)), self)
            return True
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = self._place_at(event.position().toPoint())
        if place is not None:
            self._move(place)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Up: -24, Qt.Key.Key_Down: 24}
        step = steps.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        elif 0 <= self.current + step < HOURS:
            self._move(self.current + step)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        left, top, width, height = self._measure()
        highest = max((hour.total for hour in self._hours), default=0) or 1
        heat = QColor(theme.state_colour("running"))
        now = int((time.time() - self._start) // HOUR)
        painter.setPen(theme.muted())
        for hour in range(0, 24, 2):
            area = QRectF(left + hour * width, 0, width * 2, top)
            painter.drawText(area, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, f"{hour:02}")
        for place, load in enumerate(self._hours):
            day, hour = divmod(place, 24)
            area = QRectF(left + hour * width, top + day * height, width - 2, height - 2)
            if hour == 0:
                painter.setPen(theme.muted() if day else self.palette().color(self.foregroundRole()))
                word = time.strftime("%a %d", time.localtime(self._start + place * HOUR + HOUR / 2))
                label = QRectF(theme.GAP, area.top(), left - theme.GAP, area.height())
                painter.drawText(label, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, word)
            painter.fillRect(area, self.palette().base())
            if load.total:
                heat.setAlphaF(0.12 + 0.4 * (load.total / highest) ** 0.5)
                painter.fillRect(area, heat)
                if width > self.fontMetrics().horizontalAdvance("0000"):
                    painter.setPen(self.palette().color(self.foregroundRole()))
                    painter.drawText(area, Qt.AlignmentFlag.AlignCenter, f"{load.total}")
            if place in (self.current, now):
                colour = self.palette().color(self.foregroundRole()) if place == self.current else theme.muted()
                painter.setPen(QPen(colour, 2 if place == self.current else 1))
                painter.drawRect(area)

    def _measure(self) -> tuple[float, float, float, float]:
        """Where the cells begin, and how large each is."""
        left = float(self.fontMetrics().horizontalAdvance("Mon 00") + 2 * theme.GAP)
        top = float(self.fontMetrics().height() + theme.GAP_S)
        return left, top, (self.width() - left - theme.GAP) / 24, (self.height() - top - theme.GAP) / DAYS

    def _place_at(self, point: QPoint) -> int | None:
        left, top, width, height = self._measure()
        hour, day = int((point.x() - left) // width), int((point.y() - top) // height)
        return day * 24 + hour if 0 <= hour < 24 and 0 <= day < DAYS else None

    def _move(self, place: int) -> None:
        self.current = place
        self.setAccessibleDescription(self.text_of(place))
        self.update()
        self.moved.emit()
