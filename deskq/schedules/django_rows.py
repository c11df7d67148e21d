"""Rows of django-celery-beat's tables as entries, and entries as what a row must hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from deskq.schedules.base import Clocked, Crontab, Entry, Interval, Owner, Schedule, Solar, Unfit, Unreadable
from deskq.schedules.checks import check
from deskq.schedules.django_tables import KINDS, TASK, Tables

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


def version_of(row: Row, schedules: Mapping[str, Row | None]) -> str:
    """What compare-and-set compares: every column of the task's row but beat's own, and its schedule rows'."""
    own = sorted((key, value) for key, value in row.items() if key not in _BEAT_S_OWN)
    others = sorted((kind, sorted(row.items())) for kind, row in schedules.items() if row is not None)
    return hashlib.blake2b(repr((own, others)).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def entry_of(row: Row, schedules: Mapping[str, Row | None], shared_with: tuple[str, ...], zone: str) -> Entry:
    """``schedules``: by kind, the row that the task names, None if it is not there; in beat's order."""
    problems: list[str] = []
    schedule = _schedule(schedules, problems)
    args = _decoded(row, "args", list, problems)
    kwargs = _decoded(row, "kwargs", dict, problems)
    headers = _decoded(row, "headers", dict, problems)
    options: dict[str, Any] = {
        name: row[name] for name in (*_TEXT_OPTIONS, "priority") if row.get(name) not in (None, "")
    }
    if row.get("expire_seconds") is not None:
        options["expires"] = int(row["expire_seconds"])
    if headers:
        options["headers"] = headers
    one_off = bool(row.get("one_off"))
    wrong = check(schedule, zone)
    if wrong:
        problems.append(wrong)
    if isinstance(schedule, Clocked) and not one_off:
        problems.append("Beat sends it again and again: an entry at a fixed time must be one-off.")
    celerys = row["name"] == _CELERYS
    return Entry(
        name=row["name"],
        task=row["task"],
        schedule=schedule,
        args=args,
        kwargs=kwargs,
        options=options,
        enabled=bool(row["enabled"]),
        one_off=one_off,
        start_time=row.get("start_time"),
        expires_at=row.get("expires"),
        description=row.get("description") or "",
        last_run_at=row.get("last_run_at"),
        total_run_count=row.get("total_run_count"),
        key=str(row["id"]),
        version=version_of(row, schedules),
        owner=Owner.CODE if celerys else Owner.EDITABLE,
        shared_with=shared_with,
        problem=" ".join(problems),
        origin="written again by Celery at every start of beat" if celerys else f"row {row['id']}",
        raw=_raw(row, schedules),
    )


def sharers(names: list[str], name: str) -> tuple[str, ...]:
    """The others among the names of those who use a schedule row; the last says how many more there are."""
    if len(names) < 2:
        return ()
    others = [other for other in names[: _SHOWN_SHARERS + 1] if other != name][:_SHOWN_SHARERS]
    rest = len(names) - 1 - len(others)
    return (*others, f"… and {rest:,} more") if rest else tuple(others)


def _raw(row: Row, schedules: Mapping[str, Row | None]) -> str:
    shown = {key: value for key, value in row.items() if value is not None}
    return json.dumps(shown | {kind: dict(made) for kind, made in schedules.items() if made}, default=str, indent=1)


def _schedule(schedules: Mapping[str, Row | None], problems: list[str]) -> Schedule:
    if len(schedules) > 1:
        problems.append(f"It has several schedules ({', '.join(schedules)}): beat takes the first.")
    for kind, row in schedules.items():
        if row is None:
            return Unreadable(kind, f"Its {kind} schedule was removed from the database: give it a new one.")
        if kind == "interval":
            size = _SECONDS.get(row["period"])
            if size is None:
                return Unreadable(f"{row['every']} {row['period']}", f"Its period “{row['period']}” is unknown.")
            # Whole numbers are multiplied: 3 microseconds are 3e-06.
            return Interval(row["every"] / 1_000_000 if row["period"] == "microseconds" else row["every"] * size)
        if kind == "crontab":
            fields = (str(row[name]) for name in ("minute", "hour", "day_of_month", "month_of_year", "day_of_week"))
            return Crontab(*fields, zone=str(row.get("timezone") or ""))  # type: ignore[misc]
        if kind == "solar":
            return Solar(str(row["event"]), float(row["latitude"]), float(row["longitude"]))
        if row["clocked_time"] is None:
            return Unreadable("", "Its time is not understood.")
        return Clocked(row["clocked_time"])
    return Unreadable("", "It has no schedule: give it one.")


def _decoded(row: Row, column: str, kind: type, problems: list[str]) -> Any:
    try:
        found = json.loads(row.get(column) or "null")
    except (ValueError, RecursionError):
        found = problems  # of no kind
    if found is None:
        return kind()
    if isinstance(found, kind) and found is not problems:
        return found
    problems.append(f"Its {column} are no JSON {'list' if kind is list else 'object'}.")
    return kind()


def columns_of(entry: Entry, tables: Tables) -> dict[str, Any]:
    """What the task's row must hold for the entry, but its schedule and what beat counts. Raises Unfit."""
    unknown = sorted(name for name, value in entry.options.items() if name not in _OPTIONS and value is not None)
    if unknown:
        raise Unfit(f"django-celery-beat does not keep the option {', '.join(unknown)}: take it away.")
    options = {name: value for name, value in entry.options.items() if value not in (None, "")}
    expires = options.get("expires")
    if expires is not None and entry.expires_at is not None:
        raise Unfit("django-celery-beat keeps either when an entry ends or after how many seconds its messages expire.")
    if isinstance(entry.schedule, Clocked) and not entry.one_off:
        raise Unfit("An entry at a fixed time must be one-off in django-celery-beat.")
    if not entry.name or not entry.task:
        raise Unfit("An entry needs a name and a task.")
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
        raise Unfit(f"This django-celery-beat is too old for {names}: it has no such column. Nothing was written.")
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
        raise Unfit(wrong)
    if kind not in tables.kinds:
        raise Unfit(f"This django-celery-beat keeps no schedule of the kind {type(schedule).__name__.lower()}.")
    if isinstance(schedule, Interval):
        columns: dict[str, Any] = _interval_columns(schedule)
    elif isinstance(schedule, Crontab):
        columns = {
            name: getattr(schedule, name) for name in ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
        }
        if tables.zoned:
            columns["timezone"] = schedule.zone or zone
        elif schedule.zone not in ("", zone):
            raise Unfit("This django-celery-beat is too old for crontabs with a time zone of their own.")
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
        raise Unfit("django-celery-beat keeps no interval that is rounded to the clock: take a crontab.")
    for period, size in _SECONDS.items():
        every = schedule.seconds / size if period != "microseconds" else round(schedule.seconds * 1e6, 3)
        if every >= 1 and every == int(every):
            if every > _LARGEST:
                break
            return {"every": int(every), "period": period}
    raise Unfit(f"django-celery-beat cannot keep an interval of {schedule.seconds} seconds.")


def _fit(table: str, columns: Mapping[str, Any], tables: Tables) -> None:
    for name, value in columns.items():
        if not isinstance(value, str):
            continue
        if "\0" in value:
            raise Unfit(f"The {name} holds a character that databases do not keep (NUL).")
        limit = tables.lengths.get((table, name))
        if limit is not None and len(value) > limit:
            raise Unfit(f"The {name} has {len(value):,} characters; this django-celery-beat keeps {limit:,}.")


def _json(value: Any, name: str) -> str:
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        raise Unfit(f"The {name} are not plain JSON.") from None


def _headers(value: Any) -> str:
    if value is None:
        return "{}"
    if not isinstance(value, Mapping):
        raise Unfit("The headers must be a JSON object.")
    return _json(dict(value), "headers")


def _text(value: Any, name: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise Unfit(f"The {name} must be a text; django-celery-beat keeps nothing else.")
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
        raise Unfit(f"The {name} must be a whole number from 0 to {largest:,}.")
    return int(value)
