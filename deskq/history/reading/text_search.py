"""A search for text through millions of tasks, newest first, in slices that let other questions in between."""

from __future__ import annotations

import time
from array import array
from collections import Counter
from dataclasses import dataclass
from typing import Final

from deskq.history.reading.reader import COUNT_LIMIT, HistoryReader
from deskq.history.reading.task_filter import TaskFilter, Where, where, without_states
from deskq.history.rows import StateCounts

SLICE_SECONDS: Final = 0.03
RECENT: Final = 5_000
"""The newest tasks, which still change: they are counted and looked through anew with every revision."""
MOST_RECENT: Final = 4 * RECENT
_FIRST, _FEWEST, _MOST = 2_000, 500, 500_000


@dataclass(frozen=True, slots=True)
class SearchProgress:
    """How far a search is, in tasks; ``stopped``: it was, and what is older was not searched."""

    searched: int = 0
    total: int = 0
    done: bool = False
    stopped: bool = False


class Search:
    """One search; its methods are called in the reader's thread, one at a time, but ``stopped`` is set from any."""

    def __init__(self, task_filter: TaskFilter) -> None:
        self.task_filter = task_filter
        self.stopped = False
        self._others = without_states(task_filter)
        self._older: Counter[str] = Counter()
        self._matches: Where | None = None
        self._counted: Where | None = None
        self._recent = Where()
        self._low = self._below = self._high = self._edge = 0
        self._total = 0
        self._span = self._count_span = _FIRST
        self._count_below = 0
        self._capped = False

    @property
    def below(self) -> int:
        """The id from which on everything was searched."""
        return self._below

    @property
    def progress(self) -> SearchProgress:
        """How far it is."""
        if self._matches is None:
            return SearchProgress(stopped=self.stopped)
        searched = self._total * (self._high - self._below) // max(self._high - self._low, 1)
        done = self._below <= self._low
        return SearchProgress(searched, self._total, done, self.stopped and not done)

    def slice(self, reader: HistoryReader) -> array[int]:
        """Search the next tasks for about SLICE_SECONDS; the ids found, newest first."""
        if self._matches is None:
            self._begin(reader)
        assert self._matches is not None
        low = max(self._low, self._below - self._span)
        began = time.perf_counter()
        found = reader.search.ids_between(low, self._below, self._matches)
        if not self.task_filter.states:  # what is found is what is to be counted
            self._older.update(state for row_id, state in found if row_id < self._edge)
            self._count_below = min(low, self._count_below)
        self._span = _next_span(self._span, time.perf_counter() - began)
        self._below = low
        return array("q", [row_id for row_id, _ in found])

    def count_slice(self, reader: HistoryReader) -> bool:
        """Count the next tasks by state, whatever state is asked for; False when all are counted, or COUNT_LIMIT."""
        if self._counted is None:
            self._begin(reader)
        assert self._counted is not None
        if self._count_below <= self._low or self._capped:
            return False
        low = max(self._low, self._count_below - self._count_span)
        began = time.perf_counter()
        self._older.update(reader.search.count_between(low, self._count_below, self._counted))
        self._count_span = _next_span(self._count_span, time.perf_counter() - began)
        self._count_below = low
        self._capped = self._older.total() >= COUNT_LIMIT
        return self._count_below > self._low and not self._capped

    def counts(self, reader: HistoryReader) -> StateCounts:
        """Return the matches by state as of now: of what was counted up to an edge, and of all that is newer.

        Whatever was counted once is not counted again; only the newest tasks still change their state.
        """
        if self._counted is None:
            self._begin(reader)
        assert self._counted is not None
        end = reader.newest_id() + 1 if self.task_filter.until is None else self._high
        if end - self._edge > MOST_RECENT:
            edge = end - RECENT
            self._older.update(reader.search.count_between(self._edge, edge, self._recent))
            self._edge = edge
        counts = self._older + reader.search.count_between(self._edge, end, self._recent)
        return StateCounts(dict(counts), self._capped or self._count_below > self._low)

    def _begin(self, reader: HistoryReader) -> None:
        low, high = reader.id_range(self.task_filter.since, self.task_filter.until)
        self._low, self._below, self._high = low, high, high
        self._edge = self._count_below = max(low, high - RECENT)
        first, last = reader.id_range(None, None)
        self._total = reader.counts().total * (high - low) // max(last - first, 1)
        self._matches = where(self.task_filter, reader.search.names_with)
        self._counted = where(self._others, reader.search.names_with)
        self._recent = where(self._others)  # new tasks may have new names


def _next_span(span: int, took: float) -> int:
    factor = min(max(SLICE_SECONDS / max(took, 1e-6), 0.2), 4.0)
    return min(max(int(span * factor), _FEWEST), _MOST)
