"""redbeat's rrules, computed with dateutil without walking through years that have passed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from dateutil.rrule import DAILY, HOURLY, MINUTELY, MONTHLY, SECONDLY, WEEKLY, YEARLY, rrule, weekday

from deskq.errors import UserError
from deskq.schedules.base import RRule

FREQUENCIES: Final = {
    "yearly": YEARLY,
    "monthly": MONTHLY,
    "weekly": WEEKLY,
    "daily": DAILY,
    "hourly": HOURLY,
    "minutely": MINUTELY,
    "secondly": SECONDLY,
}
# How many values a rule may yield before the one that is looked for, and how far dateutil may look for one.
_STEPS: Final = 100_000
_FAR: Final = timedelta(days=366 * 12)
_NEAR: Final = {"minutely": timedelta(days=366 * 2), "secondly": timedelta(days=366)}  # they look at each day slowly
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
        if value is not None and value <= last:
            value = next((later for later in values if later > last), None)
        if value is None or value <= last:  # the first time, or where the last walk was told to stop
            values = _walk(_rule(schedule, last, after))
            value = next((later for later in values if later > last), None)
        return None if value is None else (value.astimezone(UTC), "")

    _rule(schedule, datetime.fromtimestamp(after, UTC), after)
    return following


def _walk(rule: Any) -> Iterator[datetime]:
    for step, value in enumerate(rule):
        if step >= _STEPS:
            return
        yield value


def _rule(schedule: RRule, last: datetime, after: float) -> Any:
    """The rule, begun as late before ``last`` as it can be without changing what it yields after it."""
    frequency = FREQUENCIES.get(schedule.freq)
    if frequency is None:
        raise UserError(f"“{schedule.freq}” is no frequency of an rrule: it takes {', '.join(FREQUENCIES)}.")
    if schedule.interval < 1:
        raise UserError("The interval of an rrule must be at least 1.")
    try:
        start = _time(after if schedule.dtstart is None else schedule.dtstart, schedule.dtstart_offset)
        period = _PERIODS.get(schedule.freq)
        if period is not None and schedule.count is None:
            whole = period * schedule.interval
            start += whole * max(0, (last - start) // whole - 1)
        until = max(last, start) + _NEAR.get(schedule.freq, _FAR) * (schedule.interval if period is None else 1)
        if schedule.until is not None:
            until = min(until, _time(schedule.until, schedule.until_offset))
        return rrule(
            frequency,
            dtstart=start,
            interval=schedule.interval,
            wkst=schedule.wkst,
            count=schedule.count,
            until=until,
            byweekday=tuple(weekday(day, nth) if nth else weekday(day) for day, nth in schedule.byweekday) or None,
            **dict(schedule.others),
        )
    except (ValueError, TypeError, OverflowError, OSError, IndexError, AttributeError) as error:
        raise UserError(f"The rrule is not understood: {error}") from None


def _time(at: float, offset: float) -> datetime:
    return datetime.fromtimestamp(at, timezone(timedelta(minutes=offset)) if offset else UTC)
