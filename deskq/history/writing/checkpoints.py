"""Moves what was committed from the log into the file, in a thread of its own, so that no commit waits for the disk.

By time too, not only by the log's size: many people copy the file alone, and a slow history's log is small for days.
"""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from typing import Final

import apsw

PAGES: Final = 4_000
"""Of the log, from which on it is worth while."""
MERGE_SECONDS: Final = 20.0
"""After which it is done however little the log holds."""
MOST_PAGES: Final = 25_000
"""From which on the writer does it itself: the thread does not keep up."""
_ROUNDS: Final = 3


class Checkpoints:
    """Watches the log of one connection that writes. SQLite lets it go on writing meanwhile.

    A checkpoint syncs two files to the disk: a fifth of a second for 4,000 pages, where a commit takes milliseconds.
    """

    def __init__(self, connection: apsw.Connection, path: Path) -> None:
        self._path = path
        self._wanted = threading.Event()
        self._closed = False
        self._next_merge = 0.0
        self._thread: threading.Thread | None = None
        connection.set_wal_hook(self._grown)

    def close(self) -> None:
        """End the thread, before the connection is closed."""
        self._closed = True
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()

    def _grown(self, connection: apsw.Connection, name: str, pages: int) -> int:
        """SQLite calls this after each commit."""
        if pages >= MOST_PAGES:
            with contextlib.suppress(apsw.Error):  # a full disk, or the thread is at it
                connection.wal_checkpoint(name, apsw.SQLITE_CHECKPOINT_PASSIVE)
        elif pages >= PAGES or time.monotonic() >= self._next_merge:
            self._next_merge = time.monotonic() + MERGE_SECONDS
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
                self._thread.start()
            self._wanted.set()
        return apsw.SQLITE_OK

    def _run(self) -> None:
        try:
            connection = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READWRITE)
        except apsw.Error:  # the writer does it itself, later
            return
        try:
            while True:
                self._wanted.wait()
                self._wanted.clear()
                if self._closed:
                    return
                with contextlib.suppress(apsw.Error):
                    connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()  # else it knows of no log yet
                    for _ in range(_ROUNDS):  # what is committed meanwhile is little
                        log, moved = connection.wal_checkpoint("main", apsw.SQLITE_CHECKPOINT_PASSIVE)
                        if log == moved or self._closed:
                            break
        finally:
            connection.close()
