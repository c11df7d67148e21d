"""The one writer of a history: commits batches of task records with all that hangs on them in one transaction."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import apsw

from deskq.errors import UserError
from deskq.history import codec
from deskq.history.beside import Beside
from deskq.history.codec import ROOT_IS_SELF, UNREADABLE, Texts, pack_uuid, unpack_record
from deskq.history.file import find_damage, open_for_writing
from deskq.history.lock import WriterLock
from deskq.history.query import STATES
from deskq.history.tallies import Tallies
from deskq.history.task_rows import FIND, INSERT, LOAD, UPDATE, Kept, row_of
from deskq.protocol.task_record import TaskRecord
from deskq.protocol.task_summary import derive

CACHED_RECORDS: Final = 20_000
CACHED_TEXTS: Final = 200_000
CACHED_CHARACTERS: Final = 16_384
"""Of a record; a larger one is read again when it is needed, so that few large ones fill no memory."""
_LONGEST_CACHED_TEXT: Final = 1_000
CHECK_SECONDS: Final = 0.5


def size_of(record: TaskRecord) -> int:
    """Return about how many characters a record holds."""
    message, outcome = record.message, record.outcome
    size = sum(len(seen.text) + len(seen.traceback) for seen in record.observations)
    if message is not None:
        size += len(message.args) + len(message.kwargs) + len(message.name)
    return size + (len(outcome.result) if outcome is not None else 0)


class HistoryLocked(UserError):
    """Another recorder writes this history."""


class History(Beside):
    """A history open for writing; used by one thread.

    ``texts_cleared`` counts how often it forgot which texts it wrote.
    Raises HistoryLocked if somebody else writes it, HistoryDamaged if SQLite finds it damaged:
    see salvage.open_history.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = WriterLock(path)
        try:
            if not self._lock.acquire():
                raise HistoryLocked(f"Another recorder writes {path}. Stop it, or use another --history.")
        except OSError as error:
            raise UserError(f"The history {path} cannot be written ({error.strerror}). Use --history PATH.") from None
        self._seen_before = 0
        self.texts_cleared = 0
        self._changed: dict[str, Kept] = {}
        try:
            self._open()
        except BaseException:
            self._lock.release()
            raise

    def _open(self) -> None:
        self._connection = open_for_writing(self.path, check_seconds=CHECK_SECONDS)
        try:
            self._texts: dict[str, int] = {}
            for number, text in self._connection.execute("SELECT id, text FROM texts WHERE id <= ?", (len(STATES),)):
                self._texts[text] = number
            self._next_id = self._connection.execute("SELECT coalesce(max(id), 0) + 1 FROM tasks").get
            self._connection.execute("INSERT OR REPLACE INTO facts VALUES ('writing', '1')")
        except BaseException:
            self._connection.close()
            raise
        self._first_id = self._next_id
        self._old_touched: set[int] = set()
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._tallies = Tallies()

    def close(self) -> None:
        """Close the file and give the lock back; what was not committed is dropped."""
        with contextlib.suppress(apsw.Error):
            self._connection.execute("DELETE FROM facts WHERE key = 'writing'")
            self._connection.execute("PRAGMA optimize")
        self.detach()
        self._lock.release()

    def detach(self) -> None:
        """Close the file but keep the lock and what was not committed, so that the file can be exchanged."""
        self._connection.close()

    def attach(self) -> None:
        """Open the file after ``detach``, whatever it holds now; raises as the constructor does."""
        self._seen_before = self.tasks_seen
        self._open()
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
            kept = self._kept.get(uuid) or self._load(uuid, now) or Kept(TaskRecord(uuid), now)
            self._changed[uuid] = kept
        return kept.record

    def peek(self, uuid: str, now: float) -> TaskRecord:
        """Return the record of a task to look at: unlike that of ``record`` it is not written for it."""
        kept = self._changed.get(uuid) or self._kept.get(uuid) or self._load(uuid, now)
        return kept.record if kept is not None else TaskRecord(uuid)

    def commit(self, now: float) -> int:
        """Write every changed record in one transaction and return their number. Raises apsw.Error (full disk …)."""
        if not self._changed:
            return 0
        inserts: list[tuple[Any, ...]] = []
        updates: list[tuple[Any, ...]] = []
        known_texts = dict(self._texts)
        next_id = self._next_id
        tallies = self._tallies
        text_id = self._text_id
        after: list[tuple[Kept, int, str, int, int]] = []
        try:
            with self._connection:
                for kept in self._changed.values():
                    summary = derive(kept.record)
                    row_id = kept.id
                    if row_id:
                        updates.append(row_of(row_id, kept, summary, text_id))
                    else:
                        row_id = self._next_id
                        self._next_id += 1
                        inserts.append(row_of(row_id, kept, summary, text_id))
                    after.append(
                        (kept, row_id, summary.state, *tallies.count(kept.state, kept.endings, kept.received, summary))
                    )
                if inserts:
                    self._connection.executemany(INSERT, inserts)
                if updates:
                    self._connection.executemany(UPDATE, updates)
                tallies.write(self._connection, text_id)
        except BaseException:  # also of the COMMIT, where a full disk shows
            self._texts = known_texts
            self._next_id = next_id
            tallies.clear()
            raise
        tallies.clear()
        for kept, row_id, state, endings, received in after:
            kept.id, kept.state, kept.endings, kept.received = row_id, state, endings, received
            if size_of(kept.record) <= CACHED_CHARACTERS:
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
        return int(self._seen_before + self._next_id - self._first_id + len(self._old_touched))

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

    def forget(self, ids: Collection[int]) -> None:
        """The tasks with these ids were deleted: should one be told of again, it is a new one."""
        gone = ids if isinstance(ids, set | frozenset) else set(ids)
        for uuid in [uuid for uuid, kept in self._kept.items() if kept.id in gone]:
            del self._kept[uuid]
        for kept in self._changed.values():
            if kept.id in gone:
                kept.id, kept.state, kept.endings, kept.received = 0, "", 0, 0

    def texts_in_use(self) -> set[int]:
        """Return the ids of texts that were written since ``watch_texts``; they must stay."""
        return set(self._texts.values())

    def watch_texts(self) -> None:
        """Begin to note which texts are written."""
        self._texts = {text: number for text, number in self._texts.items() if number <= len(STATES)}

    def _text_id(self, text: str) -> int | None:
        if not text:
            return None
        number = self._texts.get(text)
        if number is None:
            if len(self._texts) > CACHED_TEXTS:  # a hostile stream of ever new names must not grow memory
                self._texts.clear()
                self.texts_cleared += 1
            self._connection.execute("INSERT OR IGNORE INTO texts (text) VALUES (?)", (text,))
            number = int(self._connection.execute("SELECT id FROM texts WHERE text = ?", (text,)).get)
            if len(text) <= _LONGEST_CACHED_TEXT:
                self._texts[text] = number
        return number

    def _load(self, uuid: str, now: float) -> Kept | None:
        number = self._connection.execute(FIND, (pack_uuid(uuid),)).get
        if number is None:  # as for every new task: the joins alone would cost more than all else that is done for it
            return None
        try:
            row: Any = self._connection.execute(LOAD, (number,)).fetchone()
            return self._kept_of(uuid, row)
        except UNREADABLE:  # a damaged row is written anew with what is told from now on
            return Kept(TaskRecord(uuid), now, number)

    def _kept_of(self, uuid: str, row: Any) -> Kept:
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
