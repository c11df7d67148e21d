"""The rows of the task table: ids, and the rows that are looked at, never a copy of the history.

The list of ids is kept newest last, so that new tasks are appended to the array and inserted at row 0.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, Qt

from deskq.history.reading.task_filter import Sort
from deskq.history.rows import TaskRow
from deskq.models.tasks.columns import TASK_COLUMNS, header
from deskq.models.tasks.diff import ListChange, changes, runs
from deskq.models.tasks.mime import DraggableRows
from deskq.models.tasks.queries import HEAD, place_by_age

CACHED: Final = 4_000
_ROOT: Final = QModelIndex()
_LAST: Final = len(TASK_COLUMNS) - 1
Index = QModelIndex | QPersistentModelIndex


class TaskList(DraggableRows):
    """Holds the list and changes it by as few announcements as it takes; knows no history."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._sort = Sort()
        self._ids: array[int] = array("q")
        self._rows: dict[int, TaskRow] = {}
        self._shown: tuple[int, int] = (0, 60)

    def set_shown(self, first: int, last: int) -> None:
        """Say which rows are in sight, inclusive."""
        self._shown = (max(first, 0), max(last, first, 0))

    @property
    def sort_by(self) -> Sort:
        """The sort in force."""
        return self._sort

    def id_at(self, row: int) -> int:
        """The history's id of a row."""
        return self._ids[len(self._ids) - 1 - row]

    def row_of(self, row_id: int) -> int | None:
        """The row that shows an id."""
        if self._sort.key == "seen":
            at = place_by_age(self._ids, row_id, newest_last=self._sort.descending)
        else:
            at = self._ids.index(row_id) if row_id in self._ids else None
        return None if at is None else len(self._ids) - 1 - at

    def task_at(self, row: int) -> TaskRow | None:
        """The task of a row, None until it was read."""
        return self._rows.get(self.id_at(row)) if 0 <= row < len(self._ids) else None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(TASK_COLUMNS):
            return None
        return header(TASK_COLUMNS[section], role)

    def tick(self) -> None:
        """Repaint what changes with time alone: the runtime of running tasks in sight."""
        first, last = self._shown
        for row in range(first, min(last + 1, len(self._ids))):
            task = self._rows.get(self.id_at(row))
            if task is not None and task.runs:
                self.dataChanged.emit(self.index(row, 0), self.index(row, _LAST), [Qt.ItemDataRole.DisplayRole])

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._ids)

    def columnCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(TASK_COLUMNS)

    def append(self, ids: array[int]) -> None:
        """Add rows below those that are there; the last row comes first."""
        first = len(self._ids)
        self.beginInsertRows(_ROOT, first, first + len(ids) - 1)
        self._ids[:0] = ids
        self.endInsertRows()

    def drop_older(self, oldest: int) -> None:
        """The history has forgotten these, or they have left the filter's span."""
        count = bisect_left(self._ids, oldest) if self._sort == Sort() else 0
        if count:
            self.beginRemoveRows(_ROOT, len(self._ids) - count, len(self._ids) - 1)
            del self._ids[:count]
            self.endRemoveRows()

    def drop(self, gone: set[int]) -> None:
        """What was asked for and not found is no longer in the history."""
        for row in sorted((row for row in map(self.row_of, gone) if row is not None), reverse=True):
            self._carry_out(ListChange(False, row, [self.id_at(row)]))

    def adopt_ids(self, ids: array[int], least: int) -> None:
        """Change the part of the list from ``least`` on into ``ids`` by as few inserts and removals as it takes."""
        kept = len(self._ids) - bisect_left(self._ids, least) if least else len(self._ids)
        current = self._ids[len(self._ids) - kept :]
        current.reverse()
        if current == ids:
            return
        for change in changes(current, ids):
            self._carry_out(change)

    def _carry_out(self, change: ListChange) -> None:
        count = len(change.ids)
        if change.insert:
            self.beginInsertRows(_ROOT, change.row, change.row + count - 1)
            at = len(self._ids) - change.row
            self._ids[at:at] = array("q", reversed(change.ids))
            self.endInsertRows()
        else:
            self.beginRemoveRows(_ROOT, change.row, change.row + count - 1)
            end = len(self._ids) - change.row
            del self._ids[end - count : end]
            self.endRemoveRows()

    def adopt_order(self, ids: array[int]) -> None:
        """Take over a list in any order; selection and current row stay with their tasks."""
        if (mirrored := ids[::-1]) == self._ids:
            return
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        row_ids = [self.id_at(index.row()) for index in before]
        self._ids = mirrored
        rows = {row_id: row for row, row_id in enumerate(ids)}
        after = [
            self.index(rows[row_id], index.column()) if row_id in rows else QModelIndex()
            for row_id, index in zip(row_ids, before, strict=True)
        ]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def adopt_rows(self, rows: Iterable[TaskRow]) -> None:
        """Take over rows that were read, and announce those that differ."""
        changed = [row.id for row in rows if self._rows.get(row.id) != row]
        self._rows.update((row.id, row) for row in rows)
        self._announce(changed)
        if len(self._rows) > CACHED:
            self._forget_rows()

    def near(self) -> range:
        """The rows in sight, and as many around them as are kept up to date."""
        first, last = self._shown
        return range(max(first - HEAD, 0), min(last + HEAD, len(self._ids)))

    def near_rows(self) -> list[TaskRow]:
        """Those of them that were read."""
        return [row for line in self.near() if (row := self._rows.get(self.id_at(line))) is not None]

    def _announce(self, row_ids: Sequence[int]) -> None:
        """Emit dataChanged for these ids where they are in sight or near, adjoining rows together."""
        near = {self.id_at(row): row for row in self.near()}
        for start, end in runs(sorted(near[row_id] for row_id in row_ids if row_id in near)):
            self.dataChanged.emit(self.index(start, 0), self.index(end, _LAST))

    def announce_tasks(self, uuids: Collection[str]) -> None:
        """These tasks look otherwise, though their rows are the same."""
        self._announce([row.id for row in self.near_rows() if row.uuid in uuids])

    def _forget_rows(self) -> None:
        keep = {self.id_at(row) for row in (*self.near(), *range(min(HEAD, len(self._ids))))}
        self._rows = {row_id: row for row_id, row in self._rows.items() if row_id in keep}
