"""Where passwords are kept: in the system's keyring or, where there is none, in a file if that is agreed to."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox

from deskq.profiles import PasswordStore
from deskq.profiles.storage.password_store import PasswordStorage
from deskq.services.background.background_tasks import BackgroundTasks
from deskq.services.background.patience import run_in_daemon_thread


class PasswordPlace(QCheckBox):
    """Offers the file; hidden where there is a keyring. ``known`` carries whether there is one."""

    known = Signal(bool)

    def __init__(self, passwords: PasswordStore, tasks: BackgroundTasks, say: Callable[[str], object]) -> None:
        super().__init__("Keep passwords in a file that only you can read")
        self._passwords = passwords
        self._say = say
        self.setToolTip(f"This system has no keyring. Passwords would go into {passwords.file_path}")
        self.hide()
        self.toggled.connect(lambda agreed: tasks.start(self._allow_file(agreed), "password file"))

    async def refresh(self) -> PasswordStorage:
        """Show where passwords are kept, and return it."""
        keeping: PasswordStorage = await run_in_daemon_thread(self._passwords.keeping)
        self.known.emit(keeping.has_keyring)
        self.setVisible(not keeping.has_keyring)
        self.blockSignals(True)
        self.setChecked(keeping.file_allowed)
        self.blockSignals(False)
        return keeping

    async def _allow_file(self, agreed: bool) -> None:
        try:
            await run_in_daemon_thread(self._passwords.allow_file if agreed else self._passwords.forget_file)
        finally:
            keeping = await self.refresh()
        self._say(f"Passwords are kept in {self._passwords.file_path}." if agreed else keeping.problem)
