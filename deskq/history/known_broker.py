"""Which broker a history is of: kept in a file beside it, which everybody may write who changes something there."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from deskq.files.private_files import write_private
from deskq.protocol.identity import Identity, decode, encode

SUFFIX: Final = ".broker"


def known_broker_path(history: Path) -> Path:
    """Return the file that says which broker a history is of."""
    return history.with_name(history.name + SUFFIX)


def known_broker(history: Path) -> Identity | None:
    """Return the broker that a history is of, None where that is not known. Blocking."""
    try:
        return decode(known_broker_path(history).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None


def known_at(history: Path) -> float:
    """Return when the broker that a history is of was last asked who it is, in epoch seconds, 0 if never. Blocking."""
    try:
        return known_broker_path(history).stat().st_mtime
    except OSError:
        return 0.0


def keep_broker(history: Path, identity: Identity) -> None:
    """Note which broker a history is of. Blocking; raises UserError where it cannot be written."""
    write_private(known_broker_path(history), encode(identity), "The identity of the broker")
