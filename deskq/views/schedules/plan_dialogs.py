"""Changes of schedules from the window: each a plan that is previewed, asked, journalled, and can be taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from deskq.actions.executor import Progress
from deskq.actions.plan import Plan, Step
from deskq.actions.schedule_edit import plan_changes
from deskq.errors import UserError
from deskq.profiles import Profile
from deskq.schedules.diff import FieldChange
from deskq.services.background.background_tasks import BackgroundTasks
from deskq.services.plan_runner import plan_undo
from deskq.views.actions.plan_dialog import StepsDialog
from deskq.views.widgets.toast import UndoOffer

if TYPE_CHECKING:
    from deskq.schedules.model import ScheduleStore

_AT_ONCE: Final = 200
"""Changes whose plan is made at once, on the GUI thread."""


class SchedulePlanDialogs(QObject):
    """Edits of one profile's stores.

    Undo and redo are not a QUndoStack: taking back is asked too, and may be refused or fail, and then the edit stays
    the last one. The journal knows what takes each back.
    """

    def __init__(self, profile: Profile, parent: QWidget) -> None:
        super().__init__(parent)
        self._profile = profile
        self._widget = parent
        self._edits: list[str] = []
        self._undone: list[str] = []
        self._tasks = BackgroundTasks(owner=self)

    def change(
        self,
        store: ScheduleStore,
        changes: Sequence[FieldChange],
        *,
        note: str = "",
        above: QWidget | None = None,
        change_shared: bool = False,
        then: Callable[[StepsDialog], object] = lambda _: None,
    ) -> None:
        """Preview changes of one store, with a word to the person where nothing is to be changed.

        ``then`` is called with the preview. Of many changes it comes a little later: the plan is made in a thread.
        """
        plan = partial(plan_changes, store, self._profile, changes, change_shared=change_shared)

        def preview(made: Plan[Step]) -> None:
            then(self._open(made, note, partial(self._edited, made.id), above))

        if len(changes) > _AT_ONCE:
            self._tasks.start(self._plan(plan, preview), "plan of schedules")
            return
        try:
            made = plan()
        except UserError as error:
            self.say(str(error))
        else:
            preview(made)

    def undo(self) -> None:
        """Take the last edit of this window back, after asking."""
        if self._edits:
            self._take_back(self._edits[-1], self._undid)
        else:
            self.say("There is nothing to undo.")

    def redo(self) -> None:
        """Make again what was taken back last, after asking."""
        if self._undone:
            self._take_back(self._undone[-1], self._redid)
        else:
            self.say("There is nothing to redo.")

    def say(self, text: str) -> None:
        """Say something at the bottom of the window for a while."""
        UndoOffer(text, None, self._widget.window())

    def _open(
        self, plan: Plan[Step], note: str, ended: Callable[[], None], above: QWidget | None = None
    ) -> StepsDialog:
        dialog = StepsDialog(
            plan,
            self._profile,
            above or self._widget.window(),
            button="Undo" if plan.undoes else plan.title.split(" ", 1)[0],
            note=note,
            stay=False,
        )
        dialog.ended.connect(lambda progress: self._ended(progress, ended))
        dialog.open()
        return dialog

    def _ended(self, progress: Progress, ended: Callable[[], None]) -> None:
        if progress.done:
            ended()

    def _edited(self, action: str) -> None:
        self._edits.append(action)
        self._undone.clear()

    def _undid(self, action: str) -> None:
        self._edits.pop()
        self._undone.append(action)

    def _redid(self, action: str) -> None:
        self._undone.pop()
        self._edits.append(action)

    def _take_back(self, action: str, ended: Callable[[str], None]) -> None:
        self._tasks.start(self._ask_back(action, ended), "undo")

    async def _plan(self, plan: Callable[[], Plan[Step]], preview: Callable[[Plan[Step]], None]) -> None:
        try:
            made = await asyncio.to_thread(plan)
        except UserError as error:
            self.say(str(error))
        else:
            preview(made)

    async def _ask_back(self, action: str, ended: Callable[[str], None]) -> None:
        try:
            plan = await plan_undo(action)
        except UserError as error:  # it was taken back in another way, or nothing of it can be
            for trail in (self._edits, self._undone):
                if action in trail:
                    trail.remove(action)
            self.say(str(error))
            return
        self._open(plan, "", partial(ended, plan.id))
