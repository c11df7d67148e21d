"""What stands in redbeat's keys as entries, with what redbeat itself would stumble over."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from deskq.errors import UserError
from deskq.schedules.model import Crontab, Entry, Owner, RRule, Schedule, Unreadable, Unsupported
from deskq.schedules.stores.redbeat.entry_json import HARMLESS, KNOWN, decoded, meta_of, schedule_of
from deskq.schedules.timing.crontabs import field_problem
from deskq.schedules.timing.validation import check

_LONGEST: Final = 1024 * 1024
_OPTIONAL: Final = ("one_off", "start_time", "expires_at", "description")
_RESERVED: Final = frozenset({":schedule", ":statics", ":lock"})
_CRON: Final = ("minute", "hour", "month_of_year", "day_of_week")
_TAKEN: Final = KNOWN | HARMLESS
_STOPS: Final = "which stops beat"


@lru_cache(maxsize=20_000)
def problem_of(schedule: Schedule, zone: str) -> str:
    """Return why redbeat cannot use a schedule, "" if it can."""
    if isinstance(schedule, RRule) and schedule.dtstart is None:
        return "The rrule has no start, so redbeat restarts it at every tick."
    if isinstance(schedule, Crontab) and schedule.day_of_month == "*":  # each field by itself: ten times as fast
        return next((problem for name in _CRON if (problem := _field_problem(name, getattr(schedule, name)))), "")
    return check(schedule, zone)


@lru_cache(maxsize=4_096)
def _field_problem(field: str, text: str) -> str:
    return field_problem(field, text)


def entry_of(
    key: str, prefix: str, definition: bytes | None, meta: bytes | None, *, due_at: float | None, zone: str
) -> Entry:
    """Return the entry of a hash; whatever is wrong with it is told as its ``problem``.

    ``version`` is the definition's text, ``key`` the key, both with bytes that are no UTF-8 as surrogates.
    """
    name = _shown(key.removeprefix(prefix))
    if definition is None:
        missing = "It has no definition: beat removes it from the schedule at its next tick."
        return _broken(key, name, "", missing, due_at)
    text = definition.decode("utf-8", "surrogateescape")
    if len(text) > _LONGEST:
        return _broken(key, name, text, f"Its definition is too long to read: {len(text):,} bytes.", due_at)
    try:
        definition.decode("utf-8")
        value = decoded(text)
    except (ValueError, RecursionError):
        return _broken(key, name, text, f"Its definition is not JSON, {_STOPS}.", due_at)
    if not isinstance(value, dict):
        return _broken(key, name, text, f"Its definition is not a JSON object, {_STOPS}.", due_at)
    if "__type__" in value:
        return _broken(key, name, text, f"Its definition is a “__type__” itself, {_STOPS}.", due_at)
    schedule = schedule_of(value.get("schedule"))
    problems = _problems(value, key, prefix)
    last, total, wrong = meta_of(None if meta is None else meta.decode("utf-8", "replace"))
    problems += [wrong] if wrong else []
    try:
        hash(schedule)
        problems += [problem] if (problem := problem_of(schedule, zone)) else []
    except (UserError, ValueError, OverflowError) as error:
        problems.append(str(error))
    if total is None and isinstance(value.get("total_run_count"), int):
        total = value["total_run_count"]
    return Entry(
        name=str(value.get("name") or name),
        task=str(value.get("task") or ""),
        schedule=schedule,
        args=_of(value, "args", list),
        kwargs=_of(value, "kwargs", dict),
        options=_of(value, "options", dict),
        enabled=bool(value.get("enabled", True)),
        last_run_at=last,
        total_run_count=total,
        key=key,
        version=text,
        due_at=due_at,
        problem=" ".join(problems),
        raw=_shown(text) + (f"\n{meta.decode('utf-8', 'replace')}" if meta else ""),
    )


def owned_by_code(entry: Entry) -> dict[str, Any]:
    """Return what is different about an entry that beat writes anew at every start."""
    return {"owner": Owner.CODE, "origin": "the app's beat_schedule: beat rewrites it at every start"}


def refuse_unfit(entry: Entry, zone: str) -> None:
    """Raise Unfit if redbeat cannot keep the entry, or would stop at it."""
    if not entry.name or not entry.name.isprintable():
        raise Unsupported("A schedule in redbeat needs a name without control characters.")
    if entry.name in _RESERVED:
        raise Unsupported(f"“{entry.name}” is reserved by redbeat. Choose another name.")
    if not entry.task:
        raise Unsupported(f"“{entry.name}” needs a task.")
    defaults = Entry(name="", task="", schedule=entry.schedule)
    for field in _OPTIONAL:
        if getattr(entry, field) != getattr(defaults, field):
            words = {"one_off": "the one-off setting", "start_time": "a start", "expires_at": "an end"}
            raise Unsupported(
                f"redbeat cannot store {words.get(field, 'a description')}. Leave it out of “{entry.name}”."
            )
    if isinstance(entry.schedule, RRule) and entry.schedule.dtstart is None:
        return  # the store gives it one
    if not isinstance(entry.schedule, Unreadable) and (problem := check(entry.schedule, zone)):
        raise Unsupported(problem)


def _problems(value: dict[str, Any], key: str, prefix: str) -> list[str]:
    problems = []
    name = value.get("name")
    if f"{prefix}{name}" != key:
        problems.append(
            "Its name and key differ: beat saves its runs under another key and sends it again at every tick."
        )
    if not isinstance(value.get("task"), str) or not value["task"]:
        problems.append("It names no task.")
    for field, kind, words in (("args", list, "list"), ("kwargs", dict, "object"), ("options", dict, "object")):
        if value.get(field) and not isinstance(value[field], kind):
            problems.append(f"{field} is not a JSON {words}.")
    if not _TAKEN.issuperset(value):
        unknown = sorted(field for field in value if field not in _TAKEN)
        listed = ", ".join(f"“{field:.40}”" for field in unknown[:5])
        problems.append(
            f"redbeat does not know the field {listed}: beat stops, unless it uses an entry class of your own."
        )
    return problems


def _broken(key: str, name: str, text: str, problem: str, due_at: float | None) -> Entry:
    shown = _shown(text[:_LONGEST])
    return Entry(
        name=name,
        task="",
        schedule=Unreadable(shown, problem),
        key=key,
        version=text,
        due_at=due_at,
        problem=problem,
        raw=shown,
    )


def _of(value: dict[str, Any], field: str, kind: type) -> Any:
    found = value.get(field)
    return found if isinstance(found, kind) else kind()


def _shown(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace") if not text.isascii() else text
