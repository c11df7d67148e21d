"""The task table as a Qt model over a history: it holds ids, and the rows that are looked at; never a copy.

The list of ids is kept newest last, so that new tasks are appended to the array and inserted at row 0.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer, Signal

from deskq.errors import UserError
from deskq.history.query import SORTS, Sort, TaskFilter
from deskq.history.reader import HistoryReader
from deskq.history.rows import StateCounts, TaskRow
from deskq.models.columns import ExactRole, GapRole, RowRole, StateRole
from deskq.models.formats import tooltip
from deskq.models.gap_marks import GapMarks
from deskq.models.session import ProfileSession
from deskq.models.task_columns import TASK_COLUMNS
from deskq.models.task_diff import Change, changes

HEAD: Final = 200
"""Rows at the top that are looked through anew with every revision."""
SMALL: Final = 20_000
"""A list of at most so many ids is compared as a whole, so that no row lingers that the filter no longer lets in."""
CACHED: Final = 4_000
SEARCHED_AGAIN: Final = 5_000
"""Under a text filter, the newest tasks that are looked through anew with every revision."""
SEARCH_SECONDS: Final = 3.0
"""Under a text filter, how often tasks are counted by state."""
_ROOT: Final = QModelIndex()
Index = QModelIndex | QPersistentModelIndex


@dataclass(slots=True)
class _Answer:
    """What one question to the history brings: ids from ``least`` on (None: not asked), rows, counts."""

    ids: array[int] | None
    least: int
    rows: list[TaskRow] = field(default_factory=list)
    counts: StateCounts = field(default_factory=StateCounts)
    newer: int = 0
    more: bool = False


class TasksModel(QAbstractTableModel):
    """Live rows of one session's history under a filter and a sort."""

    counts_changed = Signal(object)
    newer_changed = Signal(int)
    loading_changed = Signal(bool)
    problem = Signal(str)

    def __init__(self, session: ProfileSession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._filter = TaskFilter()
        self._sort = Sort()
        self._ids: array[int] = array("q")
        self._rows: dict[int, TaskRow] = {}
        self._shown: tuple[int, int] = (0, 60)
        self._missing: set[int] = set()
        self._following = True
        self._paused = False
        self._active = True
        self._busy = False
        self._again = False
        self._fresh = True
        self._counts_until = 0.0
        self.counts = StateCounts()
        self.newer = 0
        self.gaps = GapMarks(session, self)
        self._fetch = QTimer(self, singleShot=True, interval=0)
        self._fetch.timeout.connect(self._fetch_missing)
        session.revision_moved.connect(self.refresh)

    @property
    def chosen(self) -> TaskFilter:
        """The filter in force."""
        return self._filter

    @property
    def sort_by(self) -> Sort:
        """The sort in force."""
        return self._sort

    def choose(self, chosen: TaskFilter, sort: Sort | None = None) -> None:
        """Show other tasks, or the same in another order; from the top."""
        sort = sort or self._sort
        if (chosen, sort) != (self._filter, self._sort):
            self._filter, self._sort = chosen, sort
            self._counts_until = 0.0
            self.reload()

    def reload(self) -> None:
        """Read the list anew from the top."""
        self._fresh = True
        self._following = True
        self.loading_changed.emit(True)
        self._session.spawn(self._load(), "task list")

    def set_following(self, following: bool) -> None:
        """Whether the newest row is in sight: if not, rows stay where they are and ``newer_changed`` counts."""
        if following != self._following:
            self._following = following
            if following:
                self.refresh()

    def set_paused(self, paused: bool) -> None:
        """Stop or go on following."""
        self._paused = paused
        self.refresh()

    def set_active(self, active: bool) -> None:
        """A view that is not on screen asks nothing."""
        self._active = active
        if not active:
            self._session.screen_delay = None
        if active:
            self.refresh()

    def set_shown(self, first: int, last: int) -> None:
        """Say which rows are in sight, inclusive."""
        self._shown = (max(first, 0), max(last, first, 0))

    def tick(self) -> None:
        """Repaint what changes with time alone: the runtime of running tasks in sight."""
        first, last = self._shown
        for row in range(first, min(last + 1, len(self._ids))):
            task = self._rows.get(self.id_at(row))
            if task is not None and task.state == "STARTED":
                self.dataChanged.emit(
                    self.index(row, 0), self.index(row, len(TASK_COLUMNS) - 1), [Qt.ItemDataRole.DisplayRole]
                )

    def refresh(self) -> None:
        """Bring the table up to the history's newest revision; many calls become one."""
        if not self._active:
            return
        if self._busy:
            self._again = True
            return
        if self._fresh:
            self.reload()
        else:
            self._busy = True
            self._session.spawn(self._refresh(), "task refresh")

    def id_at(self, row: int) -> int:
        """The history's id of a row."""
        return self._ids[len(self._ids) - 1 - row]

    def row_of(self, number: int) -> int | None:
        """The row that shows an id."""
        try:
            return len(self._ids) - 1 - self._ids.index(number)
        except ValueError:
            return None

    def task_at(self, row: int) -> TaskRow | None:
        """The task of a row, None until it was read."""
        return self._rows.get(self.id_at(row)) if 0 <= row < len(self._ids) else None

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._ids)

    def columnCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(TASK_COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(TASK_COLUMNS):
            return None
        column = TASK_COLUMNS[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.title
        if role == Qt.ItemDataRole.ToolTipRole:
            sortable = column.key in SORTS
            return f"{column.tip}\n{'Click to sort.' if sortable else 'Not sortable: the history has no index on it.'}"
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return column.alignment
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        column = TASK_COLUMNS[index.column()]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return column.alignment
        number = self.id_at(index.row())
        task = self._rows.get(number)
        if task is None:
            if role == Qt.ItemDataRole.DisplayRole:
                self._missing.add(number)
                if not self._fetch.isActive():
                    self._fetch.start()
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(task)
        if role == RowRole:
            return task
        if role == StateRole:
            return column.state(task) if column.state is not None else None
        if role == GapRole:
            return self.gaps.text(task, self.task_at(index.row() + 1)) if self._sort.key == "seen" else None
        if role == Qt.ItemDataRole.ToolTipRole:
            return tooltip(column.exact_text(task))
        if role == ExactRole:
            return column.exact_text(task)
        return None

    async def _load(self) -> None:
        chosen, sort = self._filter, self._sort

        def head(reader: HistoryReader) -> _Answer:
            rows = reader.tasks(chosen, sort, HEAD)
            return _Answer(array("q", [row.id for row in rows]), 0, rows, reader.counts(chosen), more=len(rows) == HEAD)

        try:
            answer = await self._session.ask(head, slot="task list")
        except UserError as error:
            self.loading_changed.emit(False)
            self.problem.emit(str(error))
            return
        assert answer.ids is not None
        self._fresh = False
        self.beginResetModel()
        answer.ids.reverse()
        self._ids = answer.ids
        self._rows = {row.id: row for row in answer.rows}
        self.endResetModel()
        self._told(answer)
        self.loading_changed.emit(False)
        if answer.more:
            await self._load_rest(chosen, sort)

    async def _load_rest(self, chosen: TaskFilter, sort: Sort) -> None:
        """The head is on screen; now the ids below it, however many."""
        limit = SMALL if sort.key != "seen" else 5_000_000
        ids = await self._session.ask(lambda reader: reader.task_ids(chosen, sort, limit), slot="task list")
        known = set(self._ids)
        rest = array("q", (number for number in ids if number not in known)) if known else ids
        if sort.key == "seen" and self._ids:
            edge = self._ids[0]
            rest = array("q", (n for n in rest if (n < edge) == sort.descending and n != edge))
        if rest:
            first = len(self._ids)
            self.beginInsertRows(_ROOT, first, first + len(rest) - 1)
            rest.reverse()
            self._ids = rest + self._ids
            self.endInsertRows()

    async def _refresh(self) -> None:
        try:
            answer = await self._session.ask(self._question(), slot="task refresh")
            if not self._fresh:
                self._apply(answer)
        except UserError as error:
            self.problem.emit(str(error))
        finally:
            self._busy = False
            if self._again:
                self._again = False
                self.refresh()

    def _question(self) -> Any:
        chosen, sort = self._filter, self._sort
        total = len(self._ids)
        still = self._paused or not self._following
        top = max(self._ids[-1] if total else 0, self._ids[0] if total else 0)
        first, last = self._shown
        seen = [self.id_at(row) for row in range(min(first, total), min(last + 1, total))]
        by_age = sort.key == "seen"
        least = 0
        if by_age and sort.descending and total > SMALL:
            least = self.id_at(HEAD - 1)
        whole = not by_age or not sort.descending
        searched = bool(chosen.text)  # every row is read for it: what is old is not searched again and again
        now = time.monotonic()
        known_counts = self.counts if searched and now < self._counts_until else None
        if known_counts is None:
            self._counts_until = now + SEARCH_SECONDS

        def question(reader: HistoryReader) -> _Answer:
            nonlocal least
            counts = reader.counts(chosen) if known_counts is None else known_counts
            if searched and by_age and sort.descending:
                least = max(least, reader.newest_id() - SEARCHED_AGAIN, 1)
            if still:
                return _Answer(None, 0, reader.rows(seen), counts, reader.newer(chosen, top))
            if whole and total > SMALL:
                return _Answer(None, 0, reader.rows(seen), counts)
            ids = reader.task_ids(chosen, sort, SMALL if whole else 5_000_000, least=least)
            rows = reader.tasks(chosen, sort, HEAD)
            known = {row.id for row in rows}
            return _Answer(ids, least, rows + reader.rows([n for n in seen if n not in known]), counts)

        return question

    def _apply(self, answer: _Answer) -> None:
        newest = self._ids[-1] if self._ids else 0
        arrived = [row.seen for row in answer.rows if row.id > newest]
        if arrived and answer.ids is not None:
            self._session.screen_delay = max(0.0, time.time() - max(arrived))
        if answer.ids is not None:
            if self._sort.key == "seen":
                self._adopt_ids(answer.ids, answer.least)
            else:
                self._adopt_order(answer.ids)
        self._adopt_rows(answer.rows)
        self._told(answer)

    def _adopt_ids(self, ids: array[int], least: int) -> None:
        """Change the part of the list from ``least`` on into ``ids`` by as few inserts and removals as it takes."""
        kept = len(self._ids)
        if least:
            kept = 0
            while kept < len(self._ids) and self.id_at(kept) >= least:
                kept += 1
        current = [self.id_at(row) for row in range(kept)]
        for change in changes(current, ids):
            self._carry_out(change)

    def _carry_out(self, change: Change) -> None:
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

    def _adopt_order(self, ids: array[int]) -> None:
        """Take over a list in any order; selection and current row stay with their tasks."""
        if list(ids) == list(reversed(self._ids)):
            return
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        numbers = [self.id_at(index.row()) for index in before]
        self._ids = array("q", reversed(ids))
        rows = {number: row for row, number in enumerate(ids)}
        after = [
            self.index(rows[number], index.column()) if number in rows else QModelIndex()
            for number, index in zip(numbers, before, strict=True)
        ]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def _adopt_rows(self, rows: Iterable[TaskRow]) -> None:
        changed = [row.id for row in rows if self._rows.get(row.id) != row]
        self._rows.update((row.id, row) for row in rows)
        self._announce(changed)
        if len(self._rows) > CACHED:
            self._forget_rows()

    def _announce(self, numbers: Sequence[int]) -> None:
        """Emit dataChanged for these ids where they are in sight or near, adjoining rows together."""
        first, last = self._shown
        near = {self.id_at(row): row for row in range(max(first - HEAD, 0), min(last + HEAD, len(self._ids)))}
        rows = sorted(near[number] for number in numbers if number in near)
        start = 0
        for at in range(1, len(rows) + 1):
            if at == len(rows) or rows[at] != rows[at - 1] + 1:
                if at > start:
                    self.dataChanged.emit(self.index(rows[start], 0), self.index(rows[at - 1], len(TASK_COLUMNS) - 1))
                start = at

    def _forget_rows(self) -> None:
        first, last = self._shown
        keep = {self.id_at(row) for row in range(max(first - HEAD, 0), min(last + HEAD, len(self._ids)))}
        keep |= {self.id_at(row) for row in range(min(HEAD, len(self._ids)))}
        self._rows = {number: row for number, row in self._rows.items() if number in keep}

    def _fetch_missing(self) -> None:
        wanted, self._missing = sorted(self._missing)[-2 * HEAD :], set()
        if wanted:
            self._session.spawn(self._read_rows(wanted), "task rows")

    async def _read_rows(self, numbers: list[int]) -> None:
        rows = await self._session.ask(lambda reader: reader.rows(numbers), slot="task rows")
        self._adopt_rows(rows)

    def _told(self, answer: _Answer) -> None:
        if answer.counts != self.counts:
            self.counts = answer.counts
            self.counts_changed.emit(answer.counts)
        if answer.newer != self.newer:
            self.newer = answer.newer
            self.newer_changed.emit(answer.newer)
