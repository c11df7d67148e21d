"""Schedules as a table shows them, with what a heading says of all; made in the thread that reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from deskq.formats import relative
from deskq.history.rows import TaskRow
from deskq.profiles import Profile
from deskq.schedules.timing.lateness import last_run
from deskq.services.registered_tasks import Registered
from deskq.services.schedules.warnings import late_since, warnings_of

if TYPE_CHECKING:
    from deskq.schedules.model import Entry
    from deskq.schedules.profile_reader import Key, ScheduleRow, StoreState


class RunsSeen(NamedTuple):
    """How many runs the history has. ``more``: only the newest tasks of that name were counted, there are others."""

    number: int
    more: bool = False


@dataclass(frozen=True, slots=True)
class ShownSchedule:
    """A row of the table. ``seen``: the last runs in the history, the newest first; None: not looked up yet.

    ``counted``: how many runs the history has, where the store does not count them and that is looked up.
    ``warnings``: what is wrong with it though beat can use it, sentences.
    """

    profile: Profile
    row: ScheduleRow
    seen: tuple[TaskRow, ...] | None = None
    warnings: tuple[str, ...] = ()
    counted: RunsSeen | None = None

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
        """When it last ran: what the store says, else the history."""
        stored = last_run(self.entry, self.row.kind)
        if stored is not None:
            return stored
        newest = self.seen[0] if self.seen else None
        return None if newest is None else newest.sent or newest.received or newest.seen


@dataclass(frozen=True, slots=True)
class ScheduleSummary:
    """What is to be said of all schedules. ``expected``: how many the known stores have, ``count``: how many of
    these are read; ``unknown_stores``: stores of which nothing is known yet.

    ``unknown``: those whose next run is not computed yet; ``looked_up``: those whose runs the history was asked for;
    ``uncounted``: those whose store does not count their runs;
    ``late``: those that should have run by what the store says, ``latest`` the one that is longest, ``late_at`` when.
    """

    count: int = 0
    on: int = 0
    expected: int = 0
    unknown_stores: int = 0
    unknown: int = 0
    looked_up: int = 0
    uncounted: int = 0
    late: int = 0
    latest: ShownSchedule | None = None
    late_at: float = 0.0

    @property
    def complete(self) -> bool:
        """Are all of them read?"""
        return self.count >= self.expected and not self.unknown_stores


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The stores of a profile and their schedules at one moment."""

    stores: list[StoreState]
    rows: list[ShownSchedule]
    summary: ScheduleSummary


def snapshot(
    profile: Profile,
    stores: list[StoreState],
    rows: Sequence[ScheduleRow],
    seen: Mapping[Key, tuple[TaskRow, ...]],
    before: list[ShownSchedule],
    now: float,
    unknown_stores: int = 0,
    consumed: frozenset[str] | None = None,
    registered: Registered | None = None,
    counted: Mapping[Key, RunsSeen] | None = None,
) -> Snapshot:
    """Return what is shown now; for any thread.

    ``before``: what was shown. It stays the very list where nothing differs, and a row that does not differ the very
    row, so that nobody compares thousands of them.
    """
    known = {id(shown.row): shown for shown in before}
    made = []
    for row in rows:
        shown = known.get(id(row))
        runs = seen.get(row.key)
        warnings = warnings_of(row, runs, consumed, now, registered)
        number = counted.get(row.key) if counted else None
        if shown is None or shown.seen is not runs or shown.warnings != warnings or shown.counted != number:
            shown = ShownSchedule(profile, row, runs, warnings, number)
        made.append(shown)
    if len(made) == len(before) and all(new is old for new, old in zip(made, before, strict=True)):
        made = before
    return Snapshot(stores, made, _summary(stores, made, now, unknown_stores))


def _summary(
    stores: Iterable[StoreState], rows: Sequence[ShownSchedule], now: float, unknown_stores: int
) -> ScheduleSummary:
    on = unknown = looked_up = uncounted = 0
    late = []
    for shown in rows:
        entry = shown.row.entry
        unknown += shown.row.looked_at is None
        looked_up += shown.seen is not None
        uncounted += entry.total_run_count is None
        if entry.enabled and not entry.problem:
            on += 1
            if (since := late_since(shown.row, now)) is not None:
                late.append((since, shown))
    late_at, latest = min(late, key=lambda one: one[0]) if late else (0.0, None)
    expected = sum(state.count if state.expected is None else state.expected for state in stores)
    return ScheduleSummary(
        len(rows), on, expected, unknown_stores, unknown, looked_up, uncounted, len(late), latest, late_at
    )


def merged_summary(summaries: Sequence[ScheduleSummary]) -> ScheduleSummary:
    """Return the summary of several profiles."""
    latest = min(
        (one for one in summaries if one.latest is not None), key=lambda one: one.late_at, default=ScheduleSummary()
    )
    return ScheduleSummary(
        count=sum(one.count for one in summaries),
        on=sum(one.on for one in summaries),
        expected=sum(one.expected for one in summaries),
        unknown_stores=sum(one.unknown_stores for one in summaries),
        unknown=sum(one.unknown for one in summaries),
        looked_up=sum(one.looked_up for one in summaries),
        uncounted=sum(one.uncounted for one in summaries),
        late=sum(one.late for one in summaries),
        latest=latest.latest,
        late_at=latest.late_at,
    )


def overdue_message(summary: ScheduleSummary, now: float) -> str:
    """Return a sentence where entries were due a while ago and did not run by what their store says, else "".

    redbeat says when each is due, and beat moves that on with every run; of others it follows from the last run.
    """
    if summary.latest is None:
        return ""
    more = f" and {summary.late - 1:,} more" if summary.late > 1 else ""
    name, since = summary.latest.entry.name, relative(summary.late_at, now)
    return f"“{name}”{more} should have run {since}. Check that beat is running."
