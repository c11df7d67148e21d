"""The read-only side of a history: what the window and the command line ask of it."""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

from deskq.files.locks import is_locked
from deskq.history.reading.chart_reader import ChartReader
from deskq.history.reading.read_connection import ReadConnection
from deskq.history.reading.relatives import Relatives
from deskq.history.reading.search_reader import SearchReader
from deskq.history.reading.task_filter import SORTS, Sort, TaskFilter, Where, where, without_states
from deskq.history.rows import (
    Facets,
    Gap,
    MalformedRow,
    QueueRow,
    RecorderStatus,
    StateCounts,
    TaskRow,
    WorkerRow,
)
from deskq.history.writing.codec import are_numbers, pack_uuid
from deskq.history.writing.database import damaged
from deskq.protocol.task_record import TaskRecord
from deskq.protocol.task_states import NOTED_STATES
from deskq.protocol.task_summary import derive

T = TypeVar("T")
COUNT_LIMIT: Final = 200_000
_RECENT: Final = 5_000
"""Tasks whose queues are looked up."""
EXPORT_KEYS: Final = (
    *("uuid", "name", "state", "args", "kwargs", "result", "exception", "traceback", "retries", "queue", "worker"),
    *("root_id", "parent_id", "received", "started", "finished", "runtime", "deliveries"),
    *("revoked", "noticed", "runtime_exact"),
)
"""The keys of an exported task, in order. ``runtime_exact``: as the worker measured it, else between two events."""


class HistoryReader(ReadConnection):
    """One read-only connection: blocking, one thread at a time; only ``interrupt`` may be called from another.

    Raises UserError where the file is absent, foreign or damaged, Interrupted from a query that was interrupted. Of a
    task whose row is damaged a line remains that says so.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.charts = ChartReader(self._series, self._all, self._text)
        self.search = SearchReader(self._run, self._all, self._text)
        self.relatives = Relatives(self._rows, self._records, self._all)

    def status(self) -> RecorderStatus:
        """Return what the recorder last said of itself, and whether one is at work."""
        status = self._json("SELECT row FROM status", RecorderStatus)
        alive = is_locked(self.path)
        latest = status[0] if status else RecorderStatus()
        gaps = self.number("SELECT count(*) FROM gaps")  # those of earlier recorders too
        return replace(latest, writer_alive=alive, state=latest.state if alive else "stopped", gaps=gaps)

    def workers(self) -> list[WorkerRow]:
        """Return every worker that was ever seen, by name."""
        return self._json("SELECT row FROM workers ORDER BY hostname", WorkerRow)

    def queues(self) -> list[QueueRow]:
        """Return every queue at its last sample, by name."""
        return self._json("SELECT row FROM queues ORDER BY name", QueueRow)

    def created(self) -> float:
        """Return when the history was begun: nothing is known of the time before."""
        rows = self._all("SELECT value FROM facts WHERE key = 'created'", ())
        created = 0.0
        with contextlib.suppress(ValueError, IndexError):
            created = float(rows[0][0])
        return created

    def ends(self) -> tuple[float | None, float | None]:
        """Return when the oldest and the newest task were first seen."""
        oldest = self._all("SELECT seen FROM tasks ORDER BY id LIMIT 1", ())
        newest = self._all("SELECT seen FROM tasks ORDER BY id DESC LIMIT 1", ())
        return (oldest[0][0] if oldest else None, newest[0][0] if newest else None)

    def gaps(self, since: float = 0, until: float | None = None) -> list[Gap]:
        """Return the gaps that touch a span, oldest first."""
        rows = self._all(
            "SELECT id, started, ended, cause, estimate FROM gaps WHERE coalesce(ended, 1e12) >= ? AND started <= ? "
            "ORDER BY started",
            (since, 1e12 if until is None else until),
        )
        return [Gap(*row) for row in rows if are_numbers(row[1], row[2], row[4]) and isinstance(row[3], str)]

    def malformed(self, limit: int = 100) -> list[MalformedRow]:
        """Return the newest deliveries that were no events."""
        rows = self._all("SELECT at, reason, size, raw, id FROM malformed ORDER BY id DESC LIMIT ?", (limit,))
        return [MalformedRow(*row) for row in rows if are_numbers(row[0], row[2]) and isinstance(row[3], bytes)]

    def counts(self, task_filter: TaskFilter | None = None) -> StateCounts:
        """Count tasks by state under the other conditions of a filter; stops at COUNT_LIMIT and says so."""
        others = without_states(task_filter or TaskFilter())
        if others.empty:
            rows = self._all("SELECT state_id, n FROM state_counts WHERE typeof(n) = 'integer' AND n > 0", ())
            return StateCounts({self._text(state): n for state, n in rows})
        condition = self._where(others)
        rows = self._all(
            f"SELECT state_id, count(*) FROM (SELECT state_id FROM tasks WHERE {condition} ORDER BY id DESC LIMIT ?) "
            "GROUP BY state_id",
            (*condition.values, COUNT_LIMIT),
        )
        counts = {self._text(state): n for state, n in rows}
        return StateCounts(counts, sum(counts.values()) >= COUNT_LIMIT)

    def task_ids(
        self, task_filter: TaskFilter, sort: Sort | None = None, limit: int = 5_000_000, *, least: int = 0
    ) -> array[int]:
        """Return the ids, from ``least`` on, in the order of the table; 8 bytes each, so millions are fine."""
        found = array("q")
        for condition, order in self._parts(task_filter, sort or Sort(), least):
            rows = self._run(
                f"SELECT id FROM tasks WHERE {condition} {order} LIMIT ?", (*condition.values, limit - len(found))
            )
            try:
                found.extend(row_id for (row_id,) in rows)
            except TypeError:
                raise damaged(self.path, "an index is wrong") from None
            if len(found) >= limit:
                break
        return found

    def tasks(self, task_filter: TaskFilter, sort: Sort | None = None, limit: int = 200) -> list[TaskRow]:
        """Return the first rows of the table."""
        found: list[TaskRow] = []
        for condition, order in self._parts(task_filter, sort or Sort()):
            found += self._rows(f"WHERE {condition} {order} LIMIT ?", (*condition.values, limit - len(found)))
            if len(found) >= limit:
                break
        return found

    def rows(self, ids: Sequence[int]) -> list[TaskRow]:
        """Return the rows with these ids, in no order; those that are gone are absent."""
        marks = ", ".join("?" * len(ids))
        return self._rows(f"WHERE id IN ({marks})", tuple(ids)) if ids else []

    def matching(self, task_filter: TaskFilter, ids: Sequence[int]) -> set[int]:
        """Return which of these tasks, a few hundred at most, the filter lets through now."""
        condition = self._where(task_filter)
        marks = ", ".join("?" * len(ids))
        rows = self._all(  # the limit keeps SQLite from beginning with an index on what is filtered by
            f"SELECT id FROM (SELECT * FROM tasks WHERE id IN ({marks}) LIMIT ?) WHERE {condition}",
            (*ids, len(ids), *condition.values),
        )
        return {row_id for (row_id,) in rows}

    def newer(self, task_filter: TaskFilter, than: int, limit: int = 10_000) -> int:
        """Count the tasks that were first seen after the one with this id, up to a limit."""
        condition = self._where(task_filter)
        rows = self._all(
            f"SELECT count(*) FROM (SELECT 1 FROM tasks WHERE id > ? AND {condition} LIMIT ?)",
            (than, *condition.values, limit),
        )
        return int(rows[0][0])

    def id_range(self, since: float | None, until: float | None) -> tuple[int, int]:
        """Return the first id that was seen in a span and the first one behind it."""
        first = self.number("SELECT coalesce(min(id), 1) FROM tasks") if since is None else self._id_seen_at(since)
        return first, self.newest_id() + 1 if until is None else max(self._id_seen_at(until), first)

    def newest_id(self) -> int:
        """Return the id of the task that was first seen last, 0 if there is none."""
        rows = self._all("SELECT coalesce(max(id), 0) FROM tasks", ())
        return int(rows[0][0])

    def task_row(self, uuid: str) -> TaskRow | None:
        """Return the row of one task."""
        rows = self._rows("WHERE uuid = ?", (pack_uuid(uuid),))
        return rows[0] if rows else None

    def task(self, uuid: str) -> TaskRecord | None:
        """Return all that was observed of one task."""
        return next((record for _, record in self._records("WHERE uuid = ?", (pack_uuid(uuid),))), None)

    def facets(self) -> Facets:
        """Return the names, queues, workers and states that occur, sorted."""
        recent = self._all(  # there is no index
            "SELECT DISTINCT queue_id FROM (SELECT queue_id FROM tasks ORDER BY id DESC LIMIT ?) "
            "WHERE queue_id IS NOT NULL",
            (_RECENT,),
        )
        queues = {row.name for row in self.queues()} | {self._text(name_id) for (name_id,) in recent}
        return Facets(
            tuple(sorted(self._text(name_id) for name_id in self._name_ids())),
            tuple(sorted(queues)),
            tuple(row.hostname for row in self.workers()),
            tuple(sorted(self.states())),
        )

    def states(self) -> list[str]:
        """Return the states in which tasks are."""
        return [self._text(state) for (state,) in self._all("SELECT state_id FROM state_counts WHERE n > 0", ())]

    def export(self, task_filter: TaskFilter, limit: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield tasks as dicts with EXPORT_KEYS, newest first, all of them if ``limit`` is None; constant memory."""
        condition = self._where(task_filter)
        rows = self._records(
            f"WHERE {condition} ORDER BY id DESC LIMIT ?", (*condition.values, -1 if limit is None else limit)
        )
        for row, record in rows:
            exported: dict[str, Any] = {key: getattr(row, key, None) for key in EXPORT_KEYS}
            if row.exception or row.state in NOTED_STATES:
                summary = derive(record)
                exported["traceback"], exported["noticed"] = summary.traceback, summary.noticed
            yield {key: None if value == "" else value for key, value in exported.items()}

    def _where(self, task_filter: TaskFilter) -> Where:
        condition = where(task_filter)
        if task_filter.since is not None:
            condition.add("id >= ?", self._id_seen_at(task_filter.since))
        if task_filter.until is not None:
            condition.add("id < ?", self._id_seen_at(task_filter.until))
        return condition

    def _parts(self, task_filter: TaskFilter, sort: Sort, least: int = 0) -> Iterator[tuple[Where, str]]:
        """Yield the conditions, with their order, whose rows behind each other make up the table.

        It is one, but for the order by name: there each name is a part, since the index orders names by their ids.
        """
        condition = self._where(task_filter)
        if least:
            condition.add("id >= ?", least)
        if sort.key != "name":
            yield condition, _order(sort)
            return
        named = sorted((self._text(name_id), name_id) for name_id in self._name_ids())
        for _, name_id in reversed(named) if sort.descending else named:
            part = Where(list(condition.terms), list(condition.values))
            part.add("name_id = ?", name_id)
            yield part, "ORDER BY id DESC"

    def _name_ids(self, limit: int = 5_000) -> list[int]:
        """The ids of the names that occur, by a skip scan of their index."""
        rows = self._all(
            "WITH RECURSIVE d(x) AS (SELECT min(name_id) FROM tasks UNION ALL "
            "SELECT (SELECT min(name_id) FROM tasks WHERE name_id > x) FROM d WHERE x IS NOT NULL) "
            "SELECT x FROM d WHERE x IS NOT NULL LIMIT ?",
            (limit,),
        )
        return [name_id for (name_id,) in rows if isinstance(name_id, int)]

    def _id_seen_at(self, moment: float) -> int:
        """The first id that was seen at or after a moment: ids grow with time, so this is a binary search."""
        (bounds,) = self._all("SELECT coalesce(min(id), 1), coalesce(max(id), 0) + 1 FROM tasks", ())
        low, high = bounds
        while low < high:
            middle = (low + high) // 2
            found = self._all("SELECT id, seen FROM tasks WHERE id >= ? ORDER BY id LIMIT 1", (middle,))
            if found and are_numbers(*found[0]) and found[0][1] < moment:
                low = found[0][0] + 1
            else:
                high = middle
        return int(low)


def _order(sort: Sort) -> str:
    direction = "DESC" if sort.descending else "ASC"
    column = SORTS[sort.key]
    if column == "id":
        return f"ORDER BY id {direction}"
    return f"AND {column} IS NOT NULL ORDER BY {column} {direction}, id {direction}"
