"""redbeat's rrules, computed with dateutil without walking through years that have passed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, Final

from dateutil.rrule import DAILY, HOURLY, MINUTELY, MONTHLY, SECONDLY, WEEKLY, YEARLY, rrule, weekday

from deskq.errors import UserError
from deskq.schedules.model import RRule

FREQUENCIES: Final = {
    "yearly": YEARLY,
    "monthly": MONTHLY,
    "weekly": WEEKLY,
    "daily": DAILY,
    "hourly": HOURLY,
    "minutely": MINUTELY,
    "secondly": SECONDLY,
}
_NEAR: Final = 1_000
# A rule with a count is walked from its beginning, and this far.
_STEPS: Final = 100_000
# dateutil looks for a next value until the year 9999, which takes ten seconds. So rules are moved there from years
# in which every fourth is a leap year too, and moved back: then it looks only 29 to 56 years ahead. A calendar comes
# back every 28 years, so that is enough for what runs more often than every year by its interval.
_MOVED_YEARS: Final = range(1902, 2044)
_LAST_YEARS: Final = range(9943, 9971)
_YEAR: Final = timedelta(days=366)
_ALMOST: Final = {"yearly": timedelta(days=366), "monthly": timedelta(days=31)}
_PERIODS: Final = {
    "weekly": timedelta(weeks=1),
    "daily": timedelta(days=1),
    "hourly": timedelta(hours=1),
    "minutely": timedelta(minutes=1),
    "secondly": timedelta(seconds=1),
}


def rrule_following(schedule: RRule, after: float) -> Callable[[datetime], tuple[datetime, str] | None]:
    """Return what gives the next run after the last one, None at the end. Raises UserError for a broken rule."""
    values: Iterator[datetime] = iter(())
    value: datetime | None = None

    def following(last: datetime) -> tuple[datetime, str] | None:
        nonlocal values, value
        try:
            if value is not None and value <= last:
                value = next((later for later in itertools.islice(values, _NEAR) if later > last), None)
            if value is None:  # the first time, where the last walk ended, and far from where it was
                values = _values(schedule, last, after)
                value = next((later for later in values if later > last), None)
        except (IndexError, TypeError, KeyError, AttributeError):  # dateutil does not look whether numbers make sense
            raise UserError("dateutil cannot handle a number in the rrule, which stops beat.") from None
        return None if value is None else (value.astimezone(UTC), "")

    _values(schedule, datetime.fromtimestamp(after, UTC), after)
    return following


def _values(schedule: RRule, last: datetime, after: float) -> Iterator[datetime]:
    """The rule's values from before ``last``; those of a rule without count begin as late as they can."""
    if schedule.freq not in FREQUENCIES:
        raise UserError(f"“{schedule.freq}” is not a frequency of an rrule. Use {', '.join(FREQUENCIES)}.")
    if schedule.interval < 1:
        raise UserError("The interval of an rrule must be at least 1.")
    if not _has_a_position(schedule):
        return iter(())  # dateutil would walk through decades second by second
    try:
        start = _time(after if schedule.dtstart is None else schedule.dtstart, schedule.dtstart_offset)
        until = None if schedule.until is None else _time(schedule.until, schedule.until_offset)
        if schedule.count is not None:
            if schedule.count < 1 or next(_values(replace(schedule, count=None), start, after), None) is None:
                return iter(())
            return itertools.islice(_rule(schedule, start, until), _STEPS)
        period = _PERIODS.get(schedule.freq)
        whole = (period or _ALMOST[schedule.freq]) * schedule.interval
        if period is not None:
            start += whole * max(0, (last - start) // whole - 1)
        moved = timedelta()
        if whole <= _YEAR and "byeaster" not in dict(schedule.others):
            moved = _move(start, last)
        if until is not None:
            until = _ended(until, moved)
        return (value - moved for value in _rule(schedule, start + moved, until))
    except (ValueError, TypeError, OverflowError, OSError, IndexError, AttributeError) as error:
        raise UserError(f"The rrule cannot be parsed: {str(error).rstrip('.')}.") from None


def _has_a_position(schedule: RRule) -> bool:
    """Can any of bysetpos be met? Of a day or longer there are few sets; of an hour or less all are equally large."""
    others = dict(schedule.others)
    positions = others.get("bysetpos")
    if not positions or schedule.freq not in ("hourly", "minutely", "secondly"):
        return True
    parts = {"hourly": ("byminute", "bysecond"), "minutely": ("bysecond",), "secondly": ()}[schedule.freq]
    size = math.prod(len(set(others.get(part) or (0,))) for part in parts)
    return any(abs(position) <= size for position in positions)


def _move(start: datetime, last: datetime) -> timedelta:
    """How far it is to the last years that have the same calendar, always whole weeks; nothing for other years."""
    first = date(max(start, last).year, 1, 1)
    if start.year not in _MOVED_YEARS or first.year not in _MOVED_YEARS or first.year - start.year > 40:
        return timedelta()
    year = next(y for y in _LAST_YEARS if y % 4 == first.year % 4 and date(y, 1, 1).weekday() == first.weekday())
    return date(year, 1, 1) - first


def _ended(until: datetime, moved: timedelta) -> datetime | None:
    try:
        return until + moved
    except OverflowError:
        return None


def _rule(schedule: RRule, start: datetime, until: datetime | None) -> Any:
    return rrule(
        FREQUENCIES[schedule.freq],
        dtstart=start,
        interval=schedule.interval,
        wkst=schedule.wkst,
        count=schedule.count,
        until=until,
        byweekday=tuple(weekday(day, nth) if nth else weekday(day) for day, nth in schedule.byweekday) or None,
        **dict(schedule.others),
    )


def _time(at: float, offset: float) -> datetime:
    return datetime.fromtimestamp(at, timezone(timedelta(minutes=offset)) if offset else UTC)
