"""The line above figures that says why some of them are missing or old, or that the broker takes no messages."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

from deskq import formats
from deskq.services.session import ProfileSession
from deskq.views.widgets import theme


class SamplingProblem(QLabel):
    """Hidden while there is nothing to say."""

    def __init__(self, session: ProfileSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setContentsMargins(theme.GAP, 0, theme.GAP, theme.GAP_S)
        self.hide()
        session.status_changed.connect(self._update)

    def _update(self) -> None:
        told = self._session.sampling_problem
        self.setText(formats.plain(told))
        self.setVisible(bool(told))
