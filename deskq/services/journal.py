"""The journal in the window: read off the GUI thread, and again when it has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from PySide6.QtCore import QObject, QTimer, Signal

from deskq.actions.journal.journal import ActionRow, ItemRow, Journal, journal_path
from deskq.actions.journal.stamp import journal_stamp
from deskq.errors import UserError
from deskq.services.background.background_tasks import BackgroundTasks
from deskq.services.effects import effects_feed

T = TypeVar("T")
LOOK_MS: Final = 1_000
_MOST: Final = 2_000


async def ask_journal(question: Callable[[Journal], T], otherwise: T) -> T:
    """Ask the journal in a thread; ``otherwise`` where there is none yet. Raises UserError where it cannot be read."""

    def ask() -> T:
        if not journal_path().exists():
            return otherwise
        journal = Journal()
        try:
            return question(journal)
        finally:
            journal.close()

    return await asyncio.get_running_loop().run_in_executor(None, ask)


class JournalFeed(QObject):
    """The actions that match a text, newest first, while it is started. ``problem``: why it cannot be read, or ""."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.actions: list[ActionRow] = []
        self.problem = ""
        self.read_once = False
        self._text = ""
        self._seen: object = None
        self._tasks = BackgroundTasks(owner=self)
        self._timer = QTimer(self, interval=LOOK_MS)
        self._timer.timeout.connect(self._look)
        effects_feed().touched.connect(self._touched)

    def start(self) -> None:
        """Read now, and whenever the file changes."""
        self._seen = None
        self._timer.start()
        self._look()

    def stop(self) -> None:
        """Read no more until the next start."""
        self._timer.stop()

    def search(self, text: str) -> None:
        """Show what matches: words in titles, people, tasks, queues, or an id."""
        self._text = text.strip()
        self._seen = None
        self._look()

    async def items(self, action: str) -> tuple[list[ItemRow], bool]:
        """Return the items of an action, and whether it can be taken back."""

        def read(journal: Journal) -> tuple[list[ItemRow], bool]:
            undoable = bool(journal.undos(action)) and not journal.undone_by(action)
            return journal.items(action), undoable

        return await ask_journal(read, ([], False))

    def _touched(self) -> None:
        """A plan of this window has ended."""
        if self._timer.isActive():
            self._seen = None
            self._tasks.when_ended(self._look)  # what is being read now may be older

    def _look(self) -> None:
        if not self._tasks.running():
            self._tasks.start(self._read(), "journal")

    async def _read(self) -> None:
        text = self._text
        try:
            stamp = await asyncio.get_running_loop().run_in_executor(None, journal_stamp)
            running = any(action.running for action in self.actions)
            if (stamp, text) == self._seen and not running:
                return
            self.actions = await ask_journal(lambda journal: journal.actions(text, _MOST), [])
            self.problem = ""
            self._seen = (stamp, text)
        except UserError as error:
            self.problem = str(error)
        self.read_once = True
        self.changed.emit()
        if text != self._text:
            self._seen = None
