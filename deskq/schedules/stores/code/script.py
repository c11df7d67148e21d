"""Prints the beat_schedule of a Celery app; a script of its own, for Pythons without deskq."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import traceback
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

MARK = "deskq-settings:"
KNOWN = frozenset(
    {
        *("celery.crontab", "celery.solar", "celery.schedule"),
        *("django_celery_beat.TzAwareCrontab", "django_celery_beat.clocked", "redbeat.rrule"),
    }
)
DECIDING = ("is_due", "remaining_estimate", "remaining_delta", "now")
CRON = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")


def main() -> None:
    """Answer on the standard output that this process was started with; all that the project prints goes to stderr."""
    os.environ.pop("PYTHONSAFEPATH", None)  # for this process alone, not for what the project starts
    answer = os.dup(1)
    os.dup2(2, 1)
    parser = argparse.ArgumentParser()
    parser.add_argument("-A", dest="app", required=True)
    parser.add_argument("--routes", help="names of tasks as a JSON list: tell where each would be sent")
    options = parser.parse_args()
    here = Path(__file__).resolve().parent
    sys.path[:] = [str(Path.cwd()), *(path for path in sys.path if Path(path).resolve() != here)]  # as Celery does
    try:
        app = loaded(options.app)
        found = schedule_and_zone(app, options.app) if options.routes is None else routes_of(app, options.routes)
        outcome: dict[str, Any] = {"settings": found}
    except BaseException as error:  # noqa: BLE001 - a project may raise anything, SystemExit too
        traceback.print_exc()
        outcome = {"error": "".join(traceback.format_exception_only(type(error), error)).strip()}
        if isinstance(error, ModuleNotFoundError) and error.name == "celery":
            outcome["missing"] = error.name
    text = (MARK + json.dumps(outcome, default=repr) + "\n").encode()
    while text:
        text = text[os.write(answer, text) :]
    sys.stderr.flush()
    os._exit(0)  # threads of the project do not keep this process alive


def loaded(name: str) -> Any:
    """Return the app, with its modules of tasks, as beat and workers load it."""
    from celery.app.utils import find_app

    try:
        app = find_app(name)
        app.conf.timezone  # noqa: B018 - reads the configuration
    except AttributeError:
        if ":" not in name:  # find_app hides why it could not import the module
            importlib.import_module(name + ".celery")
        raise
    app.loader.import_default_modules()  # as beat does: modules of tasks may add to the schedule
    app.finalize()
    return app


def schedule_and_zone(app: Any, name: str) -> dict[str, Any]:
    """Return the app's schedule as beat would see it, its zone, and the file that the app is in."""
    conf = app.conf
    schedule = conf.beat_schedule or {}
    module = sys.modules.get(getattr(app, "main", None) or "") or sys.modules.get(name.partition(":")[0])
    return {
        "entries": [entry_or_reason(str(key), value) for key, value in dict(schedule).items()],
        "zone": str(conf.timezone or "UTC") if conf.enable_utc or conf.timezone else "",
        "file": str(getattr(module, "__file__", "") or ""),
    }


def routes_of(app: Any, names: str) -> dict[str, Any]:
    """Return queue, or exchange and routing key, by the names of those tasks that the app has."""
    found: dict[str, Any] = {}
    for name in json.loads(names):
        if name in app.tasks:
            try:
                found[name] = route_of(app, name)
            except Exception:  # noqa: BLE001 - routers are the project's own code
                traceback.print_exc()
    return {"routes": found}


def route_of(app: Any, name: str) -> dict[str, str]:
    """Return where ``delay()`` without arguments would send it (celery/app/amqp.py, send_task_message)."""
    task = app.tasks[name]
    own = {key: getattr(task, key, None) for key in ("queue", "exchange", "routing_key")}
    options = app.amqp.router.route({key: value for key, value in own.items() if value is not None}, name)
    queue, exchange, key = (options.get(part) for part in ("queue", "exchange", "routing_key"))
    exchange = getattr(exchange, "name", exchange)
    if queue is None or isinstance(queue, str):
        queue = app.amqp.queues[queue or app.conf.task_default_queue]
    kind = options.get("exchange_type") or getattr(queue.exchange, "type", None) or app.conf.task_default_exchange_type
    if (not exchange or not key) and kind == "direct":
        return {"queue": str(queue.name)}
    exchange = exchange or queue.exchange.name or app.conf.task_default_exchange
    key = key or queue.routing_key or app.conf.task_default_routing_key
    return {"exchange": str(exchange), "routing_key": str(key)}


def entry_or_reason(name: str, given: Any) -> dict[str, Any]:
    """Return one entry as plain values; one whose own code raises leaves the others as they are."""
    try:
        return entry_of(name, given)
    except Exception as error:  # noqa: BLE001 - a schedule of the project's own may raise anything
        reason = "It cannot be read: " + "".join(traceback.format_exception_only(type(error), error)).strip() + "."
        schedule = {"kind": "unreadable", "text": type(given).__name__, "reason": reason}
        return {"name": name, "task": "unknown", "schedule": schedule}


def entry_of(name: str, given: Any) -> dict[str, Any]:
    """Return one entry of the schedule, a dict or a ScheduleEntry, as plain values."""
    look_up = given.get if isinstance(given, dict) else lambda key, default=None: getattr(given, key, default)
    found: dict[str, Any] = {"name": name, "task": str(look_up("task") or "")}
    found["schedule"] = schedule_of(look_up("schedule"), bool(look_up("relative", False)))
    for key, kind in (("args", list), ("kwargs", dict), ("options", dict)):
        value = look_up(key)
        if value:
            found[key] = plain(kind(value))
    return found


def schedule_of(value: Any, relative: bool) -> dict[str, Any]:
    """Return a schedule as plain values; its class is told by its name, so that no package is needed."""
    if isinstance(value, timedelta):
        return {"kind": "interval", "seconds": value.total_seconds(), "relative": relative}
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return {"kind": "interval", "seconds": float(value), "relative": relative}
    names = {known_name(base) for base in type(value).__mro__}
    if names & KNOWN and (own := own_method(type(value))):
        kind = type(value).__module__ + "." + type(value).__qualname__
        reason = "Its class " + kind + " has its own " + own + ": only beat knows when it runs next."
        return {"kind": "unreadable", "text": repr(value)[:500], "reason": reason}
    if "celery.crontab" in names:
        fields = {key: crontab_field(value, key) for key in CRON}
        zone = getattr(value, "tz", None) if "django_celery_beat.TzAwareCrontab" in names else None
        return {"kind": "crontab", **fields, **({"zone": str(zone)} if zone else {})}
    if "celery.solar" in names:
        return {"kind": "solar", "event": value.event, "latitude": value.lat, "longitude": value.lon}
    if "django_celery_beat.clocked" in names:
        return {"kind": "clocked", "at": aware(value.clocked_time).isoformat()}
    if "redbeat.rrule" in names:
        return rrule_of(value)
    if "celery.schedule" in names:
        seconds = value.run_every.total_seconds()
        return {"kind": "interval", "seconds": seconds, "relative": bool(value.relative) or relative}
    kind = type(value).__module__ + "." + type(value).__qualname__
    return {"kind": "unreadable", "text": repr(value)[:500], "reason": "deskq does not know the class " + kind + "."}


def known_name(base: type) -> str:
    """Return a class's package and name."""
    return base.__module__.partition(".")[0] + "." + base.__name__


def own_method(kind: type) -> str:
    """Return the method by which a class decides otherwise than its known parent when it runs, "" if it does not."""
    for base in kind.__mro__:
        if known_name(base) in KNOWN:
            return ""
        for name in DECIDING:
            if name in vars(base):
                return name
    return ""


def rrule_of(value: Any) -> dict[str, Any]:
    """Return redbeat's rrule as plain values."""
    names = ("yearly", "monthly", "weekly", "daily", "hourly", "minutely", "secondly")
    found: dict[str, Any] = {"kind": "rrule", "freq": names[value.freq], "interval": value.interval}
    for key in ("dtstart", "until"):
        if getattr(value, key) is not None:
            at = aware(getattr(value, key))
            found[key] = at.isoformat()
            found[key + "_offset"] = at.utcoffset().total_seconds() / 60
    for key in ("count", "wkst"):
        number = getattr(value, key)
        found[key] = getattr(number, "weekday", number)
    days = value.byweekday or []
    days = days if isinstance(days, (list, tuple)) else [days]
    found["byweekday"] = [[getattr(day, "weekday", day), getattr(day, "n", None) or 0] for day in days]
    for key in ("setpos", "month", "monthday", "yearday", "easter", "weekno", "hour", "minute", "second"):
        given = getattr(value, "by" + key)
        found["by" + key] = list(given) if isinstance(given, (list, tuple, set)) else [] if given is None else [given]
    return found


def aware(at: datetime) -> Any:
    """Return a time with its zone: to Celery a naive one is UTC."""
    return at.replace(tzinfo=timezone.utc) if at.utcoffset() is None else at  # noqa: UP017 - for older Pythons


def crontab_field(value: Any, key: str) -> str:
    """Return a field as it was written, or what Celery read where it is no text: any iterable is allowed."""
    written = getattr(value, "_orig_" + key)
    return field_of(written if isinstance(written, (int, str)) else getattr(value, key))


def field_of(value: Any) -> str:
    """Return a crontab's field, which may be a number, a text or a set, as text."""
    if isinstance(value, (set, frozenset, list, tuple)):
        return ",".join(str(part) for part in sorted(value))
    return str(value)


def plain(value: Any) -> Any:
    """Return the value as JSON can hold it; anything else as its repr."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(inner) for inner in value]
    return repr(value)


if __name__ == "__main__":
    main()
