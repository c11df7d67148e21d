"""Moves a history to another file while nobody writes it, as when its profile gets another name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from deskq.errors import UserError
from deskq.files.locks import WriterLock
from deskq.history.known_broker import known_broker_path
from deskq.history.recovery.quarantine import MARK, to_be_salvaged
from deskq.history.writing.message_cache import messages_path
from deskq.profiles import Profile, SavedProfiles

_PARTS = ("-wal", "-shm", "")


def move_history(old: Path, new: Path) -> bool:
    """Rename a history with what SQLite keeps beside it; False if there is none, or a recorder writes it just now.

    Raises UserError if there is a history at the new place already, which is never overwritten.
    """
    if not old.exists() or old == new:
        return False
    if new.exists():
        raise UserError(f"A history already exists at {new}. Move it away or choose another name.")
    lock = WriterLock(old)
    if not lock.acquire(patience=0):
        return False
    try:
        if not messages_path(new).exists():  # a recorder that begins there keeps them with its own
            for part in _PARTS:
                _move(messages_path(old), messages_path(new), part)
        known_broker_path(new).unlink(missing_ok=True)
        _move(known_broker_path(old), known_broker_path(new), "")
        for part in _PARTS:  # the file itself last: a reader that finds it finds its log too
            _move(old, new, part)
        for aside in to_be_salvaged(old):  # the next recorder looks for them beside the history, by its name
            for part in (*_PARTS, MARK):
                place = aside.kept_as.with_name(aside.kept_as.name + part)
                if place.exists():
                    place.rename(new.with_name(new.name + place.name.removeprefix(old.name)))
    except OSError as error:
        raise UserError(f"The history {old} cannot be moved to {new}: {error.strerror}.") from None
    finally:
        lock.release()
    return True


def _move(old: Path, new: Path, part: str) -> None:
    source = old.with_name(old.name + part)
    if source.exists():
        source.rename(new.with_name(new.name + part))


def save_with_history(saved: SavedProfiles, profile: Profile, was: str) -> tuple[Profile, str]:
    """Save a profile that ``was`` called so; its history follows the name unless the profile says where it is.

    Returns the profile as it is saved, and a sentence about the history, which may be empty. Raises UserError before
    anything is changed if there is a history of the new name.
    """
    old, new = replace(profile, name=was).history_path(), profile.history_path()
    follows = bool(was) and was != profile.name and profile.history is None and old != new and old.exists()
    if follows and new.exists():
        raise UserError(f"A history already exists at {new}. Move it away or choose another name.")
    saved.put(profile, was=was)
    if not follows:
        return profile, ""
    if move_history(old, new):
        return profile, "Its history file was moved as well."
    profile = replace(profile, history=str(old))
    saved.put(profile, was=profile.name)
    return profile, f"Its history is being recorded, so it stays in {old}."
