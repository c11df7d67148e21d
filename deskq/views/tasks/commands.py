"""What the Tasks view asks for about tasks, selected or all that match: a retry, another call like one, an end.

Nothing is asked for about a task that does not match the filter in force: the table of one that was just chosen may
still be on its way, and a row that is kept in its place may have moved on to another state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from deskq.formats import count
from deskq.history.reading.reader import HistoryReader
from deskq.history.reading.task_filter import TaskFilter
from deskq.history.rows import TaskRow
from deskq.models.tasks.table import TasksModel
from deskq.services.session import ProfileSession
from deskq.views.tasks.empty_states import MOST_RETRIED, MOST_REVOKED
from deskq.views.tasks.selection import READ_AT_ONCE, SelectedTasks, read_rows
from deskq.views.widgets.requests import AbortTasks, Refuse, Request, RetryTasks, RevokeTasks, SendTask

_STILL_READING: Final = "The tasks of the new filter are still loading; nothing was done. Try again in a moment."


class TaskCommands:
    """Hands requests to ``ask``, when rows that were never in sight have been read."""

    def __init__(
        self,
        session: ProfileSession,
        selected: SelectedTasks,
        model: TasksModel,
        ask: Callable[[Request], None],
    ) -> None:
        self._session = session
        self._selected = selected
        self._model = model
        self._name = session.profile.name
        self._ask = ask

    def retry(self) -> None:
        """Ask for a retry of the selected tasks, each where it came from."""
        self._with_rows(lambda rows: self._ask(RetryTasks(self._name, [row.uuid for row in rows])))

    def retry_to(self) -> None:
        """The same, on a queue that is chosen."""
        self._with_rows(lambda rows: self._ask(RetryTasks(self._name, [row.uuid for row in rows], choose=True)))

    def retry_all(self) -> None:
        """Ask for a retry of everything that the filter lets through now."""
        self._session.spawn(self._retry_all(), "retry all")

    def send_like(self) -> None:
        """Ask for a new task like the first selected one."""
        self._with_rows(lambda rows: self._ask(SendTask(self._name, like=rows[0].uuid)))

    def revoke(self) -> None:
        """Ask for the selected tasks to be revoked."""
        self._with_rows(lambda rows: self._ask(RevokeTasks(self._name, _named(rows))))

    def revoke_all(self) -> None:
        """Ask for everything that the filter lets through now to be revoked."""
        self._session.spawn(self._revoke_all(), "revoke all")

    def terminate(self) -> None:
        """The same, and those that run to be ended."""
        self._with_rows(lambda rows: self._ask(RevokeTasks(self._name, _named(rows), terminate=True)))

    def abort(self) -> None:
        """Ask the selected tasks to stop by themselves, where they are abortable."""
        self._with_rows(lambda rows: self._ask(AbortTasks(self._name, _named(rows))))

    def _with_rows(self, then: Callable[[list[TaskRow]], None]) -> None:
        task_filter = self._model.task_filter
        if not self._model.answers:
            self._ask(Refuse(_STILL_READING))
        elif task_filter.empty:
            self._selected.read(lambda rows: then(rows) if rows else None)
        else:
            self._selected.read(
                lambda rows: self._session.spawn(self._with_matching(rows, task_filter, then), "selected")
            )

    async def _with_matching(
        self, rows: list[TaskRow], task_filter: TaskFilter, then: Callable[[list[TaskRow]], None]
    ) -> None:
        """Go on with those rows that still match; says how many do not."""
        kept = await self._still_matching([row.id for row in rows], task_filter)
        if len(kept) < len(rows):
            left_out = f"{len(rows) - len(kept):,} of {count(len(rows), 'selected task')}"
            self._ask(Refuse(f"Left out: the filter no longer matches {left_out}."))
        if kept:
            then([row for row in rows if row.id in kept])

    async def _still_matching(self, numbers: Sequence[int], task_filter: TaskFilter) -> set[int]:
        kept: set[int] = set()
        for start in range(0, len(numbers), READ_AT_ONCE):
            part = numbers[start : start + READ_AT_ONCE]
            kept |= await self._session.ask(
                partial(HistoryReader.matching, task_filter=task_filter, ids=part), slot="matching"
            )
        return kept

    async def _retry_all(self) -> None:
        numbers = await self._matching(MOST_RETRIED, "retry")
        if numbers:
            self._ask(RetryTasks(self._name, numbers, choose=True))

    async def _revoke_all(self) -> None:
        numbers = await self._matching(MOST_REVOKED, "revoke")
        rows = await read_rows(self._session, numbers, slot="revoke all")
        if rows:
            self._ask(RevokeTasks(self._name, _named([rows[n] for n in numbers if n in rows])))

    async def _matching(self, most: int, verb: str) -> list[int]:
        """The tasks are frozen here; of a text search those that it has found so far. None where they are too many."""
        task_filter, model = self._model.task_filter, self._model
        if task_filter.searches_text:
            if not model.answers:
                self._ask(Refuse(_STILL_READING))
                return []
            listed = [model.id_at(line) for line in range(model.rowCount())]
            kept = await self._still_matching(listed, task_filter)
            row_ids = [row_id for row_id in listed if row_id in kept]
        else:
            row_ids = list(
                await self._session.ask(lambda reader: reader.task_ids(task_filter, limit=most + 1), slot="all")
            )
        if len(row_ids) > most:
            self._ask(Refuse(f"More than {most:,} tasks match: narrow the filter to {verb} them."))
            return []
        return row_ids


def _named(rows: Sequence[TaskRow]) -> list[tuple[str, str]]:
    return [(row.uuid, row.name) for row in rows]
