"""Moves a history to another file, while nobody writes it."""

from __future__ import annotations

from pathlib import Path

from deskq.errors import UserError
from deskq.history.lock import WriterLock

_PARTS = ("-wal", "-shm", "")


def move_history(old: Path, new: Path) -> bool:
    """Rename a history with what SQLite keeps beside it; False if there is none, or a recorder writes it just now.

    Raises UserError if there is a history at the new place already, which is never overwritten.
    """
    if not old.exists() or old == new:
        return False
    if new.exists():
        raise UserError(f"There is a history at {new} already. Move it away, or choose another name.")
    lock = WriterLock(old)
    if not lock.acquire(patience=0):
        return False
    try:
        for part in _PARTS:  # the file itself last: a reader that finds it finds its log too
            source = old.with_name(old.name + part)
            if source.exists():
                source.rename(new.with_name(new.name + part))
    except OSError as error:
        raise UserError(f"The history {old} cannot be moved to {new}: {error.strerror}.") from None
    finally:
        lock.release()
    return True
