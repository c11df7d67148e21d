"""Writes a file whole or not at all, by one process at a time; nobody else can read it, not even for a moment."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from deskq.errors import UserError
from deskq.system import lock as lock_file
from deskq.system import open_lock

_PATIENCE: Final = 5.0


@contextlib.contextmanager
def exclusive(path: Path, what: str) -> Iterator[None]:
    """Let nobody else change the file between reading and writing it; ``what`` begins the error's sentence.

    The lock is a file beside it, which stays. Waits at most 5 s. Not to be entered twice.
    """
    lock = path.with_name(f".{path.name}.lock")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = open_lock(lock)
    except OSError as error:
        raise UserError(f"{what} cannot be written to {path}: {error.strerror}.") from None
    with file:
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                lock_file(file)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise UserError(f"Another deskq is writing {what[0].lower()}{what[1:]}. Try again.") from None
                time.sleep(0.02)
        yield


def write_private(path: Path, text: str, what: str) -> None:
    """Write beside the file, bring that to disk, rename it over the old one. ``what`` begins the error's sentence.

    The new file has mode 0600 (``mkstemp`` makes it so), whatever the umask and the old file's mode were.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(number, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UserError(f"{what} cannot be written to {path}: {error.strerror}.") from None
