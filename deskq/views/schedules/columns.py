"""The columns of the Schedules view."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from deskq import formats
from deskq.models.table.columns import Column
from deskq.profiles import Profile
from deskq.services.schedules.following import wall_time
from deskq.services.schedules.shown import ShownSchedule, Summary

_BY_NAME: Final = "as the history has it: tasks of this name with these arguments; events do not say who sent them"


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
        return "it is due: beat has not sent it yet"
    if run is None and shown.row.looked_at is None:
        return "not computed yet"
    if run is None:
        return shown.entry.problem or ("it is disabled" if not shown.entry.enabled else "its schedule has ended")
    mark = f", {run.mark} by a change of the clock" if run.mark else ""
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
        return f"{by_store:,} by the store's count"
    if counted is None:
        return "the store does not count them, and the history was not asked yet"
    among = ", among the newest tasks of this name" if counted.more else ""
    return f"the store does not count them; the history has {counted.number:,}{among}"


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
    "Whose beat it is, and the environment",
    lambda one: f"{formats.plain(one.profile.name)} · {one.profile.environment.short}",
    environment=lambda one: one.profile.environment,
    width=150,
)
SCHEDULE_COLUMNS: Final[tuple[Column[ShownSchedule], ...]] = (
    Column(
        "enabled",
        "On",
        "Does beat send it?",
        _on,
        state=_state,
        exact=lambda one: (
            one.entry.problem or "\n".join(one.warnings) or ("enabled" if one.entry.enabled else "disabled")
        ),
        width=70,
    ),
    Column("name", "Name", "The entry", lambda one: formats.plain(one.entry.name), width=180),
    Column("task", "Task", "What is sent", lambda one: formats.plain(one.entry.task), width=160),
    Column(
        "schedule",
        "Schedule",
        "When, in its own zone",
        lambda one: formats.plain(one.row.sentence) or "…",
        width=250,
        exact=lambda one: one.entry.problem or one.row.sentence,
    ),
    Column(
        "next",
        "Next run",
        "When it runs next, if beat looks in time; by this machine's clock",
        _next,
        _next_at,
        True,
        exact=_next_exact,
        width=170,
    ),
    Column(
        "last",
        "Last run",
        "What the store says, else the history",
        lambda one: formats.relative(one.last_run_at) if one.last_run_at else formats.NONE,
        lambda one: one.last_run_at,
        True,
        exact=lambda one: wall_time(one.last_run_at, one.row.zone) if one.last_run_at else "",
        width=100,
    ),
    Column(
        "recent",
        "Recent",
        f"The last runs, the newest at the right, {_BY_NAME}",
        lambda one: "",
        strip=lambda one: tuple(row.state for row in reversed(one.seen or ())),
        exact=lambda one: ", ".join(row.state.lower() for row in reversed(one.seen or ())),
        width=110,
    ),
    Column(
        "outcome",
        "Outcome",
        f"How the last one ended, {_BY_NAME}",
        _outcome,
        state=lambda one: one.seen[0].state if one.seen else None,
        width=100,
    ),
    Column(
        "runtime",
        "Runtime",
        f"How long the last one took, {_BY_NAME}",
        lambda one: formats.runtime(one.seen[0].runtime, exact=one.seen[0].runtime_exact) if one.seen else "",
        lambda one: one.seen[0].runtime if one.seen else None,
        True,
        width=80,
    ),
    Column(
        "runs",
        "Runs",
        f"How often it ran, by the store's count. “5 seen”: the store keeps none; so many {_BY_NAME}",
        _runs,
        _runs_number,
        True,
        exact=_runs_exact,
        width=70,
    ),
    Column("queue", "Queue", "Which the entry names", lambda one: formats.plain(one.entry.queue), width=90),
    Column("owner", "Owner", "Is it to be edited, or does code define it?", lambda one: one.entry.owner, width=80),
    Column("store", "Store", "What keeps it", lambda one: formats.plain(one.row.title), width=180),
)
_FROM_HISTORY: Final = frozenset({"last", "recent", "outcome", "runtime"})
"""Columns that the history fills: of entries that are not in sight only if the table is sorted by one of these."""


def from_history(column: Column[ShownSchedule], summaries: Iterable[Summary]) -> bool:
    """Does the history fill this column, or some of it?"""
    return column.key in _FROM_HISTORY or (column.key == "runs" and any(summary.uncounted for summary in summaries))


NO_MATCH: Final = ("No schedule matches", "Nothing has this in its name, task or queue.")


def empty_words(profile: Profile, problems: list[str], *, read: bool, filtered: bool) -> tuple[str, str]:
    """Return the title and the reason of an empty view."""
    if not read:
        return "Reading the schedules", "The stores are asked."
    if filtered:
        return NO_MATCH
    if problems:
        return "The schedules cannot be read", "\n".join(problems)
    if profile.transport == "redis" or profile.schedule_stores:
        return (
            "No schedules yet",
            "New schedule adds one. What Django, code or a file keeps appears when the profile names that store.",
        )
    return (
        "No schedule store is known",
        "Name one in the profile: redbeat:redis://…, django-celery-beat:postgresql://… or code:proj.app.",
    )
