"""A table of tens of thousands of rows: they are chosen, sorted and compared in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from typing import Final, TypeVar

from PySide6.QtCore import QObject, Signal

from deskq.models.table.columns import Column
from deskq.models.table.model import TableModel
from deskq.models.table.row_diff import RowDiff, RowOrder, SortFilter, change
from deskq.services.background.background_tasks import BackgroundTasks

R = TypeVar("R")
AT_ONCE: Final = 1_000
"""Rows up to which it is done at once, on the GUI thread."""


class ThreadedTableModel(TableModel[R]):
    """As TableModel; of many rows, what is asked for is shown a little later, the newest wish alone.

    ``arranged``: the lines are as they were last asked for. What sorts and filters must be usable in any thread.
    """

    arranged = Signal()

    def __init__(
        self,
        columns: Sequence[Column[R]],
        key: Callable[[R], Hashable],
        parent: QObject | None = None,
        *,
        sort: str | None = None,
        descending: bool = False,
    ) -> None:
        super().__init__(columns, key, parent, sort=sort, descending=descending)
        self._wishes = 0
        self._tasks = BackgroundTasks(owner=self)
        self._busy = False

    def _show(self) -> None:
        self._wishes += 1
        if self._busy:
            return
        if max(len(self._all), len(self._lines.rows)) <= AT_ONCE:
            super()._show()
            self.arranged.emit()
            return
        self._busy = True
        self._tasks.start(self._arrange(), "arranging a table")

    def _write_over(self) -> None:
        super()._write_over()
        self.arranged.emit()

    async def _arrange(self) -> None:
        try:
            shown = -1
            while shown != self._wishes:
                shown = self._wishes
                made = await asyncio.to_thread(_changed, self._arranging(), self._all, self._lines)
                if shown == self._wishes:
                    self._take(made)
        finally:
            self._busy = False
        self.arranged.emit()


def _changed(arranging: SortFilter[R], rows: list[R], before: RowOrder[R]) -> RowDiff[R]:
    return change(before, arranging.lines(rows))
