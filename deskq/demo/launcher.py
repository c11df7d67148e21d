"""``python -m deskq.demo.launcher PARENT_PID FOLDER… -- command…``: runs a command that ends when its parent does.

The command and all its children form a process group of their own, which is killed as a whole: also after the parent
was killed without a chance to say so. In that case the folders are removed, again and again while a recorder that has
not ended yet still writes into them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from types import FrameType

_POLL_SECONDS = 0.5
_GRACE_SECONDS = 5.0
_REMOVING_SECONDS = 60.0
_AWAY = 10
"""So many looks in a row must find none of the folders."""


def main(arguments: list[str]) -> int:
    """Run the command and return its exit status."""
    parent = int(arguments[0])
    end = arguments.index("--")
    folders, command = arguments[1:end], arguments[end + 1 :]
    stopping = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, on_signal)
    process = subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL)
    while process.poll() is None and not stopping.wait(_POLL_SECONDS):
        if os.getppid() != parent:
            break
    _end(process)
    if os.getppid() != parent:
        _remove(folders)
    return process.returncode or 0


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end, then end its whole group."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_SECONDS)


def _remove(folders: Sequence[str]) -> None:
    """Remove the folders until they stay away, or for so long that something else must be wrong."""
    away = 0
    deadline = time.monotonic() + _REMOVING_SECONDS
    while away < _AWAY and time.monotonic() < deadline:
        there = [folder for folder in folders if os.path.exists(folder)]  # noqa: PTH110 - folders are texts here
        away = 0 if there else away + 1
        for folder in there:
            shutil.rmtree(folder, ignore_errors=True)
        time.sleep(_POLL_SECONDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
