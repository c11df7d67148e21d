"""A damaged history makes room for a new one: its file is renamed, and marked until it was salvaged (see salvage)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Final

import apsw
import msgspec

from deskq.errors import UserError
from deskq.files.locks import WriterLock
from deskq.history.recovery.page_scan import PageReader
from deskq.history.rows import RecorderStatus
from deskq.history.writing.codec import UNREADABLE
from deskq.history.writing.database import HistoryDamaged, is_damage
from deskq.history.writing.side_tables import readable
from deskq.history.writing.writer import History

TASK_COLUMNS: Final = (27, 28)
"""Of a row of a task, as format 2 wrote it, and as it is."""
_SIDE_FILES: Final = ("-wal", "-shm")
MARK: Final = ".salvaging"
_SPARE_NUMBERS: Final = 10_000
"""For tasks of a damaged file that are not seen at a first glance, or whose own number is damaged."""


class _Mark(msgspec.Struct):
    least_id: int
    at: float
    last_sign: float


@dataclass(frozen=True, slots=True)
class SetAside:
    """A damaged history that is not salvaged yet.

    ``kept_as``: where it is. ``least_id``: above the numbers of all its tasks. ``at``: when it was set aside.
    ``last_sign``: when a recorder last wrote it.
    """

    kept_as: Path
    least_id: int
    at: float
    last_sign: float

    @property
    def mark(self) -> Path:
        """The file that says that it is still to be salvaged."""
        return self.kept_as.with_name(self.kept_as.name + MARK)


def open_history(path: Path, say: Callable[[str], None] = lambda _: None) -> tuple[History, SetAside | None]:
    """Open a history for writing; one that proves to be damaged is set aside, and a new one is begun.

    Where there is no room it waits for room: see History. Raises what History raises.
    """
    try:
        history = History(path, least_id=_least_id(path), patient=True)
    except HistoryDamaged:
        say(f"The history {path} is damaged; starting a new one.")
        lock = WriterLock(path)
        if not lock.acquire():
            raise
        try:
            aside = set_aside(path)
        finally:
            lock.release()
        return History(path, least_id=aside.least_id, patient=True), aside
    try:
        try:
            history.oldest_waiting()
            history.running()
            history.gap_count()
            return history, (None if _beside_is_sound(history) else exchange(history))
        except apsw.Error as error:
            if not is_damage(error):
                raise UserError(f"The history {path} cannot be read: {error}.") from None
            return history, exchange(history)
    except BaseException:
        history.close()
        raise


def exchange(history: History, least_id: int = 0) -> SetAside:
    """Begin a new file in place of the damaged one of an open history; what is not committed yet comes with the next.

    ``least_id``: see ``set_aside``.
    """
    history.detach()
    try:
        aside = set_aside(history.path, least_id)
    except BaseException:
        history.attach()
        raise
    history.attach(aside.least_id)
    return aside


def set_aside(path: Path, least_id: int = 0) -> SetAside:
    """Rename a damaged history with what SQLite keeps beside it, and mark it as to be salvaged.

    The caller holds the writer's lock, and nobody has the file open for writing. ``least_id``: the next number for a
    task, 0 if it is not known. Raises UserError if the file cannot be moved.
    """
    kept_as = _free_name(path)
    try:
        aside = SetAside(kept_as, (least_id or _next_number(path)) + _SPARE_NUMBERS, time.time(), _last_sign(path))
        with contextlib.suppress(OSError):  # of a full disk: an empty mark says enough
            aside.mark.write_bytes(msgspec.json.encode(_Mark(aside.least_id, aside.at, aside.last_sign)))
        path.rename(kept_as)
        _finish(path, kept_as)
    except OSError as error:
        raise UserError(
            f"Cannot rename the damaged history {path} ({error.strerror}). Move it to another folder."
        ) from None
    return aside


def to_be_salvaged(path: Path) -> list[SetAside]:
    """Return the files that were set aside for this history and are not salvaged yet, the newest first."""
    found: list[SetAside] = []
    for place in sorted(path.parent.glob(f"{escape(path.name)}.damaged-*{MARK}"), reverse=True):
        kept_as = place.with_name(place.name.removesuffix(MARK))
        if not kept_as.exists():  # it was removed, or a recorder died before it moved it
            place.unlink(missing_ok=True)
            continue
        try:
            mark = msgspec.json.decode(place.read_bytes(), type=_Mark)
        except (msgspec.MsgspecError, OSError):  # a full disk left it empty
            mark = _Mark(_next_number(kept_as) + _SPARE_NUMBERS, kept_as.stat().st_mtime, kept_as.stat().st_mtime)
        found.append(SetAside(kept_as, mark.least_id, mark.at, mark.last_sign))
    return found


def _least_id(path: Path) -> int:
    waiting = to_be_salvaged(path)
    if waiting and not path.exists():  # a recorder died while it moved the file: what lies beside belongs to it
        _finish(path, waiting[0].kept_as)
    return max((aside.least_id for aside in waiting), default=1)


def _finish(path: Path, kept_as: Path) -> None:
    with contextlib.suppress(OSError):
        kept_as.chmod(0o600)
    for side in _SIDE_FILES:
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + side).rename(kept_as.with_name(kept_as.name + side))


def _free_name(path: Path) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    names = [f"{path.name}.damaged-{stamp}{more}.sqlite" for more in ("", *(f"-{n:02}" for n in range(2, 100)))]
    return next(place for name in names if not (place := path.with_name(name)).exists())


def _next_number(path: Path) -> int:
    with PageReader(path) as pages:
        return pages.newest_row(TASK_COLUMNS[0]) + 1


def _last_sign(path: Path) -> float:
    """When its recorder last said something, as far as SQLite can read that, else when the file last changed."""
    with contextlib.suppress(apsw.Error, *UNREADABLE):
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            for status in readable(connection.execute("SELECT row FROM status"), RecorderStatus):
                if 0 < status.updated <= time.time():
                    return status.updated
        finally:
            connection.close()
    return path.stat().st_mtime


def _beside_is_sound(history: History) -> bool:
    try:
        history.workers(), history.queues(), history.status()
    except UNREADABLE:
        return False
    return True
