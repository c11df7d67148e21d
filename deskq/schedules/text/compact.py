"""Schedules as a line of text that people write, both ways: "30 2 * * mon-fri", "10m", or JSON for the rest."""

from __future__ import annotations

import json
import re
from typing import Final

from deskq.errors import UserError
from deskq.schedules.model import Crontab, Interval, Schedule
from deskq.schedules.text.toml import schedule_from_plain, schedule_to_plain
from deskq.schedules.timing.crontabs import parse_crontab

_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_RELATIVE: Final = " relative"


def seconds_of(text: str) -> float:
    """Return the seconds of a span such as 10s, 5m, 2h or 1d; raises UserError."""
    fits = _SPAN.fullmatch(text.strip())
    if fits is None:
        raise UserError(f"“{text}” is not a time span. Write it like 10s, 5m, 2h or 1d.")
    return float(fits[1]) * _SECONDS[fits[2]]


def span_of(seconds: float) -> tuple[float, str]:
    """Return a number and the largest unit of "d", "h", "m", "s" in which it is exact and whole, else seconds."""
    for unit in ("d", "h", "m"):
        size = _SECONDS[unit]
        if seconds >= size and seconds % size == 0:
            return seconds / size, unit
    return seconds, "s"


def schedule_to_text(schedule: Schedule) -> str:
    """Return a schedule as a line; a crontab's zone is not in it."""
    if isinstance(schedule, Crontab):
        return schedule.text
    if isinstance(schedule, Interval):
        number, unit = span_of(schedule.seconds)
        text = f"{number!r}{unit}" if number % 1 else f"{number:.0f}{unit}"
        return text + (_RELATIVE if schedule.relative else "")
    plain = schedule_to_plain(schedule)
    del plain["kind"]
    return json.dumps(plain, ensure_ascii=False)


def schedule_from_text(text: str, kind: str, zone: str = "") -> Schedule:
    """Read such a line; ``kind``: "crontab", "interval", "clocked", "solar" or "rrule"; ``zone``: a crontab's own.

    Raises UserError that says what is wrong.
    """
    if kind == "crontab":
        return parse_crontab(text, zone)
    if kind == "interval":
        stripped = text.strip()
        relative = stripped.endswith(_RELATIVE)
        return Interval(seconds_of(stripped.removesuffix(_RELATIVE)), relative)
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"Invalid JSON: {error}.") from None
    if not isinstance(plain, dict):
        raise UserError("This is not a JSON object, such as {…}.")
    return schedule_from_plain(plain | {"kind": kind})
