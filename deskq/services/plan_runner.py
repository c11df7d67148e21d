"""A plan in the window: carried out off the GUI thread, with its progress, the outcome of each step, and a stop."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

from PySide6.QtCore import QObject, Signal

from deskq.actions.executor import PlanExecutor, Progress
from deskq.actions.journal.journal import Journal
from deskq.actions.plan import AnyPlan, Plan, Step
from deskq.actions.runners import AnyRunner, executor_for
from deskq.actions.safety import Confirmation
from deskq.actions.undo import undo_plan
from deskq.errors import UserError
from deskq.profiles import Profile
from deskq.services.background.background_tasks import BackgroundTasks, tell_from_thread
from deskq.services.effects import effects_feed, effects_of
from deskq.services.journal_recovery import look_after

_ITEMS_SECONDS: Final = 0.25
"""How often the items of a plan that is under way are read again."""


class PlanRunner(QObject):
    """Carries out plans at one profile, one at a time.

    ``progress``: a Progress; ``items``: the plan's ItemRows as the journal has them, where ``shows_items``.
    ``undoable``: can it be taken back? Emitted before ``ended``, which carries the last Progress. ``failed``: why
    nothing was done at all. ``spawn`` starts the work, which ends with whoever spawned it.
    """

    progress = Signal(object)
    items = Signal(object)
    undoable = Signal(bool)
    ended = Signal(object)
    failed = Signal(str)

    def __init__(
        self,
        profile: Profile,
        parent: QObject | None = None,
        *,
        spawn: Callable[[Coroutine[Any, Any, None], str], None] | None = None,
        shows_items: bool = False,
    ) -> None:
        super().__init__(parent)
        self.profile = profile
        self._spawn = spawn or BackgroundTasks().start
        self._shows_items = shows_items
        self._executor: PlanExecutor[Any] | None = None
        self._work: Coroutine[Any, Any, None] | None = None
        self._stopped = False

    @property
    def running(self) -> bool:
        """Is a plan being carried out, or about to be?"""
        return self._work is not None and inspect.getcoroutinestate(self._work) != inspect.CORO_CLOSED

    def begin(
        self, plan: AnyPlan, confirmation: Confirmation | None, runner: Callable[[], AnyRunner] | None = None
    ) -> None:
        """Carry a plan out; the signals tell how it goes. ``runner`` is called in the thread that does it."""
        self._stopped = False
        self._work = self._carry_out(plan, confirmation, runner)
        self._spawn(self._work, plan.verb.value)
        if not self.running:  # a session that ends takes nothing more
            self.failed.emit(f"“{self.profile.name}” is not connected. Connect it first.")

    def stop(self) -> None:
        """Begin nothing more; what is under way is finished, and what a thread is still to begin is not begun."""
        self._stopped = True
        if self._executor is not None:
            self._executor.stop()

    async def _carry_out(
        self, plan: AnyPlan, confirmation: Confirmation | None, runner: Callable[[], AnyRunner] | None
    ) -> None:
        loop = asyncio.get_running_loop()
        try:
            result, undoable = await loop.run_in_executor(None, self._run, loop, plan, confirmation, runner)
        except UserError as error:
            self._work = None
            self.failed.emit(str(error))
        else:
            self._work = None
            effects_feed().touched.emit(effects_of(plan))
            self.undoable.emit(undoable)
            self.ended.emit(result)
        finally:
            self.stop()  # also where the session ends first: the thread goes on to the end of its batch
            self._work = self._executor = None

    def _run(
        self,
        loop: asyncio.AbstractEventLoop,
        plan: AnyPlan,
        confirmation: Confirmation | None,
        runner: Callable[[], AnyRunner] | None,
    ) -> tuple[Progress, bool]:
        journal = Journal()
        shown_at = 0.0

        def show_items() -> None:
            items = journal.items(plan.id)
            tell_from_thread(loop, self, lambda: self.items.emit(items))

        def tell(progress: Progress) -> None:
            nonlocal shown_at
            tell_from_thread(loop, self, lambda: self.progress.emit(progress))
            if self._shows_items and time.monotonic() - shown_at >= _ITEMS_SECONDS:
                shown_at = time.monotonic()
                show_items()

        try:
            look_after(journal)
            executor = self._executor = executor_for(plan, self.profile, journal, tell, runner)
            if self._stopped:
                executor.stop()
            result = executor.run(confirmation)
            if self._shows_items:
                show_items()
            return result, bool(journal.undos(plan.id))
        finally:
            journal.close()


async def plan_undo(action: str) -> Plan[Step]:
    """Return the plan that takes an action back; raises UserError where nothing can."""

    def read() -> Plan[Step]:
        journal = Journal()
        try:
            return undo_plan(journal, action)
        finally:
            journal.close()

    return await asyncio.get_running_loop().run_in_executor(None, read)
