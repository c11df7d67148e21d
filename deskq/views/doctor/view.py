"""The Doctor view: does everything between deskq and the workers work, and what should be set otherwise."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from deskq.services.session import ProfileSession
from deskq.views.widgets import theme
from deskq.views.widgets.empty_pane import plain_label
from deskq.views.widgets.page import Commands, Page
from deskq.views.widgets.steps_list import StepsList


class DoctorView(Page):
    """The examination of one session's broker: runs when it is first shown, then only when asked."""

    def __init__(self, session: ProfileSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = "Doctor"
        self._session = session
        self._begun = False
        heading = plain_label("Doctor")
        heading.setFont(theme.heading_font())
        words = "Checks the connection, the workers and their settings, and changes nothing"
        words += "; the profile is silent, so workers are not inspected." if session.profile.silent else "."
        self.again = QPushButton(theme.icon("refresh-cw"), "Run again")
        self.again.setEnabled(False)
        self.again.clicked.connect(self.refresh)
        head = QHBoxLayout()
        head.addWidget(heading)
        head.addSpacing(theme.GAP)
        head.addWidget(plain_label(words, muted=True), 1)
        head.addWidget(self.again)
        self.steps = StepsList(spawn=session.spawn)
        self.steps.finished.connect(self._finished)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.GAP_M, theme.GAP, theme.GAP_M, theme.GAP_M)
        layout.setSpacing(theme.GAP)
        layout.addLayout(head)
        layout.addWidget(self.steps, 1)

    def commands(self) -> Commands:
        """What the window's commands do here."""
        return {"refresh": self.refresh, "back": self.steps.stop, "copy_row": self.steps.copy_report}

    def refresh(self) -> None:
        """Examine anew."""
        self._begun = True
        self.steps.run(self._session.profile, advice=True)  # ends one that runs, and says so
        self.again.setEnabled(False)

    def showEvent(self, event: object) -> None:
        if not self._begun:
            self.refresh()

    def _finished(self, _fine: bool) -> None:
        self.again.setEnabled(True)
