"""Opaque state of windows and tables (sizes, columns), remembered between runs; a thread of its own writes it.

QSettings locks, writes and syncs a file, which takes as long as the disk likes.
"""

from __future__ import annotations

from threading import Lock, Thread
from typing import Final

from PySide6.QtCore import QByteArray, QSettings, QSize
from PySide6.QtGui import QGuiApplication

from deskq import paths

_lock: Final = Lock()
_waiting: Final[dict[str, dict[str, QByteArray | str]]] = {}
"""What is not in its file yet: by file, by key."""


def fitting(wanted: QSize, frame: int) -> QSize:
    """Return a window's first size so that its frame, too, is on the screen; ``frame``: the height of a title bar."""
    room = QGuiApplication.primaryScreen().availableSize()
    return wanted.boundedTo(QSize(room.width() - frame, room.height() - 2 * frame))  # some title bars are high


def load(key: str) -> QByteArray | None:
    """Return what was saved, None if nothing was."""
    value = _value(key)
    return value if isinstance(value, QByteArray) and not value.isEmpty() else None


def save(key: str, value: QByteArray) -> None:
    """Remember a state."""
    _save(key, value)


def load_text(key: str, default: str = "") -> str:
    """Return a remembered word."""
    value = _value(key)
    return value if isinstance(value, str) else default


def save_text(key: str, value: str) -> None:
    """Remember a word."""
    _save(key, value)


def _file() -> str:
    return str(paths.state_dir() / "window.ini")


def _value(key: str) -> object:
    file = _file()
    with _lock:
        waiting = _waiting.get(file, {}).get(key)
    return waiting if waiting is not None else QSettings(file, QSettings.Format.IniFormat).value(key)


def _save(key: str, value: QByteArray | str) -> None:
    file = _file()
    with _lock:
        first = file not in _waiting
        _waiting.setdefault(file, {})[key] = value
    if first:
        Thread(target=_write, args=(file,), name="window-state").start()  # the interpreter waits for it when it ends


def _write(file: str) -> None:
    """Write what waits until nothing does; it counts as waiting until it is in the file."""
    while True:
        with _lock:
            values = dict(_waiting[file])
            if not values:
                del _waiting[file]
                return
        settings = QSettings(file, QSettings.Format.IniFormat)
        for key, value in values.items():
            settings.setValue(key, value)
        settings.sync()
        with _lock:
            waiting = _waiting[file]
            for key, value in values.items():
                if waiting[key] is value:
                    del waiting[key]
