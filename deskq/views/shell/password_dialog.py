"""Asks for the password of one profile, when the broker refuses the login that deskq has."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialogButtonBox, QFormLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from deskq.formats import plain
from deskq.profiles import Profile, Secret
from deskq.views.widgets import theme
from deskq.views.widgets.dialog import Dialog
from deskq.views.widgets.empty_pane import plain_label


class PasswordDialog(Dialog):
    """``given`` carries the password; where it is kept is said by ``where``."""

    given = Signal(object)

    def __init__(self, profile: Profile, reason: str, where: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Password for {plain(profile.name)}")
        layout = QVBoxLayout(self)
        layout.setSpacing(theme.GAP)
        heading = plain_label(f"{plain(profile.name)} ({profile.environment.value})")
        heading.setFont(theme.heading_font())
        layout.addWidget(heading)
        layout.addWidget(plain_label(plain(reason), wrap=True))
        form = QFormLayout()
        self.line = QLineEdit()
        self.line.setEchoMode(QLineEdit.EchoMode.Password)
        form.addRow("&Password", self.line)
        layout.addLayout(form)
        layout.addWidget(plain_label(where, wrap=True, muted=True))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.connect_button = QPushButton("Connect")
        self.connect_button.setEnabled(False)
        buttons.addButton(self.connect_button, QDialogButtonBox.ButtonRole.AcceptRole)
        self.press_by_return(self.connect_button)
        self.line.textChanged.connect(lambda text: self.connect_button.setEnabled(bool(text)))
        buttons.accepted.connect(self._accept)
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)
        self.line.setFocus()

    def _accept(self) -> None:
        self.given.emit(Secret(self.line.text()))
        self.line.clear()
        self.accept()
