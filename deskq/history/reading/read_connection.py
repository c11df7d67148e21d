"""A reader's connection: queries that can be interrupted, rows as values, damage as a sentence and not a crash."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import apsw

from deskq.files.locks import refuse_device
from deskq.history.rows import TaskRow, WorkerRow
from deskq.history.writing.codec import RAN_TWICE, ROOT_IS_SELF, UNREADABLE, Texts, unpack_record, unpack_uuid
from deskq.history.writing.database import open_for_reading, to_user_error
from deskq.history.writing.side_tables import readable
from deskq.history.writing.string_ids import LONGEST_CACHED
from deskq.protocol.task_record import TaskRecord

T = TypeVar("T")
P = ParamSpec("P")
CACHED_TEXTS: Final = 100_000
DAMAGED_NAME: Final = "(unreadable: the history is damaged here)"
_YEAR_10000: Final = 253_402_300_800.0
_ROW: Final = (
    "id, uuid, name_id, state_id, queue_id, worker_id, seen, sent, received, started, finished, runtime, eta, expires, "
    "args, kwargs, result, exception, retries, deliveries, root, parent, revoked, flags, exchange_id, routing_key_id"
)
_COLUMNS: Final = 26
_MOST_CLOCKS: Final = 500


class Interrupted(Exception):
    """The query was interrupted, because its answer is no longer wanted."""


class ReadConnection:
    """The part of a reader that speaks to SQLite. ``unreadable`` counts rows whose content is damaged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        refuse_device(path)
        self._connection = open_for_reading(path)
        self._texts: dict[int | None, str] = {None: ""}
        self._file = _identity(path)
        self.unreadable = 0

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def interrupt(self) -> None:
        """Make the query that runs now raise Interrupted; no effect if none does. Any thread."""
        with contextlib.suppress(apsw.ConnectionClosedError):
            self._connection.interrupt()

    @property
    def replaced(self) -> bool:
        """Has another file taken the place of the one that is open (salvaged, compacted)? Then open it anew."""
        return _identity(self.path) != self._file

    def revision(self) -> int:
        """Return a number that changes whenever a writer committed since, or another file took this one's place."""
        return self._query(lambda: int(self._connection.pragma("data_version"))) + (self._file << 32)

    def number(self, sql: str) -> int:
        """Return what a query of one number says, for this package."""
        return int(self._all(sql, ())[0][0])

    def integrity(self, most: int) -> list[str]:
        """Return what SQLite's integrity_check says of the whole file: ["ok"], or at most so many lines."""
        return [str(line) for (line,) in self._run(f"PRAGMA integrity_check({most:d})", ())]

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """All questions within see the same revision."""
        self._query(lambda: self._connection.execute("BEGIN"))
        try:
            yield
        finally:
            with contextlib.suppress(apsw.Error):
                self._connection.execute("ROLLBACK")

    def _query(self, question: Callable[[], T]) -> T:
        try:
            return question()
        except apsw.InterruptError:
            raise Interrupted from None
        except apsw.Error as error:
            raise to_user_error(self.path, error) from None

    def _series(self, series: Callable[Concatenate[apsw.Connection, P], T], *values: P.args, **more: P.kwargs) -> T:
        return self._query(lambda: series(self._connection, *values, **more))

    def _run(self, sql: str, values: tuple[Any, ...]) -> Iterator[Any]:
        try:
            rows = iter(self._connection.execute(sql, values))
            while True:
                try:
                    yield from rows
                except UnicodeDecodeError:  # of one row; the next one may be sound
                    self.unreadable += 1
                else:
                    return
        except apsw.InterruptError:
            raise Interrupted from None
        except apsw.Error as error:
            raise to_user_error(self.path, error) from None

    def _all(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        return list(self._run(sql, values))

    def _json(self, sql: str, kind: type[T]) -> list[T]:
        return readable(self._run(sql, ()), kind)

    def _text(self, string_id: int | None) -> str:
        text = self._texts.get(string_id)
        if text is None:
            rows = self._all("SELECT CAST(text AS BLOB) FROM texts WHERE id = ?", (string_id,))
            text = bytes(rows[0][0]).decode("utf-8", "replace") if rows else ""
            if len(self._texts) >= CACHED_TEXTS:  # ever new names must not grow a window's memory
                self._texts = {None: ""}
            if len(text) <= LONGEST_CACHED:
                self._texts[string_id] = text
        return text

    def _rows(self, rest: str, values: tuple[Any, ...]) -> list[TaskRow]:
        before = self.unreadable
        rows = [self._sound_row(row) for row in self._run(f"SELECT {_ROW} FROM tasks {rest}", values)]
        self._with_clocks(rows)
        if self.unreadable == before:
            return rows
        known = {row.id: row for row in rows}
        return [
            known.get(row_id) or _damaged_row(row_id) for (row_id,) in self._run(f"SELECT id FROM tasks {rest}", values)
        ]

    def _with_clocks(self, rows: list[TaskRow]) -> None:
        """Tell running tasks what is known of their workers' clocks: else nobody could say for how long they run."""
        running = [at for at, row in enumerate(rows) if row.runs and row.started is not None and row.worker]
        names = list({rows[at].worker for at in running})[:_MOST_CLOCKS]
        if not names:
            return
        marks = ", ".join("?" * len(names))
        found = readable(self._run(f"SELECT row FROM workers WHERE hostname IN ({marks})", tuple(names)), WorkerRow)
        clocks = {row.hostname: row.clock_difference for row in found if row.clock_difference is not None}
        for at in running:
            if (ahead := clocks.get(rows[at].worker)) is not None:
                rows[at] = replace(rows[at], ahead=round(ahead, 1))

    def _records(self, rest: str, values: tuple[Any, ...]) -> Iterator[tuple[TaskRow, TaskRecord]]:
        for row in self._run(f"SELECT {_ROW}, observations FROM tasks {rest}", values):
            try:
                yield self._record(row)
            except UNREADABLE:
                self.unreadable += 1

    def _sound_row(self, row: Any) -> TaskRow:
        try:
            return self._row(row)
        except UNREADABLE:
            self.unreadable += 1
            return _damaged_row(row[0])

    def _row(self, row: Any) -> TaskRow:
        text = self._text
        row_id, packed, name, state_id, queue, worker, seen, sent, received, started, finished, runtime = row[:12]
        eta, expires, args, kwargs, result, exception, retries, deliveries, root, parent, revoked, flags = row[12:24]
        _refuse_damaged(row)
        uuid = unpack_uuid(packed)
        state = text(state_id)
        return TaskRow(
            id=row_id,
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
            exchange=text(row[24]),
            routing_key=text(row[25]),
        )

    def _record(self, row: Any) -> tuple[TaskRow, TaskRecord]:
        line = self._row(row[:_COLUMNS])
        texts = Texts(
            *(line.name, line.args, line.kwargs, line.root_id, line.parent_id, line.eta, line.expires, line.queue),
            *(line.exchange, line.routing_key, row[16] or ""),
        )
        return line, unpack_record(line.uuid, row[_COLUMNS], texts)


def _refuse_damaged(row: Any) -> None:
    """Raise ValueError or TypeError if the columns hold what the writer never writes: views rely on their types."""
    for moment in (*row[6:11], *row[12:14]):
        if moment is not None and not -_YEAR_10000 < moment < _YEAR_10000:
            raise ValueError("there is no such time")
    for text in (*row[14:18], row[22]):
        if text is not None and type(text) is not str:
            raise TypeError("it is not text")
    if not isinstance(row[11], float | int | None) or row[18] + row[19] + row[23] < 0:
        raise ValueError("there is no such number")


def _damaged_row(row_id: int) -> TaskRow:
    return TaskRow(
        id=row_id,
        uuid="",
        name=DAMAGED_NAME,
        state="UNSEEN",
        queue="",
        worker="",
        seen=0.0,
        sent=None,
        received=None,
        started=None,
        finished=None,
        runtime=None,
        eta=None,
        expires=None,
        args="",
        kwargs="",
        result="",
        exception="",
        retries=0,
        deliveries=0,
        root_id="",
        parent_id="",
        revoked="",
        ran_twice=False,
    )


def _identity(path: Path) -> int:
    try:
        return os.stat(path).st_ino  # noqa: PTH116 - ten times a second
    except OSError:
        return 0
