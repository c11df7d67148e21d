"""An entry as a person writes it into ``beat_schedule``, in Python."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from deskq.schedules.model import Clocked, Crontab, Entry, Interval, RRule, Schedule, Solar, Unreadable

_CRON: Final = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def to_python(entry: Entry) -> str:
    """Return the entry as one of a ``beat_schedule`` in Python; what that cannot say is in comments before it."""
    remarks, schedule = _python_schedule(entry.schedule)
    if not entry.enabled:
        remarks.append("Disabled in its store; beat_schedule cannot disable a schedule.")
    if entry.one_off or entry.start_time is not None or entry.expires_at is not None:
        remarks.append("Start, end and one-off are left out: beat_schedule does not support them.")
    lines = [f"# {remark}" for remark in remarks]
    lines.append(f"{entry.name!r}: {{")
    lines.append(f"    'task': {entry.task!r},")
    lines.append(f"    'schedule': {schedule},")
    if isinstance(entry.schedule, Interval) and entry.schedule.relative:
        lines.append("    'relative': True,")
    for key, value in (("args", tuple(entry.args)), ("kwargs", entry.kwargs), ("options", dict(entry.options))):
        if value:
            lines.append(f"    '{key}': {value!r},")
    return "\n".join([*lines, "},"]) + "\n"


def _python_schedule(schedule: Schedule) -> tuple[list[str], str]:
    match schedule:
        case Interval():
            return [], repr(schedule.seconds)
        case Crontab():
            fields = [f"{key}={getattr(schedule, key)!r}" for key in _CRON if getattr(schedule, key) != "*"]
            remarks = ["from celery.schedules import crontab"]
            if schedule.zone:
                remarks.append(f"Its time zone is {schedule.zone}; beat_schedule uses the app's timezone.")
            return remarks, f"crontab({', '.join(fields)})"
        case Solar():
            place = f"{schedule.latitude!r}, {schedule.longitude!r}"
            return ["from celery.schedules import solar"], f"solar({schedule.event!r}, {place})"
        case Clocked():
            remarks = ["from datetime import datetime", "from django_celery_beat.clockedschedule import clocked"]
            return remarks, f"clocked({_python_time(schedule.at, 0.0)})"
        case RRule():
            return _python_rrule(schedule)
        case Unreadable():
            return [f"deskq cannot parse the schedule: {schedule.reason!r}"], f"{schedule.text!r}"


def _python_rrule(schedule: RRule) -> tuple[list[str], str]:
    fields = [repr(schedule.freq.upper()), f"interval={schedule.interval!r}"]
    remarks = ["from redbeat.schedules import rrule"]
    if schedule.dtstart is not None or schedule.until is not None:
        remarks.append("from datetime import datetime, timedelta, timezone")
    if schedule.dtstart is not None:
        fields.append(f"dtstart={_python_time(schedule.dtstart, schedule.dtstart_offset)}")
    if schedule.until is not None:
        fields.append(f"until={_python_time(schedule.until, schedule.until_offset)}")
    if schedule.count is not None:
        fields.append(f"count={schedule.count!r}")
    if schedule.wkst is not None:
        fields.append(f"wkst={schedule.wkst!r}")
    if schedule.byweekday:
        remarks.append("from dateutil.rrule import weekday")
        days = ", ".join(f"weekday({day}, {nth})" if nth else f"weekday({day})" for day, nth in schedule.byweekday)
        fields.append(f"byweekday=[{days}]")
    fields += [f"{key}={list(values)!r}" for key, values in schedule.others]
    return remarks, f"rrule({', '.join(fields)})"


def _python_time(at: float, offset: float) -> str:
    try:
        when = (_EPOCH + timedelta(seconds=at)).astimezone(UTC) + timedelta(minutes=offset)
    except OverflowError:
        return f"datetime.fromtimestamp({at!r})"
    sign = "+" if offset >= 0 else "-"
    hours, minutes = divmod(abs(round(offset)), 60)
    return f"datetime.fromisoformat('{when.replace(tzinfo=None).isoformat()}{sign}{hours:02}:{minutes:02}')"
