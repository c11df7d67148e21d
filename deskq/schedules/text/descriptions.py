"""What a schedule means, in plain English words."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

from deskq.errors import UserError
from deskq.schedules.model import Clocked, Crontab, Interval, RRule, Schedule, Solar
from deskq.schedules.text.crontab_words import DAYS, MONTHS, crontab_words, listed
from deskq.schedules.timing.crontab_times import misread_parts, times_of
from deskq.schedules.timing.zones import zone_of

_UNITS: Final = (("day", 86_400.0), ("hour", 3_600.0), ("minute", 60.0), ("second", 1.0))
_PERIODS: Final = {
    "yearly": "year",
    "monthly": "month",
    "weekly": "week",
    "daily": "day",
    "hourly": "hour",
    "minutely": "minute",
    "secondly": "second",
}
_EVENTS: Final = {
    "dawn_astronomical": "astronomical dawn",
    "dawn_nautical": "nautical dawn",
    "dawn_civil": "civil dawn",
    "solar_noon": "solar noon",
    "dusk_civil": "civil dusk",
    "dusk_nautical": "nautical dusk",
    "dusk_astronomical": "astronomical dusk",
}
_BY: Final = {
    "byyearday": "on day {} of the year",
    "byeaster": "{} days after Easter",
    "byweekno": "in week {}",
    "byhour": "in hour {}",
    "byminute": "at minute {}",
    "bysecond": "at second {}",
    "bysetpos": "only number {} of these",
}


@lru_cache(maxsize=20_000)
def sentence(schedule: Schedule, zone: str = "") -> str:
    """Return what it means, such as "every weekday at 07:30, Europe/Berlin"; no zone is named where none is given.

    ``zone``: the store's; a crontab's own wins. What is broken is shown as it is written.
    """
    if isinstance(schedule, Crontab):
        return _joined(_crontab(schedule), schedule.zone or zone)
    if isinstance(schedule, Interval):
        return _interval(schedule)
    if isinstance(schedule, Clocked):
        return f"once on {_moment(schedule.at, zone)}"
    if isinstance(schedule, Solar):
        event = _EVENTS.get(schedule.event, schedule.event)
        return f"at {event} at {schedule.latitude:g}°, {schedule.longitude:g}°"
    if isinstance(schedule, RRule):
        return _rrule(schedule)
    return f"not understood: {schedule.text}"


def _joined(text: str, zone: str) -> str:
    return f"{text}, {zone}" if zone else text


def _moment(at: float, zone: str) -> str:
    try:
        time = datetime.fromtimestamp(at, UTC).astimezone(zone_of(zone))
    except (UserError, OverflowError, ValueError, OSError):
        return f"{at:g} seconds after 1970"
    return _joined(_clock(time), zone) if zone else f"{_clock(time)} UTC"


def _clock(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S}" if time.second else f"{time:%Y-%m-%d %H:%M}"


def _interval(schedule: Interval) -> str:
    if not math.isfinite(schedule.seconds):
        return f"every {schedule.seconds} seconds"
    words = f"every {_duration(schedule.seconds)}"
    if schedule.relative:
        # Celery rounds to the largest of these that fits.
        unit = next((name for name, size in _UNITS[:3] if schedule.seconds >= size), None)
        words += {"day": ", at midnight", "hour": ", on the hour", "minute": ", on the minute"}.get(unit or "", "")
    return words


def _duration(seconds: float) -> str:
    """ "day", "5 minutes", "1 hour 30 minutes", "0.5 seconds"."""
    whole = [(name, size) for name, size in _UNITS if seconds >= size and seconds % size == 0]
    if whole:
        name, size = whole[0]
        number = int(seconds // size)
        return name if number == 1 else f"{number:,} {name}s"
    parts, rest = [], seconds
    for name, size in _UNITS[:3]:
        if rest >= size:
            number = int(rest // size)
            parts.append(f"{number:,} {name}{'' if number == 1 else 's'}")
            rest -= number * size
    if rest or not parts:
        parts.append(f"{rest:.6f}".rstrip("0").rstrip(".") + (" second" if rest == 1 else " seconds"))
    return " ".join(parts)


def _crontab(schedule: Crontab) -> str:
    try:
        words = crontab_words(times_of(schedule))
    except UserError as error:
        return f"{'never' if 'never' in str(error) else 'not understood'}: {schedule.text}"
    ignored = [f"“{part}”" for part in misread_parts(schedule)]
    return f"{words}; Celery ignores a part of {listed(ignored)}" if ignored else words


def _rrule(schedule: RRule) -> str:
    period = _PERIODS.get(schedule.freq, schedule.freq)
    words = [f"every {period}" if schedule.interval == 1 else f"every {schedule.interval:,} {period}s"]
    others = dict(schedule.others)
    if schedule.byweekday:
        words.append("on " + listed([_nth(day, nth) for day, nth in schedule.byweekday]))
    if "bymonthday" in others:
        words.append("on day " + listed([str(day) for day in others["bymonthday"]]) + " of the month")
    if "bymonth" in others:
        names = [MONTHS[month - 1] if 1 <= month <= 12 else str(month) for month in others["bymonth"]]
        words.append("in " + listed(names))
    words += [text.format(listed([str(n) for n in others[name]])) for name, text in _BY.items() if others.get(name)]
    text = " ".join(words)
    if schedule.dtstart is not None:
        text += f", from {_offset_moment(schedule.dtstart, schedule.dtstart_offset)}"
    if schedule.until is not None:
        text += f", until {_offset_moment(schedule.until, schedule.until_offset)}"
    if schedule.count is not None:
        text += ", once" if schedule.count == 1 else f", {schedule.count:,} times"
    return text


def _nth(day: int, nth: int) -> str:
    name = DAYS[day] if 0 <= day < 7 else str(day)
    if not nth:
        return name
    if nth == -1:
        return f"the last {name}"
    suffix = {1: "st", 2: "nd", 3: "rd"}.get(abs(nth) % 10 if abs(nth) % 100 not in (11, 12, 13) else 0, "th")
    return f"the {abs(nth)}{suffix} {name}" + (" from the end" if nth < 0 else "")


def _offset_moment(at: float, offset: float) -> str:
    try:
        time = datetime.fromtimestamp(at, timezone(timedelta(minutes=offset)) if offset else UTC)
    except (OverflowError, ValueError, OSError):
        return f"{at:g} seconds after 1970"
    return _clock(time) + (f" {time:%z}" if offset else " UTC")
