"""Where deskq keeps its files, and where it finds the ones it came with."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import PlatformDirs

from deskq.errors import UserError

_DIRS = PlatformDirs("deskq", appauthor=False)


def _directory(kind: str, default: str) -> Path:
    """The directory of a kind, made if missing; under $DESKQ_HOME when that is set (tests and the demo set it)."""
    home = os.environ.get("DESKQ_HOME")
    path = Path(home) / kind if home else Path(default)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"Cannot make the directory {path}: make it writable or set DESKQ_HOME.", str(error)) from error
    return path


def config_dir() -> Path:
    """Profiles and settings, edited by people."""
    return _directory("config", _DIRS.user_config_dir)


def state_dir() -> Path:
    """What deskq keeps for itself: histories, the journal, the layout of windows."""
    return _directory("state", _DIRS.user_state_dir)


def log_dir() -> Path:
    """Logs and crash reports."""
    return _directory("log", _DIRS.user_log_dir)


def runtime_dir() -> Path:
    """Sockets and locks that need not survive a reboot."""
    return _directory("run", _DIRS.user_runtime_dir)


def history_dir() -> Path:
    """The histories of profiles that name no file of their own."""
    path = state_dir() / "history"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def resource(name: str) -> Path:
    """A file of `resources/`, such as "icons/deskq.svg": inside an installed package, beside it in a source tree."""
    package = Path(__file__).resolve().parent
    for base in (package / "resources", package.parent / "resources"):
        path = base / name
        if path.exists():
            return path
    raise FileNotFoundError(f"deskq has no resource {name!r}")
