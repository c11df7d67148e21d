"""The dot of a state by itself, as it stands beside a text."""

from __future__ import annotations

from PySide6.QtCore import QRect
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from deskq.views.widgets.tables import draw_dot


class StateDot(QWidget):
    """Shows nothing until it is given a state, or the group of one. ``left``: pixels before the dot."""

    def __init__(self, width: int, left: int) -> None:
        super().__init__()
        self._left = left
        self._state = ""
        self.setFixedSize(width, 16)

    def show_state(self, state: str) -> None:
        """Paint it as this state, or not at all."""
        if state != self._state:
            self._state = state
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._state:
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            draw_dot(painter, QRect(self._left, 0, 12, 16), self._state)
