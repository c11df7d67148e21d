"""What operating systems do each in their own way, and drivers not at all: modes, locks, sockets, clocks, children."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import struct
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

_OWNERS: Final = 0o600

if sys.platform == "win32":
    import msvcrt

    def lock(file: IO[bytes]) -> None:
        """Lock an open file until it is closed, or its holder dies; raises OSError if somebody else has it."""
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def lock(file: IO[bytes]) -> None:
        """Lock an open file until it is closed, or its holder dies; raises OSError if somebody else has it."""
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def make_private(path: Path) -> None:
    """Make an empty file that is nobody else's from its first moment; one that is there becomes so.

    To be called before SQLite opens it, which gives its mode to what it makes beside it. A file that is there is not
    opened: closing it again would drop the locks that SQLite holds on it in this process. What fails here, as on a
    full disk, is told by whoever opens the file then.
    """
    with contextlib.suppress(OSError):
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _OWNERS))
        except FileExistsError:
            if stat.S_ISREG(mode := path.stat().st_mode) and stat.S_IMODE(mode) != _OWNERS:
                path.chmod(_OWNERS)


def open_lock(path: Path) -> IO[bytes]:
    """Open a file to be locked, made if missing: whoever can open one can hold it, so nobody else can."""
    number = os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_CLOEXEC", 0), _OWNERS)
    with contextlib.suppress(OSError, AttributeError):
        if stat.S_IMODE(os.fstat(number).st_mode) != _OWNERS:
            os.fchmod(number, _OWNERS)
    return os.fdopen(number, "r+b")


@contextlib.contextmanager
def private_files() -> Iterator[None]:
    """Within, whatever this process and its children make is their owner's alone."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def own_command(*arguments: str) -> list[str]:
    """Return the command line of deskq itself, frozen or not, with these arguments."""
    return [sys.executable, *arguments] if getattr(sys, "frozen", False) else python_command("deskq", *arguments)


def python_command(module: str, *arguments: str) -> list[str]:
    """Return the command line that runs a module with deskq's own Python.

    With -P, since -m alone has a ``celery.py`` of the present folder imported in place of Celery.
    """
    return [sys.executable, "-P", "-m", module, *arguments]


def reset_when_closed(line: socket.socket) -> None:
    """Have the system drop what it has not delivered yet when this socket is closed, and reset the connection.

    Otherwise the system goes on sending it for minutes after its program has given the connection up.
    """
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0))


def awake_or_not() -> float:
    """Return seconds that pass also while the machine is suspended, and that setting the clock does not change."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)  # Linux; elsewhere CLOCK_MONOTONIC goes on in sleep
    if clock is None:
        clock = getattr(time, "CLOCK_MONOTONIC", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


@contextlib.contextmanager
def close_socket_after(descriptor: int, seconds: float) -> Iterator[None]:
    """Cut the line to who does not answer: a driver that knows no deadline (psycopg) would wait for ever."""

    def cut() -> None:
        # A copy: the descriptor itself stays the driver's, and only the line is closed.
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as line:
            line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
