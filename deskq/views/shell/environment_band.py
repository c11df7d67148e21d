"""The band above a view: the environment in its colour and its word, so that nobody mistakes production."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from deskq.services.session import ProfileSession
from deskq.views.widgets import theme


class EnvironmentBand(QWidget):
    """A band in the environment's colour, with its word."""

    def __init__(self) -> None:
        super().__init__()
        self._session: ProfileSession | None = None
        self.setFixedHeight(round(self.fontMetrics().height() * 1.2) + 4)

    def show_session(self, session: ProfileSession | None) -> None:
        self._session = session
        self.setVisible(session is not None)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._session is None:
            return
        painter = QPainter(self)
        environment = self._session.profile.environment
        colour = theme.environment_colour(environment)
        painter.fillRect(0, 0, self.width(), 4, colour)
        painter.setPen(colour)
        painter.setFont(theme.bold_font())
        area = self.rect().adjusted(theme.GAP, 4, -theme.GAP, 0)
        if not self._session.profile.has_broker:
            painter.drawText(area, Qt.AlignmentFlag.AlignVCenter, "HISTORY FILE · read-only")
            return
        safety = "" if not self._session.profile.read_only else " · read-only"
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter, f"{environment.short}{safety}")
