"""Crontabs as Celery reads them: from text, field by field, and the ones that people want most."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from deskq.errors import UserError
from deskq.schedules.model import Crontab, Interval, Schedule
from deskq.schedules.timing.crontab_times import FIELDS, Unparsed, misread_parts, times_of, values_of
from deskq.schedules.timing.zones import zone_of

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


_STEP_OF_ONE: Final = re.compile(r"(?:^|,)\s*([0-9]+)/([0-9]+)")


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
        values_of(field, text)
    except Unparsed as error:
        reason = str(error) or "Celery cannot parse it"
        if single := _STEP_OF_ONE.search(text):
            reason = f"Celery has no step after a single number: write {single[1]}-{first + size - 1}/{single[2]}"
        elif "weekday literal" in reason:
            reason = "Celery knows no such name or number"
    else:
        return ""
    allowed = f"numbers from {first} to {first + size - 1}, or such as *, */5, 1-5 or 1,3"
    return f"Invalid {name} “{text}”: {reason}. Use {allowed}."


def crontab_problem(schedule: Crontab) -> str:
    """Return "" or what is wrong with its fields, a sentence; its zone is not looked at."""
    for field, _, _, _ in FIELDS:
        problem = field_problem(field, getattr(schedule, field))
        if problem:
            return problem
    if schedule.day_of_month == "*":
        return ""
    try:
        times_of(schedule)
    except UserError as error:
        return str(error)
    return ""


def misread(schedule: Schedule) -> str:
    """Return "" or which part of a crontab Celery would run otherwise than it is written, a sentence.

    Beat runs what is stored so: it is a reason not to write it, and no problem of what is there.
    """
    parts = misread_parts(schedule) if isinstance(schedule, Crontab) else []
    if not parts:
        return ""
    reason = ": it has no n-th weekday of a month" if "#" in parts[0] else ""
    return f"Celery ignores a part of “{parts[0]}”{reason}. Write only what it reads."


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
