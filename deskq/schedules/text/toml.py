"""Entries as plain values, as TOML, and as the Python and the JSON that people paste elsewhere."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import tomlkit

from deskq.errors import UserError
from deskq.protocol.numbers import is_number
from deskq.schedules.model import Clocked, Crontab, Entry, Interval, RRule, Schedule, Solar, Unreadable

VERSION: Final = 1
FREQUENCIES: Final = ("yearly", "monthly", "weekly", "daily", "hourly", "minutely", "secondly")
"""RRule.freq, in the order of dateutil's numbers."""
RULES: Final = (
    *("bysetpos", "bymonth", "bymonthday", "byyearday", "byeaster", "byweekno", "byhour", "byminute", "bysecond"),
)
"""RRule.others, in dateutil's order."""
_CRON: Final = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
_JSON: Final = ("args", "kwargs", "options")
_ENTRY: Final = frozenset(
    {"name", "task", "schedule", "enabled", "one_off", "start_time", "expires_at", "description", *_JSON}
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def entry_to_plain(entry: Entry) -> dict[str, Any]:
    """Return what a person defines of an entry as JSON can hold it; what is not given is left out.

    Times are ISO 8601 in UTC, or epoch seconds where that is not exact. The schedule is ``{"kind": "crontab", …}``.
    """
    plain: dict[str, Any] = {"name": entry.name, "task": entry.task, "schedule": schedule_to_plain(entry.schedule)}
    given = {"args": entry.args, "kwargs": entry.kwargs, "options": dict(entry.options)}
    plain |= {key: value for key, value in given.items() if value}
    if not entry.enabled:
        plain["enabled"] = False
    if entry.one_off:
        plain["one_off"] = True
    if entry.start_time is not None:
        plain["start_time"] = _time_text(entry.start_time)
    if entry.expires_at is not None:
        plain["expires_at"] = _time_text(entry.expires_at)
    if entry.description:
        plain["description"] = entry.description
    return plain


def entry_from_plain(plain: Mapping[str, Any]) -> Entry:
    """Read what :func:`entry_to_plain` returns; raises UserError that names the field."""
    if not isinstance(plain, Mapping):
        raise UserError("An entry must be a table with name, task and schedule.")
    fields = _Fields(plain, "")
    fields.only(_ENTRY)
    entry = Entry(
        name=fields.text("name", needed=True),
        task=fields.text("task", needed=True),
        schedule=schedule_from_plain(plain.get("schedule")),
        args=fields.of("args", list, []),
        kwargs=fields.of("kwargs", dict, {}),
        options=fields.of("options", dict, {}),
        enabled=fields.of("enabled", bool, True),
        one_off=fields.of("one_off", bool, False),
        start_time=fields.time("start_time"),
        expires_at=fields.time("expires_at"),
        description=fields.text("description"),
    )
    for key in _JSON:
        _check_json(key, getattr(entry, key))
    return entry


def schedule_to_plain(schedule: Schedule) -> dict[str, Any]:
    """Return a schedule as plain values."""
    match schedule:
        case Interval():
            plain: dict[str, Any] = {"kind": "interval", "seconds": schedule.seconds}
            return plain | ({"relative": True} if schedule.relative else {})
        case Crontab():
            plain = {"kind": "crontab"} | {key: getattr(schedule, key) for key in _CRON}
            return plain | ({"zone": schedule.zone} if schedule.zone else {})
        case Clocked():
            return {"kind": "clocked", "at": _time_text(schedule.at)}
        case Solar():
            return {
                "kind": "solar",
                "event": schedule.event,
                "latitude": schedule.latitude,
                "longitude": schedule.longitude,
            }
        case RRule():
            return _rrule_to_plain(schedule)
        case Unreadable():
            return {"kind": "unreadable", "text": schedule.text, "reason": schedule.reason}


def schedule_from_plain(plain: object) -> Schedule:
    """Read what :func:`schedule_to_plain` returns; raises UserError that names the field."""
    if not isinstance(plain, Mapping):
        raise UserError("The field “schedule” must be a table with a kind, such as crontab or interval.")
    kinds: dict[str, Callable[[_Fields], Schedule]] = {
        "interval": _interval,
        "crontab": _crontab,
        "clocked": _clocked,
        "solar": _solar,
        "rrule": _rrule,
        "unreadable": _unreadable,
    }
    kind = plain.get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        raise UserError(f"The field “schedule.kind” must be one of {', '.join(kinds)}.")
    return kinds[kind](_Fields(plain, "schedule."))


def store_to_toml(entries: Iterable[Entry]) -> str:
    """Return entries as the text of a file; args, kwargs and options are JSON in it, because TOML has no null."""
    document = tomlkit.document()
    document.add(tomlkit.comment("Periodic tasks of Celery. Put them into a store with: deskq schedules import"))
    document["version"] = VERSION
    tables = tomlkit.aot()
    for entry in entries:
        table = tomlkit.table()
        for key, value in entry_to_plain(entry).items():
            if key in _JSON:
                table[key] = json.dumps(value)
            elif key == "schedule":
                inner = tomlkit.inline_table()
                inner.update(value)
                table[key] = inner
            else:
                table[key] = value
        tables.append(table)
    document["entry"] = tables
    return tomlkit.dumps(document)


def store_from_toml(text: str) -> list[Entry]:
    """Read what :func:`store_to_toml` returns, or a person wrote; raises UserError."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"The schedules file is not TOML: {error}.") from None
    version = document.get("version", VERSION)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise UserError(f"The version of the schedules file must be a whole number. deskq writes {VERSION}.")
    if version > VERSION:
        raise UserError(f"The schedules file was written by a newer deskq (version {version}). Upgrade deskq.")
    tables = document.get("entry", [])
    others = document.keys() - {"version", "entry"} if not tables else ()
    if others or not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise UserError("The file contains no schedules. Start each entry with a line [[entry]].")
    entries: list[Entry] = []
    for number, table in enumerate(tables, start=1):
        try:
            entries.append(entry_from_plain({key: _from_json(key, value) for key, value in table.items()}))
        except UserError as error:
            raise UserError(f"Entry {number} of the file is invalid: {error}") from None
    names = [entry.name for entry in entries]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"The file has two entries named “{name}”. Rename one.")
    return entries


def _rrule_to_plain(schedule: RRule) -> dict[str, Any]:
    plain: dict[str, Any] = {"kind": "rrule", "freq": schedule.freq}
    if schedule.interval != 1:
        plain["interval"] = schedule.interval
    for key in ("dtstart", "until"):
        if (at := getattr(schedule, key)) is not None:
            plain[key] = _time_text(at)
        if offset := getattr(schedule, f"{key}_offset"):
            plain[f"{key}_offset"] = offset
    for key in ("count", "wkst"):
        if (value := getattr(schedule, key)) is not None:
            plain[key] = value
    if schedule.byweekday:
        plain["byweekday"] = [list(day) for day in schedule.byweekday]
    return plain | {key: list(values) for key, values in schedule.others}


class _Fields:
    """The fields of one table; each question raises UserError if the field is not of the kind."""

    def __init__(self, plain: Mapping[str, Any], before: str) -> None:
        self._plain = plain
        self._before = before

    def only(self, known: Iterable[str]) -> None:
        for key in self._plain:
            if key not in known:
                raise UserError(f"deskq knows no field “{self._before}{key}” in an entry. Check its spelling.")

    def wrong(self, key: str, wanted: str) -> UserError:
        return UserError(f"The field “{self._before}{key}” {wanted}.")

    def of(self, key: str, kind: type, default: Any) -> Any:
        value = self._plain.get(key)
        if value is None:
            return default
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            words = {list: "a list", dict: "a table", bool: "true or false", int: "a whole number", str: "text"}
            raise self.wrong(key, f"must be {words[kind]}")
        return value

    def text(self, key: str, default: str = "", *, needed: bool = False) -> str:
        value: str = self.of(key, str, default)
        if needed and not value:
            raise self.wrong(key, "is missing or empty")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        value = self._plain.get(key, default)
        if not is_number(value):
            raise self.wrong(key, "must be a number")
        return float(value)

    def time(self, key: str) -> float | None:
        value = self._plain.get(key)
        if value is None:
            return None
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                raise self.wrong(key, "is not a time. Write it like 2026-03-01T07:30:00+01:00") from None
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise self.wrong(key, "has no offset. Write it like 2026-03-01T07:30:00+01:00")
            return (value - _EPOCH) / timedelta(seconds=1)
        return self.number(key)

    def numbers(self, key: str) -> tuple[int, ...]:
        values = self.of(key, list, [])
        if not all(isinstance(value, int) and not isinstance(value, bool) for value in values):
            raise self.wrong(key, "must be a list of whole numbers")
        return tuple(values)


def _interval(fields: _Fields) -> Schedule:
    fields.only({"kind", "seconds", "relative"})
    return Interval(fields.number("seconds"), fields.of("relative", bool, False))


def _crontab(fields: _Fields) -> Schedule:
    fields.only({"kind", "zone", *_CRON})
    return Crontab(**{key: fields.text(key, "*") for key in _CRON}, zone=fields.text("zone"))


def _clocked(fields: _Fields) -> Schedule:
    fields.only({"kind", "at"})
    at = fields.time("at")
    if at is None:
        raise fields.wrong("at", "is missing")
    return Clocked(at)


def _solar(fields: _Fields) -> Schedule:
    fields.only({"kind", "event", "latitude", "longitude"})
    return Solar(fields.text("event", needed=True), fields.number("latitude"), fields.number("longitude"))


def _rrule(fields: _Fields) -> Schedule:
    given = ("freq", "interval", "dtstart", "dtstart_offset", "until", "until_offset", "count", "wkst", "byweekday")
    fields.only({"kind", *given, *RULES})
    freq = fields.text("freq", needed=True)
    if freq not in FREQUENCIES:
        raise fields.wrong("freq", f"must be one of {', '.join(FREQUENCIES)}")
    days = []
    for day in fields.of("byweekday", list, []):
        if not isinstance(day, list) or len(day) != 2 or not all(type(part) is int for part in day):
            raise fields.wrong(
                "byweekday", "must be a list of pairs: the day (0 is Monday), and which one of them or 0"
            )
        days.append((day[0], day[1]))
    return RRule(
        freq=freq,
        interval=fields.of("interval", int, 1),
        dtstart=fields.time("dtstart"),
        dtstart_offset=fields.number("dtstart_offset", 0.0),
        until=fields.time("until"),
        until_offset=fields.number("until_offset", 0.0),
        count=fields.of("count", int, None),
        wkst=fields.of("wkst", int, None),
        byweekday=tuple(days),
        others=tuple((key, numbers) for key in RULES if (numbers := fields.numbers(key))),
    )


def _unreadable(fields: _Fields) -> Schedule:
    fields.only({"kind", "text", "reason"})
    return Unreadable(fields.text("text"), fields.text("reason"))


def _time_text(at: float) -> str | float:
    """ISO 8601 in UTC where it says exactly the same, else the number."""
    try:
        when = _EPOCH + timedelta(seconds=at)
    except (OverflowError, ValueError):
        return at
    return when.isoformat() if (when - _EPOCH) / timedelta(seconds=1) == at else at


def _from_json(key: str, value: Any) -> Any:
    if key not in _JSON or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise UserError(f"The field “{key}” is not JSON.") from None


def _check_json(key: str, value: Any) -> None:
    try:
        json.dumps(value, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        raise UserError(f"The field “{key}” cannot be stored as JSON.") from None
