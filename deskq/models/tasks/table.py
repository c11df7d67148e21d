"""The task table as a Qt model over a history: what it asks, when, and what it makes of the answers."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any, Final

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from deskq.errors import UserError
from deskq.history.reading.task_filter import Sort, TaskFilter
from deskq.history.reading.text_search import Search, SearchProgress
from deskq.history.rows import StateCounts, TaskRow
from deskq.models.overview.gap_marks import GapMarks
from deskq.models.table.columns import GapRole, RowRole
from deskq.models.tasks.action_notes import TaskActionNotes
from deskq.models.tasks.columns import TASK_COLUMNS, cell
from deskq.models.tasks.list import TaskList
from deskq.models.tasks.missing_rows import MissingRows
from deskq.models.tasks.queries import (
    HEAD,
    SMALL,
    RefreshQuery,
    TaskPage,
    below,
    first_answer,
    needs_search,
    without_known,
)
from deskq.models.tasks.searching import TableSearch
from deskq.services.session import ProfileSession

_ROOT: Final = QModelIndex()
_LAST: Final = len(TASK_COLUMNS) - 1
Index = QModelIndex | QPersistentModelIndex


class ScreenDelay:
    """Tells the session how long after its arrival a task is on screen, of those that came while one looked."""

    def __init__(self, session: ProfileSession) -> None:
        self._session = session
        self._since = time.time()

    def begin(self) -> None:
        """Nothing is known any more."""
        self._session.screen_delay = None
        self.restart()

    def restart(self) -> None:
        """What came before now says nothing."""
        self._since = time.time()

    def measure(self, seen: Iterable[float]) -> None:
        """Tasks that the recorder saw at these times are on screen now."""
        arrived = [at for at in seen if at >= self._since]
        if arrived:
            self._session.screen_delay = max(0.0, time.time() - max(arrived))


class TasksModel(TaskList):
    """Live rows of one session's history under a filter and a sort."""

    counts_changed = Signal(object)
    newer_changed = Signal(int)
    loading_changed = Signal(bool)
    search_changed = Signal(object)
    outdated = Signal()
    """Another filter is in force from now on; until its list is there, none of the rows can be selected."""
    problem = Signal(str)

    def __init__(self, session: ProfileSession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._filter = TaskFilter()
        self._following = self._active = self._fresh = True
        self._paused = self._held = False
        self._busy = self._again = self._loading = False
        self._loads = self._newest = 0
        self.answers = True
        """Were the rows found under the filter in force? If not, its list is still being read."""
        self._delay = ScreenDelay(session)
        self.searching = TableSearch(session, self, self._told, self.search_changed.emit, self.problem.emit)
        self._missing = MissingRows(session, self)
        self.counts = StateCounts()
        self.counted = False
        self.newer = 0
        self.gaps = GapMarks(session, self)
        self.deeds = TaskActionNotes(session, self.near_rows, self)
        self.columns = self.deeds.columns
        self.deeds.changed.connect(self.announce_tasks)
        session.revision_moved.connect(self.refresh)
        session.salvage_ended.connect(self._read_anew)

    @property
    def task_filter(self) -> TaskFilter:
        """The filter in force."""
        return self._filter

    def choose(self, task_filter: TaskFilter, sort: Sort | None = None) -> None:
        """Show other tasks, or the same in another order; from the top."""
        sort = sort or self._sort
        if (task_filter, sort) == (self._filter, self._sort):
            return
        other, self._filter, self._sort = task_filter != self._filter, task_filter, sort
        self.reload()
        if other:
            self.answers = False
            self.outdated.emit()

    def flags(self, index: Index) -> Qt.ItemFlag:
        return super().flags(index) if self.answers else Qt.ItemFlag.NoItemFlags

    def reload(self) -> None:
        """Read the list anew from the top."""
        self._fresh = self._following = self._loading = True
        self._loads += 1
        self.searching.current = None  # one that goes on must ask nothing more: its question would outdate the new one
        self.loading_changed.emit(True)
        self._session.spawn(self._load(self._loads), "task list", owner=self)

    def slide(self, since: float) -> None:
        """Let the beginning of the filter's span move with time; rows that fall out of it go, the others stay."""
        if self._filter.since is not None:
            self._filter = replace(self._filter, since=since)
            self.refresh()

    @property
    def search(self) -> SearchProgress | None:
        """How far the search is under a filter for which every row must be read, else None."""
        return self.searching.progress

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

    def hold(self, held: bool) -> None:
        """Leave rows where they are for the moment in which somebody aims at one."""
        self._held = held
        if not held:
            self.refresh()

    def set_active(self, active: bool) -> None:
        """A view that is not on screen asks nothing."""
        self._active = active
        self._delay.begin()
        self.deeds.set_active(active)
        if active:
            self.refresh()

    def _read_anew(self) -> None:
        """What came at the far end of a long list is not seen by a refresh."""
        self._fresh = True
        self.refresh()

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
            self._session.spawn(self._refresh(), "task refresh", owner=self)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        if role == RowRole:  # asked for every cell that is painted
            return self._rows.get(self.id_at(index.row()))
        column = self.columns[index.column()]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return column.alignment
        row_id = self.id_at(index.row())
        task = self._rows.get(row_id)
        if task is None:
            if role == Qt.ItemDataRole.DisplayRole:
                self._missing.want(row_id)
            return None
        if role == GapRole:
            return self.gaps.text(task, self.task_at(index.row() + 1)) if self._sort.key == "seen" else None
        if role == Qt.ItemDataRole.ToolTipRole and column.key == "state":
            return self.deeds.tooltip(task)
        return cell(column, task, role)

    def set_shown(self, first: int, last: int) -> None:
        super().set_shown(first, last)
        self.deeds.look()

    def adopt_rows(self, rows: Iterable[TaskRow]) -> None:
        super().adopt_rows(rows)
        self.deeds.look()

    async def _load(self, number: int) -> None:
        """Show the head at once, then what is below it, however many. ``number``: only the newest load counts."""
        try:
            search = await self._read_list(number)
        except UserError as error:
            search = None
            self.loading_changed.emit(False)
            self.problem.emit(str(error))
        finally:
            if number == self._loads:
                self._loading = False
        self._go_on()
        if search is not None:
            await self.searching.run(search)

    async def _read_list(self, number: int) -> Search | None:
        task_filter, sort = self._filter, self._sort
        search = self.searching.current = Search(task_filter) if needs_search(task_filter, sort) else None
        ask = partial(first_answer, task_filter=task_filter, sort=sort, search=search)
        answer = await self._session.ask(ask, slot="task list")
        assert answer.ids is not None
        if number != self._loads:  # another filter has been chosen since the answer came
            return None
        self._fresh = False
        self.beginResetModel()
        self.answers = True
        answer.ids.reverse()
        self._ids = answer.ids
        self._rows = {row.id: row for row in answer.rows}
        self._newest = answer.newest
        self._delay.restart()
        self.endResetModel()
        self.deeds.look()
        self._told(answer)
        self.loading_changed.emit(False)
        self.search_changed.emit(self.search)
        if search is None and answer.more:
            await self._load_rest(task_filter, sort)
        return search

    async def _load_rest(self, task_filter: TaskFilter, sort: Sort) -> None:
        """The head is on screen; now the ids below it, however many."""
        edge = self._ids[0] if self._ids and sort.key == "seen" else None
        rest = await self._session.ask(partial(below, task_filter=task_filter, sort=sort, edge=edge), slot="task list")
        if sort.key != "seen":
            rest = without_known(rest, self._ids)
        if rest and (edge is None or self._ids[0] == edge):  # else a refresh has brought the whole list
            self.append(rest)

    async def _refresh(self) -> None:
        loads = self._loads
        try:
            answer = await self._session.ask(self._question().ask, slot="task refresh")
            if loads == self._loads:  # else it was asked under another filter
                self._apply(answer)
        except UserError as error:
            self.problem.emit(str(error))
        finally:
            self._busy = False
        self._go_on()

    def _go_on(self) -> None:
        """RefreshQuery if that was asked for meanwhile."""
        if self._again:
            self._again = False
            self.refresh()

    def _question(self) -> RefreshQuery:
        total = len(self._ids)
        first, last = self._shown
        return RefreshQuery(
            self._filter,
            self._sort,
            self.searching.current,
            total,
            newest=self._newest,
            edge=self.id_at(HEAD - 1) if total > SMALL else 0,
            seen=[self.id_at(row) for row in range(min(first, total), min(last + 1, total))],
            still=self._paused or self._held or not self._following,
        )

    def _apply(self, answer: TaskPage) -> None:
        if answer.ids is None:
            self._delay.begin()
        else:
            self._delay.measure(row.seen for row in answer.rows if row.id > self._newest)
            if self._sort.key == "seen":
                self.adopt_ids(answer.ids, answer.least)
            else:
                self.adopt_order(answer.ids)
        self._newest = answer.newest
        self.drop_older(answer.oldest)
        self.drop(answer.gone)
        self.adopt_rows(answer.rows)
        self._told(answer)

    def _told(self, answer: TaskPage) -> None:
        if answer.counts is not None and not (self.counted and answer.counts == self.counts):
            self.counts, self.counted = answer.counts, True
            self.counts_changed.emit(answer.counts)
        newer = answer.newer if self._paused or not self._following else 0  # it is told where rows stay for long
        if newer is not None and newer != self.newer:
            self.newer = newer
            self.newer_changed.emit(newer)
