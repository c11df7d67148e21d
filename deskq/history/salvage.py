"""A damaged history: it is set aside, and a new one takes its place with every record that still can be read."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import apsw
import msgspec

from deskq.errors import UserError
from deskq.history.carve import Cell, Pages, Unreadable
from deskq.history.codec import ROOT_IS_SELF, UNREADABLE, Texts, unpack_record, unpack_uuid
from deskq.history.file import HistoryDamaged, is_damage
from deskq.history.lock import WriterLock, lock_path
from deskq.history.query import STATES
from deskq.history.rows import Gap, QueueRow, RecorderStatus, WorkerRow
from deskq.history.store import History
from deskq.protocol.task_record import UNSEEN, TaskRecord
from deskq.protocol.task_summary import derive

BATCH: Final = 5_000
_TASK_COLUMNS: Final = 27
_FIRST_TEXT: Final = 12
"""Serial types from here on are texts and blobs: an index that ends with a rowid is none of what is sought."""
_LATEST: Final = 32_503_680_000.0  # the year 3000
_LONGEST: Final = 1e12
_SIDE_FILES: Final = ("-wal", "-shm")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Salvage:
    """What was saved. ``kept_as``: where the damaged file is now; ``lost``: a sentence, "" if all seems to be there."""

    kept_as: Path
    tasks: int
    workers: int
    queues: int
    gaps: int
    lost: str

    @property
    def cause(self) -> str:
        """What the gap in the history is called."""
        lost = f", {self.lost}" if self.lost else ""
        return f"the history was damaged; {self.tasks:,} tasks were salvaged{lost}"

    def __str__(self) -> str:
        return f"{self.cause[0].upper()}{self.cause[1:]}. The damaged file is kept as {self.kept_as}"


@dataclass(slots=True)
class _Found:
    """What the pages of a damaged history hold. ``expected``: how many tasks it says that it had."""

    texts: dict[int, str] = field(default_factory=lambda: dict(enumerate(STATES, 1)))
    tasks: list[Cell] = field(default_factory=list)
    workers: dict[str, WorkerRow] = field(default_factory=dict)
    queues: dict[str, QueueRow] = field(default_factory=dict)
    samples: list[list[Any]] = field(default_factory=list)
    gaps: dict[int, Gap] = field(default_factory=dict)
    malformed: dict[int, list[Any]] = field(default_factory=dict)
    status: RecorderStatus | None = None
    created: float | None = None
    expected: int = 0


def open_history(path: Path, say: Callable[[str], None] = lambda _: None) -> tuple[History, Salvage | None]:
    """Open a history for writing; a damaged one is set aside first and what is readable of it salvaged.

    ``say`` is told before the salvaging, which takes minutes for a million tasks. Raises what History raises.
    """
    try:
        history = History(path)
    except HistoryDamaged:
        say(f"The history {path} is damaged; what is readable is being salvaged.")
        lock = WriterLock(path)
        if not lock.acquire():
            raise
        try:
            salvage = set_aside_and_salvage(path)
        finally:
            lock.release()
        return History(path), salvage
    try:
        try:
            history.oldest_waiting()
            history.running()
            history.gap_count()
            return history, (repair(history) if not _beside_is_sound(history) else None)
        except apsw.Error as error:
            if not is_damage(error):
                raise UserError(f"The history {path} cannot be read: {error}.") from None
            return history, repair(history)
    except BaseException:
        history.close()
        raise


def repair(history: History) -> Salvage:
    """Exchange the damaged file of an open history; what it has not committed yet is kept and comes with the next."""
    history.detach()
    try:
        return set_aside_and_salvage(history.path)
    finally:
        history.attach()


def set_aside_and_salvage(path: Path) -> Salvage:
    """Build a new history from what is readable, then let it take the place of the damaged one.

    The caller holds the writer's lock, and nobody has the file open for writing. Whatever happens in between, either
    the damaged file or the new history stands at ``path``. Raises UserError if the file cannot be read or moved.
    """
    kept_as = _free_name(path)
    building = path.with_name(f"{path.name}.salvage")
    _remove(building)
    try:
        try:
            with Pages(path) as pages:
                found = _look_through(pages)
                tasks, unreadable = _write(building, pages, found)
        except apsw.FullError:
            _remove(building)  # no room for two: the damaged file has it all still
            found, tasks, unreadable = _Found(), 0, 0
            lost = "there was no room for more"
        else:
            missing = max(found.expected - tasks, unreadable)
            lost = f"{missing:,} could not be read" if missing else ""
        _exchange(path, kept_as, building)
    except OSError as error:
        raise UserError(
            f"The damaged history {path} cannot be set aside ({error.strerror}). Move it away by hand."
        ) from None
    finally:
        _remove(building)
    return Salvage(kept_as, tasks, len(found.workers), len(found.queues), len(found.gaps), lost)


def _beside_is_sound(history: History) -> bool:
    try:
        history.workers(), history.queues(), history.status()
    except UNREADABLE:
        return False
    return True


def _free_name(path: Path) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    names = [f"{path.name}.damaged-{stamp}{more}.sqlite" for more in ("", *(f"-{n}" for n in range(2, 100)))]
    return next(place for name in names if not (place := path.with_name(name)).exists())


def _exchange(path: Path, kept_as: Path, building: Path) -> None:
    path.rename(kept_as)
    with contextlib.suppress(OSError):
        kept_as.chmod(0o600)
    for side in _SIDE_FILES:
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + side).rename(kept_as.with_name(kept_as.name + side))
    if building.exists():
        building.replace(path)


def _remove(building: Path) -> None:
    for place in (building, *(building.with_name(building.name + side) for side in _SIDE_FILES), lock_path(building)):
        place.unlink(missing_ok=True)


def _look_through(pages: Pages) -> _Found:
    found = _Found()
    counts: dict[int, int] = {}
    for cell in pages.cells():
        types = pages.types(cell)
        if len(types) == _TASK_COLUMNS and cell.row is not None:
            found.tasks.append(cell)
        elif len(types) == 5 or (len(types) == 2 and (cell.row is not None or types[1] >= _FIRST_TEXT)):
            try:
                values = pages.values(cell)
            except Unreadable:
                continue
            match cell.row, values:
                case int(number), [None, str(text)]:
                    found.texts.setdefault(number, text)
                case int(number), [None, int(n)] if 0 < n <= pages.count * 100:
                    counts[number] = n
                case int(number), [None, bytes(row)]:
                    found.status = _decoded(row, RecorderStatus) or found.status
                case int(number), [None, float() | int(), float() | int() | None, str(cause), int() | None]:
                    found.gaps[number] = Gap(number, values[1], values[2], cause, values[4])
                case int(number), [None, float() | int(), str(), int(), bytes()]:
                    found.malformed[number] = values
                case None, [str(key), str(value)] if key == "created":
                    found.created = _moment(value)
                case None, [str(name), bytes(row)]:
                    _beside(found, name, row)
                case None, [int(), float() | int() as at, int() | None, int() | None, int() | None] if (
                    1e9 < at < _LATEST
                ):
                    found.samples.append(values)
    found.tasks.sort(key=lambda cell: cell.row or 0)
    found.expected = sum(counts.values())
    return found


def _beside(found: _Found, name: str, row: bytes) -> None:
    worker = _decoded(row, WorkerRow)
    if worker is not None and worker.hostname == name:
        known = found.workers.get(name)
        if known is None or (known.last_heartbeat or 0.0) <= (worker.last_heartbeat or 0.0):
            found.workers[name] = worker
        return
    queue = _decoded(row, QueueRow)
    if queue is not None and queue.name == name:
        before = found.queues.get(name)
        if before is None or before.sampled <= queue.sampled:
            found.queues[name] = queue


def _write(building: Path, pages: Pages, found: _Found) -> tuple[int, int]:
    """Write the new history; returns how many tasks it has, and how many could not be read."""
    history = History(building)
    try:
        seen: set[int] = set()
        unreadable: set[int] = set()
        for number, cell in enumerate(found.tasks):
            assert cell.row is not None
            try:
                record, at = _task(pages.values(cell), found.texts)
            except UNREADABLE:
                unreadable.add(cell.row)
                continue
            seen.add(cell.row)
            history.record(record.uuid, at).merge(record)
            if number % BATCH == BATCH - 1:
                history.commit(at)
        history.commit(time.time())
        _write_beside(history, found)
        return history.tasks_seen, len(unreadable - seen)
    finally:
        history.close()


def _write_beside(history: History, found: _Found) -> None:
    history.put_workers(found.workers.values())
    names = {0: "", **found.texts}
    history.put_queues(found.queues.values(), [(names[row[0]], *row[1:]) for row in found.samples if row[0] in names])
    gaps = [gap for gap in found.gaps.values() if _sane(gap.started) and (gap.ended is None or _sane(gap.ended))]
    history.put_gaps(sorted(gaps, key=lambda gap: gap.started))
    for _, at, reason, _, raw in found.malformed.values():
        if _sane(at):
            history.put_malformed(reason, raw, at)
    if found.status is not None and _sane(found.status.updated):
        history.put_status(found.status)
    if found.created is not None:
        history.put_created(found.created)


def _task(values: list[Any], texts: dict[int, str]) -> tuple[TaskRecord, float]:
    """Return the record of a row and when it was first seen; raises one of UNREADABLE if anything in it is wrong."""
    packed, seen, flags = values[1], float(values[6]), values[16]
    if not (isinstance(packed, str) or (isinstance(packed, bytes) and len(packed) == 16)) or not _sane(seen):
        raise Unreadable("it is no task")
    uuid = unpack_uuid(packed)
    root = uuid if flags & ROOT_IS_SELF else unpack_uuid(values[19])
    args, kwargs, result = (value if isinstance(value, str) else "" for value in (values[21], values[22], values[23]))
    name, queue, exchange, key = (texts.get(values[place], "") for place in (3, 4, 17, 18))
    eta, expires = (float(value) if value is not None and _sane(value) else None for value in values[12:14])
    texts_of_row = Texts(name, args, kwargs, root, unpack_uuid(values[20]), eta, expires, queue, exchange, key, result)
    record = unpack_record(uuid, values[26], texts_of_row)
    stamps = [register.timestamp for register in (record.message, record.route, record.outcome) if register is not None]
    if not all(map(_sane, stamps)) or not all(
        _sane(seen.timestamp) and 0 <= seen.kind <= UNSEEN and -1 <= seen.number < _LONGEST
        for seen in record.observations
    ):
        raise Unreadable("its times are absurd")
    derive(record)
    return record, seen


def _sane(moment: float) -> bool:
    return 0 <= moment < _LATEST


def _moment(text: str) -> float | None:
    with contextlib.suppress(ValueError):
        moment = float(text)
        return moment if 0 < moment <= time.time() else None
    return None


def _decoded(row: bytes, kind: type[T]) -> T | None:
    with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
        return msgspec.json.decode(row, type=kind)
    return None
