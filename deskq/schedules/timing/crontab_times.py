"""The times of a crontab: Celery's parser reads the fields, and the arithmetic on them is deskq's own.

What Celery computes from them differs between its versions (5.5 and 5.6 mix the time of the last run with *now*).
The times here are those of a beat that looks exactly in time, whichever Celery is installed beside deskq.
"""

from __future__ import annotations

import calendar
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import MAXYEAR, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final

from celery.schedules import ParseException, crontab_parser

from deskq.errors import UserError
from deskq.schedules.model import Crontab

# Field of Crontab, its name for people, how many values, the first one.
FIELDS: Final = (
    ("minute", "minute", 60, 0),
    ("hour", "hour", 24, 0),
    ("day_of_month", "day of month", 31, 1),
    ("month_of_year", "month", 12, 1),
    ("day_of_week", "day of week", 7, 0),
)
_WEEKDAYS: Final = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_NAMES: Final = {"day_of_week": _WEEKDAYS, "month_of_year": _MONTHS}
_PART: Final = re.compile(r"\s*(?:\*|([0-9]+|[a-z]+)(?:-([0-9]+|[a-z]+)(?:/[0-9]+)?)?|\*/[0-9]+)\s*", re.IGNORECASE)
"""What Celery's parser reads to the end; of others it reads the beginning, and the first three letters of names."""
_REFUSED: Final = (ValueError, KeyError, IndexError, TypeError, ParseException)
_YEARS: Final = 60
"""So far ahead is looked for a date: 29 February falls on each weekday every 28 years, over 2100 every 40."""


class Unparsed(ValueError):
    """Celery refuses the text of a field; says why."""


@dataclass(frozen=True, slots=True)
class CrontabTimes:
    """What fits each field, in order; Sunday is 0. Day of month and day of week must both match."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]

    @property
    def any_date(self) -> bool:
        """Does every date match?"""
        return len(self.days) == 31 and len(self.months) == 12 and len(self.weekdays) == 7

    def matches(self, wall: datetime) -> bool:
        """Does the minute of this wall time match?"""
        return wall.minute in self.minutes and wall.hour in self.hours and self._on(wall.date())

    def following(self, wall: datetime) -> datetime | None:
        """Return the first matching minute after that of a wall time (naive, and so is the answer), None if none."""
        if self._on(wall.date()):
            if wall.hour in self.hours and wall.minute < self.minutes[-1]:
                minute = self.minutes[bisect_right(self.minutes, wall.minute)]
                return datetime.combine(wall, time(wall.hour, minute))
            if wall.hour < self.hours[-1]:
                hour = self.hours[bisect_right(self.hours, wall.hour)]
                return datetime.combine(wall, time(hour, self.minutes[0]))
        day = next(self._dates_after(wall.date()), None)
        return None if day is None else datetime.combine(day, time(self.hours[0], self.minutes[0]))

    def _on(self, day: date) -> bool:
        return day.month in self.months and day.day in self.days and day.isoweekday() % 7 in self.weekdays

    def _dates_after(self, after: date) -> Iterator[date]:
        if self.any_date:
            if after < date.max:
                yield after + timedelta(days=1)
            return
        for year in range(after.year, min(after.year + _YEARS, MAXYEAR) + 1):
            for month in self.months:
                if year == after.year and month < after.month:
                    continue
                first, length = calendar.monthrange(year, month)
                for number in self.days:
                    # Monday is 0 in monthrange and 1 here; the month's first day is number 1.
                    if number <= length and (first + number) % 7 in self.weekdays:
                        found = date(year, month, number)
                        if found > after:
                            yield found


@lru_cache(maxsize=20_000)
def values_of(field: str, text: str) -> tuple[int, ...]:
    """Return what Celery's parser makes of the text in that field of Crontab, in order. Raises Unparsed."""
    _, size, first = next((name, size, first) for key, name, size, first in FIELDS if key == field)
    try:
        values = tuple(sorted(crontab_parser(size, first).parse(text)))
    except _REFUSED as error:
        raise Unparsed(str(error.args[0] if error.args else "").strip().rstrip(".")) from None
    if not values:
        raise Unparsed("it matches nothing")
    if values[0] < first or values[-1] >= first + size:
        raise Unparsed(f"{values[-1] if values[-1] >= first + size else values[0]} is out of range")
    return values


@lru_cache(maxsize=20_000)
def times_of(schedule: Crontab) -> CrontabTimes:
    """Return the times of a crontab, in whatever zone it is. Raises UserError."""
    try:
        minutes, hours, days, months, weekdays = (values_of(field, getattr(schedule, field)) for field, *_ in FIELDS)
    except Unparsed as error:
        raise UserError(f"Celery cannot parse the crontab {schedule.text}: {error}") from None
    # Celery 5.5 takes what later ones refuse, and never sends it.
    if not any(days[0] <= calendar.monthrange(2000, month)[1] for month in months):
        raise UserError(f"The crontab never runs: no month {schedule.month_of_year} has a day {schedule.day_of_month}.")
    return CrontabTimes(minutes, hours, days, months, weekdays)


def misread_parts(schedule: Crontab) -> list[str]:
    """Return the parts of fields that Celery reads as something else than is written: "mon#3" is "mon" to it."""
    return [
        part for field, *_ in FIELDS for part in getattr(schedule, field).split(",") if not _read_whole(field, part)
    ]


def _read_whole(field: str, part: str) -> bool:
    fits = _PART.fullmatch(part)
    if fits is None:
        return False
    names = [group.lower() for group in fits.groups() if group is not None and not group.isdigit()]
    return all(len(name) >= 3 and any(full.startswith(name) for full in _NAMES.get(field, ())) for name in names)
