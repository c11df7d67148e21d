"""The search of the task table under a filter for which every row must be read, slice after slice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

from deskq.errors import UserError
from deskq.history.reading.text_search import Search, SearchProgress
from deskq.models.tasks.list import TaskList
from deskq.models.tasks.queries import TaskPage, next_slice
from deskq.services.session import ProfileSession

COUNT_SECONDS: Final = 0.2
"""How often counts and progress are told anew while a search runs."""


class TableSearch:
    """Adds what a search finds to the end of ``rows``.

    ``told`` takes each answer, ``moved`` the progress, ``failed`` why the history cannot be read. Each slice is a
    question of its own: others are answered in between. Whoever sets ``current`` ends the search that was going on.
    """

    def __init__(
        self,
        session: ProfileSession,
        rows: TaskList,
        told: Callable[[TaskPage], object],
        moved: Callable[[SearchProgress], object],
        failed: Callable[[str], object],
    ) -> None:
        self._session = session
        self._rows = rows
        self._told = told
        self._moved = moved
        self._failed = failed
        self.current: Search | None = None

    @property
    def progress(self) -> SearchProgress | None:
        """How far the search is; None while the filter needs none."""
        return self.current.progress if self.current is not None else None

    def stop(self) -> None:
        """Search no further back; what was found stays and goes on living."""
        if self.current is not None:
            self.current.stopped = True

    def go_on(self) -> None:
        """Go on with a search that was stopped."""
        if self.current is not None and self.current.stopped:
            self.current.stopped = False
            self._session.spawn(self.run(self.current), "task list", owner=self._rows)

    async def run(self, search: Search) -> None:
        """Search to the end of the history, then count to it."""
        loop = asyncio.get_running_loop()
        next_count = loop.time() + COUNT_SECONDS
        try:
            while self.current is search and not search.stopped and not search.progress.done:
                count = loop.time() >= next_count
                if count:
                    next_count = loop.time() + COUNT_SECONDS
                ask = partial(next_slice, search=search, shown=self._rows.rowCount(), count=count)
                answer = await self._session.ask(ask, slot="task list")
                if answer.ids:
                    answer.ids.reverse()
                    self._rows.append(answer.ids)
                    self._rows.adopt_rows(answer.rows)
                self._told(answer)
                if count:
                    self._moved(search.progress)
            if self.current is search:
                self._moved(search.progress)
            while (
                self.current is search
                and not search.stopped
                and await self._session.ask(search.count_slice, slot="task list")
            ):
                if loop.time() >= next_count:
                    next_count = loop.time() + COUNT_SECONDS
                    await self._tell_counts(search)
            if self.current is search:
                await self._tell_counts(search)
        except UserError as error:
            self._failed(str(error))

    async def _tell_counts(self, search: Search) -> None:
        counts = await self._session.ask(search.counts, slot="task counts")
        self._told(TaskPage(None, 0, counts=counts, newer=None))
