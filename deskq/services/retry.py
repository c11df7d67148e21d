"""A retry in the window: candidates are read off the GUI thread."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from PySide6.QtCore import QObject

from deskq.actions.journal.journal import Journal, journal_path
from deskq.actions.messages.argument_sources import gather
from deskq.actions.messages.retry_candidates import Candidate
from deskq.history.reading.reader import HistoryReader
from deskq.history.rows import TaskRow
from deskq.profiles import Profile
from deskq.services.carrying import Carrying
from deskq.services.journal_recovery import look_after
from deskq.services.session import ProfileSession


class Retrying(Carrying):
    """One retry from one session to another (or the same)."""

    def __init__(self, source: ProfileSession, target: ProfileSession, parent: QObject | None = None) -> None:
        super().__init__(target, parent)
        self.source = source

    @property
    def crosses(self) -> bool:
        """Do the tasks go to another broker than they came from?"""
        return self.source is not self.target

    async def candidates(self, tasks: Sequence[str | int], queue: str) -> list[Candidate]:
        """Return a candidate for each task, by its id or its number, that the history still has. Raises UserError."""

        def rows(reader: HistoryReader) -> list[TaskRow]:
            numbers = [task for task in tasks if isinstance(task, int)]
            found = [row for start in range(0, len(numbers), 500) for row in reader.rows(numbers[start : start + 500])]
            return found + [row for task in tasks if isinstance(task, str) and (row := reader.task_row(task))]

        found = await self.source.ask(rows, slot=f"retry {id(self)}")
        loop = asyncio.get_running_loop()
        target = self.target.profile if self.crosses else None
        return await loop.run_in_executor(None, _candidates, self.source.profile, found, queue, target)


def _candidates(profile: Profile, rows: Sequence[TaskRow], queue: str, target: Profile | None) -> list[Candidate]:
    """Blocking: asks the result backend, the journal, the history and workers."""
    if journal_path().exists():
        with contextlib.closing(Journal()) as journal:
            look_after(journal)
    return gather(profile, rows, queue=queue, target=target)
