"""What is wrong with a schedule, in words for people."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from deskq.errors import UserError
from deskq.schedules.model import Clocked, Crontab, Interval, RRule, Schedule, Solar
from deskq.schedules.timing.crontabs import crontab_problem
from deskq.schedules.timing.rrules import rrule_following
from deskq.schedules.timing.sun import EVENTS
from deskq.schedules.timing.zones import zone_of


def check(schedule: Schedule, zone: str = "") -> str:
    """Return "" or why beat cannot use it, or why it never runs: a sentence. ``zone``: the store's."""
    try:
        zone_of(zone)
        if isinstance(schedule, Crontab):
            zone_of(schedule.zone)
            return crontab_problem(schedule)
    except UserError as error:
        return str(error)
    if isinstance(schedule, Interval):
        return _interval_problem(schedule)
    if isinstance(schedule, Clocked):
        try:
            datetime.fromtimestamp(schedule.at, UTC)
        except (OverflowError, ValueError, OSError):
            return "The time is out of range."
        return ""
    if isinstance(schedule, Solar):
        return _solar_problem(schedule)
    if isinstance(schedule, RRule):
        return _rrule_problem(schedule)
    return schedule.reason or "The timing cannot be parsed."


def _interval_problem(schedule: Interval) -> str:
    if not math.isfinite(schedule.seconds) or schedule.seconds > 86_400 * 999_999_999:
        return "The interval is too long for Celery."
    if schedule.seconds < 1e-6:
        return "The interval must be more than 0, or beat would send continuously."
    return ""


def _solar_problem(schedule: Solar) -> str:
    if schedule.event not in EVENTS:
        return f"“{schedule.event}” is not a solar event. Use one of {', '.join(sorted(EVENTS))}."
    if not -90 <= schedule.latitude <= 90:
        return f"The latitude {schedule.latitude} must be between -90 and 90."
    if not -180 <= schedule.longitude <= 180:
        return f"The longitude {schedule.longitude} must be between -180 and 180."
    return ""


def _rrule_problem(schedule: RRule) -> str:
    begin = 0.0 if schedule.dtstart is None else schedule.dtstart
    try:
        following = rrule_following(schedule, begin)
        if following(datetime.fromtimestamp(begin - 1, UTC)) is None:
            return "The rrule never runs: its parts exclude each other."
    except UserError as error:
        return str(error)
    except (ValueError, OverflowError, OSError):
        return "The rrule's time is out of range."
    return ""
