"""A plan of messages in the window: carried out off the GUI thread, with progress and a stop."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Collection, Coroutine
from typing import Any

from PySide6.QtCore import QObject, Signal

from deskq.actions.executor import Carrier, Progress
from deskq.actions.journal.journal import Journal
from deskq.actions.messages.attendance import Target, unattended
from deskq.actions.plan import Plan
from deskq.actions.safety import Confirmation
from deskq.errors import UserError
from deskq.services.background.background_tasks import tell_from_thread
from deskq.services.session import ProfileSession


class Carrying(QObject):
    """Sends at ``target``. ``progress`` carries a Progress, ``ended`` the last one, ``failed`` why nothing was sent."""

    progress = Signal(object)
    ended = Signal(object)
    failed = Signal(str)

    def __init__(self, target: ProfileSession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.target = target
        self._carrier: Carrier | None = None
        self._work: Coroutine[Any, Any, None] | None = None
        self._stopped = False

    @property
    def running(self) -> bool:
        """Is a plan being carried out, or about to be?"""
        return self._work is not None and inspect.getcoroutinestate(self._work) != inspect.CORO_CLOSED

    async def unattended(self, targets: Collection[Target]) -> dict[Target, str]:
        """Return a sentence for each target that nobody consumes there, as far as somebody tells."""
        return await asyncio.get_running_loop().run_in_executor(None, unattended, self.target.profile, targets)

    def begin(self, plan: Plan, confirmation: Confirmation) -> None:
        """Carry a plan out; the signals tell how it goes."""
        self._stopped = False
        self._work = self._carry_out(plan, confirmation)
        self.target.spawn(self._work, plan.verb.value)
        if not self.running:  # a session that ends takes nothing more
            self.failed.emit(f"“{self.target.profile.name}” is not connected. Connect it first.")

    def stop(self) -> None:
        """Send nothing more; what is under way is finished, and what a thread is still to begin is not begun."""
        self._stopped = True
        if self._carrier is not None:
            self._carrier.stop()

    async def _carry_out(self, plan: Plan, confirmation: Confirmation) -> None:
        loop = asyncio.get_running_loop()

        def tell(progress: Progress) -> None:
            tell_from_thread(loop, self, lambda: self.progress.emit(progress))

        def work() -> Progress:
            journal = Journal()
            try:
                carrier = self._carrier = Carrier(plan, self.target.profile, journal, tell)
                if self._stopped:
                    carrier.stop()
                return carrier.run(confirmation)
            finally:
                journal.close()

        try:
            result = await loop.run_in_executor(None, work)
        except UserError as error:
            self._work = None
            self.failed.emit(str(error))
        else:
            self._work = None
            self.ended.emit(result)
        finally:
            self.stop()  # also where the session ends first: the thread goes on to the end of its batch
            self._work = self._carrier = None
