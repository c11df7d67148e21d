"""The one writer of a history: commits batches of task records with all that hangs on them in one transaction."""

from __future__ import annotations

import contextlib
import time
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import apsw
import msgspec

from deskq.errors import UserError
from deskq.history import codec
from deskq.history.codec import RAN_TWICE, ROOT_IS_SELF, Texts, pack_uuid, unpack_record
from deskq.history.file import open_for_writing
from deskq.history.lock import WriterLock
from deskq.history.query import STATES
from deskq.history.rows import QueueRow, RecorderStatus, WorkerRow
from deskq.history.tallies import Tallies
from deskq.protocol.task_record import TaskRecord
from deskq.protocol.task_summary import TaskSummary, derive

CACHED_RECORDS: Final = 20_000
CACHED_BYTES: Final = 16_384
"""Characters of a record above which it is read again when it is needed, so that few large ones fill no memory."""
_CACHED_TEXT: Final = 1_000
MALFORMED_KEPT: Final = 1_000
MALFORMED_BYTES: Final = 4_096

_COLUMNS: Final = (
    "id, uuid, state_id, name_id, queue_id, worker_id, seen, sent, received, started, finished, runtime, eta, expires, "
    "retries, deliveries, flags, exchange_id, routing_key_id, root, parent, args, kwargs, result, exception, revoked, "
    "observations"
)
_INSERT: Final = f"INSERT INTO tasks ({_COLUMNS}) VALUES ({', '.join('?' * 27)})"
_UPDATE: Final = (
    "UPDATE tasks SET state_id=?3, name_id=?4, queue_id=?5, worker_id=?6, sent=?8, received=?9, started=?10, "
    "finished=?11, runtime=?12, eta=?13, expires=?14, retries=?15, deliveries=?16, flags=?17, exchange_id=?18, "
    "routing_key_id=?19, root=?20, parent=?21, args=?22, kwargs=?23, result=?24, exception=?25, revoked=?26, "
    "observations=?27 WHERE id=?1 AND ?2 IS NOT NULL AND ?7 IS NOT NULL"
)
_LOAD: Final = (
    "SELECT t.id, t.seen, s.text, n.text, t.args, t.kwargs, t.root, t.parent, t.eta, t.expires, "
    "q.text, e.text, r.text, t.result, t.observations, t.flags FROM tasks t "
    "LEFT JOIN texts s ON s.id = t.state_id LEFT JOIN texts n ON n.id = t.name_id "
    "LEFT JOIN texts q ON q.id = t.queue_id LEFT JOIN texts e ON e.id = t.exchange_id "
    "LEFT JOIN texts r ON r.id = t.routing_key_id WHERE t.uuid = ?"
)


def size_of(record: TaskRecord) -> int:
    """Return about how many characters a record holds."""
    message, outcome = record.message, record.outcome
    size = sum(len(seen.text) + len(seen.traceback) for seen in record.observations)
    if message is not None:
        size += len(message.args) + len(message.kwargs) + len(message.name)
    return size + (len(outcome.result) if outcome is not None else 0)


class HistoryLocked(UserError):
    """Another recorder writes this history."""


class Kept(msgspec.Struct, gc=False):
    """A record in the writer's hands, with what is in the file of it already. ``id`` 0: not in the file yet."""

    record: TaskRecord
    seen: float
    id: int = 0
    state: str = ""
    endings: int = 0
    received: int = 0


class History:
    """A history open for writing; used by one thread. Raises HistoryLocked if somebody else writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = WriterLock(path)
        try:
            if not self._lock.acquire():
                raise HistoryLocked(f"Another recorder writes {path}. Stop it, or use another --history.")
        except OSError as error:
            raise UserError(f"The history {path} cannot be written ({error.strerror}). Use --history PATH.") from None
        try:
            self._connection = open_for_writing(path)
            self._texts: dict[str, int] = {}
            self._states: dict[int, str] = {}
            for number, text in self._connection.execute("SELECT id, text FROM texts WHERE id <= ?", (len(STATES),)):
                self._texts[text] = number
            self._next_id = self._connection.execute("SELECT coalesce(max(id), 0) + 1 FROM tasks").get
        except BaseException:
            self._lock.release()
            raise
        self._first_id = self._next_id
        self._old_touched: set[int] = set()
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._changed: dict[str, Kept] = {}
        self._tallies = Tallies()

    def close(self) -> None:
        """Close the file and give the lock back; what was not committed is dropped."""
        with contextlib.suppress(apsw.Error):
            self._connection.execute("PRAGMA optimize")
        self._connection.close()
        self._lock.release()

    def record(self, uuid: str, now: float) -> TaskRecord:
        """Return the record of a task to add to; it is written with the next commit. ``now``: first seen, if new."""
        kept = self._changed.get(uuid)
        if kept is None:
            kept = self._kept.get(uuid) or self._load(uuid) or Kept(TaskRecord(uuid), now)
            self._changed[uuid] = kept
        return kept.record

    def commit(self, now: float) -> int:
        """Write every changed record in one transaction and return their number. Raises apsw.Error (full disk …)."""
        if not self._changed:
            return 0
        inserts: list[tuple[Any, ...]] = []
        updates: list[tuple[Any, ...]] = []
        known_texts = dict(self._texts)
        next_id = self._next_id
        tallies = self._tallies
        after: list[tuple[Kept, int, str, int, int]] = []
        try:
            with self._connection:
                for kept in self._changed.values():
                    summary = derive(kept.record)
                    row_id = kept.id
                    if row_id:
                        updates.append(self._row(row_id, kept, summary))
                    else:
                        row_id = self._next_id
                        self._next_id += 1
                        inserts.append(self._row(row_id, kept, summary))
                    after.append(
                        (kept, row_id, summary.state, *tallies.count(kept.state, kept.endings, kept.received, summary))
                    )
                if inserts:
                    self._connection.executemany(_INSERT, inserts)
                if updates:
                    self._connection.executemany(_UPDATE, updates)
                tallies.write(self._connection, self._text_id)
        except BaseException:  # also of the COMMIT, where a full disk shows
            self._texts = known_texts
            self._next_id = next_id
            tallies.clear()
            raise
        tallies.clear()
        for kept, row_id, state, endings, received in after:
            kept.id, kept.state, kept.endings, kept.received = row_id, state, endings, received
            if size_of(kept.record) <= CACHED_BYTES:
                self._kept[kept.record.uuid] = kept
            else:
                self._kept.pop(kept.record.uuid, None)
        self._changed = {}
        while len(self._kept) > CACHED_RECORDS:
            self._kept.popitem(last=False)
        return len(after)

    @property
    def tasks_seen(self) -> int:
        """How many tasks this writer has written, new ones and ones that were known before."""
        return int(self._next_id - self._first_id + len(self._old_touched))

    def oldest_waiting(self, limit: int = 50_000) -> dict[str, float]:
        """Return, for each queue, when the oldest task was sent that no worker has received yet, as far as is known."""
        rows: list[Any] = self._connection.execute(
            "SELECT q.text, min(t.sent) FROM (SELECT queue_id, sent FROM tasks WHERE state_id = ? LIMIT ?) t "
            "JOIN texts q ON q.id = t.queue_id WHERE t.sent IS NOT NULL GROUP BY q.text",
            (self._text_id("SENT"), limit),
        ).fetchall()
        return dict(rows)

    def running(self) -> list[tuple[str, str, float]]:
        """Return (uuid, worker, started) of every task that is said to run."""
        return [
            (codec.unpack_uuid(uuid), worker, since)
            for uuid, worker, since in self._connection.execute(
                "SELECT t.uuid, w.text, coalesce(t.started, t.seen) FROM tasks t JOIN texts w ON w.id = t.worker_id "
                "WHERE t.state_id = ? LIMIT 10000",
                (self._text_id("STARTED"),),
            )
        ]

    def put_workers(self, rows: Iterable[WorkerRow]) -> None:
        """Write the latest of these workers."""
        encoded = [(row.hostname, msgspec.json.encode(row)) for row in rows]
        with self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO workers VALUES (?, ?)", encoded)

    def drop_workers(self, names: Iterable[str]) -> None:
        """Forget workers."""
        with self._connection:
            self._connection.executemany("DELETE FROM workers WHERE hostname = ?", [(name,) for name in names])

    def workers(self) -> list[WorkerRow]:
        """Return the workers as they were written last."""
        rows: list[Any] = self._connection.execute("SELECT row FROM workers").fetchall()
        return [msgspec.json.decode(row, type=WorkerRow) for (row,) in rows]

    def put_queues(self, rows: Iterable[QueueRow], samples: Iterable[tuple[str, float, Any, Any, Any]]) -> None:
        """Write the latest of these queues, and samples (name, at, ready, unacked, consumers); name "" is the sum."""
        encoded = [(row.name, msgspec.json.encode(row)) for row in rows]
        known_texts = dict(self._texts)
        try:
            with self._connection:
                numbered = [(self._text_id(name) if name else 0, *rest) for name, *rest in samples]
                self._connection.executemany("INSERT OR REPLACE INTO queues VALUES (?, ?)", encoded)
                self._connection.executemany("INSERT OR REPLACE INTO queue_samples VALUES (?, ?, ?, ?, ?)", numbered)
        except BaseException:
            self._texts = known_texts
            raise

    def queues(self) -> list[QueueRow]:
        """Return the queues as they were written last."""
        rows: list[Any] = self._connection.execute("SELECT row FROM queues").fetchall()
        return [msgspec.json.decode(row, type=QueueRow) for (row,) in rows]

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
        row = self._connection.execute("SELECT row FROM status").get
        return msgspec.json.decode(row, type=RecorderStatus) if row is not None else None

    def open_gap(self, started: float, cause: str, ended: float | None = None, estimate: int | None = None) -> int:
        """Note that events have been lost since ``started``, or were until ``ended``; returns the gap's id."""
        with self._connection:
            self._connection.execute(
                "INSERT INTO gaps (started, ended, cause, estimate) VALUES (?, ?, ?, ?)",
                (started, ended, cause, estimate),
            )
        return self._connection.last_insert_rowid()

    def close_gap(self, gap: int, ended: float, estimate: int | None = None) -> None:
        """Note the end of a gap and, where something tells, how many events were lost in it."""
        with self._connection:
            self._connection.execute(
                "UPDATE gaps SET ended = ?, estimate = coalesce(?, estimate) WHERE id = ?", (ended, estimate, gap)
            )

    def close_open_gaps(self, ended: float) -> None:
        """End the gaps that a recorder left open when it died."""
        with self._connection:
            self._connection.execute("UPDATE gaps SET ended = ? WHERE ended IS NULL", (ended,))

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

    def forget_before(self, seen: float, limit: int = 2_000) -> int:
        """Delete at most ``limit`` of the tasks that were first seen before; returns how many."""
        with self._connection:
            old = self._connection.execute("SELECT id, seen, state_id FROM tasks ORDER BY id LIMIT ?", (limit,))
            doomed = [(number, state) for number, at, state in old if at < seen]
            self._connection.executemany("DELETE FROM tasks WHERE id = ?", [(number,) for number, _ in doomed])
            self._connection.executemany(
                "UPDATE state_counts SET n = n - 1 WHERE state_id = ?", [(state,) for _, state in doomed]
            )
            if len(doomed) < limit:
                for table in ("rates", "runtimes", "queue_samples"):
                    self._connection.execute(f"DELETE FROM {table} WHERE at < ?", (seen,))
                self._connection.execute("DELETE FROM gaps WHERE ended < ?", (seen,))
        for uuid in [uuid for uuid, kept in self._kept.items() if kept.seen < seen]:
            del self._kept[uuid]
        return len(doomed)

    def _text_id(self, text: str) -> int | None:
        if not text:
            return None
        number = self._texts.get(text)
        if number is None:
            if len(self._texts) > 200_000:  # a hostile stream of ever new names must not grow memory
                self._texts.clear()
            self._connection.execute("INSERT OR IGNORE INTO texts (text) VALUES (?)", (text,))
            number = int(self._connection.execute("SELECT id FROM texts WHERE text = ?", (text,)).get)
            if len(text) <= _CACHED_TEXT:
                self._texts[text] = number
        return number

    def _row(self, row_id: int, kept: Kept, summary: TaskSummary) -> tuple[Any, ...]:
        text_id = self._text_id
        uuid, root, parent = summary.uuid, summary.root_id, summary.parent_id
        record = kept.record
        return (
            row_id,
            pack_uuid(uuid),
            text_id(summary.state),
            text_id(summary.name),
            text_id(summary.queue),
            text_id(summary.worker),
            kept.seen,
            summary.sent,
            summary.received,
            summary.started,
            summary.finished,
            summary.runtime,
            summary.eta,
            summary.expires,
            summary.retries,
            summary.deliveries,
            (RAN_TWICE if summary.ran_twice else 0) | (ROOT_IS_SELF if root == uuid else 0),
            text_id(summary.exchange),
            text_id(summary.routing_key),
            pack_uuid(root) if root and root != uuid else None,
            pack_uuid(parent) if parent else None,
            summary.args or None,
            summary.kwargs or None,
            (record.outcome.result or None) if record.outcome is not None else None,
            summary.exception or None,
            summary.revoked or None,
            codec.pack_record(record),
        )

    def _load(self, uuid: str) -> Kept | None:
        row = self._connection.execute(_LOAD, (pack_uuid(uuid),)).fetchone()
        if row is None:
            return None
        number, seen, state, name, args, kwargs, root, parent, eta, expires = row[:10]
        queue, exchange, key, result, blob, flags = row[10:]
        root_id = uuid if flags & ROOT_IS_SELF else codec.unpack_uuid(root)
        texts = Texts(
            *(name or "", args or "", kwargs or "", root_id, codec.unpack_uuid(parent), eta, expires),
            *(queue or "", exchange or "", key or "", result or ""),
        )
        record = unpack_record(uuid, blob, texts)
        if number < self._first_id:
            self._old_touched.add(number)
        return Kept(record, seen, number, state, *Tallies.endings_of(derive(record)))
