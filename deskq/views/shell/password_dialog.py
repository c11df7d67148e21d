"""Asks for the password of one profile, when the broker refuses the login that deskq has."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialogButtonBox, QFormLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from deskq.errors import UserError
from deskq.formats import plain
from deskq.profiles import PasswordStore, Profile, ProfileFile, Secret
from deskq.services.background.background_tasks import BackgroundTasks
from deskq.services.background.patience import run_in_daemon_thread
from deskq.services.session import ProfileSession
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
        self.setMinimumWidth(360)  # a title bar that has room for whose password it is
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


class RefusedLogins:
    """Asks for the password of each session whose login is refused, and connects it with what is given."""

    def __init__(
        self,
        window: QWidget,
        sessions: Mapping[str, ProfileSession],
        file: ProfileFile,
        passwords: PasswordStore,
        tasks: BackgroundTasks,
        reconnect: Callable[[Profile], Coroutine[Any, Any, None]],
    ) -> None:
        self._window = window
        self._sessions = sessions
        self._file = file
        self._passwords = passwords
        self._tasks = tasks
        self._reconnect = reconnect

    def ask(self, session: ProfileSession, reason: str) -> None:
        """Ask once for each refusal; what is given is kept where passwords are kept, and used."""
        self._tasks.start(self._open_dialog(session, reason), f"ask for the password of {session.profile.name}")

    async def _open_dialog(self, session: ProfileSession, reason: str) -> None:
        name = session.profile.name
        keeping = await run_in_daemon_thread(self._passwords.keeping)
        saved = await run_in_daemon_thread(partial(self._is_saved, session.profile))
        if self._sessions.get(name) is not session:
            return
        where = keeping.where if saved else "The password is kept until deskq quits: the profile is not saved."
        dialog = PasswordDialog(session.profile, reason, where, self._window)
        dialog.given.connect(lambda secret: self._tasks.start(self._use(name, secret, saved), f"password of {name}"))
        dialog.open()

    def _is_saved(self, profile: Profile) -> bool:
        """Is it in the file? What is opened by a URL leaves nothing in a keyring. Blocking."""
        try:
            return any((one.name, one.url) == (profile.name, profile.url) for one in self._file.load())
        except UserError:
            return False

    async def _use(self, name: str, password: Secret, keep: bool) -> None:
        session = self._sessions.get(name)
        if session is not None:
            if keep:
                await run_in_daemon_thread(partial(self._passwords.set, name, password))
            await self._reconnect(replace(session.profile, password=password))
