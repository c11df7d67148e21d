"""Opening a history file: for the writer with schema and upgrades, for readers strictly read-only."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from importlib import resources
from pathlib import Path
from typing import Final
from urllib.parse import quote

import apsw

from deskq.errors import UserError
from deskq.files.locks import is_locked
from deskq.history.copying import copy_database
from deskq.history.header import header_of
from deskq.history.writing.upgrades import UPGRADES
from deskq.protocol.task_states import STATES
from deskq.system import make_private

VERSION: Final = 3
APPLICATION_ID: Final = 0x6465736B  # "desk"
BUSY_MS: Final = 5_000
WAL_BYTES: Final = 32_000_000
_MAGIC: Final = b"SQLite format 3\0"
_HEAD_BYTES: Final = 65_536
_OWN_WORDS: Final = (
    b"CREATE TABLE tasks (",
    b"CREATE TABLE texts (",
    b"CREATE INDEX tasks_by_",
    b"CREATE TABLE facts (",
)
_PASSING: Final = (apsw.BusyError, apsw.LockedError, apsw.IOError, apsw.CantOpenError, apsw.FullError)
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FREE_BYTES: Final = 262_144
_STEPS_UNSEEN: Final = 200_000  # of SQLite's machine, about a millisecond
_MOST_VERSIONS: Final = 1_000_000
"""A greater number of a format is damage. Any other is refused: whoever is in doubt touches nothing."""


class HistoryDamaged(UserError):
    """SQLite finds a history of deskq damaged."""


class HistoryFull(UserError):
    """There is no room to open a history for writing; ``reason`` is SQLite's or the system's word for it."""

    def __init__(self, path: Path, reason: object) -> None:
        super().__init__(f"The history {path} cannot be written: {reason}. Free some space on its disk.")
        self.reason = str(reason)


def open_for_writing(path: Path, *, check_seconds: float = 0.0) -> apsw.Connection:
    """Open or create a history and bring it to VERSION. The caller holds the writer's lock.

    ``check_seconds``: how long to look for damage; ten times as long after a writer that did not end in order.
    Raises HistoryDamaged, HistoryFull where there is no room, and UserError where the file is foreign, newer or not to
    be opened; then it is as it was.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        if is_disk_full(error, path):
            raise HistoryFull(path, error.strerror) from None
        raise
    refuse_foreign(path)
    refuse_newer(path)
    make_private(path)  # arguments of tasks may hold secrets
    try:
        connection = apsw.Connection(str(path))
    except apsw.Error as error:
        if is_disk_full(error, path):
            raise HistoryFull(path, error) from None
        raise UserError(f"The history {path} cannot be opened: {error}. Choose another file with --history.") from None
    try:
        connection.set_busy_timeout(BUSY_MS)
        _prepare(connection, path, check_seconds)
    except apsw.Error as error:
        connection.close()
        if is_damage(error):
            raise damaged(path, error) from None
        if is_disk_full(error, path):
            raise HistoryFull(path, error) from None
        raise UserError(f"The history {path} cannot be written: {error}. Choose another file with --history.") from None
    except OSError as error:  # of the copy that an upgrade makes
        connection.close()
        if is_disk_full(error, path):
            raise HistoryFull(path, error.strerror) from None
        raise UserError(f"The history {path} cannot be upgraded: {error.strerror}.") from None
    except BaseException:
        connection.close()
        raise
    return connection


def open_for_reading(path: Path) -> apsw.Connection:
    """Open a history that somebody else may be writing; raises UserError if it is absent, foreign, newer or damaged."""
    if not path.exists():
        raise UserError(f"No history at {path}. Record one with: deskq record URL --history {path}")
    refuse_foreign(path)
    connection: apsw.Connection | None = None
    try:
        connection = _connect_for_reading(path)
        connection.set_busy_timeout(BUSY_MS)
        connection.pragma("query_only", True)
        _check(connection, path)
    except apsw.Error as error:
        if connection is not None:
            connection.close()
        raise damaged(path, error) from None
    except BaseException:
        if connection is not None:
            connection.close()
        raise
    return connection


def is_damage(error: apsw.Error) -> bool:
    """Does the error say that the file's content is wrong (and not that a disk is full, or a file in use)?"""
    # What deskq asks for is in every history: a table, column or collation that is missing was garbled in the schema.
    garbled = any(words in str(error) for words in ("integer overflow", "no such ", " has no column named "))
    meant = isinstance(error, apsw.CorruptError | apsw.NotADBError | apsw.FormatError)
    return meant or (garbled and isinstance(error, apsw.SQLError))


def is_disk_full(error: Exception, path: Path) -> bool:
    """Does the error say that the disk is full? SQLite tells it of some of its files as an input or output error."""
    if isinstance(error, OSError):
        return error.errno in _NO_ROOM
    reason = error.__context__ if isinstance(error.__context__, apsw.Error) else error  # what a rollback hides
    if isinstance(reason, apsw.IOError | apsw.CantOpenError):
        with contextlib.suppress(OSError):
            return shutil.disk_usage(path.parent).free < _FREE_BYTES
    return isinstance(reason, apsw.FullError)


def damaged(path: Path, error: object) -> HistoryDamaged:
    """What to tell a person."""
    return HistoryDamaged(
        f"The history {path} is damaged ({error}). The next recorder sets it aside and salvages its readable tasks: "
        f"deskq record URL --history {path}"
    )


def to_user_error(path: Path, error: apsw.Error) -> Exception:
    """Return what a reader raises: damage, or a file that cannot be read just now, in words; else the error itself."""
    if is_damage(error):
        return damaged(path, error)
    if isinstance(error, _PASSING):
        return UserError(f"Cannot read the history {path} at the moment: {error}. Try again.")
    return error


def find_damage(connection: apsw.Connection, seconds: float) -> str:
    """Return the first damage that SQLite's quick_check finds in so many seconds, else "". Raises apsw.Error."""
    deadline = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > deadline, 20_000)
    try:
        found = connection.execute("PRAGMA quick_check(1)").get
    except apsw.InterruptError:
        return ""
    finally:
        connection.set_progress_handler(None)
    return "" if found == "ok" else str(found)


def refuse_foreign(path: Path) -> None:
    """Raise UserError if the file is somebody else's; an empty one, and a history whose header is destroyed, pass."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UserError(f"The history {path} cannot be opened: {error.strerror}. Choose another file.") from None
    own_id = head[68:72] == APPLICATION_ID.to_bytes(4, "big")
    if head.startswith(_MAGIC) and (own_id or len(head) < 100):
        return
    with contextlib.suppress(OSError), path.with_name(path.name + "-wal").open("rb") as wal:
        head += wal.read(_HEAD_BYTES)  # what was written first may stand there alone
    own_words = sum(word in head for word in _OWN_WORDS)
    if head and not (own_words >= 2 and b"\0" in head):
        raise UserError(f"{path} is not a deskq history. Choose another file.")


def newer(path: Path, version: int) -> UserError:
    """What to tell a person of a file that is not touched."""
    return UserError(
        f"{path} was written by a newer deskq: its format is {version}, and this deskq supports up to {VERSION}. "
        "Nothing was changed. Upgrade deskq, or choose another file."
    )


def refuse_newer(path: Path) -> None:
    """Raise UserError if a newer deskq wrote the file, before SQLite opens it for writing: even that merges a log."""
    header = header_of(path)
    if header is not None and header.application == APPLICATION_ID and VERSION < header.version <= _MOST_VERSIONS:
        raise newer(path, header.version)


def _connect_for_reading(path: Path) -> apsw.Connection:
    """In WAL mode even a reader writes, into the -shm file; where it may not, it reads a file that stands still.

    That is so on a read-only medium, where nobody can be recording. What a -wal file holds beside it is lost to view
    there only if SQLite cannot make the -shm file that it needs.
    """
    wal = path.with_name(path.name + "-wal")
    merged = not wal.exists() or not wal.stat().st_size
    if not (merged and _cannot_write_beside(path) and not is_locked(path)):
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            connection.set_busy_timeout(BUSY_MS)
            connection.pragma("user_version")
        except apsw.CantOpenError:
            connection.close()
            if not _cannot_write_beside(path) or is_locked(path):
                raise
        except BaseException:
            connection.close()
            raise
        else:
            return _stoppable(connection)
    uri = f"file:{quote(str(path.absolute()))}?immutable=1"
    return _stoppable(apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI))


def _stoppable(connection: apsw.Connection) -> apsw.Connection:
    """Python looks for Ctrl+C only while it runs itself, and a query may take long: a file can hold one without end."""
    connection.set_progress_handler(lambda: False, _STEPS_UNSEEN)
    return connection


def _cannot_write_beside(path: Path) -> bool:
    read_only = hasattr(os, "statvfs") and bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    effective = os.access in os.supports_effective_ids
    return read_only or not os.access(path.parent, os.W_OK, effective_ids=effective)


def _prepare(connection: apsw.Connection, path: Path, check_seconds: float) -> None:
    if connection.pragma("user_version") == 0 and connection.pragma("schema_version") == 0:
        connection.pragma("auto_vacuum", "incremental")
        connection.pragma("application_id", APPLICATION_ID)
        connection.pragma("journal_mode", "wal")
        _create(connection)
    _check(connection, path)
    if check_seconds:
        in_order = connection.execute("SELECT count(*) FROM facts WHERE key = 'writing'").get == 0
        found = find_damage(connection, check_seconds if in_order else 10 * check_seconds)
        if found:
            raise damaged(path, found)
    version = connection.pragma("user_version")
    if version < VERSION:
        _upgrade(connection, path, version)
    # Else SQLite prepares statements anew for each value that is bound to them.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    connection.pragma("journal_mode", "wal")
    connection.pragma("journal_size_limit", WAL_BYTES)
    connection.pragma("synchronous", "normal")
    connection.pragma("cache_size", -32_000)
    connection.pragma("temp_store", "memory")
    connection.pragma("wal_autocheckpoint", 4_000)


def _create(connection: apsw.Connection) -> None:
    with connection:
        script = resources.files("deskq.history.writing").joinpath("schema.sql").read_text(encoding="utf-8")
        connection.execute(script)
        connection.executemany("INSERT INTO texts (text) VALUES (?)", [(state,) for state in STATES])
        connection.execute("INSERT INTO facts VALUES ('created', ?)", (str(time.time()),))
        connection.pragma("user_version", VERSION)


def placeholder_connection() -> apsw.Connection:
    """Return an empty history in memory that can be asked and not written, for a writer that waits for room."""
    connection = apsw.Connection(":memory:")
    _create(connection)
    connection.pragma("query_only", True)
    return connection


def _check(connection: apsw.Connection, path: Path) -> None:
    version = connection.pragma("user_version")
    own = connection.pragma("application_id") == APPLICATION_ID
    if own and VERSION < version <= _MOST_VERSIONS:
        raise newer(path, version)
    if not version and not connection.pragma("schema_version"):
        raise UserError(f"The history {path} is still empty.")
    if not own or not 1 <= version <= VERSION:
        raise damaged(path, "its header is destroyed")
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()


def _upgrade(connection: apsw.Connection, path: Path, version: int) -> None:
    pages, size = connection.pragma("page_count"), connection.pragma("page_size")
    if shutil.disk_usage(path.parent).free < pages * size:  # half a copy would take the room of what is needed
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    copy_database(connection, path.with_name(f"{path.name}.v{version}.backup"), overwrite=True)
    while version < VERSION:
        with connection:
            UPGRADES[version](connection)
            version += 1
            connection.pragma("user_version", version)
