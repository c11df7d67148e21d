"""What the task table asks of a history: the head of the list, what moved since, and a search in slices."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from deskq.history.reading.reader import HistoryReader
from deskq.history.reading.task_filter import Sort, TaskFilter
from deskq.history.reading.text_search import RECENT, Search
from deskq.history.rows import StateCounts, TaskRow

HEAD: Final = 200
"""Rows at the top that are looked through anew with every revision."""
SMALL: Final = 20_000
"""A list of at most so many ids is compared as a whole, so that no row lingers that the filter no longer lets in."""
MILLIONS: Final = 5_000_000


@dataclass(slots=True)
class TaskPage:
    """What one question brings: ids from ``least`` on, rows, counts, how many are newer; None: not asked.

    ``newest``: the id of the history's newest task when it was asked. ``oldest``: no task below it is in the list any
    more. ``gone``: ids that were asked for and are no longer in the history.
    """

    ids: array[int] | None
    least: int
    rows: list[TaskRow] = field(default_factory=list)
    counts: StateCounts | None = None
    newer: int | None = 0
    more: bool = False
    newest: int = 0
    oldest: int = 0
    gone: set[int] = field(default_factory=set)


def needs_search(task_filter: TaskFilter, sort: Sort) -> bool:
    """No index finds these: every row must be read."""
    return task_filter.reads_every_row and sort == Sort()


def head(reader: HistoryReader, task_filter: TaskFilter, sort: Sort) -> TaskPage:
    """Return the first rows, and the counts."""
    newest = reader.newest_id()
    rows = reader.tasks(task_filter, sort, HEAD)
    ids = array("q", [row.id for row in rows])
    return TaskPage(ids, 0, rows, reader.counts(task_filter), more=len(rows) == HEAD, newest=max([newest, *ids]))


def next_slice(reader: HistoryReader, search: Search, shown: int, *, count: bool) -> TaskPage:
    """Return what the next slice of a search finds; rows for a table that shows ``shown`` yet. Not all is counted."""
    newest = reader.newest_id()
    ids = search.slice(reader)
    rows = reader.rows(ids[: max(HEAD - shown, 0)])
    counts = search.counts(reader) if count or search.progress.done else None
    return TaskPage(ids, 0, rows, counts, newer=None, newest=max([newest, *ids[:1]]))


@dataclass(frozen=True, slots=True)
class RefreshQuery:
    """A question about what moved. ``newest``: the history's newest id when the table was brought up to date; ``seen``:
    ids in sight; ``edge``: id of the last row of the head; ``total``: rows in the table; ``still``: whether rows stay
    where they are.
    """

    task_filter: TaskFilter
    sort: Sort
    search: Search | None
    total: int
    newest: int
    edge: int
    seen: list[int]
    still: bool

    def ask(self, reader: HistoryReader) -> TaskPage:
        """Blocking, for the reader thread."""
        task_filter, sort, search = self.task_filter, self.sort, self.search
        newest, oldest = reader.newest_id(), reader.id_range(task_filter.since, None)[0]
        counts = reader.counts(task_filter) if search is None else search.counts(reader)
        whole = sort.key != "seen" or not sort.descending
        if self.still or (whole and self.total > SMALL):
            rows = reader.rows(self.seen)
            newer = reader.newer(task_filter, self.newest) if self.still else 0
            return TaskPage(None, 0, rows, counts, newer, False, self.newest, oldest, self._gone(rows))
        least = self.edge if not whole and self.total > SMALL else 0
        if search is not None:  # what is old was searched, or will be
            least = max(least, newest - RECENT, search.below, 1)
        ids = reader.task_ids(task_filter, sort, SMALL if whole else MILLIONS, least=least)
        rows = reader.rows(ids[:HEAD]) if search is not None else reader.tasks(task_filter, sort, HEAD)
        known = {row.id for row in rows}
        rows += reader.rows([row_id for row_id in self.seen if row_id not in known])
        listed = (max(ids) if whole else ids[0]) if ids else 0  # what came between two of these questions
        return TaskPage(ids, least, rows, counts, 0, False, max(newest, listed), oldest, self._gone(rows))

    def _gone(self, rows: list[TaskRow]) -> set[int]:
        return set(self.seen) - {row.id for row in rows}


def first_answer(reader: HistoryReader, task_filter: TaskFilter, sort: Sort, search: Search | None) -> TaskPage:
    """Return what is shown first: the head or, of a search, what its first slice finds."""
    return head(reader, task_filter, sort) if search is None else next_slice(reader, search, 0, count=True)


def below(reader: HistoryReader, *, task_filter: TaskFilter, sort: Sort, edge: int | None) -> array[int]:
    """Return the ids below the row of ``edge``, or all, the last row first.

    Cut and turned round here, in the reader's thread, for there may be millions.
    """
    ids = reader.task_ids(task_filter, sort, SMALL if sort.key != "seen" else MILLIONS)
    if edge is not None:
        place = bisect_left(ids, -edge, key=int.__neg__) if sort.descending else bisect_left(ids, edge)
        ids = ids[place + (ids[place : place + 1] == array("q", (edge,))) :]
    ids.reverse()
    return ids


def without_known(rest: array[int], known: Collection[int]) -> array[int]:
    """Return what is below rows that are known; no more in all than is compared with the next answer."""
    if not known:
        return rest
    listed = set(known)
    rest = array("q", (row_id for row_id in rest if row_id not in listed))
    del rest[: max(0, len(rest) + len(listed) - SMALL)]
    return rest


def place_by_age(ids: array[int], row_id: int, *, newest_last: bool) -> int | None:
    """Return where an id stands in an array that is sorted by age, None if it does not."""
    at = bisect_left(ids, row_id) if newest_last else bisect_left(ids, -row_id, key=int.__neg__)
    return at if at < len(ids) and ids[at] == row_id else None
