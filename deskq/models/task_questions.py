"""What the task table asks of a history: the head of the list, what moved since, and a search in slices."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Final

from deskq.history.query import Sort, TaskFilter
from deskq.history.reader import HistoryReader
from deskq.history.rows import StateCounts, TaskRow
from deskq.history.search import RECENT, Search

HEAD: Final = 200
"""Rows at the top that are looked through anew with every revision."""
SMALL: Final = 20_000
"""A list of at most so many ids is compared as a whole, so that no row lingers that the filter no longer lets in."""
MILLIONS: Final = 5_000_000


@dataclass(slots=True)
class Answer:
    """What one question brings: ids from ``least`` on, rows, counts, how many are newer; None: not asked."""

    ids: array[int] | None
    least: int
    rows: list[TaskRow] = field(default_factory=list)
    counts: StateCounts | None = None
    newer: int | None = 0
    more: bool = False


def needs_search(chosen: TaskFilter, sort: Sort) -> bool:
    """No index finds these: every row must be read."""
    return bool(chosen.text or chosen.queues or chosen.workers) and sort == Sort()


def head(reader: HistoryReader, chosen: TaskFilter, sort: Sort) -> Answer:
    """Return the first rows, and the counts."""
    rows = reader.tasks(chosen, sort, HEAD)
    return Answer(array("q", [row.id for row in rows]), 0, rows, reader.counts(chosen), more=len(rows) == HEAD)


def next_slice(reader: HistoryReader, search: Search, shown: int, *, count: bool) -> Answer:
    """Return what the next slice of a search finds; rows for a table that shows ``shown`` yet. Not all is counted."""
    ids = search.slice(reader)
    rows = reader.rows(ids[: max(HEAD - shown, 0)])
    counts = search.counts(reader) if count or search.progress.done else None
    return Answer(ids, 0, rows, counts, newer=None)


@dataclass(frozen=True, slots=True)
class Refresh:
    """A question about what moved. ``top``: the newest id in the table; ``seen``: ids in sight; ``edge``: id of the
    last row of the head; ``total``: rows in the table; ``still``: whether rows stay where they are."""

    chosen: TaskFilter
    sort: Sort
    search: Search | None
    total: int
    top: int
    edge: int
    seen: list[int]
    still: bool

    def ask(self, reader: HistoryReader) -> Answer:
        """Blocking, for the reader thread."""
        chosen, sort, search = self.chosen, self.sort, self.search
        counts = reader.counts(chosen) if search is None else search.counts(reader)
        by_age = sort.key == "seen"
        whole = not by_age or not sort.descending
        if self.still:
            return Answer(None, 0, reader.rows(self.seen), counts, reader.newer(chosen, self.top))
        if whole and self.total > SMALL:
            return Answer(None, 0, reader.rows(self.seen), counts)
        least = self.edge if not whole and self.total > SMALL else 0
        if search is not None:  # what is old was searched, or will be
            least = max(least, reader.newest_id() - RECENT, search.below, 1)
        ids = reader.task_ids(chosen, sort, SMALL if whole else MILLIONS, least=least)
        rows = reader.rows(ids[:HEAD]) if search is not None else reader.tasks(chosen, sort, HEAD)
        known = {row.id for row in rows}
        return Answer(ids, least, rows + reader.rows([n for n in self.seen if n not in known]), counts)


def below(reader: HistoryReader, *, chosen: TaskFilter, sort: Sort, limit: int, edge: int | None) -> array[int]:
    """Return the ids below the row of ``edge``, or all, the last row first.

    Cut and turned round here, in the reader's thread, for there may be millions.
    """
    ids = reader.task_ids(chosen, sort, limit)
    if edge is not None:
        place = bisect_left(ids, -edge, key=int.__neg__) if sort.descending else bisect_left(ids, edge)
        ids = ids[place + (ids[place : place + 1] == array("q", (edge,))) :]
    ids.reverse()
    return ids
