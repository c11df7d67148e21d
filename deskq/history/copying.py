"""Copies of SQLite files that are being written: one snapshot with what only the log holds, whole or not there."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import apsw

_PAGES: Final = 2_000
"""Copied between two calls of ``progress``."""


def copy_database(
    connection: apsw.Connection,
    target: Path,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
    *,
    overwrite: bool = False,
    finish: Callable[[apsw.Connection], object] = lambda _: None,
) -> None:
    """Write what a connection sees now into one file, which appears under its name when all of it is on the disk.

    Who writes meanwhile is not delayed, and is not in it. The file is its owner's alone, and no log belongs to it.
    ``finish`` may change the copy before it appears. Raises apsw.Error, OSError, and FileExistsError where there is
    something of that name, unless it may ``overwrite`` it.
    """
    if target.exists() and not overwrite:
        raise FileExistsError(target)
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    os.close(descriptor)
    part = Path(name)
    try:
        _copy(connection, part, progress, finish)
        with part.open("r+b") as file:
            os.fsync(file.fileno())
        if overwrite:
            part.replace(target)
        else:
            _place(part, target)
        _sync_folder(target.parent)
    finally:
        for end in ("", "-journal", "-wal", "-shm"):
            part.with_name(part.name + end).unlink(missing_ok=True)


def _copy(
    source: apsw.Connection,
    part: Path,
    progress: Callable[[int, int], None],
    finish: Callable[[apsw.Connection], object],
) -> None:
    copy = apsw.Connection(str(part))
    try:
        copy.pragma("synchronous", "off")  # it is brought to the disk once, as a whole
        source.execute("BEGIN")
        try:
            source.execute("SELECT count(*) FROM sqlite_schema").fetchall()  # from here on it sees one snapshot
            with copy.backup("main", source, "main") as backup:
                while not backup.done:
                    backup.step(_PAGES)
                    progress(backup.page_count - backup.remaining, backup.page_count)
        finally:
            with contextlib.suppress(apsw.Error):
                source.execute("ROLLBACK")
        copy.pragma("journal_mode", "delete")
        finish(copy)
    finally:
        copy.close()


def _place(part: Path, target: Path) -> None:
    """Give it its name; never over a file that came there meanwhile, where the file system knows links."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise
    except OSError:  # FAT, some network file systems
        if target.exists():
            raise FileExistsError(target) from None
        part.rename(target)


def _sync_folder(folder: Path) -> None:
    """A name is on the disk when its folder is; not every system lets a folder be opened."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
