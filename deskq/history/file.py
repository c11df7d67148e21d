"""Opening a history file: for the writer with schema and upgrades, for readers strictly read-only."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Final

import apsw

from deskq.errors import UserError
from deskq.history.query import STATES

VERSION: Final = 1
APPLICATION_ID: Final = 0x6465736B  # "desk"
BUSY_MS: Final = 5_000

UPGRADES: Final[dict[int, Callable[[apsw.Connection], None]]] = {}
"""From version N to N+1, each run in one transaction after a copy of the file was set aside."""


class HistoryDamaged(UserError):
    """The file is no history of deskq, or SQLite finds it damaged."""


def open_for_writing(path: Path) -> apsw.Connection:
    """Open or create a history and bring it to VERSION; raises UserError. The caller holds the writer's lock."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = apsw.Connection(str(path))
    except apsw.Error as error:
        raise UserError(f"The history {path} cannot be opened: {error}. Choose another place with --history.") from None
    try:
        connection.set_busy_timeout(BUSY_MS)
        with contextlib.suppress(OSError):
            path.chmod(0o600)  # arguments of tasks may hold secrets
        _prepare(connection, path)
    except apsw.Error as error:
        connection.close()
        raise _damaged(path, error) from None
    except BaseException:
        connection.close()
        raise
    return connection


def open_for_reading(path: Path) -> apsw.Connection:
    """Open a history that somebody else may be writing; raises UserError if it is absent, foreign or newer."""
    if not path.exists():
        raise UserError(f"There is no history at {path}. Record one with: deskq record URL --history {path}")
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        connection.set_busy_timeout(BUSY_MS)
        connection.pragma("query_only", True)
        _check(connection, path)
    except apsw.Error as error:
        raise _damaged(path, error) from None
    return connection


def _prepare(connection: apsw.Connection, path: Path) -> None:
    if connection.pragma("user_version") == 0 and connection.pragma("schema_version") == 0:
        connection.pragma("journal_mode", "wal")
        with connection:
            script = resources.files("deskq.history").joinpath("schema.sql").read_text(encoding="utf-8")
            connection.execute(script)
            connection.executemany("INSERT INTO texts (text) VALUES (?)", [(state,) for state in STATES])
            connection.execute("INSERT INTO facts VALUES ('created', ?)", (str(time.time()),))
            connection.pragma("application_id", APPLICATION_ID)
            connection.pragma("user_version", VERSION)
    _check(connection, path)
    version = connection.pragma("user_version")
    if version < VERSION:
        _upgrade(connection, path, version)
    # Else SQLite prepares statements anew for each value that is bound to them.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "normal")
    connection.pragma("cache_size", -32_000)
    connection.pragma("temp_store", "memory")
    connection.pragma("wal_autocheckpoint", 4_000)


def _check(connection: apsw.Connection, path: Path) -> None:
    version = connection.pragma("user_version")
    if connection.pragma("application_id") != APPLICATION_ID or version < 1:
        raise HistoryDamaged(f"{path} is not a history of deskq. Choose another file.")
    if version > VERSION:
        raise UserError(f"{path} was written by a newer deskq: format {version}, not {VERSION}. Upgrade deskq.")


def _upgrade(connection: apsw.Connection, path: Path, version: int) -> None:
    connection.pragma("wal_checkpoint", "truncate")
    shutil.copy2(path, path.with_name(f"{path.name}.v{version}.backup"))
    while version < VERSION:
        with connection:
            UPGRADES[version](connection)
            version += 1
            connection.pragma("user_version", version)


def _damaged(path: Path, error: apsw.Error) -> HistoryDamaged:
    return HistoryDamaged(f"The history {path} is damaged or not a history ({error}). Move it away and start again.")
