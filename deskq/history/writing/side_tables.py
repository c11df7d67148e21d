"""What a history keeps beside tasks: workers, queues and their samples, the recorder's own status, gaps, garbage."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from typing import Any, Final, TypeVar

import apsw
import msgspec

from deskq.history.rows import Gap, QueueRow, RecorderStatus, WorkerRow
from deskq.history.writing.string_ids import StringIds

T = TypeVar("T")
MALFORMED_KEPT: Final = 1_000
MALFORMED_BYTES: Final = 4_096


def readable(rows: Iterable[Any], kind: type[T]) -> list[T]:
    """Return what the JSON of one-column rows says; a damaged row is left out."""
    found = []
    for (row,) in rows:
        with contextlib.suppress(msgspec.MsgspecError, TypeError):
            found.append(msgspec.json.decode(row, type=kind))
    return found


class SideTables:
    """The part of the writer that knows no tasks. Every method may raise apsw.Error (full disk, damage)."""

    _connection: apsw.Connection
    texts: StringIds

    def put_workers(self, rows: Iterable[WorkerRow]) -> None:
        """Write the latest of these workers."""
        encoded = [(row.hostname, msgspec.json.encode(row)) for row in rows]
        with self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO workers VALUES (?, ?)", encoded)

    def workers(self) -> list[WorkerRow]:
        """Return the workers as they were written last."""
        return readable(self._connection.execute("SELECT row FROM workers"), WorkerRow)

    def drop_workers(self, names: Iterable[str]) -> None:
        """Forget workers that are gone for long."""
        with self._connection:
            self._connection.executemany("DELETE FROM workers WHERE hostname = ?", [(name,) for name in names])

    def put_queues(self, rows: Iterable[QueueRow], samples: Iterable[tuple[str, float, Any, Any, Any]]) -> None:
        """Write the latest of these queues, and samples (name, at, ready, unacked, consumers); name "" is the sum."""
        encoded = [(row.name, msgspec.json.encode(row)) for row in rows]
        try:
            with self._connection:
                numbered = [(self.texts[name] or 0, *rest) for name, *rest in samples]
                self._connection.executemany("INSERT OR REPLACE INTO queues VALUES (?, ?)", encoded)
                self._connection.executemany("INSERT OR REPLACE INTO queue_samples VALUES (?, ?, ?, ?, ?)", numbered)
        except BaseException:
            self.texts.rolled_back()
            raise

    def queues(self) -> list[QueueRow]:
        """Return the queues as they were written last."""
        return readable(self._connection.execute("SELECT row FROM queues"), QueueRow)

    def drop_queues(self, names: Iterable[str]) -> None:
        """Forget queues that are gone; their samples stay."""
        with self._connection:
            self._connection.executemany("DELETE FROM queues WHERE name = ?", [(name,) for name in names])

    def put_status(self, status: RecorderStatus) -> None:
        """Write what the recorder says of itself."""
        with self._connection:
            self._connection.execute("INSERT OR REPLACE INTO status VALUES (1, ?)", (msgspec.json.encode(status),))

    def status(self) -> RecorderStatus | None:
        """Return what the last recorder said of itself, if there was one."""
        rows = readable(self._connection.execute("SELECT row FROM status"), RecorderStatus)
        return rows[0] if rows else None

    def open_gap(self, started: float, cause: str, ended: float | None = None, estimate: int | None = None) -> int:
        """Note that events have been lost since ``started``, or were until ``ended``; returns the gap's id."""
        with self._connection:
            self._connection.execute(
                "INSERT INTO gaps (started, ended, cause, estimate) VALUES (?, ?, ?, ?)",
                (started, ended, cause, estimate),
            )
        return self._connection.last_insert_rowid()

    def end_gap(self, started: float, cause: str, ended: float) -> None:
        """Note the end of a gap, or all of it: its beginning may have been written into another file, or not at all."""
        with self._connection:
            self._connection.execute(
                "UPDATE gaps SET ended = ? WHERE started = ? AND cause = ? AND ended IS NULL", (ended, started, cause)
            )
            if not self._connection.changes():
                self._connection.execute(
                    "INSERT INTO gaps (started, ended, cause) VALUES (?, ?, ?)", (started, ended, cause)
                )

    def close_open_gaps(self, ended: float) -> None:
        """End the gaps that a recorder left open when it died."""
        with self._connection:
            self._connection.execute("UPDATE gaps SET ended = ? WHERE ended IS NULL", (ended,))

    def end_future_gaps(self, now: float) -> None:
        """Gaps that a clock that was ahead ended: what is recorded from now on does not lie in them."""
        with self._connection:
            self._connection.execute("UPDATE gaps SET started = min(started, ?1), ended = ?1 WHERE ended > ?1", (now,))

    def put_salvaged(
        self, workers: Iterable[WorkerRow], queues: Iterable[QueueRow], gaps: Iterable[Gap], malformed: Iterable[Any]
    ) -> None:
        """Add what a file that was set aside has beside tasks, as far as it is not there; also twice.

        ``malformed``: (at, reason, size, raw), the oldest last.
        """
        with self._connection:
            self._connection.executemany(
                "INSERT OR IGNORE INTO workers VALUES (?, ?)",
                [(row.hostname, msgspec.json.encode(row)) for row in workers],
            )
            self._connection.executemany(
                "INSERT OR IGNORE INTO queues VALUES (?, ?)", [(row.name, msgspec.json.encode(row)) for row in queues]
            )
            self._connection.executemany(
                "INSERT INTO gaps (started, ended, cause, estimate) SELECT ?1, ?2, ?3, ?4 "
                "WHERE NOT EXISTS (SELECT 1 FROM gaps WHERE started = ?1 AND cause = ?3)",
                [(gap.started, gap.ended, gap.cause, gap.estimate) for gap in gaps],
            )
            self._connection.executemany(  # below what came since: what is cut off first is the oldest
                "INSERT INTO malformed SELECT min(0, (SELECT coalesce(min(id), 0) FROM malformed)) - 1, ?1, ?2, ?3, ?4 "
                "WHERE NOT EXISTS (SELECT 1 FROM malformed WHERE at = ?1 AND reason = ?2 AND size = ?3)",
                malformed,
            )

    def rename_gap(self, gap: int, cause: str) -> None:
        """Say better what a gap is."""
        with self._connection:
            self._connection.execute("UPDATE gaps SET cause = ? WHERE id = ?", (cause, gap))

    def fact(self, key: str) -> str | None:
        """Return what is noted of the file itself."""
        value: str | None = self._connection.execute("SELECT value FROM facts WHERE key = ?", (key,)).get
        return value

    def put_fact(self, key: str, value: str) -> None:
        """Note it."""
        self._connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (key, value))

    def drop_fact(self, key: str) -> None:
        """Forget it."""
        self._connection.execute("DELETE FROM facts WHERE key = ?", (key,))

    def put_created(self, created: float) -> None:
        """Say since when the history knows."""
        self._connection.execute("INSERT OR REPLACE INTO facts VALUES ('created', ?)", (str(created),))

    def gap_count(self) -> int:
        """Return how many gaps the history has."""
        return int(self._connection.execute("SELECT count(*) FROM gaps").get)

    def put_malformed(self, reason: str, raw: bytes, at: float | None = None, size: int | None = None) -> None:
        """Keep the beginning of a delivery that was no event; only the newest MALFORMED_KEPT stay.

        ``size``: bytes of the whole, if ``raw`` is only its beginning.
        """
        with self._connection:
            self._connection.execute(
                "INSERT INTO malformed (at, reason, size, raw) VALUES (?, ?, ?, ?)",
                (
                    time.time() if at is None else at,
                    reason,
                    len(raw) if size is None else size,
                    raw[:MALFORMED_BYTES],
                ),
            )
            self._connection.execute(
                "DELETE FROM malformed WHERE id <= (SELECT max(id) FROM malformed) - ?", (MALFORMED_KEPT,)
            )
