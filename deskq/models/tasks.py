"""The task table as a Qt model over a history: it holds ids, and the rows that are looked at; never a copy.

The list of ids is kept newest last, so that new tasks are appended to the array and inserted at row 0.
"""

from __future__ import annotations

import time
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer, Signal

from deskq.errors import UserError
from deskq.history.query import SORTS, Sort, TaskFilter
from deskq.history.rows import StateCounts, TaskRow
from deskq.models.columns import ExactRole, RowRole, StateRole
from deskq.models.session import ProfileSession
from deskq.models.task_columns import TASK_COLUMNS
from deskq.models.task_diff import Change, changes
from deskq.models.task_question import HEAD, SMALL, Answer, Refresh, place_by_age, read_head, read_rest

CACHED: Final = 4_000
SEARCH_SECONDS: Final = 3.0
"""Under a text filter, how often tasks are counted by state."""
_ROOT: Final = QModelIndex()
Index = QModelIndex | QPersistentModelIndex


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
        self._loads = 0
        self._loading = False
        self._reading_rows = False
        self._newest = 0
        self._followed_since = time.time()
        self._counts_until = 0.0
        self.counts = StateCounts()
        self.newer = 0
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
        self._fresh = self._following = self._loading = True
        self._loads += 1
        self.loading_changed.emit(True)
        self._session.spawn(self._load(self._loads), "task list")

    def slide(self, since: float) -> None:
        """Let the beginning of the filter's span move with time; rows that fall out of it go, the others stay."""
        if self._filter.since is not None:
            self._filter = replace(self._filter, since=since)
            self.refresh()

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
        self._session.screen_delay = None
        if active:
            self._followed_since = time.time()
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
        if self._busy or self._loading:  # a list that is being read is not asked for again with each revision
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
        if self._sort.key == "seen":
            at = place_by_age(self._ids, number, newest_last=self._sort.descending)
        else:
            at = self._ids.index(number) if number in self._ids else None
        return None if at is None else len(self._ids) - 1 - at

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
        if role in (Qt.ItemDataRole.ToolTipRole, ExactRole):
            return column.exact_text(task)
        return None

    async def _load(self, number: int) -> None:
        try:
            await self._read_list()
        except UserError as error:
            self.loading_changed.emit(False)
            self.problem.emit(str(error))
        finally:
            if number == self._loads:
                self._loading = False
        if number == self._loads:
            self._go_on()

    async def _read_list(self) -> None:
        """Show the head at once, then the ids below it, however many."""
        chosen, sort = self._filter, self._sort
        answer = await self._session.ask(lambda reader: read_head(reader, chosen, sort), slot="task list")
        head = answer.ids
        assert head is not None
        self._fresh = False
        self.beginResetModel()
        self._ids = head[::-1]
        self._rows = {row.id: row for row in answer.rows}
        self._newest, self._followed_since = answer.newest, time.time()
        self.endResetModel()
        self._told(answer)
        self.loading_changed.emit(False)
        if not answer.more:
            return
        rest = await self._session.ask(lambda reader: read_rest(reader, chosen, sort, head), slot="task list")
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
        self._go_on()

    def _go_on(self) -> None:
        """Refresh if that was asked for meanwhile."""
        if self._again:
            self._again = False
            self.refresh()

    def _question(self) -> Refresh:
        total = len(self._ids)
        first, last = self._shown
        by_age = self._sort.key == "seen" and self._sort.descending
        now = time.monotonic()
        known_counts = self.counts if self._filter.text and now < self._counts_until else None
        if known_counts is None:
            self._counts_until = now + SEARCH_SECONDS
        return Refresh(
            self._filter,
            self._sort,
            total,
            still=self._paused or not self._following,
            newest=self._newest,
            head_least=self.id_at(HEAD - 1) if by_age and total > SMALL else 0,
            seen=[self.id_at(row) for row in range(min(first, total), min(last + 1, total))],
            counts=known_counts,
        )

    def _apply(self, answer: Answer) -> None:
        if answer.ids is None:
            self._session.screen_delay, self._followed_since = None, time.time()
        else:
            arrived = [row.seen for row in answer.rows if row.id > self._newest and row.seen >= self._followed_since]
            if arrived:
                self._session.screen_delay = max(0.0, time.time() - max(arrived))
            if self._sort.key == "seen":
                self._adopt_ids(answer.ids, answer.least)
            else:
                self._adopt_order(answer.ids)
        self._newest = answer.newest
        self._drop_older(answer.oldest)
        self._drop(answer.gone)
        self._adopt_rows(answer.rows)
        self._told(answer)

    def _drop_older(self, oldest: int) -> None:
        """The history has forgotten these, or they have left the filter's span."""
        count = bisect_left(self._ids, oldest) if (self._sort.key, self._sort.descending) == ("seen", True) else 0
        if count:
            self.beginRemoveRows(_ROOT, len(self._ids) - count, len(self._ids) - 1)
            del self._ids[:count]
            self.endRemoveRows()

    def _drop(self, gone: set[int]) -> None:
        """What was asked for and not found is no longer in the history."""
        for row in sorted((row for row in map(self.row_of, gone) if row is not None), reverse=True):
            self._carry_out(Change(False, row, [self.id_at(row)]))

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
        """Read rows that were painted without content, those in sight first; one question at a time."""
        if self._reading_rows or not self._missing:
            return
        first, last = self._shown
        near = {self.id_at(row) for row in range(min(first, len(self._ids)), min(last + 1, len(self._ids)))}
        wanted = sorted(self._missing, key=lambda number: (number in near, number))[-2 * HEAD :]
        self._missing = set()
        self._reading_rows = True
        self._session.spawn(self._read_rows(wanted), "task rows")

    async def _read_rows(self, numbers: list[int]) -> None:
        try:
            rows = await self._session.ask(lambda reader: reader.rows(numbers), slot="task rows")
        finally:
            self._reading_rows = False
        self._drop(set(numbers) - {row.id for row in rows})
        self._adopt_rows(rows)
        self._fetch_missing()

    def _told(self, answer: Answer) -> None:
        if answer.counts != self.counts:
            self.counts = answer.counts
            self.counts_changed.emit(answer.counts)
        if answer.newer != self.newer:
            self.newer = answer.newer
            self.newer_changed.emit(answer.newer)
