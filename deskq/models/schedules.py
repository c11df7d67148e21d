"""Periodic tasks of one profile in the window: all its stores, when each runs next, and how it went last."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QObject, QTimer, Signal

from deskq.errors import UserError
from deskq.history.query import TaskFilter
from deskq.history.reader import HistoryReader
from deskq.history.rows import TaskRow
from deskq.models.formats import relative
from deskq.models.session import ProfileSession
from deskq.profiles import Profile

if TYPE_CHECKING:
    from deskq.schedules.base import Entry
    from deskq.schedules.load import HourLoad
    from deskq.schedules.preview import ClockChange, Run
    from deskq.schedules.reading import Key, ScheduleRow, StoreState

READ_MS: Final = 5_000
OVERDUE_SECONDS: Final = 60.0
"""How late an entry is before it is said; a beat looks every few seconds."""
_SEEN_RUNS: Final = 12
_SHOW_SECONDS: Final = 1.0
"""How often rows are shown while next runs are still computed."""
_LOOKED_UP: Final = 60
"""Rows in sight whose runs are looked up in the history at a time."""
_LONGEST_REPR: Final = 500
_IN_A_WEEK: Final = 500
"""Schedules that a calendar counts."""


@dataclass(frozen=True, slots=True)
class ShownSchedule:
    """A row of the table. ``seen``: the last runs in the history, the newest first; None: not looked up yet."""

    profile: Profile
    row: ScheduleRow
    seen: tuple[TaskRow, ...] | None = None

    @property
    def key(self) -> Key:
        """What tells it from all others of its profile."""
        return self.row.key

    @property
    def place(self) -> tuple[str, Key]:
        """What tells it from all others: two profiles may name the same store."""
        return self.profile.name, self.row.key

    @property
    def entry(self) -> Entry:
        """The entry itself."""
        return self.row.entry

    @property
    def last_run_at(self) -> float | None:
        """When it last ran: what the store says, else the history.

        redbeat and celery's own file date the last run of what has never run to when it was added, without a count.
        """
        ran = bool(self.entry.total_run_count) or (self.entry.total_run_count is None and self.row.kind != "redbeat")
        if self.entry.last_run_at is not None and ran:
            return self.entry.last_run_at
        newest = self.seen[0] if self.seen else None
        return None if newest is None else newest.sent or newest.received or newest.seen


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is to come for one entry: its next runs and what changes of the clock do within a year."""

    runs: tuple[Run, ...]
    changes: tuple[ClockChange, ...]
    zone: str


@dataclass(frozen=True, slots=True)
class Week:
    """What runs in each hour of a week from ``start``; ``left_out``: schedules that were too many to be counted."""

    start: float
    hours: tuple[HourLoad, ...]
    left_out: int


class Schedules(QObject):
    """Follows the stores while it is started. ``changed``: rows or stores differ from what they were."""

    changed = Signal()

    def __init__(self, session: ProfileSession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.stores: list[StoreState] = []
        self.rows: list[ShownSchedule] = []
        self.read_once = False
        self._in_sight: tuple[Key, ...] = ()
        self._seen: dict[Key, tuple[TaskRow, ...]] = {}
        self._reading = False
        self._again = False
        self._timer = QTimer(self, interval=READ_MS)
        self._timer.timeout.connect(self.refresh)

    def start(self) -> None:
        """Read now, and again every few seconds."""
        self._timer.start()
        self.refresh()

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
        """Read the stores; ``everything``: also code and files, which take a process each."""
        if self._reading:
            self._again = self._again or everything
            return
        self._reading = True
        self.session.spawn(self._read(everything), "schedules", self)

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

    async def week(self, rows: Sequence[ShownSchedule]) -> Week:
        """Compute what runs in each hour of the next seven days, from this machine's midnight."""
        from deskq.schedules.load import hours_of

        stores = {state.store.url: state.store for state in self.stores if state.store is not None}
        chosen = [(shown.entry, stores[shown.row.url]) for shown in rows[:_IN_A_WEEK] if shown.row.url in stores]
        now = time.time()
        today = time.localtime(now)
        start = time.mktime((today.tm_year, today.tm_mon, today.tm_mday, 0, 0, 0, 0, 0, -1))
        hours = await self.session.schedules(lambda _: hours_of(chosen, start, 7 * 24, now=now))
        return Week(start, tuple(hours), max(0, len(rows) - _IN_A_WEEK))

    async def _read(self, everything: bool) -> None:
        try:
            self.stores = await self.session.schedules(lambda reader: reader.read(everything=everything))
            self.read_once = True
            left, next_show = True, 0.0
            while left:
                sight = self._in_sight
                left, rows = await self.session.schedules(
                    lambda reader, sight=sight: (reader.look_ahead(sight), reader.rows())  # type: ignore[misc]
                )
                if time.monotonic() >= next_show or not left:  # those in sight were first, the others can wait
                    self._show(rows)
                    next_show = time.monotonic() + _SHOW_SECONDS
            await self._look_up()
            self._show([shown.row for shown in self.rows])
        finally:
            self._reading = False
        if self._again:
            self._again = False
            self.refresh(everything=True)

    def _show(self, rows: Iterable[ScheduleRow]) -> None:
        """``rows`` stays the very list that it was where nothing differs, so that nobody compares thousands of rows."""
        profile = self.session.profile
        found = list(rows)
        same = len(found) == len(self.rows) and all(
            shown.row is row and shown.seen is self._seen.get(row.key)
            for shown, row in zip(self.rows, found, strict=True)
        )
        if not same:
            self.rows = [ShownSchedule(profile, row, self._seen.get(row.key)) for row in found]
        self.changed.emit()

    async def _look_up(self) -> None:
        """Find in the history how the entries in sight went."""
        sight = set(self._in_sight)
        wanted = [shown.entry for shown in self.rows if shown.key in sight]
        keys = [shown.key for shown in self.rows if shown.key in sight]
        if not wanted:
            return
        try:
            found = await self.session.ask(lambda reader: _last_runs(reader, wanted), slot="schedule runs")
        except UserError:
            return
        self._seen.update((key, runs) for key, runs in zip(keys, found, strict=True) if self._seen.get(key) != runs)


def _last_runs(reader: HistoryReader, entries: Sequence[Entry]) -> list[tuple[TaskRow, ...]]:
    """The newest tasks that have the name and, as far as events tell, the arguments of each entry."""
    by_name: dict[str, list[TaskRow]] = {}
    found = []
    for entry in entries:
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


def overdue_words(rows: Sequence[ShownSchedule], now: float) -> str:
    """Return a sentence where a store itself says that entries were due a while ago and did not run, else "".

    Only redbeat says when each is due; beat moves that on with every run, so an old time means that no beat looks.
    """
    late = [
        shown
        for shown in rows
        if shown.entry.enabled
        and not shown.entry.problem
        and shown.entry.due_at is not None
        and 0 < shown.entry.due_at < now - OVERDUE_SECONDS
    ]
    if not late:
        return ""
    first = min(late, key=lambda shown: shown.entry.due_at or 0.0)
    more = f" and {len(late) - 1:,} more" if len(late) > 1 else ""
    return f"“{first.entry.name}”{more} should have run {relative(first.entry.due_at, now)}: does a beat run?"


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
