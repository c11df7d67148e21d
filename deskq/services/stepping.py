"""A plan of steps in the window: carried out off the GUI thread, with the outcome of each step as it is known."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QObject, Signal

from deskq.actions.executor import Progress
from deskq.actions.journal.journal import Journal
from deskq.actions.plan import StepPlan
from deskq.actions.safety import Confirmation
from deskq.actions.steps import Doer, StepCarrier, undo_plan
from deskq.errors import UserError
from deskq.profiles import Profile
from deskq.services.background.background_tasks import BackgroundTasks, tell_from_thread

_TELL_SECONDS: Final = 0.25
"""How often the steps of a plan that is under way are read anew."""


class Stepping(QObject):
    """One plan. ``progress``: a Progress and the ItemRows as the journal has them; ``ended``: the last Progress.

    ``failed``: why nothing was done at all. ``undoable``: can it be taken back? Emitted before ``ended``.
    """

    progress = Signal(object, object)
    ended = Signal(object)
    failed = Signal(str)
    undoable = Signal(bool)

    def __init__(
        self, plan: StepPlan, profile: Profile, doer: Callable[[], Doer], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.plan = plan
        self.profile = profile
        self._doer = doer
        self._carrier: StepCarrier | None = None
        self._tasks = BackgroundTasks()
        self._stopped = False

    @property
    def running(self) -> bool:
        """Is the plan being carried out?"""
        return self._tasks.running()

    def begin(self, confirmation: Confirmation | None) -> None:
        """Carry the plan out; the signals tell how it goes. ``doer`` is called in the thread that does it."""
        self._tasks.start(self._carry_out(confirmation), self.plan.title)

    def stop(self) -> None:
        """Begin no further step; what is under way is finished."""
        self._stopped = True
        if self._carrier is not None:
            self._carrier.stop()

    async def undo(self) -> StepPlan:
        """Return the plan that takes this one back; raises UserError where nothing can."""

        def read() -> StepPlan:
            journal = Journal()
            try:
                return undo_plan(journal, self.plan.id)
            finally:
                journal.close()

        return await asyncio.get_running_loop().run_in_executor(None, read)

    async def _carry_out(self, confirmation: Confirmation | None) -> None:
        loop = asyncio.get_running_loop()
        try:
            result, undoable = await loop.run_in_executor(None, self._work, loop, confirmation)
        except UserError as error:
            self.failed.emit(str(error))
        else:
            self.undoable.emit(undoable)
            self.ended.emit(result)
        finally:
            self.stop()  # also where the window ends first: the thread goes on to the end of its step
            self._carrier = None

    def _work(self, loop: asyncio.AbstractEventLoop, confirmation: Confirmation | None) -> tuple[Progress, bool]:
        journal = Journal()
        told = 0.0

        def tell(progress: Progress) -> None:
            nonlocal told
            last = progress.phase in ("done", "stopped")
            if last or time.monotonic() - told >= _TELL_SECONDS:
                told = time.monotonic()
                items = journal.items(self.plan.id)
                tell_from_thread(loop, self, lambda: self.progress.emit(progress, items))

        try:
            carrier = self._carrier = StepCarrier(self.plan, self.profile, journal, self._doer(), tell)
            if self._stopped:
                carrier.stop()
            result = carrier.run(confirmation)
            items = journal.items(self.plan.id)
            tell_from_thread(loop, self, lambda: self.progress.emit(result, items))
            return result, bool(journal.undos(self.plan.id))
        finally:
            journal.close()
