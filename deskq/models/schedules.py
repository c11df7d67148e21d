"""Periodic tasks of one profile in the window: all its stores, when each runs next, and how it went last."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from PySide6.QtCore import QObject, QTimer, Signal

from deskq.brokers.remote_control import is_beat
from deskq.errors import UserError
from deskq.history.query import TaskFilter
from deskq.history.reader import HistoryReader
from deskq.history.rows import TaskRow
from deskq.models.schedule_warnings import consumed_queues
from deskq.models.session import ProfileSession
from deskq.models.shown_schedules import ShownSchedule, Snapshot, Summary, snapshot

if TYPE_CHECKING:
    from deskq.schedules.base import Entry
    from deskq.schedules.preview import ClockChange, Run
    from deskq.schedules.reading import Key, ScheduleReader, ScheduleRow, StoreState

T = TypeVar("T")
READ_MS: Final = 5_000
_SEEN_RUNS: Final = 12
_READ_SECONDS: Final = 0.08
_STEP_SECONDS: Final = 0.03
"""How long it is read, and how long next runs are computed, before somebody else may use the thread."""
_SHOW_SECONDS: Final = 0.25
"""How often rows are shown while others are still read, or next runs are still computed."""
_LOOKED_UP: Final = 60
"""Rows in sight whose runs are looked up in the history at a time."""
_LOOKED_UP_AT_ONCE: Final = 500
_LONGEST_REPR: Final = 500


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is to come for one entry: its next runs and what changes of the clock do within a year."""

    runs: tuple[Run, ...]
    changes: tuple[ClockChange, ...]
    zone: str


class Schedules(QObject):
    """Follows the stores while it is started. ``changed``: rows or stores differ from what they were."""

    changed = Signal()

    def __init__(self, session: ProfileSession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.stores: list[StoreState] = []
        self.rows: list[ShownSchedule] = []
        self.summary = Summary()
        self.read_once = False
        self.history_wanted = False
        self.beats: tuple[str, ...] = ()
        self._in_sight: tuple[Key, ...] = ()
        self._consumed: frozenset[str] | None = None
        self._seen: dict[Key, tuple[TaskRow, ...]] = {}
        self._reading = False
        self._again = self._again_everything = False
        self._timer = QTimer(self, interval=READ_MS)
        self._timer.timeout.connect(self._turn)

    def start(self) -> None:
        """Read now, and again every few seconds."""
        self._timer.start()
        self._turn()

    @property
    def started(self) -> bool:
        """Are the stores read every few seconds?"""
        return self._timer.isActive()

    def open_stores(self) -> list[StoreState]:
        """Return the stores that can be written."""
        return [state for state in self.stores if state.store is not None and not state.store.abilities.why_not]

    def stop(self) -> None:
        """Read no more until the next start."""
        self._timer.stop()

    def refresh(self, *, everything: bool = False) -> None:
        """Read the stores; ``everything``: also code and files, which take a process each.

        What is being read now may be older than what made somebody ask: it is read again after that.
        """
        if self._reading:
            self._again = True
            self._again_everything |= everything
            return
        self._reading = True
        self.session.spawn(self._read(everything), "schedules", self)

    def ask_for_beats(self) -> None:
        """Ask whether a beat answers ``ping``, which those with beat_enable_remote_control do: see ``beats``."""
        if self.session.profile.has_broker and not self.session.profile.silent:
            self.session.spawn(self._ask_for_beats(), "beats", self)

    def look_at(self, keys: Sequence[Key]) -> None:
        """Say which rows are in sight: theirs are the first next runs that are computed."""
        self._in_sight = tuple(keys[:_LOOKED_UP])

    def store_of(self, row: ScheduleRow) -> StoreState | None:
        """Return the store that a row is from."""
        return next((state for state in self.stores if state.store is not None and state.store.url == row.url), None)

    async def ahead(self, row: ScheduleRow, count: int = 10) -> Ahead:
        """Compute what is to come for one entry."""
        from deskq.schedules.preview import clock_changes, entry_runs

        state = self.store_of(row)

        def look() -> Ahead:
            now = time.time()
            if state is None or state.store is None:
                return Ahead((), (), row.zone)
            runs = entry_runs(row.entry, state.store, after=now, count=count)
            changes = clock_changes(row.entry.schedule, state.store.zone, after=now)
            return Ahead(tuple(runs), tuple(changes), row.zone)

        return await self.session.schedules(lambda _: look())

    def want_history(self, wanted: bool) -> None:
        """Shall the runs of all entries be looked up, not only of those in sight, since the table is sorted by them?"""
        if wanted and not self.history_wanted:
            self.refresh()
        self.history_wanted = wanted

    def _turn(self) -> None:
        if not self._reading:
            self.refresh()

    async def _read(self, everything: bool) -> None:
        try:
            unread = left = True
            begin: bool | None = everything
            next_show = math.inf if self.read_once else 0.0  # at first what comes is shown at once
            while left and not (self._again and self.read_once):  # the first time nobody waits for the second
                show = time.monotonic() >= next_show
                unread, left, taken = await self._ask(self._step(show=show, unread=unread, begin=begin))
                begin = None
                if taken is not None:
                    self._show(taken)
                    next_show = time.monotonic() + _SHOW_SECONDS
                self.read_once = self.read_once or not unread
            if not self._again:
                await self._look_up()
        finally:
            self._reading = False
        if self._again:
            everything, self._again, self._again_everything = self._again_everything, False, False
            self.refresh(everything=everything)

    def _step(
        self, *, show: bool, unread: bool = False, begin: bool | None = None
    ) -> Callable[[ScheduleReader], tuple[bool, bool, Snapshot | None]]:
        """Read a little more or, when all is read, compute some more next runs: whether there is more of each.

        What there is then is taken where it shall be shown, and always at the end of the one and of the other.
        ``begin``: begin to read again, True for everything.
        """
        profile, sight, seen, before = self.session.profile, self._in_sight, self._seen, self.rows
        consumed = self._consumed

        def step(reader: ScheduleReader) -> tuple[bool, bool, Snapshot | None]:
            if begin is not None:
                reader.begin(everything=begin)
            still_unread = reader.read_on(_READ_SECONDS if before else 0.0)
            first = sight or [row.key for row in reader.rows()[:_LOOKED_UP]]
            left = reader.look_ahead(first, _STEP_SECONDS)
            taken = None
            if show or not left or unread is not still_unread:
                unknown, now = reader.unknown_stores, time.time()
                taken = snapshot(profile, reader.states(), reader.rows(), seen, before, now, unknown, consumed)
            return still_unread, left, taken

        return step

    def _show(self, taken: Snapshot) -> None:
        self.stores, self.rows, self.summary = taken.stores, taken.rows, taken.summary
        self.changed.emit()

    async def _look_up(self) -> None:
        """Find in the history how the entries in sight went, or all of them where that is wanted."""
        rows, sight = self.rows, frozenset(self._in_sight)
        chosen = rows if self.history_wanted else await self._ask(lambda _: [one for one in rows if one.key in sight])
        try:
            self._consumed = await self.session.ask(_consumed, slot="schedule queues")
        except UserError:
            return
        for start in range(0, len(chosen), _LOOKED_UP_AT_ONCE):
            some = chosen[start : start + _LOOKED_UP_AT_ONCE]
            try:
                runs = await self.session.ask(partial(_last_runs, schedules=some), slot="schedule runs")
            except UserError:
                return
            self._seen.update(
                (one.key, now) for one, now in zip(some, runs, strict=True) if self._seen.get(one.key) != now
            )
            _, _, taken = await self._ask(self._step(show=True))
            if taken is not None:
                self._show(taken)
            if self._again:
                return

    async def _ask_for_beats(self) -> None:
        try:
            self.beats = tuple(sorted(filter(is_beat, await self.session.inspect("ping"))))
        except UserError:  # what is wrong with the broker is said elsewhere
            self.beats = ()
        self.changed.emit()

    async def _ask(self, verb: Callable[[ScheduleReader], T]) -> T:
        return await self.session.schedules(verb)


def _consumed(reader: HistoryReader) -> frozenset[str] | None:
    """Without a recorder at work nobody knows who is online."""
    return consumed_queues(reader.workers(), reader.queues()) if reader.status().writer_alive else None


def _last_runs(reader: HistoryReader, schedules: Sequence[ShownSchedule]) -> list[tuple[TaskRow, ...]]:
    """The newest tasks that have the name and, as far as events tell, the arguments of each entry."""
    by_name: dict[str, list[TaskRow]] = {}
    found = []
    for entry in (shown.entry for shown in schedules):
        if entry.task not in by_name:
            by_name[entry.task] = reader.tasks(TaskFilter(names=(entry.task,)), limit=_SEEN_RUNS * 4)
        args = (repr(tuple(entry.args)), repr(list(entry.args)))  # redbeat sends the list that its JSON holds
        kwargs = repr(entry.kwargs)
        alike = (
            row
            for row in by_name[entry.task]
            if row.name == entry.task and _same(row.args, *args) and _same(row.kwargs, kwargs)
        )
        found.append(tuple(row for _, row in zip(range(_SEEN_RUNS), alike, strict=False)))
    return found


def _same(told: str, *expected: str) -> bool:
    """Can an event that says ``told`` be about these arguments? What it leaves out, or cuts short, does not differ."""
    return not told or told in expected or len(expected[0]) > _LONGEST_REPR


def with_switched(rows: Sequence[ShownSchedule], *, enabled: bool) -> list[tuple[Entry, Entry]]:
    """Return (as it is, as it shall be) for those that are not so already."""
    return [
        (shown.entry, replace(shown.entry, enabled=enabled)) for shown in rows if shown.entry.enabled is not enabled
    ]


def redbeat_lines(rows: Sequence[ShownSchedule]) -> tuple[list[str], list[str]]:
    """Return the schedules as redbeat keeps them, one JSON object a line, and why the others cannot be kept so."""
    from deskq.schedules.plain import to_redbeat_json

    lines, problems = [], []
    for shown in rows:
        try:
            lines.append(to_redbeat_json(shown.entry))
        except UserError as error:
            problems.append(str(error))
    return lines, problems


def free_name(name: str, taken: Iterable[str]) -> str:
    """Return a name like this one that no other entry has."""
    names = set(taken)
    return next(found for n in range(2, len(names) + 3) if (found := f"{name} ({n})") not in names)


def wall_time(at: float, zone: str) -> str:
    """Return a time of day with its date in a zone: "Wed 25 Nov 02:30:00"; what is no time is shown as it is."""
    from deskq.schedules.zones import zone_of

    try:
        tz: Any = zone_of(zone) if zone else UTC
    except UserError:
        tz = UTC
    try:
        moment = datetime.fromtimestamp(at, tz)
    except (OverflowError, ValueError, OSError):
        return str(at)
    year = "" if moment.year == datetime.now(tz).year else f" {moment.year}"
    return f"{moment:%a %d %b}{year} {moment:%H:%M:%S}"


def read_file(path: Path) -> list[Entry]:
    """Return the entries of a file that was exported; blocking. Raises UserError."""
    from deskq.schedules.plain import store_from_toml

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}.") from None
    return store_from_toml(text)
