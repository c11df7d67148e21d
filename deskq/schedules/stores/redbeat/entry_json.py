"""redbeat's JSON as values and back, by a reader of our own that makes no object by its name.

Its form is that of redbeat/decoder.py: ``__type__`` is crontab, interval, rrule, datetime or weekday.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from deskq.protocol.numbers import is_number
from deskq.schedules.model import Crontab, Entry, Interval, RRule, Schedule, Unreadable, Unsupported

KNOWN: Final = frozenset({"name", "task", "args", "kwargs", "options", "schedule", "enabled"})
HARMLESS: Final = frozenset({"last_run_at", "total_run_count", "relative"})
"""What a definition may hold beside KNOWN without stopping redbeat: celery.beat.ScheduleEntry takes these too."""
FREQUENCIES: Final = ("yearly", "monthly", "weekly", "daily", "hourly", "minutely", "secondly")
RULES: Final = (
    *("bysetpos", "bymonth", "bymonthday", "byyearday", "byeaster", "byweekno", "byhour", "byminute", "bysecond"),
)
_decode: Final = msgspec.json.Decoder().decode
_CRON: Final = ("minute", "hour", "day_of_week", "day_of_month", "month_of_year")
_CRON_TAKEN: Final = frozenset({"__type__", *_CRON})
_RRULE: Final = frozenset(
    {"freq", "interval", "wkst", "count", "byweekday", "dtstart", "dtstart_tz", "until", "until_tz", *RULES}
)


class _Wrong(Exception):
    """A value is not as redbeat writes it; the text is for people."""


def definition_text(entry: Entry, stored: str = "", *, now: float | None = None) -> str:
    """Return the definition of an entry, with whatever else ``stored``, its present one, holds; raises Unfit.

    What did not change since ``stored`` keeps the form that it has there. ``now``: the start of an rrule that has none.
    """
    try:
        before = json.loads(stored) if stored else {}
    except (ValueError, RecursionError):
        before = {}
    definition: dict[str, Any] = dict(before) if isinstance(before, dict) else {}
    definition["name"], definition["task"] = entry.name, entry.task
    for key, value in (("args", entry.args), ("kwargs", entry.kwargs), ("options", dict(entry.options))):
        if key not in definition or (definition[key] != value and (definition[key] or value)):
            definition[key] = value
    if "schedule" not in definition or schedule_of(definition["schedule"]) != entry.schedule:
        definition["schedule"] = schedule_json(entry.schedule, now)
    definition["enabled"] = entry.enabled
    try:
        return json.dumps(definition, allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise Unsupported(f"The arguments or options cannot be stored as JSON: {error}.") from None


def schedule_json(schedule: Schedule, now: float | None = None) -> dict[str, Any]:
    """Return a schedule as redbeat writes it; raises Unfit for a kind that redbeat does not have."""
    if isinstance(schedule, Interval):
        if not schedule.seconds > 0 or not math.isfinite(schedule.seconds):
            raise Unsupported("The interval must be more than 0, or redbeat would send continuously.")
        return {"__type__": "interval", "every": schedule.seconds, "relative": schedule.relative}
    if isinstance(schedule, Crontab):
        if schedule.zone:
            raise Unsupported(
                f"redbeat stores no time zone with a crontab: the app's timezone applies. Leave “{schedule.zone}” "
                "out, or put the schedule into django-celery-beat."
            )
        return {"__type__": "crontab", **{key: getattr(schedule, key) for key in _CRON}}
    if isinstance(schedule, RRule):
        return _rrule_json(schedule, now)
    what = {"Clocked": "a fixed time", "Solar": "solar events"}.get(type(schedule).__name__, "this kind of schedule")
    hint = " An rrule with a count of 1 does the same." if what == "a fixed time" else ""
    raise Unsupported(f"redbeat does not support {what}.{hint}")


def schedule_of(value: object) -> Schedule:
    """Read what stands at ``schedule``; what redbeat cannot use is Unreadable. ``__type__`` is only compared."""
    try:
        if not isinstance(value, dict):
            raise _Wrong("it is not an object with a __type__")
        kind = value.get("__type__")
        if kind == "interval":
            return _interval(value)
        if kind == "crontab":
            return _crontab(value)
        if kind == "rrule":
            return _rrule(value)
        raise _Wrong("it has no __type__" if kind is None else f"redbeat has no schedule type “{kind!s:.60}”")
    except _Wrong as wrong:
        return Unreadable(json.dumps(value), f"The schedule cannot be read: {wrong}.")


def time_of(value: object) -> float | None:
    """Read a ``__type__: datetime`` as epoch seconds, None if it is none. ``timezone``: a name, or seconds."""
    if not isinstance(value, dict) or value.get("__type__") != "datetime":
        return None
    zone = value.get("timezone", "UTC")
    parts = {key: part for key, part in value.items() if key not in ("__type__", "timezone")}
    try:
        tz = ZoneInfo(zone) if isinstance(zone, str) else timezone(timedelta(seconds=float(zone)))
        return datetime(**parts, tzinfo=tz).timestamp()
    except (TypeError, ValueError, OverflowError, OSError, KeyError):
        return None


def decoded(text: str) -> Any:
    """Read JSON as ``json.loads`` does, which beat uses, but faster; raises ValueError and RecursionError as it does.

    What the fast reader refuses (NaN, lone surrogates, numbers out of range), the other one decides.
    """
    try:
        return _decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return json.loads(text)


def meta_of(text: str | None) -> tuple[float | None, int | None, str]:
    """Read a meta: last run, number of runs, and what is wrong with it ("" if nothing)."""
    if not text:
        return None, None, ""
    try:
        meta = decoded(text)
        if not isinstance(meta, dict):
            raise ValueError
    except (ValueError, RecursionError):
        return None, None, "Its meta is not JSON, which stops beat. Remove the field meta."
    stored, count = meta.get("last_run_at"), meta.get("total_run_count")
    last = time_of(stored)
    total = count if isinstance(count, int) and not isinstance(count, bool) else None
    wrong = stored is not None and last is None
    return last, total, "redbeat cannot parse the time of its last run." if wrong else ""


def meta_text(entry: Entry, now: float) -> str:
    """Return the meta of an entry that is added: it brings its own last run and count.

    Without a last run it is ``now``, as redbeat's own ``save`` does: else beat would send it at once.
    """
    meta: dict[str, Any] = {"last_run_at": _time_json(now if entry.last_run_at is None else entry.last_run_at)}
    if entry.total_run_count is not None:
        meta["total_run_count"] = entry.total_run_count
    return json.dumps(meta)


def _time_json(at: float) -> dict[str, Any]:
    when = datetime.fromtimestamp(at, UTC)
    fields = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    return {"__type__": "datetime", **{field: getattr(when, field) for field in fields}, "timezone": "UTC"}


def _rrule_json(schedule: RRule, now: float | None) -> dict[str, Any]:
    if schedule.freq not in FREQUENCIES:
        raise Unsupported(f"“{schedule.freq}” is not a frequency. Use one of {', '.join(FREQUENCIES)}.")
    if schedule.dtstart is None and now is None:
        raise Unsupported("An rrule in redbeat needs a start: without one it restarts at every tick.")
    others = dict(schedule.others)
    start = schedule.dtstart if schedule.dtstart is not None else now
    assert start is not None
    made: dict[str, Any] = {
        "__type__": "rrule",
        "freq": FREQUENCIES.index(schedule.freq),
        "interval": schedule.interval,
        "wkst": schedule.wkst,
        "count": schedule.count,
        **{key: list(others[key]) if key in others else None for key in RULES},
        "byweekday": [
            {"__type__": "weekday", "wkday": day} | ({"n": nth} if nth else {}) for day, nth in schedule.byweekday
        ]
        or None,
        "dtstart": math.floor(start),
        "dtstart_tz": schedule.dtstart_offset,
    }
    if schedule.until is not None:
        made |= {"until": math.floor(schedule.until), "until_tz": schedule.until_offset}
    return made


def _interval(value: Mapping[str, Any]) -> Interval:
    every, relative = value.get("every"), value.get("relative")
    if "relative" not in value:
        raise _Wrong("beat removes an interval without “relative” from the schedule")
    if not is_number(every):
        raise _Wrong("“every” is not a number of seconds")
    if every > timedelta.max.total_seconds():
        raise _Wrong("“every” is longer than the calendar")
    return Interval(every, bool(relative))


def _crontab(value: Mapping[str, Any]) -> Crontab:
    if not _CRON_TAKEN.issuperset(value):
        wrong = next(key for key in value if key not in _CRON_TAKEN)
        raise _Wrong(f"a crontab has no field “{wrong:.60}”")
    texts = {}
    for key in _CRON:
        field = value.get(key, "*")
        if type(field) is str:  # nearly always, and ten thousand entries have fifty thousand of them
            texts[key] = field
            continue
        parts = field if isinstance(field, list) and field else [field]
        if not all(isinstance(part, int | str) and not isinstance(part, bool) for part in parts):
            raise _Wrong(f"“{key}” of the crontab is neither text nor number")
        texts[key] = ",".join(str(part) for part in parts)
    return Crontab(**texts)


def _rrule(value: Mapping[str, Any]) -> RRule:
    for key in value:
        if key not in _RRULE and key != "__type__":
            raise _Wrong(f"an rrule has no field “{key:.60}”")
    freq = value.get("freq")
    if isinstance(freq, str) and freq.lower() in FREQUENCIES:
        freq = FREQUENCIES.index(freq.lower())
    if not isinstance(freq, int) or isinstance(freq, bool) or not 0 <= freq < len(FREQUENCIES):
        raise _Wrong("“freq” is not a frequency")
    wkst = value.get("wkst")
    if isinstance(wkst, dict):
        wkst = wkst.get("wkday")
    days = _list(value.get("byweekday"))
    return RRule(
        freq=FREQUENCIES[freq],
        interval=_whole(value, "interval", 1) or 1,
        dtstart=_number(value, "dtstart"),
        dtstart_offset=_number(value, "dtstart_tz") or 0.0,
        until=_number(value, "until"),
        until_offset=_number(value, "until_tz") or 0.0,
        count=_whole(value, "count", None),
        wkst=_whole({"wkst": wkst}, "wkst", None),
        byweekday=tuple(_weekday(day) for day in days),
        others=tuple((key, numbers) for key in RULES if (numbers := _numbers(value, key))),
    )


def _weekday(day: object) -> tuple[int, int]:
    nth: object = 0
    if isinstance(day, dict) and day.get("__type__") == "weekday":
        nth = day.get("n") or 0
        day = day.get("wkday")
    if type(day) is not int or type(nth) is not int or not 0 <= day <= 6:
        raise _Wrong("“byweekday” holds a value that is not a day of the week")
    return day, nth


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _numbers(value: Mapping[str, Any], key: str) -> tuple[int, ...]:
    numbers = _list(value.get(key))
    if not all(type(number) is int for number in numbers):
        raise _Wrong(f"“{key}” holds a value that is not a whole number")
    return tuple(numbers)


def _whole(value: Mapping[str, Any], key: str, default: int | None) -> int | None:
    number = value.get(key)
    if number is None:
        return default
    if type(number) is not int:
        raise _Wrong(f"“{key}” is not a whole number")
    return number


def _number(value: Mapping[str, Any], key: str) -> float | None:
    number = value.get(key)
    if number is None:
        return None
    if not is_number(number):
        raise _Wrong(f"“{key}” is not a number")
    return float(number)
