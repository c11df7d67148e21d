"""What guards a change that is previewed: found off the GUI thread, since hosts are looked up and files read for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from deskq.actions.safety import Guard
from deskq.errors import UserError
from deskq.services.background.background_tasks import BackgroundTasks


class GuardSearch(QObject):
    """Asks for one dialog. ``changed``: the answer is there. ``guard`` is None until then.

    ``problem``: why nobody can say what guards it, as a sentence, "" if somebody can: nothing is changed then.
    """

    changed = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.guard: Guard | None = None
        self.problem = ""
        self._tasks = BackgroundTasks(owner=self)

    def ask(self, question: Callable[[], Guard]) -> None:
        """Find it out; an earlier question is dropped. ``question`` is called in a thread."""
        self._tasks.cancel()
        self.guard, self.problem = None, ""
        self._tasks.start(self._find(question), "guard")

    async def _find(self, question: Callable[[], Guard]) -> None:
        try:
            self.guard = await asyncio.get_running_loop().run_in_executor(None, question)
        except UserError as error:
            self.problem = str(error)
        self.changed.emit()
