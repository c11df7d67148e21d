"""``python -m deskq.demo.launcher PARENT_PID FOLDER… -- command…``: runs a command that ends when its parent does.

The command and all its children form a process group of their own, which is killed as a whole: also after the parent
was killed without a chance to say so. In that case the folders are removed: the last of several launchers succeeds.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from types import FrameType

_POLL_SECONDS = 0.5
_GRACE_SECONDS = 5.0


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
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
