"""When a schedule will run, computed as beat's loop does; no I/O.

A beat that looks exactly in time is assumed. Everything takes and returns epoch seconds UTC.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final

from deskq.errors import UserError
from deskq.schedules.model import (
    Clocked,
    Crontab,
    Entry,
    Interval,
    RRule,
    Schedule,
    ScheduleStore,
    Solar,
    StoreKind,
)
from deskq.schedules.timing.crontab_times import times_of
from deskq.schedules.timing.crontabs import EPOCH
from deskq.schedules.timing.interval_times import interval_following
from deskq.schedules.timing.rrules import rrule_following
from deskq.schedules.timing.sun import sun_following
from deskq.schedules.timing.validation import check
from deskq.schedules.timing.zones import OffsetChange, changes, zone_of

HORIZON: Final = timedelta(days=60 * 366)  # nobody asks for later runs; 29 February on a Monday comes every 28 years
_SHOWN_TIMES: Final = 4
_DAY: Final = 86_400.0
_RUNS_OF_A_PAUSE: Final = 32
"""More than a day of hours, and than half an hour of minutes: hardly a crontab shows its shortest pause later."""

# From the last run (aware, in the schedule's zone): the next one and its mark, None if there is none.
Following = Callable[[datetime], "tuple[datetime, str] | None"]


@dataclass(frozen=True, slots=True)
class Run:
    """One run. ``mark``: "skipped" if the wall time meant does not exist that day, so that Celery runs it at another;
    "doubled" if that wall time happens twice that day."""

    at: float
    mark: str = ""


@dataclass(frozen=True, slots=True)
class ClockChange:
    """What a change of the clock does to a crontab. ``times``: the wall times, "02:30"; ``wall`` is the first of them.

    ``effect``: "skipped" or "doubled"; ``sentence`` says what Celery does about it.
    """

    day: date
    wall: str
    times: tuple[str, ...]
    effect: str
    sentence: str


def next_runs(
    schedule: Schedule,
    zone: str,
    *,
    after: float,
    count: int = 10,
    last_run_at: float | None = None,
    start_time: float | None = None,
    expires_at: float | None = None,
) -> list[Run]:
    """Return the next runs from ``after`` (which is "now"), [] for a schedule that beat cannot use or that never runs.

    ``zone``: the store's; a crontab's own wins. What is overdue since ``last_run_at`` runs at once, once, as beat
    does; without ``last_run_at`` nothing is overdue (redbeat runs what has never run at once: give it 0.0), except
    with a ``start_time`` that has passed, as in django-celery-beat. No run at or after ``expires_at``.
    """
    try:
        tz = zone_of(schedule.zone or zone if isinstance(schedule, Crontab) else zone)
        following = _following(schedule, zone, after)
    except UserError:
        return []
    now = _aware(after).astimezone(tz)
    last = now if last_run_at is None else _aware(last_run_at).astimezone(tz)
    begin = now
    if start_time is not None:
        if last_run_at is None:
            last = EPOCH.astimezone(tz)  # django-celery-beat looks 30 years back, so that it runs then
        if start_time > after:
            started = _aware(start_time).astimezone(tz)
            first = following(started) if isinstance(schedule, Crontab) else (started, "")
            if first is None:
                return []
            begin = first[0].astimezone(tz)
    runs: list[Run] = []
    try:
        while len(runs) < count:
            found = following(last)
            if found is None:
                break
            at, mark = found
            if at < begin:
                at, mark = begin, ""
            if at - now > HORIZON or (expires_at is not None and at.timestamp() >= expires_at):
                break
            if runs and at.timestamp() <= runs[-1].at:
                break
            runs.append(Run(at.timestamp(), mark))
            if isinstance(schedule, Clocked):
                break
            last = at.astimezone(tz)
    except (RuntimeError, OverflowError, ValueError, UserError):  # the end of the calendar
        return runs
    return runs


def entry_runs(entry: Entry, store: ScheduleStore, *, after: float, count: int = 10) -> list[Run]:
    """Return the next runs of an entry of a store, [] for one that its beat does not send."""
    if not entry.enabled or entry.problem:
        return []
    last = _counted_from(entry)
    if last is None and store.kind is StoreKind.REDBEAT:
        last = 0.0  # redbeat runs at once what has never run
    return next_runs(
        entry.schedule,
        store.zone,
        after=after,
        count=1 if entry.one_off else count,
        last_run_at=last,
        start_time=entry.start_time,
        expires_at=entry.expires_at,
    )


def shortest_pause(schedule: Schedule, zone: str, *, now: float) -> float | None:
    """Return the seconds between the closest two of the runs to come from today on, None for less than two.

    It takes about a millisecond the first time in a day, and nothing after that.
    """
    if isinstance(schedule, Interval):
        return schedule.seconds
    return _shortest_pause(schedule, zone, now // _DAY * _DAY)


@lru_cache(16_384)
def _shortest_pause(schedule: Schedule, zone: str, after: float) -> float | None:
    runs = next_runs(schedule, zone, after=after, count=_RUNS_OF_A_PAUSE)
    return min((later.at - earlier.at for earlier, later in pairwise(runs)), default=None)


def due_since(entry: Entry, store: ScheduleStore, *, now: float) -> float | None:
    """Return when an entry should have run since its last run, None if that is still to come or nothing tells."""
    last = _counted_from(entry)
    if last is None:
        return None
    runs = next_runs(entry.schedule, store.zone, after=last, count=1, last_run_at=last, start_time=entry.start_time)
    return runs[0].at if runs and runs[0].at <= now else None


def _counted_from(entry: Entry) -> float | None:
    """What beat takes for the last run; a start time moves that far back, see next_runs."""
    if entry.last_run_at is not None or entry.start_time is not None:
        return entry.last_run_at
    if isinstance(entry.schedule, Clocked) and entry.counts_from is not None:
        return 0.0  # sent once its time has passed, also where it was stored after that
    return entry.counts_from


def _following(schedule: Schedule, zone: str, after: float) -> Following:
    if isinstance(schedule, Crontab):
        return _crontab_following(schedule, schedule.zone or zone)
    if isinstance(schedule, Interval):
        return _interval_following(schedule)
    if isinstance(schedule, Clocked):
        return _clocked_following(schedule)
    if isinstance(schedule, Solar):
        return _solar_following(schedule)
    if isinstance(schedule, RRule):
        return rrule_following(schedule, after)
    raise UserError(schedule.reason)


def _crontab_following(schedule: Crontab, zone: str) -> Following:
    times, tz = times_of(schedule), zone_of(zone)
    all_hours = len(times.hours) == 24

    def following(last: datetime) -> tuple[datetime, str] | None:
        wall = times.following(last.astimezone(tz).replace(tzinfo=None))
        if wall is None:
            return None
        at = wall.replace(tzinfo=tz).astimezone(UTC)
        real = at.astimezone(tz)
        if real.replace(tzinfo=None) != wall:
            # Every hour at that minute: nobody misses the hour that is not there.
            harmless = all_hours and real.minute in times.minutes
            return at, "" if harmless else "skipped"
        return at, "doubled" if real.replace(fold=0).utcoffset() != real.replace(fold=1).utcoffset() else ""

    return following


def _interval_following(schedule: Interval) -> Following:
    if not 0 < schedule.seconds < HORIZON.total_seconds():
        raise UserError("The interval must be more than 0.")
    every = timedelta(seconds=schedule.seconds)
    if not every:
        raise UserError("The interval must be more than 0.")
    return lambda last: (interval_following(last, every, relative=schedule.relative), "")


def _clocked_following(schedule: Clocked) -> Following:
    try:
        at = _aware(schedule.at)
    except (OverflowError, ValueError, OSError):
        raise UserError("The time is out of range.") from None
    return lambda last: (at, "") if last < at or last == EPOCH else None


def _solar_following(schedule: Solar) -> Following:
    if problem := check(schedule):
        raise UserError(problem)
    following = sun_following(schedule.event, schedule.latitude, schedule.longitude)
    return lambda last: (following(last), "")


def clock_changes(schedule: Schedule, zone: str, *, after: float, days: int = 366) -> list[ClockChange]:
    """Return what the changes of the clock within so many days do to a crontab; [] for what has no wall time.

    An hourly crontab loses nothing by an hour that is left out, so that is not told.
    """
    if not isinstance(schedule, Crontab) or check(schedule, zone):
        return []
    name = schedule.zone or zone
    # From the beginning of the day, so that changes() is asked the same often.
    start = _aware(after).replace(hour=0, minute=0, second=0, microsecond=0)
    told = (_told(schedule, name, change) for change in changes(zone_of(name), start, days + 1))
    return [clock_change for clock_change in told if clock_change is not None]


def _told(schedule: Crontab, zone: str, change: OffsetChange) -> ClockChange | None:
    times, following = times_of(schedule), _crontab_following(schedule, zone)
    walls = [
        wall
        for step in range(int(change.width.total_seconds() // 60))
        if times.matches(wall := change.first + timedelta(minutes=step))
    ]
    if not walls:
        return None
    tz = zone_of(zone)
    last = (change.at - change.width - timedelta(minutes=1)).astimezone(tz)
    runs: list[tuple[datetime, str]] = []
    while (found := following(last)) is not None and found[0] <= change.at + change.width:
        if runs and found[0] <= runs[-1][0]:
            break
        runs.append(found)
        last = found[0].astimezone(tz)
    affected = tuple(f"{wall:%H:%M}" for wall in walls)
    moved = f"the clocks in {zone or 'UTC'} go from {change.before:%H:%M} to {change.after:%H:%M}"
    if change.forward:
        shifted = [f"{at.astimezone(tz):%H:%M}" for at, mark in runs if mark == "skipped"]
        if not shifted and len(times.hours) == 24:
            return None
        ending = f"it runs at {_listed(shifted)}" if shifted else "it is skipped"
        words = f"{_listed(affected)} {_verb(affected, 'does', 'do')} not exist: {moved}; {ending}."
    else:
        second = [at for at, _ in runs if change.at <= at < change.at + change.width]
        ending = "it runs both times" if second else "it runs the first time only"
        pause = max((right - left for (left, _), (right, _) in pairwise(runs)), default=timedelta())
        if not second and len(walls) > 1 and len(times.hours) == 24:
            ending += f", so that nothing runs for {int(pause.total_seconds() // 60)} minutes"
        words = f"{_listed(affected)} {_verb(affected, 'happens', 'happen')} twice: {moved}; {ending}."
    effect = "skipped" if change.forward else "doubled"
    return ClockChange(walls[0].date(), affected[0], affected, effect, f"{walls[0]:%Y-%m-%d}: {words}")


def _listed(times: tuple[str, ...] | list[str]) -> str:
    if len(times) > _SHOWN_TIMES:
        return f"{times[0]} to {times[-1]} ({len(times)} times)"
    return ", ".join(times)


def _verb(times: tuple[str, ...], one: str, many: str) -> str:
    return one if len(times) == 1 else many


def _aware(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
