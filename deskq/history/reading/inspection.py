"""What a history file is: its size, its span and its state of health; the smallest file that holds the same, a copy."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import apsw

from deskq.errors import UserError
from deskq.files.locks import WriterLock
from deskq.history.copying import copy_database
from deskq.history.known_broker import keep_broker, known_broker
from deskq.history.reading.reader import HistoryReader
from deskq.history.reading.task_filter import TaskFilter
from deskq.history.rows import Gap, RecorderStatus
from deskq.history.writing.database import HistoryDamaged, damaged, is_damage, open_for_reading, open_for_writing
from deskq.history.writing.message_cache import messages_path
from deskq.system import make_private

Progress = Callable[[int, int], None]
"""Called with what is done and what there is to do, in any unit."""
_STEPS: Final = 100_000
_SHOWN: Final = 20
_SIDE_FILES: Final = ("-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Description:
    """Facts of one history; times are epoch seconds, sizes bytes, None is not known. ``free``: in unused pages."""

    path: Path
    version: int
    size: int
    wal: int
    free: int
    tasks: dict[str, int]
    created: float
    oldest: float | None
    newest: float | None
    gaps: list[Gap]
    malformed: int
    status: RecorderStatus


def describe(path: Path) -> Description:
    """Look at a history, whether or not a recorder writes it; raises UserError."""
    reader = HistoryReader(path)
    try:
        place = path.resolve()
        wal = place.with_name(place.name + "-wal")
        ends = reader.ends()
        return Description(
            path=path,
            version=reader.number("PRAGMA user_version"),
            size=path.stat().st_size,
            wal=wal.stat().st_size if wal.exists() else 0,
            free=reader.number("PRAGMA freelist_count") * reader.number("PRAGMA page_size"),
            tasks=reader.counts(TaskFilter()).by_state,
            created=reader.created(),
            oldest=ends[0],
            newest=ends[1],
            gaps=reader.gaps(),
            malformed=reader.number("SELECT count(*) FROM malformed"),
            status=reader.status(),
        )
    finally:
        reader.close()


def problems(path: Path, progress: Progress = lambda _done, _all: None) -> list[str]:
    """Look through the whole file and return what is wrong with it, as sentences. Raises UserError if it is no history.

    It is one snapshot, so a recorder may go on meanwhile.
    """
    try:
        reader = HistoryReader(path)
    except HistoryDamaged as error:
        return [str(error)]
    found: list[str] = []
    try:
        with reader.snapshot():
            found += [f"SQLite reports: {line}" for line in reader.integrity(_SHOWN) if line != "ok"]
            states: Counter[str] = Counter()
            told = reader.counts(TaskFilter())
            for done, row in enumerate(reader.export(TaskFilter())):
                states[row["state"]] += 1
                if done % 1_000 == 0:
                    progress(done, max(told.total, done))
            if reader.unreadable:
                found.append(f"{reader.unreadable:,} tasks cannot be read.")
            elif told.by_state != dict(states):
                found.append(f"The counts by state ({told.by_state}) do not match the tasks ({dict(states)}).")
    except HistoryDamaged as error:
        found.append(str(error))
    finally:
        reader.close()
    return found


def compact(path: Path, progress: Progress = lambda _done, _all: None) -> tuple[int, int]:
    """Write the history anew without gaps between rows; returns its size before and after.

    Raises UserError while a recorder writes it, where there is no room, or if it is damaged. Until the new file is
    whole on the disk, the old one stays in its place.
    """
    HistoryReader(path).close()
    path = path.resolve()  # a link stays a link
    lock = WriterLock(path)
    if not lock.acquire():
        raise UserError(f"A recorder is writing to {path}. Stop it first.")
    building = path.with_name(f"{path.name}.compact")
    try:
        before = _size(path)
        _remove(building)
        connection = open_for_writing(path)
        try:
            connection.execute("DELETE FROM facts WHERE key = 'writing'")
            pages = connection.pragma("page_count") - connection.pragma("freelist_count")
            needed = pages * connection.pragma("page_size")
            free = shutil.disk_usage(path.parent).free
            if free < needed:
                raise UserError(
                    f"Compacting {path} needs {needed / 1e6:,.0f} MB of free disk space; {free / 1e6:,.0f} MB are "
                    "available."
                )
            connection.set_progress_handler(lambda: _told(progress, building, needed), _STEPS)
            connection.pragma("auto_vacuum", "incremental")
            make_private(building)
            connection.execute("VACUUM INTO ?", (str(building),))
            connection.set_progress_handler(None)
            connection.pragma("wal_checkpoint", "truncate")
        finally:
            connection.close()
        open_for_writing(building).close()  # into WAL mode
        with building.open("rb") as file:
            os.fsync(file.fileno())
        for side in _SIDE_FILES:  # empty now; whoever reads the old file still has them open
            path.with_name(path.name + side).unlink(missing_ok=True)
        building.replace(path)
        return before, _size(path)
    except apsw.Error as error:
        if is_damage(error):
            raise damaged(path, error) from None
        raise UserError(f"{path} cannot be compacted: {error}.") from None
    except OSError as error:
        raise UserError(f"{path} cannot be compacted: {error.strerror}.") from None
    finally:
        _remove(building)
        lock.release()


def copy_history(path: Path, target: Path, progress: Progress = lambda _done, _all: None) -> tuple[int, int]:
    """Copy a history, whether or not a recorder writes it, with the messages kept beside it; its tasks and bytes.

    Raises UserError where something of that name is there already, where there is no room, or if it is damaged.
    """
    own, kept = messages_path(path), messages_path(target)
    for place in (target, *(target.with_name(target.name + side) for side in _SIDE_FILES), kept):
        if place.exists():
            raise UserError(f"{place} already exists and is not overwritten. Choose another name for the copy.")
    source = open_for_reading(path)
    made: list[Path] = []
    try:
        needed = sum(_size(place) for place in (path.resolve(), own.resolve()))
        free = shutil.disk_usage(target.parent).free
        if free < needed:
            raise UserError(f"Copying to {target} needs {needed / 1e6:,.0f} MB; {free / 1e6:,.0f} MB are free.")
        if own.exists():
            messages = apsw.Connection(str(own), flags=apsw.SQLITE_OPEN_READONLY)
            try:
                copy_database(messages, kept)
                made.append(kept)
            finally:
                messages.close()
        tasks: list[int] = []

        def ended_in_order(copy: apsw.Connection) -> None:
            copy.execute("DELETE FROM facts WHERE key = 'writing'")  # nobody writes the copy
            tasks.append(int(copy.execute("SELECT count(*) FROM tasks").get))

        copy_database(source, target, progress, finish=ended_in_order)
        made.clear()
        if (broker := known_broker(path)) is not None:
            keep_broker(target, broker)
        return tasks[0], target.stat().st_size
    except apsw.Error as error:
        if is_damage(error):
            raise damaged(path, error) from None
        raise UserError(f"{path} cannot be copied: {error}.") from None
    except OSError as error:
        raise UserError(
            f"{path} cannot be copied to {target}: {error.strerror or 'the file already exists'}."
        ) from None
    finally:
        source.close()
        for place in made:  # no history came to them
            place.unlink(missing_ok=True)


def _told(progress: Progress, building: Path, needed: int) -> bool:
    with contextlib.suppress(OSError):
        progress(min(building.stat().st_size, needed), needed)
    return False


def _size(path: Path) -> int:
    places = [path, *(path.with_name(path.name + side) for side in _SIDE_FILES)]
    return sum(place.stat().st_size for place in places if place.exists())


def _remove(building: Path) -> None:
    for place in (building, *(building.with_name(building.name + end) for end in ("-wal", "-shm", "-journal"))):
        place.unlink(missing_ok=True)


def as_values(description: Description) -> dict[str, Any]:
    """Return it as JSON has it."""
    status = description.status
    return {
        "path": str(description.path),
        "version": description.version,
        "bytes": description.size,
        "wal_bytes": description.wal,
        "free_bytes": description.free,
        "tasks": sum(description.tasks.values()),
        "tasks_by_state": description.tasks,
        "created": description.created or None,
        "oldest": description.oldest,
        "newest": description.newest,
        "recorder_at_work": status.writer_alive,
        "recorder_updated": status.updated or None,
        "events_of_last_recorder": status.events,
        "malformed_kept": description.malformed,
        "gaps": [
            {"started": gap.started, "ended": gap.ended, "cause": gap.cause, "estimate": gap.estimate}
            for gap in description.gaps
        ],
    }
