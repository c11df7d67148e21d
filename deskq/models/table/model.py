"""A table model for at most some thousand rows that are replaced as a whole and change by little."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Final, Generic, TypeVar

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from deskq.formats import tooltip
from deskq.models.table.columns import Column, ExactRole, RowRole, SparkRole, StateRole
from deskq.models.table.row_diff import RowDiff, RowOrder, SortFilter, change

R = TypeVar("R")
Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()
_COMPARED: Final = 500
"""Rows up to which each is compared with what it was."""


class TableModel(QAbstractTableModel, Generic[R]):
    """Rows are told apart by ``key``; sorting is done here, so that no proxy is needed."""

    def __init__(
        self,
        columns: Sequence[Column[R]],
        key: Callable[[R], Hashable],
        parent: QObject | None = None,
        *,
        sort: str | None = None,
        descending: bool = False,
    ) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self.key_of = key
        self._all: list[R] = []
        self._lines: RowOrder[R] = RowOrder([], [], {})
        self._keep: Callable[[R], bool] | None = None
        self._held = self._behind = False
        names = [column.key for column in self.columns]
        self._sort_column = names.index(sort) if sort is not None else -1
        self._descending = descending

    def replace(self, rows: Iterable[R]) -> None:
        """Show these rows: emits removals, insertions and changes for what differs, nothing else."""
        self._all = list(rows)
        if self._held and self._lines.rows:
            self._behind = True
            self._write_over()
        else:
            self._show()

    def hold(self, held: bool) -> None:
        """Leave every row where it is, with what is new of it, until this is over; what a person asks for is shown."""
        self._held = held
        if not held and self._behind:
            self._behind = False
            self._show()

    def keep_only(self, keep: Callable[[R], bool] | None) -> None:
        """Show only the rows that pass; None shows all."""
        self._keep = keep
        self._show()

    def rows(self) -> list[R]:
        """Return the rows in the order shown."""
        return list(self._lines.rows)

    def row_at(self, row: int) -> R | None:
        """Return the row of a line."""
        return self._lines.rows[row] if 0 <= row < len(self._lines.rows) else None

    @property
    def sorted_by(self) -> tuple[int, Qt.SortOrder]:
        """The column that sorts, -1 for none, and the direction."""
        return self._sort_column, Qt.SortOrder.DescendingOrder if self._descending else Qt.SortOrder.AscendingOrder

    def line_of(self, key: Hashable) -> int | None:
        """Return the line that shows the row with this key."""
        return self._lines.places.get(key)

    def tick(self) -> None:
        """Repaint texts that change with time."""
        if self._lines.rows:
            last = self.index(len(self._lines.rows) - 1, len(self.columns) - 1)
            self.dataChanged.emit(self.index(0, 0), last, [Qt.ItemDataRole.DisplayRole])

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._sort_column = column
        self._descending = order == Qt.SortOrder.DescendingOrder
        self._show()

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._lines.rows)

    def columnCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        column = self.columns[section]
        return {
            Qt.ItemDataRole.DisplayRole: column.title,
            Qt.ItemDataRole.ToolTipRole: column.tip,
            Qt.ItemDataRole.TextAlignmentRole: column.alignment,
        }.get(Qt.ItemDataRole(role))

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row = self._lines.rows[index.row()]
        if role == RowRole:  # asked for every cell that is painted
            return row
        column = self.columns[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(row)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return column.alignment
        if role == StateRole:
            return column.state(row) if column.state is not None else None
        if role == SparkRole:
            return column.spark(row) if column.spark is not None else None
        if role == Qt.ItemDataRole.ToolTipRole:
            return tooltip(column.exact_text(row))
        if role == ExactRole:
            return column.exact_text(row)
        return None

    def _write_over(self) -> None:
        """Show what is new of the rows that are shown; none comes, goes or moves."""
        before, newest = self._lines, {self.key_of(row): row for row in self._all}
        rows = [newest.get(key, row) for key, row in zip(before.keys, before.rows, strict=True)]
        self._lines = RowOrder(rows, before.keys, before.places)
        self._announce(before, self._lines)

    def _show(self) -> None:
        self._take(change(self._lines, self._arranging().lines(self._all)))

    def _arranging(self) -> SortFilter[R]:
        """How the rows are to be shown now."""
        if not 0 <= self._sort_column < len(self.columns):
            return SortFilter(self.key_of, self._keep)
        column = self.columns[self._sort_column]
        return SortFilter(self.key_of, self._keep, column.sort or column.text, self._descending)

    def _take(self, made: RowDiff[R]) -> None:
        """Go the steps from what is shown to what shall be; rows that stay keep their selection."""
        if made.gathered is not None:
            self._reorder(made.gathered)
        for first, last in made.removed:
            self.beginRemoveRows(_ROOT, first, last)
            self._lines = made.rest if (first, last) == made.removed[-1] else _without(self._lines, first, last)
            self.endRemoveRows()
        if made.added is not None:
            self.beginInsertRows(_ROOT, len(made.rest.rows), len(made.added.rows) - 1)
            self._lines = made.added
            self.endInsertRows()
        if made.reordered:
            self._reorder(made.after)
        self._lines = made.after
        self._announce(made.before, made.after)

    def _reorder(self, after: RowOrder[R]) -> None:
        """Bring the rows that are there into another order."""
        self.layoutAboutToBeChanged.emit()
        keys = self._lines.keys
        before = self.persistentIndexList()
        moved = [self.index(after.places[keys[index.row()]], index.column()) for index in before]
        self._lines = after
        self.changePersistentIndexList(before, moved)
        self.layoutChanged.emit()

    def _announce(self, before: RowOrder[R], now: RowOrder[R]) -> None:
        """Emit dataChanged for what differs; of a long table at once, since only what is in sight is painted."""
        right = len(self.columns) - 1
        if len(now.rows) > _COMPARED:
            self.dataChanged.emit(self.index(0, 0), self.index(len(now.rows) - 1, right))
            return
        for line, (key, new) in enumerate(zip(now.keys, now.rows, strict=True)):
            place = before.places.get(key)
            if place is not None and (old := before.rows[place]) is not new and old != new:
                self.dataChanged.emit(self.index(line, 0), self.index(line, right))


def _without(lines: RowOrder[R], first: int, last: int) -> RowOrder[R]:
    """Without some lines; where the others are is told when all have gone."""
    return RowOrder(
        lines.rows[:first] + lines.rows[last + 1 :], lines.keys[:first] + lines.keys[last + 1 :], lines.places
    )
