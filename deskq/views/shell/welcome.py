"""What stands in the window while there is no profile: three ways in, instead of an empty pane."""

from __future__ import annotations

import os

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from deskq.errors import UserError
from deskq.formats import plain
from deskq.profiles import Profile
from deskq.profiles.importing.proposals import Proposal, from_environment
from deskq.views.widgets import theme
from deskq.views.widgets.empty_pane import plain_label

_TITLE = "No broker yet"
_REASON = "deskq shows the tasks, workers and queues of a Celery broker. Choose how to start."


class WelcomePane(QWidget):
    """Emits what was asked for; ``url_given`` carries a URL with its password, for connecting and nothing else."""

    url_given = Signal(str)
    import_requested = Signal()
    demo_requested = Signal()
    add_profile_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = plain_label(_TITLE)
        self.title.setFont(theme.heading_font())
        self.reason = plain_label(_REASON, wrap=True, muted=True)
        self.note = plain_label(wrap=True)
        self.note.hide()
        column = QVBoxLayout()
        column.setSpacing(theme.GAP_M)
        column.addStretch(2)
        for label in (self.title, self.reason):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            column.addWidget(label)
        column.addSpacing(theme.GAP)
        column.addWidget(self._connect_card())
        column.addWidget(self._import_card())
        column.addWidget(self._demo_card())
        column.addWidget(self.note)
        column.addStretch(3)
        outer = QHBoxLayout(self)
        outer.addStretch(1)
        outer.addLayout(column, 4)
        outer.addStretch(1)
        self.setFocusProxy(self.url)  # what is typed first is a URL
        self._check()

    def say(self, title: str, reason: str, action_text: str = "") -> None:
        """Say why there is nothing to see, as when the profiles cannot be read; the ways in stay."""
        self.title.setText(title)
        self.reason.setText(reason)
        if action_text:
            self.button.setText(action_text)

    def tell(self, note: str) -> None:
        """Say below what happens just now."""
        self.note.setText(note)
        self.note.setVisible(bool(note))

    def typed(self) -> str:
        """Return the URL that was typed, with its password, "" if there is none that could be one."""
        return self.url.text().strip() if self.connect_button.isEnabled() else ""

    def _connect_card(self) -> QFrame:
        self.url = QLineEdit()
        self.url.setPlaceholderText("redis://host:6379/0 or amqp://user:password@host/vhost")
        self.url.setAccessibleName("Broker URL")
        self.url.setClearButtonEnabled(True)
        self.url.textChanged.connect(self._check)
        self.url.returnPressed.connect(self._connect)
        self.connect_button = QPushButton(theme.icon("plug"), "Connect")
        self.connect_button.clicked.connect(self._connect)
        self.button = QPushButton("Save as a profile…")
        self.button.setToolTip("Opens the profiles with this URL; a password goes into the system's keyring")
        self.button.clicked.connect(self.add_profile_requested)
        self.problem = plain_label(wrap=True)
        row = QHBoxLayout()
        row.addWidget(self.url, 1)
        row.addWidget(self.connect_button)
        row.addWidget(self.button)
        return _card("Paste the broker's URL", "", row, self.problem)

    def _import_card(self) -> QFrame:
        self.import_button = QPushButton("Import from a Celery app…")
        self.import_button.clicked.connect(self.import_requested)
        row = QHBoxLayout()
        row.addWidget(self.import_button)
        self.found = from_environment(os.environ)
        self.environment_buttons = [self._environment_button(proposal) for proposal in self.found[:2]]
        for button in self.environment_buttons:
            row.addWidget(button)
        row.addStretch(1)
        text = "Reads URL, queues and options from a Celery app, as celery -A does."
        if self.found:
            text += " The environment also sets a broker."
        return _card("Use your project's settings", text, row)

    def _environment_button(self, proposal: Proposal) -> QPushButton:
        variable = dict(proposal.sources)["url"]
        button = QPushButton(f"Connect to {variable}")
        button.setToolTip(plain(proposal.profile.url))
        url = proposal.profile.connection_url()
        button.clicked.connect(lambda: self.url_given.emit(url))
        return button

    def _demo_card(self) -> QFrame:
        self.demo_button = QPushButton(theme.icon("play"), "Try the demo")
        self.demo_button.clicked.connect(self.demo_requested)
        row = QHBoxLayout()
        row.addWidget(self.demo_button)
        row.addStretch(1)
        return _card("Look around first", "An embedded broker with real workers, in a separate window.", row)

    def _check(self) -> None:
        """Say at once whether the URL could be one."""
        text = self.url.text().strip()
        said, wrong = "", False
        if text:
            try:
                profile = Profile.from_url(text)
            except UserError as error:
                said, wrong = f"▲ {error}", True
            else:
                login = "with a password" if profile.password else "without a password"
                said = f"{plain(profile.name)}: {profile.transport.title}, {login}"
                if profile.tls_in_use:
                    said += ", over TLS"
                if profile.by_sentinel:
                    said, wrong = "▲ Sentinel needs the master's name: save it as a profile.", True
        role = QPalette.ColorRole.BrightText if wrong else QPalette.ColorRole.PlaceholderText
        self.problem.setForegroundRole(role)
        self.problem.setText(said)
        self.connect_button.setEnabled(bool(text) and not wrong)
        self.connect_button.setToolTip(said if wrong else "" if text else "Paste a URL first.")

    def _connect(self) -> None:
        if self.connect_button.isEnabled():
            self.url_given.emit(self.url.text().strip())


def _card(title: str, text: str, row: QHBoxLayout, *more: QWidget) -> QFrame:
    card = QFrame()
    card.setFrameShape(QFrame.Shape.StyledPanel)
    card.setBackgroundRole(QPalette.ColorRole.Midlight)
    card.setAutoFillBackground(True)
    layout = QVBoxLayout(card)
    layout.setContentsMargins(theme.GAP_L, theme.GAP_M, theme.GAP_L, theme.GAP_M)
    layout.setSpacing(theme.GAP)
    heading = plain_label(title)
    heading.setFont(theme.bold_font())
    layout.addWidget(heading)
    if text:
        layout.addWidget(plain_label(text, wrap=True, muted=True))
    layout.addLayout(row)
    for widget in more:
        layout.addWidget(widget)
    return card
