"""The one writer of a history: commits batches of task records with all that hangs on them in one transaction."""

from __future__ import annotations

import contextlib
import math
from collections import OrderedDict
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import apsw

from deskq.errors import UserError
from deskq.files.locks import WriterLock
from deskq.history.writing import codec
from deskq.history.writing.checkpoints import Checkpoints
from deskq.history.writing.codec import UNREADABLE, pack_uuid
from deskq.history.writing.counters import Counted, Counters, contribution, without_state
from deskq.history.writing.database import (
    HistoryDamaged,
    HistoryFull,
    find_damage,
    is_disk_full,
    open_for_writing,
    placeholder_connection,
)
from deskq.history.writing.side_tables import SideTables
from deskq.history.writing.string_ids import StringIds
from deskq.history.writing.task_rows import FIND, INSERT, LOAD, UPDATE, CachedRecord, cached_record_of, row_of, size_of
from deskq.protocol.task_record import TaskRecord
from deskq.protocol.task_states import FINAL_STATES, NOT_STARTED
from deskq.protocol.task_summary import derive

CACHED_RECORDS: Final = 20_000
CACHED_CHARACTERS: Final = 16_384
"""Of a record; a larger one is read again when it is needed, so that few large ones fill no memory."""
CHECK_SECONDS: Final = 0.5


_DELAYED: Final = (
    "(coalesce(eta > ?, 0) AND coalesce((SELECT text FROM texts WHERE id = exchange_id), '') "
    "GLOB '*celery_delayed_[0-9]*')"
)
"""Of a task: whether Celery's delayed delivery on RabbitMQ holds it at a time."""
_NOT_RUNNING: Final = (*sorted(FINAL_STATES), *sorted(NOT_STARTED))


class Waiting(NamedTuple):
    """A task that no worker is said to have begun."""

    id: int
    uuid: str
    seen: float
    sent: float | None
    expires: float | None
    retries: int


class HistoryLocked(UserError):
    """Another recorder writes this history."""


class History(SideTables):
    """A history open for writing; used by one thread.

    ``least_id``: the first number for a new task, above those that are kept for the tasks of a file set aside.
    ``patient``: where there is no room to open it, it waits for room. Then it is empty, what is recorded is held, no
    other write succeeds, and ``waits_for`` says why, until a ``commit`` finds room; else that is "".
    Raises HistoryLocked if somebody else writes it, HistoryFull if there is no room, HistoryDamaged if SQLite finds it
    damaged: see set_aside.open_history.
    """

    def __init__(self, path: Path, *, least_id: int = 1, patient: bool = False) -> None:
        self.path = path
        self._least_id = least_id
        self._patient = patient
        self._lock = WriterLock(path)
        self._seen_before = 0
        self._changed: dict[str, CachedRecord] = {}
        try:
            self._open()
        except BaseException:
            self._lock.release()
            raise

    def _open(self) -> None:
        self.waits_for = ""
        try:
            connection = self._connected()
        except HistoryFull as error:
            if not self._patient:
                raise
            self.waits_for = error.reason
            connection = placeholder_connection()
        self._take(connection)

    def _connected(self) -> apsw.Connection:
        try:
            if not self._lock.held and not self._lock.acquire():
                raise HistoryLocked(f"Another recorder is writing to {self.path}. Stop it or choose another --history.")
        except OSError as error:
            if is_disk_full(error, self.path):
                raise HistoryFull(self.path, error.strerror) from None
            raise UserError(
                f"The history {self.path} cannot be written ({error.strerror}). Choose another file with --history."
            ) from None
        connection = open_for_writing(self.path, check_seconds=CHECK_SECONDS)
        try:
            connection.execute("INSERT OR REPLACE INTO facts VALUES ('writing', '1')")
        except apsw.Error as error:
            connection.close()
            if is_disk_full(error, self.path):
                raise HistoryFull(self.path, error) from None
            raise
        return connection

    def _take(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._checkpoints = Checkpoints(connection, self.path)
        try:
            self.texts = StringIds(connection)
            newest = connection.execute("SELECT coalesce(max(id), 0) FROM tasks").get
            self._next_id = max(newest + 1, self._least_id)
        except BaseException:
            connection.close()
            raise
        self._first_id = self._next_id
        self._old_touched: set[int] = set()
        self._old_ids: set[int] = set()  # of what is not committed yet
        self._spare_id = self._least_id - 1
        self._kept: OrderedDict[str, CachedRecord] = OrderedDict()
        self._tallies = Counters()

    def close(self) -> None:
        """Close the file and give the lock back; what was not committed is dropped."""
        with contextlib.suppress(apsw.Error):
            self._connection.execute("DELETE FROM facts WHERE key = 'writing'")
            self._connection.execute("PRAGMA optimize")
        self.detach()
        self._lock.release()

    def detach(self) -> None:
        """Close the file but keep the lock and what was not committed, so that the file can be exchanged."""
        self._checkpoints.close()
        self._connection.close()

    def attach(self, least_id: int = 1) -> None:
        """Open the file after ``detach``, whatever it holds now; raises as the constructor does."""
        self._least_id = least_id
        self._seen_before = self.tasks_seen
        self._open()
        self._hold_again()

    def _try_again(self) -> None:
        """Open the file if there is room by now; raises apsw.Error if there is none, or if it is damaged."""
        try:
            connection = self._connected()
        except HistoryFull as error:
            self.waits_for = error.reason
            raise apsw.FullError(error.reason) from None
        except HistoryDamaged as error:
            raise apsw.CorruptError(str(error)) from None
        self._connection.close()
        self._take(connection)
        self.waits_for = ""
        self._hold_again()

    def _hold_again(self) -> None:
        held, self._changed = self._changed, {}
        for uuid, kept in held.items():
            self.record(uuid, kept.seen).merge(kept.record)

    def damage(self, seconds: float) -> str:
        """Return the first damage that is found in so many seconds, else ""."""
        try:
            return find_damage(self._connection, seconds)
        except apsw.Error as error:
            return str(error)

    @property
    def connection(self) -> apsw.Connection:
        """The one connection that writes, for this package."""
        return self._connection

    def record(self, uuid: str, now: float) -> TaskRecord:
        """Return the record of a task to add to; it is written with the next commit. ``now``: first seen, if new."""
        kept = self._changed.get(uuid)
        if kept is None:
            kept = self._changed[uuid] = self._kept.get(uuid) or self._loaded(uuid, now)
        return kept.record

    def peek(self, uuid: str, now: float) -> TaskRecord:
        """Return the record of a task to look at: unlike that of ``record`` it is not written for it."""
        return (self._changed.get(uuid) or self._kept.get(uuid) or self._loaded(uuid, now)).record

    def salvage(self, record: TaskRecord, seen: float, row_id: int) -> bool:
        """Take in what a file that was set aside has of a task; True if this history has not had it from there yet.

        Whatever came of the task meanwhile stays. Else it gets its old ``row_id``, or where damage has made that
        impossible the highest below all new ones.
        """
        kept = self._changed.get(record.uuid) or self._kept.get(record.uuid) or self._loaded(record.uuid, seen)
        new = not kept.id and not kept.old_id
        if new:
            if not 0 < row_id < self._least_id or self._is_taken(row_id):
                while self._is_taken(self._spare_id):
                    self._spare_id -= 1
                row_id = self._spare_id
            kept.old_id = row_id
            self._old_ids.add(row_id)
        kept.record.merge(record)
        self._changed[record.uuid] = kept
        return new or kept.id >= self._least_id

    def drop_held(self) -> None:
        """Forget what was not committed."""
        self._changed = {}
        self._old_ids.clear()

    def _is_taken(self, row_id: int) -> bool:
        return row_id in self._old_ids or self.has_row(row_id)

    def has_row(self, row_id: int) -> bool:
        """Is there a task of this number?"""
        return self._connection.execute("SELECT 1 FROM tasks WHERE id = ?", (row_id,)).get is not None

    @property
    def held(self) -> int:
        """How many records the next commit writes."""
        return len(self._changed)

    @property
    def next_id(self) -> int:
        """The number that the next new task gets."""
        return int(self._next_id)

    def commit(self, now: float, *, facts: Mapping[str, str] | None = None) -> int:
        """Write every changed record in one transaction and return their number. Raises apsw.Error (full disk …).

        ``facts``: what is to be noted in the same transaction.
        """
        if self.waits_for:
            self._try_again()
        if not self._changed and not facts:
            return 0
        inserts: list[tuple[Any, ...]] = []
        updates: list[tuple[Any, ...]] = []
        next_id = self._next_id
        tallies, texts = self._tallies, self.texts
        after: list[tuple[CachedRecord, int, Counted, int]] = []
        try:
            with self._connection:
                for kept in self._changed.values():
                    summary = derive(kept.record)
                    counted = contribution(summary)
                    row_id = kept.id
                    if row_id:
                        row = row_of(row_id, kept, summary, texts, counted)
                        updates.append(row)
                    else:
                        row_id = kept.old_id
                        if not row_id:
                            row_id = self._next_id
                            self._next_id += 1
                        row = row_of(row_id, kept, summary, texts, counted)
                        inserts.append(row)
                    tallies.count(kept.counted, counted, kept.record.observations)
                    after.append((kept, row_id, counted, size_of(row)))
                if inserts:
                    self._connection.executemany(INSERT, inserts)
                if updates:
                    self._connection.executemany(UPDATE, updates)
                tallies.write(self._connection, texts)
                if facts:
                    self._connection.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", facts.items())
        except BaseException:  # also of the COMMIT, where a full disk shows
            texts.rolled_back()
            self._next_id = next_id
            tallies.clear()
            raise
        texts.committed()
        tallies.clear()
        cache = self._kept
        for kept, row_id, counted, size in after:
            kept.id, kept.counted = row_id, counted
            if size <= CACHED_CHARACTERS and not kept.old_id:
                cache[kept.record.uuid] = kept
            else:
                cache.pop(kept.record.uuid, None)
        self._changed = {}
        self._old_ids.clear()
        while len(cache) > CACHED_RECORDS:
            cache.popitem(last=False)
        return len(after)

    @property
    def tasks_seen(self) -> int:
        """How many tasks this writer has written, new ones and ones that were known before."""
        return int(self._seen_before + self._next_id - self._first_id + len(self._old_touched))

    def oldest_waiting(self, now: float = math.inf, limit: int = 50_000) -> dict[str, float]:
        """Return, for each queue, when the oldest task was sent that no worker has received yet, as far as is known.

        Those that delayed delivery holds ``now`` are in no queue yet.
        """
        rows: list[Any] = self._connection.execute(
            f"SELECT q.text, min(t.sent) FROM (SELECT queue_id, sent, {_DELAYED} AS delayed FROM tasks "
            "WHERE state_id = ? LIMIT ?) t "
            "JOIN texts q ON q.id = t.queue_id WHERE t.sent IS NOT NULL AND NOT t.delayed GROUP BY q.text",
            (now, self.texts["SENT"], limit),
        ).fetchall()
        return dict(rows)

    def delayed(self, now: float, limit: int = 50_000) -> dict[str, int]:
        """Return, for each queue, how many tasks for it Celery's delayed delivery holds, as far as is known."""
        rows: list[Any] = self._connection.execute(
            f"SELECT q.text, count(*) FROM (SELECT queue_id, {_DELAYED} AS delayed FROM tasks "
            "WHERE state_id = ? LIMIT ?) t JOIN texts q ON q.id = t.queue_id WHERE t.delayed GROUP BY q.text",
            (now, self.texts["SENT"], limit),
        ).fetchall()
        return dict(rows)

    def recent_queues(self, limit: int = 5_000) -> list[str]:
        """Return the queues of the newest tasks."""
        rows: list[Any] = self._connection.execute(
            "SELECT DISTINCT q.text FROM (SELECT queue_id FROM tasks ORDER BY id DESC LIMIT ?) t "
            "JOIN texts q ON q.id = t.queue_id",
            (limit,),
        ).fetchall()
        return [name for (name,) in rows]

    def running(self) -> list[tuple[str, str, float]]:
        """Return (uuid, worker, started) of every task that is said to run, also in a state of its own."""
        others = ", ".join("?" * len(_NOT_RUNNING))
        return [
            (codec.unpack_uuid(uuid), worker, since)
            for uuid, worker, since in self._connection.execute(
                "SELECT t.uuid, w.text, coalesce(t.started, t.seen) FROM tasks t JOIN texts w ON w.id = t.worker_id "
                "WHERE t.state_id IN (SELECT c.state_id FROM state_counts c JOIN texts s ON s.id = c.state_id "
                f"WHERE c.n > 0 AND s.text NOT IN ({others})) LIMIT 10000",
                _NOT_RUNNING,
            )
        ]

    def waiting(self, state: str, above: int, limit: int) -> list[Waiting]:
        """Return the next tasks of a state, above a number, in the order in which they were first seen."""
        return [
            Waiting(row_id, codec.unpack_uuid(uuid), *rest)
            for row_id, uuid, *rest in self._connection.execute(
                "SELECT id, uuid, seen, sent, expires, retries FROM tasks WHERE id IN "
                "(SELECT id FROM tasks WHERE state_id = ? AND id > ? ORDER BY id LIMIT ?) ORDER BY id",
                (self.texts[state], above, limit),
            )
        ]

    def forget(self, ids: Collection[int]) -> None:
        """The tasks with these ids were deleted: should one be told of again, it is a new one."""
        gone = ids if isinstance(ids, set | frozenset) else set(ids)
        for uuid in [uuid for uuid, kept in self._kept.items() if kept.id in gone]:
            del self._kept[uuid]
        for kept in self._changed.values():
            if kept.id in gone:
                kept.id, kept.old_id = 0, 0
                kept.counted = without_state(kept.counted)

    def _loaded(self, uuid: str, now: float) -> CachedRecord:
        """Read what the file has of a task, or begin with nothing."""
        packed = pack_uuid(uuid)
        row_id = self._connection.execute(FIND, (packed,)).get
        if row_id is None:  # as for every new task: the joins alone would cost more than all else that is done for it
            return CachedRecord(TaskRecord(uuid), now, packed)
        try:
            row: Any = self._connection.execute(LOAD, (row_id,)).fetchone()
            kept = cached_record_of(uuid, row)
        except UNREADABLE:  # a damaged row is written anew with what is told from now on
            return CachedRecord(TaskRecord(uuid), now, packed, row_id)
        if row_id < self._first_id:
            self._old_touched.add(row_id)
        return kept
