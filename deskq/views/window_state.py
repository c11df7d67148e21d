"""Opaque state of windows and tables (sizes, columns), remembered between runs."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QSettings

from deskq import paths


def _settings() -> QSettings:
    return QSettings(str(paths.state_dir() / "window.ini"), QSettings.Format.IniFormat)


def load(key: str) -> QByteArray | None:
    """Return what was saved, None if nothing was."""
    value = _settings().value(key)
    return value if isinstance(value, QByteArray) and not value.isEmpty() else None


def save(key: str, value: QByteArray) -> None:
    """Remember a state."""
    _settings().setValue(key, value)


def load_text(key: str, default: str = "") -> str:
    """Return a remembered word."""
    value = _settings().value(key, default)
    return value if isinstance(value, str) else default


def save_text(key: str, value: str) -> None:
    """Remember a word."""
    _settings().setValue(key, value)
