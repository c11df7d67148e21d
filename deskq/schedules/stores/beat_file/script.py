"""Prints what Celery's celerybeat-schedule holds; a script of its own, whose unpickler calls nothing.

The file is a shelve: a dbm of any format, its values pickles. ``find_class`` imports nothing: it hands out stand-ins
that only keep what they are given, so no pickle can run anything. Those of Celery's schedules and of dates are read;
any other class is named in the one entry that has it.
"""

from __future__ import annotations

import contextlib
import dbm
import io
import json
import os
import pickle
import sqlite3
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

MARK = "deskq-settings:"
CRON = ("minute", "hour", "day_of_week", "day_of_month", "month_of_year")  # crontab.__reduce__
ENTRY = ("name", "task", "last_run_at", "total_run_count", "schedule", "args", "kwargs", "options")
SCHEDULES = frozenset(("celery.schedules", name) for name in ("schedule", "crontab", "solar"))
ZONES = frozenset(
    {
        *(
            (module, name)
            for module in ("zoneinfo", "backports.zoneinfo")
            for name in ("ZoneInfo", "ZoneInfo._unpickle")
        ),
        *(("pytz", name) for name in ("_UTC", "_p")),
        ("dateutil.tz.tz", "tzutc"),
        ("datetime", "timezone"),
    }
)
RANGE = ("builtins", "range")  # crontab takes any iterable
MOST_MEMORY = 1024 * 1024 * 1024
MOST_SECONDS = 10
MOST_VALUES = 61  # more than any field has: such a field is wrong, and that is what is told


class Refused(Exception):
    """The file holds what a schedule does not hold."""


class StandIn:
    """Keeps what it was made of, and does nothing."""

    origin = ("", "")
    given: tuple[Any, ...] = ()
    state: Any = None

    def __init__(self, *given: Any) -> None:
        self.given = given

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        """Of a class that is a dict; see append."""

    def append(self, value: Any) -> None:
        """Of a class that is a list: nothing is shown of it."""

    def extend(self, values: Any) -> None:
        """See append."""

    @property
    def name(self) -> str:
        """The class's own name."""
        return self.origin[1]


def stand_in(module: str, name: str) -> type[StandIn]:
    """Return the class that stands in for another one."""
    return type("StandIn", (StandIn,), {"origin": (module, name)})


def attribute_of(owner: Any, name: Any, *default: Any) -> Any:
    """Stand in for ``getattr(ZoneInfo, "_unpickle")``, which is how a ZoneInfo is pickled, and for any other."""
    if name == "_unpickle" and getattr(owner, "origin", None) in ZONES:
        return owner
    return stand_in("builtins", "getattr")


def latin_bytes(text: str, encoding: str = "") -> bytes:
    """Stand in for ``_codecs.encode``, by which the oldest protocols write bytes."""
    return text.encode("latin-1")


class Reader(pickle.Unpickler):
    """Reads a pickle into plain values and stand-ins."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in; imports nothing."""
        if (module, name) in (("builtins", "getattr"), ("__builtin__", "getattr")):
            return attribute_of
        if (module, name) == ("_codecs", "encode"):
            return latin_bytes
        return stand_in(module, name)

    def persistent_load(self, pid: Any) -> Any:
        """Nothing of Celery's has one."""
        raise Refused("it refers to something outside")


def main() -> None:
    """Answer on the standard output."""
    limit()
    try:
        outcome: dict[str, Any] = {"settings": of_file(sys.argv[1])}
    except Refused as error:
        outcome = {"error": str(error)}
    except Exception as error:  # noqa: BLE001 - whatever a broken pickle or dbm raises
        outcome = {"error": type(error).__name__ + ": " + str(error)}
    sys.stdout.write(MARK + json.dumps(outcome) + "\n")
    sys.stdout.flush()
    os._exit(0)


def limit() -> None:
    """Bound the memory and the time that a hostile file can take."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))


def of_file(path: str) -> dict[str, Any]:
    """Return the entries of a copy of the file, and the zone that beat had."""
    stored = stored_values(path)
    entries = Reader(io.BytesIO(stored[b"entries"])).load() if b"entries" in stored else {}
    if not isinstance(entries, dict):
        raise Refused("its entries are not a dict")
    zone = None
    with contextlib.suppress(Exception):  # the entries are worth more
        zone = Reader(io.BytesIO(stored[b"tz"])).load() if b"tz" in stored else None
    return {
        "entries": [entry_or_reason(str(name), value) for name, value in entries.items()],
        "zone": zone if isinstance(zone, str) else "",
    }


def entry_or_reason(name: str, value: Any) -> dict[str, Any]:
    """Return an entry as plain values; one that cannot be read leaves the others as they are."""
    try:
        return entry_of(name, value)
    except Exception as error:  # noqa: BLE001 - whatever a value of another type raises
        reason = str(error) if isinstance(error, Refused) else type(error).__name__ + ": " + str(error)
        found = {"name": name, "task": "unknown", "schedule": unreadable("", "It cannot be read: " + reason + ".")}
        return {"entry": found, "last_run_at": None, "total_run_count": None}


def stored_values(path: str) -> dict[bytes, bytes]:
    """Return the two values of the shelve that matter, still as pickles."""
    wanted = (b"entries", b"tz")
    with contextlib.suppress(OSError):
        if Path(path).read_bytes()[:16] == b"SQLite format 3\0":  # what shelves are from Python 3.13 on
            with contextlib.closing(sqlite3.connect(path)) as connection:
                rows = connection.execute("SELECT CAST(key AS BLOB), CAST(value AS BLOB) FROM Dict").fetchall()
            return {key: value for key, value in rows if key in wanted}
    kind = dbm.whichdb(path)
    if not kind:
        raise Refused("Python's dbm does not support its format")
    try:
        with dbm.open(path, "r") as database:
            return {key: database[key] for key in wanted if key in database}
    except ImportError:
        raise Refused("this Python lacks " + kind + ", the format of the file") from None


def entry_of(name: str, entry: Any) -> dict[str, Any]:
    """Return one ScheduleEntry's stand-in as plain values; a class of its own is one if it is made as that is."""
    given = dict(zip(ENTRY, entry.given, strict=False)) if isinstance(entry, StandIn) else {}
    if len(given) != len(ENTRY) or not isinstance(given["task"], str):
        raise Refused("it is not a Celery schedule entry")
    found: dict[str, Any] = {"name": name, "task": given["task"], "schedule": schedule_of(given["schedule"])}
    for key, kind in (("args", (list, tuple)), ("kwargs", dict), ("options", dict)):
        if given[key] and isinstance(given[key], kind):
            found[key] = plain(given[key])
    count = given["total_run_count"]
    return {
        "entry": found,
        "last_run_at": time_of(given["last_run_at"]),
        "total_run_count": count if isinstance(count, int) else None,
    }


def schedule_of(value: Any) -> dict[str, Any]:
    """Return a schedule's stand-in as plain values."""
    if not isinstance(value, StandIn):
        return unreadable(type(value).__name__, "It is not a schedule.")
    name, given = value.name, value.given
    if value.origin not in SCHEDULES:
        kind = value.origin[0] + "." + name
        reason = "Its class " + kind + " is not one of Celery's: only beat knows when it runs next."
        return unreadable(kind, reason)
    if name == "schedule" and given:
        every = given[0]
        seconds = span_of(every).total_seconds() if isinstance(every, StandIn) else float(every)
        return {"kind": "interval", "seconds": seconds, "relative": bool(given[1]) if len(given) > 1 else False}
    if name == "crontab" and len(given) == len(CRON):
        return {"kind": "crontab", **{key: field_of(part) for key, part in zip(CRON, given, strict=True)}}
    if name == "solar" and len(given) == 3:
        return {"kind": "solar", "event": str(given[0]), "latitude": given[1], "longitude": given[2]}
    return unreadable(name, "deskq does not know this form of a " + name + ".")


def unreadable(text: str, reason: str) -> dict[str, Any]:
    """Return a schedule of which only the reason is told."""
    return {"kind": "unreadable", "text": text, "reason": reason}


def field_of(value: Any) -> str:
    """Return a crontab's field, which may be a number, a text, a set or a range, as text."""
    if isinstance(value, StandIn) and value.origin == RANGE:
        value = list(range(*value.given)[:MOST_VALUES])
    if isinstance(value, (set, frozenset, list, tuple)):
        return ",".join(sorted(str(part) for part in value))
    return str(value)


def span_of(value: StandIn) -> timedelta:
    """Return a timedelta's stand-in as one."""
    if value.origin != ("datetime", "timedelta"):
        raise Refused("its interval is of the class " + value.name)
    return timedelta(*value.given)


def time_of(value: Any) -> float | None:
    """Return a datetime's stand-in as epoch seconds; a naive one is UTC, as in Celery."""
    if not isinstance(value, StandIn) or value.origin != ("datetime", "datetime") or not value.given:
        return None
    when = datetime(*value.given[:1] if isinstance(value.given[0], bytes) else value.given[:7])  # noqa: DTZ001
    zone = next((part for part in value.given if isinstance(part, StandIn)), None)
    return when.replace(tzinfo=zone_of(zone)).timestamp()


def zone_of(value: StandIn | None) -> Any:
    """Return a time zone's stand-in as one."""
    if value is None or value.name in ("tzutc", "_UTC"):
        return UTC
    if value.origin not in ZONES:
        raise Refused("its last run is in a time zone of the class " + value.name)
    if value.name == "timezone":
        return timezone(span_of(value.given[0]))
    if value.name == "_p":  # name, offset in seconds, …
        return timezone(timedelta(seconds=value.given[1])) if len(value.given) > 1 else ZoneInfo(value.given[0])
    return ZoneInfo(value.given[0])


def plain(value: Any) -> Any:
    """Return the value as JSON can hold it."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(inner) for inner in value]
    return "<" + (value.name if isinstance(value, StandIn) else type(value).__name__) + ">"


if __name__ == "__main__":
    main()
