"""How much runs when: the runs of many schedules, hour by hour, over some days; no I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from deskq.errors import UserError
from deskq.schedules.base import Crontab, Entry, Interval, ScheduleStore
from deskq.schedules.crontabs import celery_crontab
from deskq.schedules.preview import entry_runs
from deskq.schedules.zones import zone_of

HOUR: Final = 3_600
_QUARTER: Final = 900
_EACH: Final = 30
"""Runs that are computed one by one; what runs more often is counted by its pattern."""


@dataclass(slots=True)
class HourLoad:
    """What runs within one hour: names with how often, the most frequent first when asked so."""

    runs: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """All runs of the hour."""
        return self.runs.total()


def hours_of(entries: Iterable[tuple[Entry, ScheduleStore]], start: float, count: int, *, now: float) -> list[HourLoad]:
    """Return the load of so many hours from ``start`` (epoch s); what lies before ``now`` is empty.

    Schedules that run up to 30 times in that time are computed as beat runs them. Denser intervals are spread evenly,
    denser crontabs counted by the wall clock of their zone: an hour that a change of the clock skips or doubles may
    then be off.
    """
    hours = [HourLoad() for _ in range(count)]
    end = start + count * HOUR
    for entry, store in entries:
        runs = entry_runs(entry, store, after=now, count=_EACH)
        if len(runs) < _EACH or runs[-1].at >= end:
            for run in runs:
                _count(hours, start, entry.name, run.at)
        elif isinstance(entry.schedule, Interval):
            _spread(hours, start, entry, now)
        elif isinstance(entry.schedule, Crontab):
            _by_pattern(hours, start, entry, store.zone, now)
    return hours


def _count(hours: list[HourLoad], start: float, name: str, at: float, times: int = 1) -> None:
    place = int((at - start) // HOUR)
    if 0 <= place < len(hours):
        hours[place].runs[name] += times


def _spread(hours: list[HourLoad], start: float, entry: Entry, now: float) -> None:
    assert isinstance(entry.schedule, Interval)
    first = max(0, int((now - start) // HOUR))
    for place in range(first, len(hours)):
        part = HOUR if place > first else HOUR - (now - start) % HOUR
        hours[place].runs[entry.name] += max(1, round(part / entry.schedule.seconds))


def _by_pattern(hours: list[HourLoad], start: float, entry: Entry, zone: str, now: float) -> None:
    assert isinstance(entry.schedule, Crontab)
    name = entry.schedule.zone or zone
    try:
        crontab, tz = celery_crontab(entry.schedule, name), zone_of(name)
    except UserError:
        return
    minutes = [sum(1 for minute in crontab.minute if minute // 15 == quarter) for quarter in range(4)]
    for at in range(int(start), int(start) + len(hours) * HOUR, _QUARTER):
        wall = datetime.fromtimestamp(at, UTC).astimezone(tz)
        if (
            at >= now
            and wall.hour in crontab.hour
            and wall.day in crontab.day_of_month
            and wall.month in crontab.month_of_year
            and wall.isoweekday() % 7 in crontab.day_of_week
            and (times := minutes[wall.minute // 15])
        ):
            _count(hours, start, entry.name, at, times)
