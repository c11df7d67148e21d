"""What is selected in the table of tasks, also rows that were never in sight: to copy it, or to act on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from deskq.formats import plain
from deskq.history.reading.reader import HistoryReader
from deskq.history.rows import TaskRow
from deskq.models.tasks.table import TasksModel
from deskq.services.session import ProfileSession
from deskq.views.tasks.drag import TaskTable
from deskq.views.widgets.tables import copy_text

READ_AT_ONCE: Final = 500
"""Rows that are read by one question."""


class SelectedTasks:
    """The selected tasks of a table. What has to be read first is copied, or acted on, when it was read."""

    def __init__(self, session: ProfileSession, model: TasksModel, table: TaskTable) -> None:
        self._session = session
        self._model = model
        self._table = table

    def rows(self) -> None:
        """Copy the selected rows, tab-separated, with the shown columns."""
        columns = [self._model.columns[number] for number in self._table.shown_columns()]
        self.lines(
            lambda row: "\t".join(plain(column.exact_text(row)) for column in columns),
            "\t".join(column.title for column in columns),
            tasks=True,
        )

    def lines(self, text_of: Callable[[TaskRow], str], heading: str = "", *, tasks: bool = False) -> None:
        """Copy a line for each selected row; with ``tasks`` they can be pasted onto a queue, too."""

        def copy(rows: list[TaskRow]) -> None:
            texts = [text_of(row) for row in rows]
            text = "\n".join([heading, *texts] if heading else texts)
            if tasks:
                self._table.copy_with(text, [row.uuid for row in rows])
            else:
                copy_text(text)

        self.read(copy)

    def read(self, then: Callable[[list[TaskRow]], None]) -> None:
        """Hand over the selected rows, from the top: at once, or when those that were never in sight are read."""
        lines = self._table.selected_lines()
        row_ids = [self._model.id_at(line) for line in lines]
        rows = {row.id: row for row in map(self._model.task_at, lines) if row is not None}
        unread = [row_id for row_id in row_ids if row_id not in rows]

        async def read_rest() -> None:
            rows.update(await read_rows(self._session, unread, slot="selected"))
            then([rows[row_id] for row_id in row_ids if row_id in rows])

        if unread:
            self._session.spawn(read_rest(), "selected tasks")
        else:
            then([rows[row_id] for row_id in row_ids])


async def read_rows(session: ProfileSession, numbers: Sequence[int], *, slot: str) -> dict[int, TaskRow]:
    """Read tasks by their numbers, some at a time, so that other questions come between. Raises UserError."""
    rows: dict[int, TaskRow] = {}
    for start in range(0, len(numbers), READ_AT_ONCE):
        part = list(numbers[start : start + READ_AT_ONCE])
        rows.update((row.id, row) for row in await session.ask(partial(HistoryReader.rows, ids=part), slot=slot))
    return rows
