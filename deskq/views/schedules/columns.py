"""The columns of the Schedules view."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from deskq import formats
from deskq.models.table.columns import Column
from deskq.profiles import Profile
from deskq.services.schedules.following import wall_time
from deskq.services.schedules.shown import ScheduleSummary, ShownSchedule

_BY_NAME: Final = "from the history: tasks with this name and these arguments; events do not name the sender"


def _next(shown: ShownSchedule) -> str:
    row = shown.row
    if row.next_run is None:
        return "…" if row.looked_at is None else "never" if shown.entry.enabled else formats.NONE
    at = row.next_run.at
    return "now" if row.overdue else f"{formats.relative(at)} · {formats.clock_time(at)}"


def _next_at(shown: ShownSchedule) -> float | None:
    """What is not known yet comes last: a heading says how many these are."""
    row = shown.row
    if row.next_run is not None:
        return row.next_run.at
    return math.inf if row.looked_at is None else None


def _next_exact(shown: ShownSchedule) -> str:
    run = shown.row.next_run
    if shown.row.overdue:
        return "due; beat has not sent it yet"
    if run is None and shown.row.looked_at is None:
        return "not computed yet"
    if run is None:
        return shown.entry.problem or ("disabled" if not shown.entry.enabled else "no further runs")
    mark = f", {run.mark} by a clock change" if run.mark else ""
    return f"{wall_time(run.at, shown.row.zone)} {shown.row.zone or 'UTC'}{mark}"


def _on(shown: ShownSchedule) -> str:
    if shown.entry.problem:
        return "broken"
    return ("on !" if shown.warnings else "on") if shown.entry.enabled else "off"


def _outcome(shown: ShownSchedule) -> str:
    if shown.seen is None:
        return ""
    return shown.seen[0].state.lower() if shown.seen else formats.NONE


def _runs(shown: ShownSchedule) -> str:
    """The store's count; what the history has is said to be that."""
    counted, by_store = shown.counted, shown.entry.total_run_count
    if by_store is not None or counted is None:
        return formats.number(by_store)
    return f"{formats.number(counted.number)}{'+' if counted.more else ''} seen"


def _runs_exact(shown: ShownSchedule) -> str:
    counted, by_store = shown.counted, shown.entry.total_run_count
    if by_store is not None:
        return f"{by_store:,} according to the store"
    if counted is None:
        return "no count in the store; the history has not been searched yet"
    among = ", among the newest tasks of this name" if counted.more else ""
    return f"no count in the store; {counted.number:,} in the history{among}"


def _runs_number(shown: ShownSchedule) -> int | None:
    by_store = shown.entry.total_run_count
    return by_store if by_store is not None or shown.counted is None else shown.counted.number


def _state(shown: ShownSchedule) -> str | None:
    if shown.entry.problem:
        return "failure"
    if shown.warnings:
        return "retry"
    return "success" if shown.entry.enabled else "waiting"


PROFILE_COLUMN: Final = Column[ShownSchedule](
    "profile",
    "Profile",
    "Profile and its environment",
    lambda one: f"{formats.plain(one.profile.name)} · {one.profile.environment.short}",
    environment=lambda one: one.profile.environment,
    width=150,
)
SCHEDULE_COLUMNS: Final[tuple[Column[ShownSchedule], ...]] = (
    Column(
        "enabled",
        "On",
        "Whether the schedule is enabled",
        _on,
        state=_state,
        exact=lambda one: (
            one.entry.problem or "\n".join(one.warnings) or ("enabled" if one.entry.enabled else "disabled")
        ),
        width=70,
    ),
    Column("name", "Name", "Name of the schedule", lambda one: formats.plain(one.entry.name), width=180),
    Column("task", "Task", "Task that beat sends", lambda one: formats.plain(one.entry.task), width=160),
    Column(
        "schedule",
        "Timing",
        "Timing, in the schedule's own time zone",
        lambda one: formats.plain(one.row.sentence) or "…",
        width=250,
        exact=lambda one: one.entry.problem or one.row.sentence,
    ),
    Column(
        "next",
        "Next run",
        "Next due time, assuming beat is running (this machine's clock)",
        _next,
        _next_at,
        True,
        exact=_next_exact,
        width=210,
    ),
    Column(
        "last",
        "Last run",
        "Last run according to the store, else to the history",
        lambda one: formats.relative(one.last_run_at) if one.last_run_at else formats.NONE,
        lambda one: one.last_run_at,
        True,
        exact=lambda one: wall_time(one.last_run_at, one.row.zone) if one.last_run_at else "",
        width=100,
    ),
    Column(
        "recent",
        "Recent",
        f"Latest runs, newest on the right, {_BY_NAME}",
        lambda one: "",
        strip=lambda one: tuple(row.state for row in reversed(one.seen or ())),
        exact=lambda one: ", ".join(row.state.lower() for row in reversed(one.seen or ())),
        width=110,
    ),
    Column(
        "outcome",
        "Outcome",
        f"State of the last run, {_BY_NAME}",
        _outcome,
        state=lambda one: one.seen[0].state if one.seen else None,
        width=100,
    ),
    Column(
        "runtime",
        "Runtime",
        f"Runtime of the last run, {_BY_NAME}",
        lambda one: formats.runtime(one.seen[0].runtime, exact=one.seen[0].runtime_exact) if one.seen else "",
        lambda one: one.seen[0].runtime if one.seen else None,
        True,
        width=80,
    ),
    Column(
        "runs",
        "Runs",
        f"Runs counted by the store. “5 seen”: the store has no count; runs {_BY_NAME}",
        _runs,
        _runs_number,
        True,
        exact=_runs_exact,
        width=70,
    ),
    Column("queue", "Queue", "Queue set in the schedule", lambda one: formats.plain(one.entry.queue), width=90),
    Column("owner", "Owner", "Editable in the store, or defined in code", lambda one: one.entry.owner, width=80),
    Column("store", "Store", "Store that holds the schedule", lambda one: formats.plain(one.row.title), width=180),
)
_FROM_HISTORY: Final = frozenset({"last", "recent", "outcome", "runtime"})
"""Columns that the history fills: of entries that are not in sight only if the table is sorted by one of these."""


def from_history(column: Column[ShownSchedule], summaries: Iterable[ScheduleSummary]) -> bool:
    """Does the history fill this column, or some of it?"""
    return column.key in _FROM_HISTORY or (column.key == "runs" and any(summary.uncounted for summary in summaries))


NO_MATCH: Final = ("No schedule matches", "No name, task or queue contains this text.")


def empty_words(profile: Profile, problems: list[str], *, read: bool, filtered: bool) -> tuple[str, str]:
    """Return the title and the reason of an empty view."""
    if not read:
        return "Reading the schedules", "Reading the stores."
    if filtered:
        return NO_MATCH
    if problems:
        return "The schedules cannot be read", "\n".join(problems)
    if profile.transport.holds_redbeat or profile.schedule_stores:
        return (
            "No schedules yet",
            "Add one with New schedule, or add the store of Django, code or beat's file to the profile.",
        )
    return (
        "No schedule store is known",
        "Add one to the profile, such as redbeat:redis://… or code:proj.app.",
    )
