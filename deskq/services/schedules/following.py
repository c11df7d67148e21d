"""Periodic tasks of one profile in the window: all its stores, when each runs next, and how it went last."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from PySide6.QtCore import QObject, QTimer, Signal

from deskq.brokers.remote_control import is_beat
from deskq.errors import UserError
from deskq.history.rows import TaskRow
from deskq.services.effects import Effects, effects_feed
from deskq.services.registered_tasks import Answers, Registered, ask_workers
from deskq.services.schedules.known import Known, known_of, last_runs
from deskq.services.schedules.shown import RunsSeen, ScheduleSummary, ShownSchedule, Snapshot, snapshot
from deskq.services.session import ProfileSession

if TYPE_CHECKING:
    from deskq.schedules.model import Entry
    from deskq.schedules.profile_reader import Key, ScheduleReader, ScheduleRow, StoreState
    from deskq.schedules.timing.next_runs import ClockChange, Run

T = TypeVar("T")
READ_MS: Final = 5_000
_READ_SECONDS: Final = 0.08
_STEP_SECONDS: Final = 0.03
"""How long it is read, and how long next runs are computed, before somebody else may use the thread."""
_SHOW_SECONDS: Final = 0.25
"""How often rows are shown while others are still read, or next runs are still computed."""
_ASKED_SECONDS: Final = 600.0
"""How long it is known which tasks are registered before that is asked again when the schedules come into view."""
_LOOKED_UP: Final = 60
"""Rows in sight whose runs are looked up in the history at a time."""
_LOOKED_UP_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class UpcomingRuns:
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
        self.summary = ScheduleSummary()
        self.read_once = False
        self.history_wanted = False
        self.beats: tuple[str, ...] = ()
        self._answers: Answers | None = None
        self._ask_due = self._asking = False
        self._in_sight: tuple[Key, ...] = ()
        self._known = Known()
        self._seen: dict[Key, tuple[TaskRow, ...]] = {}
        self._counted: dict[Key, RunsSeen] = {}
        self._reading = False
        self._again = self._again_everything = False
        self._timer = QTimer(self, interval=READ_MS)
        self._timer.timeout.connect(self._turn)
        effects_feed().touched.connect(self._touched)

    def start(self) -> None:
        """Read now, and again every few seconds."""
        self._timer.start()
        self._ask_due = self.registered is None or time.time() - self.registered.at > _ASKED_SECONDS
        self._turn()

    @property
    def registered(self) -> Registered | None:
        """Which tasks workers have registered; None while not all workers told."""
        return self._known.registered

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

    def _touched(self, effects: Effects) -> None:
        """A plan of this window has ended, which may have written."""
        if effects.schedules and effects.profile == self.session.profile.name:
            self.refresh()

    def ask_for_beats(self) -> None:
        """Ask whether a beat answers ``ping``, which those with beat_enable_remote_control do: see ``beats``."""
        if self.session.profile.has_broker and not self.session.profile.silent:
            self.session.spawn(self._ask_for_beats(), "beats", self)

    def ask_for_tasks(self) -> None:
        """Ask the workers which tasks they have registered: see ``registered``."""
        self._ask_due = False
        if self.session.profile.has_broker and not self.session.profile.silent and not self._asking:
            self._asking = True
            self.session.spawn(self._ask_for_tasks(), "registered tasks", self)

    def look_at(self, keys: Sequence[Key]) -> None:
        """Say which rows are in sight: theirs are the first next runs that are computed."""
        self._in_sight = tuple(keys[:_LOOKED_UP])

    def store_of(self, row: ScheduleRow) -> StoreState | None:
        """Return the store that a row is from."""
        return next((state for state in self.stores if state.store is not None and state.store.url == row.url), None)

    async def ahead(self, row: ScheduleRow, count: int = 10) -> UpcomingRuns:
        """Compute what is to come for one entry."""
        from deskq.schedules.timing.next_runs import clock_changes, entry_runs

        state = self.store_of(row)

        def look() -> UpcomingRuns:
            now = time.time()
            if state is None or state.store is None:
                return UpcomingRuns((), (), row.zone)
            runs = entry_runs(row.entry, state.store, after=now, count=count)
            changes = clock_changes(row.entry.schedule, state.store.zone, after=now)
            return UpcomingRuns(tuple(runs), tuple(changes), row.zone)

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
        unasked = self.session.connected and self.session.profile.may_inspect_unasked
        if self._ask_due and self._known.online and unasked:
            self.ask_for_tasks()  # once, since nobody asked for it
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
        profile, sight, before = self.session.profile, self._in_sight, self.rows
        seen, counted = self._seen, self._counted
        consumed, registered = self._known.consumed, self._known.registered

        def step(reader: ScheduleReader) -> tuple[bool, bool, Snapshot | None]:
            if begin is not None:
                reader.begin(everything=begin)
            still_unread = reader.read_on(_READ_SECONDS if before else 0.0)
            first = sight or [row.key for row in reader.rows()[:_LOOKED_UP]]
            left = reader.look_ahead(first, _STEP_SECONDS)
            taken = None
            if show or not left or unread is not still_unread:
                states, rows, unknown = reader.states(), reader.rows(), reader.unknown_stores
                now = time.time()
                taken = snapshot(profile, states, rows, seen, before, now, unknown, consumed, registered, counted)
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
            self._known = await self.session.ask(partial(known_of, answers=self._answers), slot="schedule workers")
        except UserError:
            return
        for start in range(0, len(chosen), _LOOKED_UP_AT_ONCE):
            some = chosen[start : start + _LOOKED_UP_AT_ONCE]
            entries = [one.entry for one in some]
            try:
                runs = await self.session.ask(partial(last_runs, entries=entries), slot="schedule runs")
            except UserError:
                return
            self._seen.update(
                (one.key, now) for one, (now, _) in zip(some, runs, strict=True) if self._seen.get(one.key) != now
            )
            self._counted.update((one.key, n) for one, (_, n) in zip(some, runs, strict=True) if n is not None)
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

    async def _ask_for_tasks(self) -> None:
        try:
            self._answers = await ask_workers(self.session)
        except UserError:  # what is wrong with the broker is said elsewhere
            self._answers = None
        finally:
            self._asking = False
        self.refresh()

    async def _ask(self, verb: Callable[[ScheduleReader], T]) -> T:
        return await self.session.schedules(verb)


def with_switched(rows: Sequence[ShownSchedule], *, enabled: bool) -> list[tuple[Entry, Entry]]:
    """Return (as it is, as it shall be) for those that are not so already."""
    return [
        (shown.entry, replace(shown.entry, enabled=enabled)) for shown in rows if shown.entry.enabled is not enabled
    ]


def redbeat_lines(rows: Sequence[ShownSchedule]) -> tuple[list[str], list[str]]:
    """Return the schedules as redbeat keeps them, one JSON object a line, and why the others cannot be kept so."""
    from deskq.schedules.stores.redbeat.entry_json import definition_text

    lines, problems = [], []
    for shown in rows:
        try:
            lines.append(definition_text(shown.entry))
        except UserError as error:
            problems.append(str(error))
    return lines, problems


def wall_time(at: float, zone: str) -> str:
    """Return a time of day with its date in a zone: "Wed 25 Nov 02:30:00"; what is no time is shown as it is."""
    from deskq.schedules.timing.zones import zone_of

    try:
        tz: Any = zone_of(zone) if zone else UTC
    except UserError:
        tz = UTC
    try:
        moment = datetime.fromtimestamp(at, tz)
    except (OverflowError, ValueError, OSError):
        return str(at)
    return day_time(moment)


def day_time(moment: datetime) -> str:
    """Return a time with its date; with its year, and without seconds that are none, where that is another one."""
    if moment.year == datetime.now(moment.tzinfo).year:
        return f"{moment:%a %d %b %H:%M:%S}"
    return f"{moment:%a %d %b} {moment.year} {moment:{'%H:%M:%S' if moment.second else '%H:%M'}}"


def read_file(path: Path) -> list[Entry]:
    """Return the entries of a file that was exported; blocking. Raises UserError."""
    from deskq.schedules.text.toml import store_from_toml

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}.") from None
    return store_from_toml(text)
