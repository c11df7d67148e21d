"""What the pages of a damaged history hold, decoded: tasks, samples, names, and what stands beside tasks."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import msgspec

from deskq.history.recovery.page_scan import Cell, PageReader, UnreadablePage
from deskq.history.recovery.quarantine import TASK_COLUMNS
from deskq.history.rows import Gap, QueueRow, WorkerRow
from deskq.history.writing.codec import ROOT_IS_SELF, Texts, unpack_record, unpack_uuid
from deskq.protocol.task_record import LAST_KIND, TaskRecord
from deskq.protocol.task_states import STATES
from deskq.protocol.task_summary import derive

OTHER, TASKS, SAMPLES = range(3)
"""What a page holds: the rows of one table."""
_FIRST_TEXT: Final = 12
"""Serial types from here on are texts and blobs: an index that ends with a rowid is none of what is sought."""
_FIRST_STATES: Final = 11
"""States that every history has had under the same numbers since its first version; later ones got any number."""
_LATEST: Final = 32_503_680_000.0  # the year 3000
_LONGEST: Final = 1e12
_GLANCES: Final = 8
T = TypeVar("T")


@dataclass(slots=True)
class Found:
    """What was found beside tasks. ``malformed``: at, reason, size and raw by number."""

    texts: dict[int, str] = field(default_factory=lambda: dict(enumerate(("", *STATES[:_FIRST_STATES]))))
    workers: dict[str, WorkerRow] = field(default_factory=dict)
    queues: dict[str, QueueRow] = field(default_factory=dict)
    gaps: dict[int, Gap] = field(default_factory=dict)
    malformed: dict[int, list[Any]] = field(default_factory=dict)
    created: float | None = None
    counts: dict[int, int] = field(default_factory=dict)

    @property
    def expected(self) -> int:
        """How many tasks the history says that it had."""
        return sum(self.counts.values())

    def look(self, pages: PageReader, number: int) -> int:
        """Take what stands beside tasks out of a page; returns what the page holds: OTHER, TASKS or SAMPLES."""
        cells = pages.cells(number)
        beside = False
        for cell in cells[:: len(cells) // _GLANCES + 1]:
            types = pages.types(cell)
            if len(types) in TASK_COLUMNS and cell.row is not None:
                return TASKS
            if len(types) == 5 and cell.row is None:
                return SAMPLES
            beside |= len(types) == 5 or (len(types) == 2 and (cell.row is not None or types[1] >= _FIRST_TEXT))
        if beside:
            for cell in cells:
                with contextlib.suppress(UnreadablePage):
                    self._take(cell, pages.values(cell), pages.count)
        return OTHER

    def _take(self, cell: Cell, values: list[Any], pages: int) -> None:
        match cell.row, values:
            case int(number), [None, str(text)]:
                self.texts.setdefault(number, text)
            case int(number), [None, int(n)] if 0 < n <= pages * 100:
                self.counts[number] = n
            case int(number), [None, float() | int(), float() | int() | None, str(cause), int() | None]:
                self.gaps[number] = Gap(number, values[1], values[2], cause, values[4])
            case int(number), [None, float() | int(), str(), int(), bytes()]:
                self.malformed[number] = values[1:]
            case None, [str(key), str(value)] if key == "created":
                self.created = _moment(value)
            case None, [str(name), bytes(row)]:
                self._worker_or_queue(name, row)

    def _worker_or_queue(self, name: str, row: bytes) -> None:
        worker = _decoded(row, WorkerRow)
        if worker is not None and worker.hostname == name:
            known = self.workers.get(name)
            if known is None or (known.last_heartbeat or 0.0) <= (worker.last_heartbeat or 0.0):
                self.workers[name] = worker
            return
        queue = _decoded(row, QueueRow)
        if queue is not None and queue.name == name:
            before = self.queues.get(name)
            if before is None or before.sampled <= queue.sampled:
                self.queues[name] = queue


def sample(pages: PageReader, number: int, texts: dict[int, str]) -> list[tuple[Any, ...]]:
    """Return the samples of a page: name of the queue, time, ready, unacked, consumers."""
    found: list[tuple[Any, ...]] = []
    for cell in pages.cells(number):
        with contextlib.suppress(UnreadablePage):
            match pages.values(cell):
                case [int(queue), float() | int() as at, int() | None, int() | None, int() | None] as values if (
                    1e9 < at < _LATEST and queue in texts
                ):
                    found.append((texts[queue], *values[1:]))
    return found


def task(values: list[Any], texts: dict[int, str]) -> tuple[TaskRecord, float]:
    """Return the record of a row and when it was first seen; raises one of UNREADABLE if anything in it is wrong."""
    if len(values) not in TASK_COLUMNS:
        raise UnreadablePage("it is not a task")
    packed, seen, flags = values[1], float(values[6]), values[16]
    if not (isinstance(packed, str) or (isinstance(packed, bytes) and len(packed) == 16)) or not sane(seen):
        raise UnreadablePage("it is not a task")
    uuid = unpack_uuid(packed)
    root = uuid if flags & ROOT_IS_SELF else unpack_uuid(values[19])
    args, kwargs, result = (value if isinstance(value, str) else "" for value in (values[21], values[22], values[23]))
    name, queue, exchange, key = (texts.get(values[place], "") for place in (3, 4, 17, 18))
    eta, expires = (float(value) if value is not None and sane(value) else None for value in values[12:14])
    texts_of_row = Texts(name, args, kwargs, root, unpack_uuid(values[20]), eta, expires, queue, exchange, key, result)
    record = unpack_record(uuid, values[26], texts_of_row)
    stamps = [register.timestamp for register in (record.message, record.route, record.outcome) if register is not None]
    if not all(map(sane, stamps)) or not all(
        sane(seen.timestamp) and 0 <= seen.kind <= LAST_KIND and -1 <= seen.number < _LONGEST
        for seen in record.observations
    ):
        raise UnreadablePage("its times are absurd")
    derive(record)
    return record, seen


def sane(moment: float) -> bool:
    """Can this be a time?"""
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
