"""A retry in the window: candidates are read off the GUI thread."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from deskq.actions.messages.argument_sources import gather
from deskq.actions.messages.retry_candidates import Candidate
from deskq.history.reading.reader import HistoryReader
from deskq.history.rows import TaskRow
from deskq.services.session import ProfileSession


class RetryService:
    """One retry from one session to another (or the same)."""

    def __init__(self, source: ProfileSession, target: ProfileSession) -> None:
        self.source = source
        self.target = target

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
        target = self.target.profile if self.crosses else None
        work = partial(gather, self.source.profile, found, queue=queue, target=target)
        return await asyncio.get_running_loop().run_in_executor(None, work)
