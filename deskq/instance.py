"""One window for each person: a second start hands over what it was to open, and ends.

The first start listens on a socket in the runtime folder, which only its owner can enter: the listening side is
deskq/services/instance_server.py. One message is one line of JSON:
``{"open": [profile or {"history": path}, ...], "activation": token}``.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from deskq import paths
from deskq.errors import UserError
from deskq.files.locks import WriterLock
from deskq.profiles import Profile, profile_from_json, profile_to_json

CLAIM_SECONDS: Final = 12.0
ANSWER_SECONDS: Final = 3.0
MOST_BYTES: Final = 1_000_000
LONGEST_PATH: Final = 100
"""Bytes: the system's limit for a socket's path is 104 (macOS) or 108."""


class SingleInstance:
    """The right to be the one window, held as long as the process lives."""

    def __init__(self) -> None:
        self._lock = WriterLock(paths.runtime_dir() / "window")

    def claim(self, forward_to_running: Callable[[], bool]) -> bool:
        """Return True if this process is the window; False if another one is, and took over what was to be opened.

        One that holds the right but does not answer, for it starts or ends just now, is asked again for a while.
        Raises UserError if it stays silent.
        """
        deadline = time.monotonic() + CLAIM_SECONDS
        while time.monotonic() < deadline:
            if forward_to_running():
                return False
            if not paths.writable(self._lock.path.parent):
                return True  # nothing is kept there: each one only looks
            if self._lock.acquire(patience=0.2):
                return True
            if socket_path() is None:
                raise UserError(
                    f"deskq is already running, but cannot be reached: the path of {paths.runtime_dir()} is too "
                    "long for a socket. Use the open window, or set DESKQ_HOME to a shorter path."
                )
        raise UserError("Another deskq is running but not responding. Quit it, then start deskq again.")

    def release(self) -> None:
        """Give the right back."""
        self._lock.release()


def socket_path() -> Path | None:
    """Return where the window listens; None where the system has no such sockets, or no folder whose path is short.

    In the folder for sockets; if its path is too long, in another one under a name that stands for that path.
    """
    if not hasattr(socket, "AF_UNIX"):
        return None
    path = paths.runtime_dir().absolute() / "window.socket"
    if len(os.fsencode(path)) < LONGEST_PATH:
        return path
    name = f"window-{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}.socket"
    found = (folder / name for folder in paths.short_runtime_dirs())
    return next((short for short in found if len(os.fsencode(short)) < LONGEST_PATH), None)


def forward_to_running(profiles: Sequence[Profile]) -> bool:
    """Ask a running window to come to the front and to open these; False if there is none. Waits at most 3 s."""
    path = socket_path()
    if path is None or not path.exists():
        return False
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(ANSWER_SECONDS)
        link.connect(str(path))
        link.sendall(encode(profiles, os.environ.get("XDG_ACTIVATION_TOKEN", "")))
        return link.recv(16).startswith(b"ok")
    return False


def encode(profiles: Sequence[Profile], activation: str) -> bytes:
    """Return the message: passwords are in it, for the socket alone."""
    opened = [
        profile_to_json(profile) if profile.has_broker else {"history": str(profile.history_path().absolute())}
        for profile in profiles
    ]
    message = {"open": opened, "activation": activation}
    return json.dumps(message).encode() + b"\n"


def decode(line: bytes) -> tuple[list[Profile], str]:
    """Reverse :func:`encode`; raises UserError."""
    try:
        message: Any = json.loads(line)
        activation = str(message["activation"])
        return [_opened(item) for item in message["open"]], activation
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UserError("Another program wrote to deskq's socket.") from None


def _opened(item: Any) -> Profile:
    return Profile.of_history(Path(item["history"])) if isinstance(item, dict) else profile_from_json(str(item))
