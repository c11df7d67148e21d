"""One writer for a history: an advisory lock on a file beside it, which the kernel releases when its holder dies."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
import time
from pathlib import Path
from typing import IO

from deskq.errors import UserError
from deskq.system import lock, open_lock


class WriterLock:
    """Held by the recorder of one history as long as it lives."""

    def __init__(self, history: Path) -> None:
        self._history = history
        self.path = lock_path(history)
        self._file: IO[bytes] | None = None

    @property
    def held(self) -> bool:
        """Is it held by this one?"""
        return self._file is not None

    def acquire(self, patience: float = 0.5) -> bool:
        """Take the lock; False if somebody else holds it. Raises UserError where it cannot be, as beside a device.

        ``patience``: seconds to go on trying, since whoever only asks ``is_locked`` holds it for a moment too.
        """
        refuse_device(self._history)
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = open_lock(self.path)
        except OSError as error:
            raise UserError(
                f"{self.path} cannot be written ({error.strerror}). Make its folder writable, or choose another one."
            ) from None
        deadline = time.monotonic() + patience
        while True:
            try:
                lock(file)
            except OSError:
                if time.monotonic() >= deadline:
                    file.close()
                    return False
                threading.Event().wait(0.02)
            else:
                self._file = file
                return True

    def release(self) -> None:
        """Give it back; the file stays, since removing it would let two writers in."""
        if self._file is not None:
            self._file.close()
            self._file = None


def refuse_device(history: Path) -> None:
    """Raise UserError for a pipe or a device: reading it may wait for ever, and it must never be set aside."""
    with contextlib.suppress(OSError):
        mode = history.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise UserError(f"{history} is not a regular file. Choose another file.")


def lock_path(history: Path) -> Path:
    """The lock file of a history: beside the file itself, where a link leads to it."""
    place = history.resolve()
    return place.with_name(place.name + ".lock")


def is_locked(history: Path) -> bool:
    """Is a recorder writing this history just now?"""
    path = lock_path(history)
    if not path.exists() or not os.access(path, os.W_OK):
        return False
    probe = WriterLock(history)
    taken = probe.acquire(patience=0)
    probe.release()
    return not taken
