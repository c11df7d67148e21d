"""A table model for at most some thousand rows that are replaced as a whole and change by little."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Final, Generic, TypeVar

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from deskq.models.columns import Column, ExactRole, RowRole, SparkRole, StateRole
from deskq.models.formats import tooltip

R = TypeVar("R")
Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()
_COMPARED: Final = 500
"""Rows up to which each is compared with what it was."""


class SmallTableModel(QAbstractTableModel, Generic[R]):
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
        self._key = key
        self._all: list[R] = []
        self._rows: list[R] = []
        self._keys: list[Hashable] = []
        self._keep: Callable[[R], bool] | None = None
        names = [column.key for column in self.columns]
        self._sort_column = names.index(sort) if sort is not None else -1
        self._descending = descending

    def replace(self, rows: Iterable[R]) -> None:
        """Show these rows: emits removals, insertions and changes for what differs, nothing else."""
        self._all = list(rows)
        self._show()

    def keep_only(self, keep: Callable[[R], bool] | None) -> None:
        """Show only the rows that pass; None shows all."""
        self._keep = keep
        self._show()

    def rows(self) -> list[R]:
        """Return the rows in the order shown."""
        return list(self._rows)

    def row_at(self, row: int) -> R | None:
        """Return the row of a line."""
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def line_of(self, key: Hashable) -> int | None:
        """Return the line that shows the row with this key."""
        return self._keys.index(key) if key in self._keys else None

    def tick(self) -> None:
        """Repaint texts that change with time."""
        if self._rows:
            last = self.index(len(self._rows) - 1, len(self.columns) - 1)
            self.dataChanged.emit(self.index(0, 0), last, [Qt.ItemDataRole.DisplayRole])

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._sort_column = column
        self._descending = order == Qt.SortOrder.DescendingOrder
        self._show()

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._rows)

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
        row = self._rows[index.row()]
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

    def _show(self) -> None:
        wanted = [row for row in self._all if self._keep is None or self._keep(row)]
        if 0 <= self._sort_column < len(self.columns):
            column = self.columns[self._sort_column]
            value = column.sort or column.text
            wanted.sort(key=lambda row: _orderable(value(row)), reverse=self._descending)
        keys = [self._key(row) for row in wanted]
        if keys != self._keys:
            self._keep_rows(set(keys))
            self._add_rows(wanted, keys)
            self._reorder(wanted, keys)
        before, self._rows = self._rows, wanted
        self._announce(before, wanted)

    def _keep_rows(self, keys: set[Hashable]) -> None:
        """Remove all others, neighbours together, from the bottom up."""
        last = len(self._keys) - 1
        while last >= 0:
            first = last
            while first >= 0 and self._keys[first] not in keys:
                first -= 1
            if first < last:
                self.beginRemoveRows(_ROOT, first + 1, last)
                del self._rows[first + 1 : last + 1], self._keys[first + 1 : last + 1]
                self.endRemoveRows()
            last = first - 1

    def _add_rows(self, wanted: list[R], keys: list[Hashable]) -> None:
        present = set(self._keys)
        new = [(row, key) for row, key in zip(wanted, keys, strict=True) if key not in present]
        if new:
            self.beginInsertRows(_ROOT, len(self._rows), len(self._rows) + len(new) - 1)
            self._rows += [row for row, _ in new]
            self._keys += [key for _, key in new]
            self.endInsertRows()

    def _reorder(self, wanted: list[R], keys: list[Hashable]) -> None:
        """Bring the rows that are there into the wanted order; selection stays with its rows."""
        if keys == self._keys:
            return
        self.layoutAboutToBeChanged.emit()
        current = dict(zip(self._keys, self._rows, strict=True))
        lines = {key: line for line, key in enumerate(keys)}
        before = self.persistentIndexList()
        after = [self.index(lines[self._keys[index.row()]], index.column()) for index in before]
        self._rows, self._keys = [current[key] for key in keys], keys
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def _announce(self, before: list[R], now: list[R]) -> None:
        """Emit dataChanged for what differs; of a long table at once, since only what is in sight is painted."""
        right = len(self.columns) - 1
        if len(now) > _COMPARED:
            self.dataChanged.emit(self.index(0, 0), self.index(len(now) - 1, right))
            return
        for line, (old, new) in enumerate(zip(before, now, strict=True)):
            if old is not new and old != new:
                self.dataChanged.emit(self.index(line, 0), self.index(line, right))


def _orderable(value: Any) -> tuple[bool, Any]:
    """None sorts below everything."""
    return (value is not None, value if value is not None else 0)
