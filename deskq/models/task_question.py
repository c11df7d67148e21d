"""What the task table asks of a history: the head of a list, the list below it, and what has changed since."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from deskq.history.query import Sort, TaskFilter
from deskq.history.reader import HistoryReader
from deskq.history.rows import StateCounts, TaskRow

HEAD: Final = 200
"""Rows at the top that are looked through anew with every revision."""
SMALL: Final = 20_000
"""A list of at most so many ids is compared as a whole, so that no row lingers that the filter no longer lets in."""
SEARCHED_AGAIN: Final = 5_000
"""Under a text filter, the newest tasks that are looked through anew with every revision."""
_ALL: Final = 5_000_000


@dataclass(slots=True)
class Answer:
    """What one question brings: ids from ``least`` on (None: not asked), rows, counts.

    ``newest``: the id of the newest task of the history when it was asked. ``oldest``: no task below it is in the
    list any more. ``gone``: ids that were asked for and are no longer in the history.
    """

    ids: array[int] | None
    least: int = 0
    rows: list[TaskRow] = field(default_factory=list)
    counts: StateCounts = field(default_factory=StateCounts)
    newer: int = 0
    more: bool = False
    newest: int = 0
    oldest: int = 0
    gone: set[int] = field(default_factory=set)


def read_head(reader: HistoryReader, chosen: TaskFilter, sort: Sort) -> Answer:
    """Return the first rows of a list."""
    newest = reader.newest_id()
    rows = reader.tasks(chosen, sort, HEAD)
    ids = array("q", [row.id for row in rows])
    return Answer(ids, 0, rows, reader.counts(chosen), more=len(rows) == HEAD, newest=max([newest, *ids]))


def read_rest(reader: HistoryReader, chosen: TaskFilter, sort: Sort, head: Sequence[int]) -> array[int]:
    """Return the ids below those of the head; no loop over all of them, since there may be millions."""
    if sort.key != "seen":
        known = set(head)
        found = (number for number in reader.task_ids(chosen, sort, SMALL) if number not in known)
        return array("q", list(found)[: max(0, SMALL - len(head))])
    ids = reader.task_ids(chosen, sort, _ALL)
    if not head:
        return ids
    edge = head[-1]
    if sort.descending:
        return ids[bisect_right(ids, -edge, key=lambda number: -number) :]
    return ids[bisect_right(ids, edge) :]


@dataclass(frozen=True, slots=True)
class Refresh:
    """What has changed in a list of ``total`` ids, whose rows ``seen`` are in sight.

    ``still``: the list stays as it is, and tasks newer than ``newest`` are counted. ``head_least``: the id of the last
    row of the head of a long list, else 0. ``counts``: what is known and need not be counted again.
    """

    chosen: TaskFilter
    sort: Sort
    total: int
    still: bool
    newest: int
    head_least: int
    seen: Sequence[int]
    counts: StateCounts | None

    def __call__(self, reader: HistoryReader) -> Answer:
        newest = reader.newest_id()
        counts = reader.counts(self.chosen) if self.counts is None else self.counts
        oldest = reader.first_id(self.chosen.since)
        by_age, least = self.sort.key == "seen", self.head_least
        whole = not by_age or not self.sort.descending
        if self.still or (whole and self.total > SMALL):
            rows = reader.rows(self.seen)
            newer = reader.newer(self.chosen, self.newest) if self.still else 0
            return Answer(None, 0, rows, counts, newer, newest=self.newest, oldest=oldest, gone=self._gone(rows))
        if self.chosen.text and not whole:  # every row is read for it: what is old is not searched again and again
            least = max(least, newest - SEARCHED_AGAIN, 1)
        ids = reader.task_ids(self.chosen, self.sort, SMALL if whole else _ALL, least=least)
        rows = reader.tasks(self.chosen, self.sort, HEAD)
        known = {row.id for row in rows}
        rows += reader.rows([number for number in self.seen if number not in known])
        listed = (max(ids) if whole else ids[0]) if ids else 0  # what came between two of these questions
        newest = max(newest, listed)
        return Answer(ids, least, rows, counts, newest=newest, oldest=oldest, gone=self._gone(rows))

    def _gone(self, rows: Sequence[TaskRow]) -> set[int]:
        return set(self.seen) - {row.id for row in rows}


def place_by_age(ids: array[int], number: int, *, newest_last: bool) -> int | None:
    """Return where an id stands in a sorted array, None if it does not."""
    if newest_last:
        at = bisect_left(ids, number)
    else:
        at = bisect_left(ids, -number, key=lambda other: -other)
    return at if at < len(ids) and ids[at] == number else None
