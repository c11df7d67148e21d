"""The read-only side of a history: what the window and the command line ask of it."""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

import apsw
import msgspec

from deskq.history import charts
from deskq.history.codec import RAN_TWICE, ROOT_IS_SELF, Texts, pack_uuid, unpack_record, unpack_uuid
from deskq.history.file import open_for_reading
from deskq.history.lock import is_locked
from deskq.history.query import SORTS, Sort, TaskFilter, Where, where, without_states
from deskq.history.rows import (
    Facets,
    FailureRow,
    Gap,
    MalformedRow,
    PercentilePoint,
    QueueRow,
    RatePoint,
    RecorderStatus,
    SamplePoint,
    StateCounts,
    TaskRow,
    WorkerRow,
)
from deskq.protocol.task_record import TaskRecord
from deskq.protocol.task_summary import derive

T = TypeVar("T")
COUNT_LIMIT: Final = 200_000
_ROW: Final = (
    "id, uuid, name_id, state_id, queue_id, worker_id, seen, sent, received, started, finished, runtime, eta, expires, "
    "args, kwargs, result, exception, retries, deliveries, root, parent, revoked, flags"
)
EXPORT_KEYS: Final = (
    *("uuid", "name", "state", "args", "kwargs", "result", "exception", "traceback", "retries", "queue", "worker"),
    *("root_id", "parent_id", "received", "started", "finished", "runtime", "deliveries"),
)
"""The keys of an exported task, in order."""


class Interrupted(Exception):
    """The query was interrupted, because its answer is no longer wanted."""


class HistoryReader:
    """One read-only connection: blocking, one thread at a time; only ``interrupt`` may be called from another.

    Raises UserError where the file is absent, foreign or damaged, Interrupted from a query that was interrupted.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = open_for_reading(path)
        self._texts: dict[int | None, str] = {None: ""}

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def interrupt(self) -> None:
        """Make the query that runs now raise Interrupted; no effect if none does. Any thread."""
        with contextlib.suppress(apsw.ConnectionClosedError):
            self._connection.interrupt()

    def revision(self) -> int:
        """Return a number that changes whenever a writer committed since."""
        return int(self._connection.pragma("data_version"))

    def status(self) -> RecorderStatus:
        """Return what the recorder last said of itself, and whether one is at work."""
        status = self._json("SELECT row FROM status", RecorderStatus)
        alive = is_locked(self.path)
        latest = status[0] if status else RecorderStatus()
        return replace(latest, writer_alive=alive, state=latest.state if alive else "stopped")

    def workers(self) -> list[WorkerRow]:
        """Return every worker that was ever seen, by name."""
        return self._json("SELECT row FROM workers ORDER BY hostname", WorkerRow)

    def queues(self) -> list[QueueRow]:
        """Return every queue at its last sample, by name."""
        return self._json("SELECT row FROM queues ORDER BY name", QueueRow)

    def created(self) -> float:
        """Return when the history was begun: nothing is known of the time before."""
        rows = self._all("SELECT value FROM facts WHERE key = 'created'", ())
        return float(rows[0][0]) if rows else 0.0

    def queue_samples(self, name: str | None, since: float, until: float, points: int = 300) -> list[SamplePoint]:
        """Return at most ``points`` depths of a queue, or of all together; times without a sample are holes."""
        return charts.queue_samples(self._connection, name, since, until, points)

    def throughput(self, since: float, until: float, points: int = 300) -> list[RatePoint]:
        """Return at most ``points`` counts of what happened, at least 10 s wide."""
        return charts.throughput(self._connection, since, until, points)

    def runtime_percentiles(self, since: float, until: float, points: int = 300) -> list[PercentilePoint]:
        """Return at most ``points`` percentiles of runtimes, at least 10 s wide; spans without an ending are absent."""
        return charts.runtime_percentiles(self._connection, since, until, points)

    def gaps(self, since: float = 0, until: float | None = None) -> list[Gap]:
        """Return the gaps that touch a span, oldest first."""
        rows = self._all(
            "SELECT id, started, ended, cause, estimate FROM gaps WHERE coalesce(ended, 1e12) >= ? AND started <= ? "
            "ORDER BY started",
            (since, 1e12 if until is None else until),
        )
        return [Gap(*row) for row in rows]

    def malformed(self, limit: int = 100) -> list[MalformedRow]:
        """Return the newest deliveries that were no events."""
        rows = self._all("SELECT at, reason, size, raw, id FROM malformed ORDER BY id DESC LIMIT ?", (limit,))
        return [MalformedRow(*row) for row in rows]

    def counts(self, chosen: TaskFilter | None = None) -> StateCounts:
        """Count tasks by state under the other conditions of a filter; stops at COUNT_LIMIT and says so."""
        others = without_states(chosen or TaskFilter())
        if others.empty:
            rows = self._all("SELECT state_id, n FROM state_counts WHERE n > 0", ())
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
        self, chosen: TaskFilter, sort: Sort | None = None, limit: int = 5_000_000, *, least: int = 0
    ) -> array[int]:
        """Return the ids, from ``least`` on, in the order of the table; 8 bytes each, so millions are fine."""
        found = array("q")
        for condition, order in self._parts(chosen, sort or Sort(), least):
            rows = self._run(
                f"SELECT id FROM tasks WHERE {condition} {order} LIMIT ?", (*condition.values, limit - len(found))
            )
            found.extend(number for (number,) in rows)
            if len(found) >= limit:
                break
        return found

    def tasks(self, chosen: TaskFilter, sort: Sort | None = None, limit: int = 200) -> list[TaskRow]:
        """Return the first rows of the table."""
        found: list[TaskRow] = []
        for condition, order in self._parts(chosen, sort or Sort()):
            found += self._rows(f"WHERE {condition} {order} LIMIT ?", (*condition.values, limit - len(found)))
            if len(found) >= limit:
                break
        return found

    def rows(self, ids: Sequence[int]) -> list[TaskRow]:
        """Return the rows with these ids, in no order; those that are gone are absent."""
        marks = ", ".join("?" * len(ids))
        return self._rows(f"WHERE id IN ({marks})", tuple(ids)) if ids else []

    def newer(self, chosen: TaskFilter, than: int, limit: int = 10_000) -> int:
        """Count the tasks that were first seen after the one with this id, up to a limit."""
        condition = self._where(chosen)
        rows = self._all(
            f"SELECT count(*) FROM (SELECT 1 FROM tasks WHERE id > ? AND {condition} LIMIT ?)",
            (than, *condition.values, limit),
        )
        return int(rows[0][0])

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
        for _, record in self._records("WHERE uuid = ?", (pack_uuid(uuid),)):
            return record
        return None

    def related(self, uuid: str, limit: int = 200) -> list[TaskRow]:
        """Return the root, the parent, the children and the rest of the canvas of a task, oldest first, without it."""
        row = self.task_row(uuid)
        if row is None:
            return []
        own = pack_uuid(uuid)
        root = pack_uuid(row.root_id) if row.root_id else own
        parent = pack_uuid(row.parent_id) if row.parent_id else None
        return self._rows(
            "WHERE uuid <> ? AND id IN (SELECT id FROM tasks WHERE root = ? "
            "UNION SELECT id FROM tasks WHERE parent = ? "
            "UNION SELECT id FROM tasks WHERE uuid IN (?, ?)) ORDER BY id LIMIT ?",
            (own, root, own, root, parent, limit),
        )

    def facets(self) -> Facets:
        """Return the names, queues, workers and states that occur, sorted."""
        queues = {row.name for row in self.queues()} | set(self._recent("queue_id"))
        states = [self._text(state) for (state,) in self._all("SELECT state_id FROM state_counts WHERE n > 0", ())]
        return Facets(
            tuple(sorted(self._text(number) for number in self._name_ids())),
            tuple(sorted(queues)),
            tuple(row.hostname for row in self.workers()),
            tuple(sorted(states)),
        )

    def top_failures(self, since: float, until: float, limit: int = 20) -> list[FailureRow]:
        """Return the most frequent failures among the newest 20,000 in a span."""
        condition = self._where(TaskFilter(states=("FAILURE",), since=since, until=until))
        rows = self._all(
            "SELECT name_id, exception, count(*), max(coalesce(finished, seen)) FROM "
            f"(SELECT name_id, exception, finished, seen FROM tasks WHERE {condition} ORDER BY id DESC LIMIT 20000) "
            "GROUP BY name_id, substr(exception, 1, instr(exception || '(', '(')) ORDER BY 3 DESC LIMIT ?",
            (*condition.values, limit),
        )
        return [FailureRow(self._text(name), exception or "", n, last) for name, exception, n, last in rows]

    def export(self, chosen: TaskFilter, limit: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield tasks as dicts with EXPORT_KEYS, newest first, all of them if ``limit`` is None; constant memory."""
        condition = self._where(chosen)
        rows = self._records(
            f"WHERE {condition} ORDER BY id DESC LIMIT ?", (*condition.values, -1 if limit is None else limit)
        )
        for row, record in rows:
            exported: dict[str, Any] = {key: getattr(row, key, None) for key in EXPORT_KEYS}
            exported["traceback"] = derive(record).traceback if row.exception else None
            yield {key: None if value == "" else value for key, value in exported.items()}

    def _run(self, sql: str, values: tuple[Any, ...]) -> Iterator[Any]:
        try:
            yield from self._connection.execute(sql, values)
        except apsw.InterruptError:
            raise Interrupted from None

    def _all(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        return list(self._run(sql, values))

    def _json(self, sql: str, kind: type[T]) -> list[T]:
        return [msgspec.json.decode(row, type=kind) for (row,) in self._run(sql, ())]

    def _text(self, number: int | None) -> str:
        text = self._texts.get(number)
        if text is None:
            rows = self._all("SELECT text FROM texts WHERE id = ?", (number,))
            text = self._texts[number] = rows[0][0] if rows else ""
        return text

    def _recent(self, column: str, limit: int = 5_000) -> list[str]:
        """The texts of a column that has no index, in the newest rows."""
        found = self._all(
            f"SELECT DISTINCT {column} FROM (SELECT {column} FROM tasks ORDER BY id DESC LIMIT ?) "
            f"WHERE {column} IS NOT NULL",
            (limit,),
        )
        return [self._text(number) for (number,) in found]

    def _where(self, chosen: TaskFilter) -> Where:
        condition = where(chosen)
        if chosen.since is not None:
            condition.add("id >= ?", self._id_seen_at(chosen.since))
        if chosen.until is not None:
            condition.add("id < ?", self._id_seen_at(chosen.until))
        return condition

    def _parts(self, chosen: TaskFilter, sort: Sort, least: int = 0) -> Iterator[tuple[Where, str]]:
        """Yield the conditions, with their order, whose rows behind each other make up the table.

        It is one, but for the order by name: there each name is a part, since the index orders names by their ids.
        """
        condition = self._where(chosen)
        if least:
            condition.add("id >= ?", least)
        if sort.key != "name":
            yield condition, _order(sort)
            return
        named = sorted((self._text(number), number) for number in self._name_ids())
        for _, number in reversed(named) if sort.descending else named:
            part = Where(list(condition.terms), list(condition.values))
            part.add("name_id = ?", number)
            yield part, "ORDER BY id DESC"

    def _name_ids(self, limit: int = 5_000) -> list[int]:
        """The ids of the names that occur, by a skip scan of their index."""
        rows = self._all(
            "WITH RECURSIVE d(x) AS (SELECT min(name_id) FROM tasks UNION ALL "
            "SELECT (SELECT min(name_id) FROM tasks WHERE name_id > x) FROM d WHERE x IS NOT NULL) "
            "SELECT x FROM d WHERE x IS NOT NULL LIMIT ?",
            (limit,),
        )
        return [number for (number,) in rows]

    def _id_seen_at(self, moment: float) -> int:
        """The first id that was seen at or after a moment: ids grow with time, so this is a binary search."""
        (bounds,) = self._all("SELECT coalesce(min(id), 1), coalesce(max(id), 0) + 1 FROM tasks", ())
        low, high = bounds
        while low < high:
            middle = (low + high) // 2
            found = self._all("SELECT id, seen FROM tasks WHERE id >= ? ORDER BY id LIMIT 1", (middle,))
            if found and found[0][1] < moment:
                low = found[0][0] + 1
            else:
                high = middle
        return int(low)

    def _rows(self, rest: str, values: tuple[Any, ...]) -> list[TaskRow]:
        return [self._row(row) for row in self._all(f"SELECT {_ROW} FROM tasks {rest}", values)]

    def _row(self, row: Any) -> TaskRow:
        text = self._text
        number, packed, name, state_id, queue, worker, seen, sent, received, started, finished, runtime = row[:12]
        eta, expires, args, kwargs, result, exception, retries, deliveries, root, parent, revoked, flags = row[12:]
        uuid = unpack_uuid(packed)
        state = text(state_id)
        return TaskRow(
            id=number,
            uuid=uuid,
            name=text(name),
            state=state,
            queue=text(queue),
            worker=text(worker),
            seen=seen,
            sent=sent,
            received=received,
            started=started,
            finished=finished,
            runtime=runtime,
            eta=eta,
            expires=expires,
            args=args or "",
            kwargs=kwargs or "",
            result=(result or "") if state == "SUCCESS" else "",
            exception=exception or "",
            retries=retries,
            deliveries=deliveries,
            root_id=uuid if flags & ROOT_IS_SELF else unpack_uuid(root),
            parent_id=unpack_uuid(parent),
            revoked=revoked or "",
            ran_twice=bool(flags & RAN_TWICE),
        )

    def _records(self, rest: str, values: tuple[Any, ...]) -> Iterator[tuple[TaskRow, TaskRecord]]:
        for row in self._run(f"SELECT {_ROW}, observations, exchange_id, routing_key_id FROM tasks {rest}", values):
            line = self._row(row[:24])
            texts = Texts(
                *(line.name, line.args, line.kwargs, line.root_id, line.parent_id, line.eta, line.expires, line.queue),
                *(self._text(row[25]), self._text(row[26]), row[16] or ""),
            )
            yield line, unpack_record(line.uuid, row[24], texts)


def _order(sort: Sort) -> str:
    direction = "DESC" if sort.descending else "ASC"
    column = SORTS[sort.key]
    if column == "id":
        return f"ORDER BY id {direction}"
    return f"AND {column} IS NOT NULL ORDER BY {column} {direction}, id {direction}"
