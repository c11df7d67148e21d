"""Messages of tasks that were seen while they waited, kept beside a history so that a retry can send the very same.

A file of its own, ``NAME.messages``: it is bounded, can be removed at any time, and its damage harms no history. One
that a newer deskq wrote, or somebody else, is left as it is.
"""

from __future__ import annotations

import contextlib
import time
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import apsw

from deskq.history.header import header_of
from deskq.history.writing.database import is_damage
from deskq.system import make_private

VERSION: Final = 1
APPLICATION_ID: Final = 0x6465736D  # "desm"; files from before it was set have 0
KEPT_BYTES: Final = 32 * 1024 * 1024
"""The most that all messages take, as they are kept."""
KEPT_SECONDS: Final = 7 * 86_400.0
LARGEST: Final = 256 * 1024
"""The largest message that is kept, as it lies in the broker."""
MERGE_SECONDS: Final = 20.0
"""After which what was kept is in the file itself, and not only in the log beside it."""
_MOST_BYTES: Final = 64 * 1024 * 1024
_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS messages (id TEXT PRIMARY KEY, at REAL NOT NULL, raw BLOB NOT NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS messages_by_time ON messages (at)",
    "CREATE TABLE IF NOT EXISTS retries (source TEXT, id TEXT, at REAL, PRIMARY KEY (source, id)) WITHOUT ROWID",
)


def messages_path(history: Path) -> Path:
    """Return where the messages of a history are."""
    return history.with_name(f"{history.name}.messages")


class MessageKeep:
    """Keeps messages; blocking, one thread. Never raises: what cannot be kept is not kept.

    ``refusal``: why nothing is kept in a file that is not touched, "" if it is this deskq's.
    """

    def __init__(self, history: Path) -> None:
        self._path = messages_path(history)
        self._connection: apsw.Connection | None = None
        self._bytes: int | None = None
        self._next_merge = 0.0
        self.refusal = ""

    def keep(
        self,
        messages: Iterable[tuple[str, bytes]],
        now: float,
        trusted: float | None = None,
        retries: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Keep these: (task id, the message as it lies in the broker). The oldest go where there is no room.

        ``trusted``: the time by which others go for their age, None where no clock is to be trusted with that.
        ``retries``: (task id, id of the task that it retries for some deskq).
        """
        rows = [(uuid, now, zlib.compress(raw, 1)) for uuid, raw in messages if uuid and len(raw) <= LARGEST]
        again = [(source, uuid, now) for uuid, source in retries]
        if not (rows or again) or self.refusal:
            return
        try:
            self._write(rows, again, trusted)
        except apsw.Error as error:
            self.close()
            if not is_damage(error):  # a full disk: what is kept already stays
                return
            for suffix in ("", "-wal", "-shm"):  # damaged: it is begun again, since nothing rests on it
                with contextlib.suppress(OSError):
                    self._path.with_name(self._path.name + suffix).unlink()

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            with contextlib.suppress(apsw.Error):
                self._connection.close()
            self._connection = None
            self._bytes = None

    def _write(
        self,
        rows: Sequence[tuple[str, float, bytes]],
        retries: Sequence[tuple[str, str, float]],
        trusted: float | None,
    ) -> None:
        connection = self._connection or self._open()
        if connection is None:
            return
        with connection:
            connection.executemany("INSERT OR IGNORE INTO messages VALUES (?, ?, ?)", rows)
            connection.executemany("INSERT OR IGNORE INTO retries VALUES (?, ?, ?)", retries)
            if trusted is not None:
                connection.execute("DELETE FROM messages WHERE at < ?", (trusted - KEPT_SECONDS,))
                connection.execute("DELETE FROM retries WHERE at < ?", (trusted - KEPT_SECONDS,))
            if self._bytes is None:
                self._bytes = int(connection.execute("SELECT coalesce(sum(length(raw)), 0) FROM messages").get)
            else:
                self._bytes += sum(len(raw) for _, _, raw in rows)
            if self._bytes > KEPT_BYTES:
                self._make_room(connection)
        if time.monotonic() >= self._next_merge:
            self._next_merge = time.monotonic() + MERGE_SECONDS
            connection.wal_checkpoint("main", apsw.SQLITE_CHECKPOINT_PASSIVE)

    def _make_room(self, connection: apsw.Connection) -> None:
        """Remove the oldest, a tenth more than must be."""
        excess = (
            int(connection.execute("SELECT coalesce(sum(length(raw)), 0) FROM messages").get) - KEPT_BYTES * 9 // 10
        )
        gone = []
        for uuid, size in connection.execute("SELECT id, length(raw) FROM messages ORDER BY at"):
            if excess <= 0:
                break
            gone.append((uuid,))
            excess -= size
        connection.executemany("DELETE FROM messages WHERE id = ?", gone)
        self._bytes = None

    def _open(self) -> apsw.Connection | None:
        self.refusal = refusal_of(self._path)
        if self.refusal:
            return None
        make_private(self._path)  # it holds arguments of tasks
        connection = self._connection = apsw.Connection(str(self._path))
        connection.set_busy_timeout(2_000)
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "normal")
        for statement in _SCHEMA:
            connection.execute(statement)
        connection.pragma("application_id", APPLICATION_ID)
        connection.pragma("user_version", VERSION)
        return connection


def refusal_of(path: Path) -> str:
    """Say why a file of messages is not this deskq's, "" if it is, or is not there, or is none of SQLite's."""
    header = header_of(path)
    if header is None:
        return ""
    version, owner = header
    if owner not in (0, APPLICATION_ID):
        return f"{path} is not a deskq message file, so no messages are kept. Move the file away."
    if version > VERSION:
        return (
            f"{path} was written by a newer deskq: its format is {version}, and this deskq supports up to {VERSION}. "
            "No messages are kept. Upgrade deskq."
        )
    return ""


def read_messages(history: Path, tasks: Sequence[str]) -> dict[str, bytes]:
    """Return the kept messages of these tasks, by id; {} where there are none. Blocking; never raises."""
    path = messages_path(history)
    if not path.exists() or refusal_of(path):
        return {}
    found: dict[str, bytes] = {}
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            for uuid in tasks:
                for (raw,) in connection.execute("SELECT raw FROM messages WHERE id = ?", (uuid,)):
                    found[uuid] = _inflated(bytes(raw))
        finally:
            connection.close()
    except (apsw.Error, zlib.error, ValueError):
        return {}
    return found


def read_retries(history: Path, sources: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return, by source, the ids of the retries that were seen waiting, and when. Blocking; never raises."""
    path = messages_path(history)
    if not path.exists() or refusal_of(path):
        return {}
    found: dict[str, dict[str, float]] = {}
    with contextlib.suppress(apsw.Error):
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        with contextlib.closing(connection):
            for source in sources:
                for uuid, at in connection.execute("SELECT id, at FROM retries WHERE source = ?", (source,)):
                    found.setdefault(source, {})[str(uuid)] = float(at)
    return found


def _inflated(raw: bytes) -> bytes:
    inflater = zlib.decompressobj()
    plain = inflater.decompress(raw, _MOST_BYTES)
    if inflater.unconsumed_tail:
        raise ValueError("larger than any message that was kept")
    return plain
