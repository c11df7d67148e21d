"""The journal's file: made, brought up to date, and never touched where it is something else."""

from __future__ import annotations

import contextlib
import threading
import time
from importlib import resources
from pathlib import Path
from typing import Final
from urllib.parse import quote

import apsw

from deskq import paths
from deskq.errors import UserError
from deskq.history.header import header_of
from deskq.system import make_private

VERSION: Final = 2
APPLICATION_ID: Final = 0x6465736A  # "desj"
_BUSY_SECONDS: Final = 10.0


class JournalUnwritable(UserError):
    """Nothing can be written to the journal: it is there to be read."""


def open_file(path: Path) -> apsw.Connection:
    """Open or make it; raises UserError where it is none of this deskq's, and what SQLite and the disk raise.

    One that is there is opened to be read at least, if it cannot be written or the disk is full.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _refuse_newer(path)
    make_private(path)  # it holds arguments of tasks
    connection = apsw.Connection(str(path))
    try:
        connection.set_busy_timeout(int(_BUSY_SECONDS * 1_000))
        _prepare(connection, path)
    except (apsw.CantOpenError, apsw.ReadOnlyError):  # even to read it SQLite makes a file beside it
        connection.close()
        if not is_read_only(path):
            raise
        return _open_for_reading(path)
    except (apsw.FullError, apsw.IOError):  # there is no room for the index of the log, which others would share
        connection.close()
        return _open_alone(path)
    except BaseException:
        connection.close()
        raise
    return connection


def is_read_only(path: Path) -> bool:
    """Is there a file that can be read, but neither written nor have a log beside it?"""
    return paths.is_file(path) and not paths.writable(path.parent)


def _open_for_reading(path: Path) -> apsw.Connection:
    """Nobody can be writing it: it is read without the locks that would have to be written beside it."""
    uri = f"file:{quote(str(path.absolute()))}?immutable=1"
    connection = apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    try:
        if _version(connection, path) != VERSION:
            raise UserError(f"The journal {path} is from an older deskq and cannot be converted where it is.")
    except BaseException:
        connection.close()
        raise
    return connection


def _open_alone(path: Path) -> apsw.Connection:
    """Nobody else has it open, or the index of its log would be there: alone SQLite keeps that in memory."""
    connection = apsw.Connection(str(path))
    try:
        connection.set_busy_timeout(int(_BUSY_SECONDS * 1_000))
        connection.pragma("locking_mode", "exclusive")
        if _version(connection, path) != VERSION:
            raise apsw.FullError("there is no space left for a journal")
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: apsw.Connection, path: Path) -> None:
    """Look before anything is changed; who makes it waits for others who are about to."""
    _version(connection, path)
    _log_ahead(connection)
    connection.pragma("synchronous", "full")
    if _version(connection, path) == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection, path)  # somebody else may have made it meanwhile
        if not version:
            connection.execute(
                resources.files("deskq.actions.journal").joinpath("journal.sql").read_text(encoding="utf-8")
            )
            connection.pragma("application_id", APPLICATION_ID)
        elif version == 1:
            connection.execute("ALTER TABLE actions ADD COLUMN undoes TEXT NOT NULL DEFAULT ''")
            connection.execute("ALTER TABLE items ADD COLUMN undo TEXT NOT NULL DEFAULT ''")
        connection.pragma("user_version", VERSION)
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(apsw.Error):  # a full disk has ended it already
            connection.execute("ROLLBACK")
        raise


def _refuse_newer(path: Path) -> None:
    """Before SQLite opens it for writing: even that merges a log that lies beside it."""
    header = header_of(path)
    if header is not None and header.application == APPLICATION_ID and header.version > VERSION:
        raise _newer(path, header.version)


def _newer(path: Path, version: int) -> UserError:
    return UserError(
        f"{path} was written by a newer deskq: its format is {version}, and this deskq supports up to {VERSION}. "
        "Nothing was changed. Upgrade deskq."
    )


def _log_ahead(connection: apsw.Connection) -> None:
    """SQLite asks no busy handler where two make the same file at once."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.pragma("journal_mode", "wal")
        except apsw.BusyError:
            if time.monotonic() > deadline:
                raise
            threading.Event().wait(0.01)
        else:
            return


def _version(connection: apsw.Connection, path: Path) -> int:
    """0 for a file that is empty; raises UserError where it is something else, or newer."""
    if not connection.pragma("schema_version"):
        return 0
    if connection.pragma("application_id") != APPLICATION_ID:
        raise UserError(f"{path} is not a deskq journal. Move it away.")
    version = int(connection.pragma("user_version"))
    if version > VERSION:
        raise _newer(path, version)
    return version
