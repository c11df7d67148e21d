"""Where deskq keeps its files, and where it finds the ones it came with."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from platformdirs import PlatformDirs

from deskq.errors import UserError

_DIRS = PlatformDirs("deskq", appauthor=False)
TEMPORARY: Final = Path("/tmp")
"""Not $TMPDIR: two starts of deskq may have different ones."""
_UNWRITABLE: Final = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT)


def _directory(kind: str, default: Callable[[], str]) -> Path:
    """The directory of a kind, made if missing; under $DESKQ_HOME when that is set (tests and the demo set it)."""
    home = os.environ.get("DESKQ_HOME")
    if home:
        return _made(Path(home) / kind)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a system has no folder for sockets is nothing to tell a person
            return _made(Path(default()))
    except OSError as error:  # somebody else's folder stands where the system has none
        raise UserError(f"Cannot create a private folder ({error}). Set DESKQ_HOME to a folder you own.") from None


def _made(path: Path) -> Path:
    """Where nothing can be written there is nothing to make, but perhaps to read: whoever writes says why it fails."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        if error.errno in _UNWRITABLE:
            return path
        raise UserError(
            f"Cannot create the folder {path}. Make its parent writable or set DESKQ_HOME.", str(error)
        ) from error
    return path


def config_dir() -> Path:
    """Profiles and settings, edited by people."""
    return _directory("config", lambda: _DIRS.user_config_dir)


def state_dir() -> Path:
    """What deskq keeps for itself: histories, the journal, the layout of windows."""
    return _directory("state", lambda: _DIRS.user_state_dir)


def log_dir() -> Path:
    """Logs and crash reports."""
    return _directory("log", lambda: _DIRS.user_log_dir)


def runtime_dir() -> Path:
    """Sockets and locks that need not survive a reboot."""
    return _directory("run", lambda: _DIRS.user_runtime_dir)


def writable(folder: Path) -> bool:
    """May this process write there, in the folder as it is or as it would be made?"""
    with contextlib.suppress(OSError):  # one that may not be entered cannot be written either
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
    return os.access(folder, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def only_to_look() -> str:
    """Return why nothing can be changed or kept, "" where it can."""
    folder = state_dir()
    if writable(folder):
        return ""
    return (
        f"deskq is read-only because {folder} cannot be written: it records, changes and remembers nothing. Make "
        "the folder writable, or set DESKQ_HOME."
    )


def short_runtime_dirs() -> Iterator[Path]:
    """Folders of this person's own with short paths, whatever $DESKQ_HOME is, for what a long path cannot hold.

    The system's for sockets, if there is one; else it is made where everybody may, and somebody may have been first.
    """
    if not hasattr(os, "getuid"):
        return
    system = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    for place in (Path(system) / "deskq", TEMPORARY / f"deskq-{os.getuid()}"):
        with contextlib.suppress(OSError):
            place.mkdir(mode=0o700, exist_ok=True)
            found = place.lstat()
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not stat.S_IMODE(found.st_mode) & 0o077:
                yield place


def history_dir() -> Path:
    """The histories of profiles that name no file of their own."""
    return _made(state_dir() / "history")


def written(text: str) -> Path:
    """The path that a person wrote, with ~ as their own folder; the ~ of a person who is not there stays."""
    path = Path(text)
    with contextlib.suppress(RuntimeError):
        return path.expanduser()
    return path


def is_file(path: Path) -> bool:
    """Is there such a file? No, too, if its name is longer than a name can be."""
    try:
        return path.is_file()
    except OSError:
        return False


def resource(name: str) -> Path:
    """A file of `resources/`, such as "icons/deskq.svg": inside an installed package, beside it in a source tree."""
    package = Path(__file__).resolve().parent
    for base in (package / "resources", package.parent / "resources"):
        path = base / name
        if path.exists():
            return path
    raise FileNotFoundError(f"deskq has no resource {name!r}")
