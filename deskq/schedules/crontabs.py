"""Crontabs as Celery reads them: from text, field by field, and the ones that people want most."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from celery.schedules import ParseException, crontab

from deskq.errors import UserError
from deskq.schedules.base import Crontab, Interval, Schedule
from deskq.schedules.zones import zone_of

# Field of Crontab, its name for people, how many values, the first one.
FIELDS: Final = (
    ("minute", "minute", 60, 0),
    ("hour", "hour", 24, 0),
    ("day_of_month", "day of month", 31, 1),
    ("month_of_year", "month", 12, 1),
    ("day_of_week", "day of week", 7, 0),
)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_REFUSED: Final = (ValueError, KeyError, IndexError, TypeError, ParseException)


@dataclass(frozen=True, slots=True)
class Preset:
    """A schedule that people often want, and what it is called."""

    title: str
    schedule: Schedule


PRESETS: Final = (
    Preset("every 5 minutes", Interval(300.0)),
    Preset("hourly", Crontab("0")),
    Preset("nightly", Crontab("30", "3")),
    Preset("weekdays", Crontab("0", "8", day_of_week="1-5")),
    Preset("first of the month", Crontab("0", "6", "1")),
)


@lru_cache(maxsize=20_000)
def field_problem(field: str, text: str) -> str:
    """Return "" or why Celery refuses the text in that field of Crontab, a sentence."""
    name, size, first = next((name, size, first) for key, name, size, first in FIELDS if key == field)
    try:
        if crontab._expand_cronspec(text, size, first):
            return ""
        reason = "it matches nothing"
    except _REFUSED as error:
        reason = str(error.args[0] if error.args else "").strip().rstrip(".") or "Celery cannot read it"
    allowed = f"numbers from {first} to {first + size - 1}, or such as *, */5, 1-5 or 1,3"
    return f"The {name} “{text}” is not understood: {reason}. It takes {allowed}."


def crontab_problem(schedule: Crontab) -> str:
    """Return "" or what is wrong with its fields, a sentence; its zone is not looked at."""
    for field, _, _, _ in FIELDS:
        problem = field_problem(field, getattr(schedule, field))
        if problem:
            return problem
    if schedule.day_of_month == "*":
        return ""
    try:
        celery_crontab(schedule, "UTC")
    except UserError as error:
        return str(error)
    return ""


def parse_crontab(text: str, zone: str = "") -> Crontab:
    """Return the crontab of five fields in cron's order, divided by blanks. Raises UserError."""
    fields = text.split()
    if len(fields) != len(FIELDS):
        raise UserError(
            f"A crontab has five fields (minute, hour, day of month, month, day of week), not {len(fields)}: “{text}”."
        )
    minute, hour, day, month, weekday = fields
    schedule = Crontab(minute, hour, day, month, weekday, zone)
    problem = crontab_problem(schedule)
    if problem:
        raise UserError(problem)
    if zone:
        zone_of(zone)
    return schedule


@lru_cache(maxsize=20_000)
def celery_crontab(schedule: Crontab, zone: str) -> Any:
    """Return Celery's own crontab in that zone, whose "now" is EPOCH. Shared: change nothing. Raises UserError."""
    try:
        made = crontab(
            minute=schedule.minute,
            hour=schedule.hour,
            day_of_week=schedule.day_of_week,
            day_of_month=schedule.day_of_month,
            month_of_year=schedule.month_of_year,
            nowfun=lambda: EPOCH,
        )
    except _REFUSED as error:
        if "never occurs" in str(error):
            raise UserError(
                f"It never runs: no month {schedule.month_of_year} has a day {schedule.day_of_month}."
            ) from None
        raise UserError(f"Celery does not understand the crontab {schedule.text}: {str(error).strip()}") from None
    made.tz = zone_of(zone)  # as django-celery-beat does; else it is the current app's
    return made
