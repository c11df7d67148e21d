"""Rows of django-celery-beat's tables as entries, and entries as what a row must hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from deskq.schedules.model import Clocked, Crontab, Entry, Interval, Owner, Schedule, Solar, Unreadable, Unsupported
from deskq.schedules.stores.django.tables import KINDS, TASK, Tables
from deskq.schedules.timing.validation import check

Row = Mapping[str, Any]

_SECONDS: Final = {"days": 86_400.0, "hours": 3_600.0, "minutes": 60.0, "seconds": 1.0, "microseconds": 1e-6}
_LARGEST: Final = 2_147_483_647
# What beat itself writes: not part of what a person edits, so not of the version.
_BEAT_S_OWN: Final = frozenset({"last_run_at", "total_run_count", "date_changed"})
_TEXT_OPTIONS: Final = ("queue", "exchange", "routing_key")
_OPTIONS: Final = frozenset({*_TEXT_OPTIONS, "priority", "expires", "headers"})
# Celery's own entry, which DatabaseScheduler installs again whenever beat starts.
_CELERYS: Final = "celery.backend_cleanup"
_SHOWN_SHARERS: Final = 50
_CRON_FIELDS: Final = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")


@dataclass(frozen=True, slots=True)
class DjangoRow:
    """A row of one of the schedules' tables, understood once for all entries that use it."""

    schedule: Schedule
    problem: str
    raw: str


_NONE: Final = DjangoRow(Unreadable("", "It has no schedule."), "No timing is set. Set one.", "")


def schedule_row(kind: str, row: Row | None, zone: str) -> DjangoRow:
    """``row``: None for one that a task names and that is not there."""
    schedule = _schedule(kind, row)
    return DjangoRow(schedule, check(schedule, zone), "" if row is None else _lines(row))


def version_of(row: Row, schedules: Mapping[str, DjangoRow]) -> str:
    """What compare-and-set compares: every column of the task's row but beat's own, and its schedule rows'."""
    return _digest(_lines(row, without=_BEAT_S_OWN), schedules)


def _digest(own: str, schedules: Mapping[str, DjangoRow]) -> str:
    text = "\n".join((own, *(f"{kind}:\n{made.raw}" for kind, made in schedules.items())))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def entry_of(row: Row, schedules: Mapping[str, DjangoRow], shared_with: tuple[str, ...]) -> Entry:
    """``schedules``: those that the task names, by kind, in beat's order."""
    problems: list[str] = []
    if len(schedules) > 1:
        problems.append(f"Several timings are set ({', '.join(schedules)}): beat uses the first.")
    own = _lines(row, without=_BEAT_S_OWN)
    made = next(iter(schedules.values()), _NONE)
    args = _decoded(row, "args", list, problems)
    kwargs = _decoded(row, "kwargs", dict, problems)
    headers = _decoded(row, "headers", dict, problems)
    options: dict[str, Any] = {
        name: value for name in (*_TEXT_OPTIONS, "priority") if (value := row.get(name)) is not None and value != ""
    }
    if row.get("expire_seconds") is not None:
        options["expires"] = int(row["expire_seconds"])
    if headers:
        options["headers"] = headers
    one_off = bool(row.get("one_off"))
    if made.problem:
        problems.append(made.problem)
    if isinstance(made.schedule, Clocked) and not one_off:
        problems.append("Beat would send it repeatedly: a schedule at a fixed time must be one-off.")
    celerys = row["name"] == _CELERYS
    return Entry(
        name=row["name"],
        task=row["task"],
        schedule=made.schedule,
        args=args,
        kwargs=kwargs,
        options=options,
        enabled=bool(row["enabled"]),
        one_off=one_off,
        start_time=row.get("start_time"),
        expires_at=row.get("expires"),
        description=row.get("description") or "",
        last_run_at=row.get("last_run_at"),
        counts_from=row.get("date_changed"),
        total_run_count=row.get("total_run_count"),
        key=str(row["id"]),
        version=_digest(own, schedules),
        owner=Owner.CODE if celerys else Owner.EDITABLE,
        shared_with=shared_with,
        problem=" ".join(problems),
        origin="rewritten by Celery at every start of beat" if celerys else f"row {row['id']}",
        raw="\n".join((own, *(f"{kind}:\n{one.raw}" for kind, one in schedules.items()))),
    )


class Sharers:
    """The entries that use one schedule row."""

    def __init__(self, names: list[str]) -> None:
        """``names``: all of them, in the order in which they are told."""
        self._first = names[: _SHOWN_SHARERS + 1]
        self._count = len(names)
        self._known = frozenset(self._first)
        self._told = self._others("") if self._count > len(self._first) else ()

    def besides(self, name: str) -> tuple[str, ...]:
        """The others; the last says how many more there are where they are many."""
        if self._count == 1:
            return ()
        return self._others(name) if name in self._known else self._told

    def _others(self, name: str) -> tuple[str, ...]:
        others = [other for other in self._first if other != name][:_SHOWN_SHARERS]
        rest = self._count - 1 - len(others)
        return (*others, f"… and {rest:,} more") if rest > 0 else tuple(others)


def _lines(row: Row, without: frozenset[str] = frozenset()) -> str:
    # A repr has no line breaks, so what is different looks different.
    return "\n".join([f"{name} = {row[name]!r}" for name in row if row[name] is not None and name not in without])


def _schedule(kind: str, row: Row | None) -> Schedule:
    if row is None:
        return Unreadable(kind, f"Its {kind} timing was removed from the database. Set a new one.")
    if kind == "interval":
        size = _SECONDS.get(row["period"])
        if size is None:
            return Unreadable(f"{row['every']} {row['period']}", f"Its period “{row['period']}” is unknown.")
        # Divided, as 3 * 1e-06 is not 3e-06.
        return Interval(row["every"] / 1_000_000 if row["period"] == "microseconds" else row["every"] * size)
    if kind == "crontab":
        minute, hour, day, month, weekday = (str(row[name]) for name in _CRON_FIELDS)
        return Crontab(minute, hour, day, month, weekday, str(row.get("timezone") or ""))
    if kind == "solar":
        return Solar(str(row["event"]), float(row["latitude"]), float(row["longitude"]))
    if row["clocked_time"] is None:
        return Unreadable("", "Its time cannot be parsed.")
    return Clocked(row["clocked_time"])


def _decoded(row: Row, column: str, kind: type, problems: list[str]) -> Any:
    text = row.get(column) or ""
    if text in ("", "[]" if kind is list else "{}"):
        return kind()
    try:
        found = json.loads(text)
        if isinstance(found, kind):
            return found
    except (ValueError, TypeError, RecursionError):
        pass
    problems.append(f"{column} is not a JSON {'list' if kind is list else 'object'}.")
    return kind()


def columns_of(entry: Entry, tables: Tables) -> dict[str, Any]:
    """What the task's row must hold for the entry, but its schedule and what beat counts. Raises Unfit."""
    unknown = sorted(name for name, value in entry.options.items() if name not in _OPTIONS and value is not None)
    if unknown:
        raise Unsupported(f"django-celery-beat does not support {', '.join(unknown)}. Remove it.")
    options = {name: value for name, value in entry.options.items() if value not in (None, "")}
    expires = options.get("expires")
    if expires is not None and entry.expires_at is not None:
        raise Unsupported("django-celery-beat cannot store both an end and an expiry of messages. Set one of them.")
    if isinstance(entry.schedule, Clocked) and not entry.one_off:
        raise Unsupported("In django-celery-beat a schedule at a fixed time must be one-off.")
    if not entry.name or not entry.task:
        raise Unsupported("A schedule needs a name and a task.")
    columns: dict[str, Any] = {
        "name": entry.name,
        "task": entry.task,
        "args": _json(entry.args, "args"),
        "kwargs": _json(entry.kwargs, "kwargs"),
        **{name: _text(options.get(name), name) for name in _TEXT_OPTIONS},
        "priority": _number(options.get("priority"), "priority", 255),
        "headers": _headers(options.get("headers")),
        "expires": entry.expires_at,
        "expire_seconds": _number(expires, "expires", _LARGEST),
        "one_off": entry.one_off,
        "start_time": entry.start_time,
        "enabled": entry.enabled,
        "description": entry.description,
    }
    empty = {None, "", "{}", False}
    lacking = [name for name, value in columns.items() if not tables.has(name) and value not in empty]
    if lacking:
        names = ", ".join(lacking)
        raise Unsupported(
            f"This django-celery-beat is too old for {names}: it has no such column. Nothing was written."
        )
    _fit(TASK, columns, tables)
    return {name: value for name, value in columns.items() if tables.has(name)}


def schedule_columns(schedule: Schedule, tables: Tables, zone: str) -> tuple[str, dict[str, Any]]:
    """The kind of schedule and what its row must hold. ``zone``: for a crontab that names none. Raises Unfit."""
    kind = next(
        (
            kind
            for kind, made in (("interval", Interval), ("crontab", Crontab), ("solar", Solar), ("clocked", Clocked))
            if isinstance(schedule, made)
        ),
        "",
    )
    wrong = check(schedule, zone)
    if wrong:
        raise Unsupported(wrong)
    if kind not in tables.kinds:
        raise Unsupported(f"This django-celery-beat does not support {type(schedule).__name__.lower()} schedules.")
    if isinstance(schedule, Interval):
        columns: dict[str, Any] = _interval_columns(schedule)
    elif isinstance(schedule, Crontab):
        columns = {name: getattr(schedule, name) for name in _CRON_FIELDS}
        if tables.zoned:
            columns["timezone"] = schedule.zone or zone
        elif schedule.zone not in ("", zone):
            raise Unsupported("This django-celery-beat is too old for crontabs with their own time zone.")
    elif isinstance(schedule, Solar):
        columns = {
            "event": schedule.event,
            "latitude": round(schedule.latitude, 6),
            "longitude": round(schedule.longitude, 6),
        }
    else:
        assert isinstance(schedule, Clocked)
        columns = {"clocked_time": schedule.at}
        if "enabled" in tables.kinds["clocked"].c:
            columns["enabled"] = True
    _fit(KINDS[kind], columns, tables)
    return kind, columns


def _interval_columns(schedule: Interval) -> dict[str, Any]:
    if schedule.relative:
        raise Unsupported("django-celery-beat does not support intervals aligned to the clock. Use a crontab.")
    for period, size in _SECONDS.items():
        every = schedule.seconds / size if period != "microseconds" else round(schedule.seconds * 1e6, 3)
        if every >= 1 and every == int(every):
            if every > _LARGEST:
                break
            return {"every": int(every), "period": period}
    raise Unsupported(f"django-celery-beat cannot store an interval of {schedule.seconds} seconds.")


def _fit(table: str, columns: Mapping[str, Any], tables: Tables) -> None:
    for name, value in columns.items():
        if not isinstance(value, str):
            continue
        if "\0" in value:
            raise Unsupported(f"The {name} contains a NUL character, which databases cannot store.")
        limit = tables.lengths.get((table, name))
        if limit is not None and len(value) > limit:
            raise Unsupported(
                f"The {name} has {len(value):,} characters; this django-celery-beat stores at most {limit:,}."
            )


def _json(value: Any, name: str) -> str:
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        raise Unsupported(f"The {name} are not plain JSON.") from None


def _headers(value: Any) -> str:
    if value is None:
        return "{}"
    if not isinstance(value, Mapping):
        raise Unsupported("The headers must be a JSON object.")
    return _json(dict(value), "headers")


def _text(value: Any, name: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise Unsupported(f"The {name} must be text; django-celery-beat stores nothing else.")
    return value


def _number(value: Any, name: str, largest: int) -> int | None:
    if value is None:
        return None
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or value != int(value)
        or not 0 <= value <= largest
    ):
        raise Unsupported(f"The {name} must be a whole number from 0 to {largest:,}.")
    return int(value)
