"""Whether the target chosen in a dialog has a consumer; each target is looked up once, a moment after it is chosen."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final

from PySide6.QtCore import QObject, QTimer, Signal

from deskq.actions.messages.attendance import Target, unattended
from deskq.errors import UserError
from deskq.services.session import ProfileSession

_TYPING_MS: Final = 300


class ConsumerSearch(QObject):
    """Asks for one dialog. ``changed``: more is known than before."""

    changed = Signal()

    def __init__(self, session: ProfileSession, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._known: dict[Target, str] = {}
        self._wanted: set[Target] = set()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_TYPING_MS)
        self._timer.timeout.connect(lambda: session.spawn(self.ask(self._wanted), "consumers", self))

    def of(self, target: Target) -> str:
        """Return the sentence on a target without a consumer; "" if it has one, or nothing is known."""
        return self._known.get(target, "")

    def want(self, targets: Collection[Target]) -> bool:
        """Ask for these soon; True if all of them were asked for already."""
        self._wanted = set(targets) - self._known.keys()
        if self._wanted:
            self._timer.start()
        else:
            self._timer.stop()
        return not self._wanted

    async def ask(self, targets: Collection[Target]) -> None:
        """Ask for these now, as far as they are not known."""
        unknown = set(targets) - self._known.keys()
        if unknown:
            lonely = await asyncio.get_running_loop().run_in_executor(None, unattended, self._session.profile, unknown)
            self._known |= {target: lonely.get(target, "") for target in unknown}
            self.changed.emit()

    async def refuse_unseen(self, target: Target) -> None:
        """Raise UserError where nobody consumes it and that was not known before: a person decides then."""
        if target not in self._known:
            await self.ask([target])
            if words := self.of(target):
                raise UserError(f"{words} Press Send again to send it anyway.")

    def stop(self) -> None:
        """Ask nothing more."""
        self._timer.stop()
