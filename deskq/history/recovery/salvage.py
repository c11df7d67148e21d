"""What is readable of a history that was set aside comes into the new one, in slices beside the recording."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import apsw
import msgspec

from deskq.errors import UserError
from deskq.files.locks import WriterLock
from deskq.history.recovery.page_scan import PageReader
from deskq.history.recovery.quarantine import TASK_COLUMNS, SetAside, set_aside, to_be_salvaged
from deskq.history.recovery.salvaged import OTHER, SAMPLES, TASKS, Found, sample, sane, task
from deskq.history.rows import Gap, WorkerRow
from deskq.history.writing.codec import UNREADABLE
from deskq.history.writing.writer import History

SLICE_SECONDS: Final = 0.05
"""The longest that a slice should hold the writer, its commit included."""
SPARE_BYTES: Final = 50_000_000
"""So much room is left to the recorder: what is salvaged takes no more than lies above."""
PAUSE_SECONDS: Final = 30.0
"""After a slice that could not be written."""
_AIM: Final = 0.4  # of SLICE_SECONDS
_GROWTH: Final = 1.2
"""A slice that was quick says little of the next: the disk may be busy by then."""
_LEAST_SECONDS, _MOST_SECONDS = 0.001, 0.012
"""How long a slice reads before it commits, which takes about as long again."""
_CHUNK: Final = 200
_MOST_UNREAD: Final = 1_000_000
_FACT: Final = "salvage"


class _Done(msgspec.Struct):
    """How far the salvage of a file is: what is committed with each slice. ``gap``: the one that tells of it."""

    file: str
    gap: int
    pages: int = 0
    tasks: int = 0
    beside: bool = False


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What was saved. ``kept_as``: where the damaged file is; ``missing``: tasks that could not be read."""

    kept_as: Path
    tasks: int
    missing: int

    @property
    def cause(self) -> str:
        """What the gap in the history is called."""
        lost = f", {self.missing:,} could not be read" if self.missing else ""
        return f"the history was damaged; {self.tasks:,} tasks were salvaged{lost}"

    def __str__(self) -> str:
        return f"{self.cause[0].upper()}{self.cause[1:]}. The damaged file is kept as {self.kept_as}"


class Salvage:
    """Looks through the files that were set aside for a history, the newest first; used by the writer's thread.

    ``ended``: what became of those that are done. ``workers``: found in them, for whoever watches workers.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._seconds = 0.005
        self.ended: list[Salvaged] = []
        self.workers: list[WorkerRow] = []
        self._work: Generator[bool] | None = None
        self.begin()

    def begin(self) -> None:
        """Look what there is to be done: at first, and when the history's file is another."""
        self._waiting = to_be_salvaged(self._history.path)
        self._stop()
        self._not_before = 0.0
        self._no_room = False

    @property
    def aside(self) -> SetAside | None:
        """The file that is being salvaged, None if there is none."""
        return self._waiting[0] if self._waiting else None

    @property
    def at_work(self) -> bool:
        """Is a file being salvaged, and not only waiting for room?"""
        return bool(self._waiting) and not self._no_room

    @property
    def part(self) -> float | None:
        """How much of the file was looked through, 0 to 1; None if there is none."""
        if not self._waiting:
            return None
        return (self._looked + (self._done.pages if self._done is not None else 0)) / max(self._pages, 1)

    def __str__(self) -> str:
        """What to tell while it goes on, "" if nothing does."""
        if not self._waiting:
            return ""
        kept_as = self._waiting[0].kept_as
        if self._no_room:
            needed = SPARE_BYTES // 1_000_000
            return f"salvaging {kept_as} waits until more than {needed} MB are free on its disk"
        saved = self._done.tasks if self._done is not None else 0
        return f"salvaging the damaged history {kept_as}: {self.part or 0:.0%} done, {saved:,} tasks so far"

    def step(self, now: float) -> bool:
        """Do a slice and commit it; False if there was nothing to do. What others changed must be committed.

        Raises apsw.Error; what the slice brought is then taken in once more, later.
        """
        if not self._waiting or now < self._not_before or self._history.held:
            return False
        if shutil.disk_usage(self._history.path.parent).free < SPARE_BYTES:
            self._no_room, self._not_before = True, now + 1.0
            return False
        self._no_room = False
        began = time.perf_counter()
        try:
            self._work = self._work or self._looking(self._waiting[0])
            on = True
            while on and time.perf_counter() - began < self._seconds:
                on = next(self._work, None) is not None
            self._commit(now)
            if not on:
                self._end(self._waiting[0])
        except apsw.Error:
            self._history.drop_held()
            self._stop()
            self._not_before = now + PAUSE_SECONDS
            raise
        took = time.perf_counter() - began
        factor = min(max(SLICE_SECONDS * _AIM / took, 0.5), _GROWTH)
        self._seconds = min(max(self._seconds * factor, _LEAST_SECONDS), _MOST_SECONDS)
        return True

    def close(self) -> None:
        """Close the file; another run goes on where this one was."""
        self._stop()

    def _stop(self) -> None:
        """Begin with the next slice where the last commit was."""
        if self._work is not None:
            self._work.close()
            self._work = None
        self._done: _Done | None = None
        self._found = Found()
        self._unread: set[int] = set()
        self._lost = 0
        self._looked, self._pages = 0, 0
        self._samples: list[tuple[Any, ...]] = []
        self._noted = ""

    def _commit(self, now: float) -> None:
        if self._samples:
            self._history.put_queues((), self._samples)
            self._samples = []
        noted = msgspec.json.encode(self._done).decode()
        if self._done is not None and noted != self._noted:
            self._history.commit(now, facts={_FACT: noted})
            self._noted = noted

    def _looking(self, aside: SetAside) -> Generator[bool]:
        """Yield after each few steps: first what stands beside tasks, and all names; then the tasks, newest first."""
        done = self._begun(aside)
        try:
            pages = PageReader(aside.kept_as)
        except OSError:
            return
        with pages:
            self._pages = 2 * pages.count
            kinds = bytearray(pages.count + 1)
            for number in range(1, pages.count + 1):
                kinds[number] = self._found.look(pages, number)
                self._looked = number
                yield True
            if not done.beside:
                yield from self._beside()
                done.beside = True
            for number in range(pages.count - done.pages, 0, -1):
                kind = kinds[number]
                if kind == TASKS:
                    self._tasks(pages, number, done)
                elif kind == SAMPLES:
                    self._samples += sample(pages, number, self._found.texts)
                done.pages += 1
                if kind != OTHER or number % _CHUNK == 0:
                    yield True
        for number, row in enumerate(self._unread):  # an older version of the row may have been readable
            self._lost += not self._history.has_row(row)
            if number % _CHUNK == 0:
                yield True

    def _begun(self, aside: SetAside) -> _Done:
        """Go on where the last commit was, or begin, with a gap that says so."""
        name = aside.kept_as.name
        noted = self._history.fact(_FACT)
        with contextlib.suppress(msgspec.MsgspecError):
            done = msgspec.json.decode(noted or "", type=_Done)
            if done.file == name:
                self._done = done
                return done
        cause = f"the history was damaged; it is kept as {name} and being salvaged"
        began = min(max(aside.last_sign, aside.at - 1.0), aside.at)
        self._done = _Done(name, self._history.open_gap(began, cause, aside.at))
        return self._done

    def _tasks(self, pages: PageReader, number: int, done: _Done) -> None:
        for cell in pages.cells(number):
            if cell.row is None:
                continue
            try:
                record, seen = task(pages.values(cell), self._found.texts)
            except UNREADABLE:
                if len(pages.types(cell)) in TASK_COLUMNS and len(self._unread) < _MOST_UNREAD:
                    self._unread.add(cell.row)
                continue
            done.tasks += self._history.salvage(record, seen, cell.row)

    def _beside(self) -> Generator[bool]:
        found, history = self._found, self._history
        aside = self._waiting[0]
        workers, queues = list(found.workers.values()), list(found.queues.values())
        gaps = [
            Gap(gap.id, gap.started, aside.last_sign if gap.ended is None else gap.ended, gap.cause, gap.estimate)
            for gap in found.gaps.values()
            if sane(gap.started) and (gap.ended is None or sane(gap.ended))
        ]
        malformed = [row for _, row in sorted(found.malformed.items(), reverse=True) if sane(row[0])]
        for first in range(0, max(len(workers), len(queues), len(gaps), len(malformed)), _CHUNK):
            part = slice(first, first + _CHUNK)
            history.put_salvaged(workers[part], queues[part], gaps[part], malformed[part])
            yield True
        self.workers += workers
        if found.created is not None and found.created < float(history.fact("created") or "inf"):
            history.put_created(found.created)

    def _end(self, aside: SetAside) -> None:
        history, done = self._history, self._done
        tasks = done.tasks if done is not None else 0
        result = Salvaged(aside.kept_as, tasks, max(self._found.expected - tasks, self._lost))
        if done is not None:
            history.rename_gap(done.gap, result.cause)
        history.drop_fact(_FACT)
        aside.mark.unlink(missing_ok=True)
        self.ended.append(result)
        self._waiting.pop(0)
        self._stop()


def set_aside_and_salvage(path: Path, progress: Callable[[int, int], None] = lambda _done, _all: None) -> Salvaged:
    """Exchange a damaged history and wait until all that is readable of it is in the new one.

    Whoever is interrupted has lost nothing: the next recorder goes on with it. Raises UserError while somebody writes
    it, if the file cannot be moved, or where there is no room.
    """
    lock = WriterLock(path)
    if not lock.acquire():
        raise UserError(f"A recorder is writing to {path}. Stop it first.")
    try:
        aside = set_aside(path)
    finally:
        lock.release()
    history = History(path, least_id=aside.least_id)
    try:
        salvage = Salvage(history)
        while salvage.step(time.time()):
            progress(int(1_000 * (salvage.part if salvage.part is not None else 1)), 1_000)
        if salvage.aside is not None:
            raise UserError(f"{salvage}. A recorder continues later.")
        salvage.close()
        return next(result for result in salvage.ended if result.kept_as == aside.kept_as)
    except apsw.Error as error:
        raise UserError(f"{aside.kept_as} cannot be salvaged: {error}. A recorder continues later.") from None
    finally:
        history.close()
