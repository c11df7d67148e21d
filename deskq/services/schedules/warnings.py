"""What is wrong with a schedule that beat can use all the same; sentences for people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from deskq.formats import clock_time, duration, runtime
from deskq.history.rows import TaskRow
from deskq.schedules.model import Crontab, Interval
from deskq.schedules.timing import lateness
from deskq.services.registered_tasks import Registered

if TYPE_CHECKING:
    from deskq.schedules.profile_reader import ScheduleRow

_SHORTEST_PAUSE: Final = 1.0
"""Between two runs of a crontab is a minute, of anything else nearly always more than a second."""

_CLOCK_SECONDS: Final = 5.0
"""How far in the future beat may note a run before it is said that the clocks differ."""


def late_since(row: ScheduleRow, now: float) -> float | None:
    """Return since when it should have run, if that is long enough to say that nobody ran it."""
    return lateness.late_since(row.entry, row.kind, row.due_since, now)


def _twice(runs: Sequence[TaskRow], every: float) -> bool:
    """Did most of the last runs come in pairs, far closer than the schedule has them? Retries are no runs of beat."""
    times = sorted(run.sent or run.received or run.seen for run in runs if not run.retries)
    close = sum(later - earlier < 1.0 for earlier, later in pairwise(times))
    return every >= 4.0 and close >= 2 and close * 3 >= len(times)


def _overlap(row: ScheduleRow, runs: Sequence[TaskRow], now: float) -> str:
    """Return a sentence where one of its last runs took longer than the shortest pause between its next ones."""
    schedule = row.entry.schedule
    slowest = max(runs, key=lambda run: run.runtime or 0.0, default=None)
    longest = (slowest.runtime or 0.0) if slowest is not None else 0.0
    least = 60.0 if isinstance(schedule, Crontab) else _SHORTEST_PAUSE
    if row.entry.one_off or (longest <= least and not isinstance(schedule, Interval)):
        return ""  # nearly always, without a look at its next runs
    from deskq.schedules.timing.next_runs import (
        shortest_pause,  # it needs Celery, which the window's start does without
    )

    pause = shortest_pause(schedule, row.zone, now=now)
    if slowest is None or not pause or longest <= pause:
        return ""
    between = "" if isinstance(schedule, Interval) else f"; its next runs are only {duration(pause)} apart"
    return f"Runs overlap: a recent run took {runtime(longest, exact=slowest.runtime_exact)}{between}."


def warnings_of(
    row: ScheduleRow,
    runs: Sequence[TaskRow] | None,
    consumed: frozenset[str] | None,
    now: float,
    registered: Registered | None = None,
    *,
    time_text: Callable[[float, float], str] = clock_time,
) -> tuple[str, ...]:
    """``runs``: its last runs, as far as the history knows. ``consumed``, ``registered``: see consumed_queues and
    registered_by. ``time_text``: says a time, given it and now.
    """
    entry = row.entry
    queue = entry.queue if consumed is not None else ""
    late = late_since(row, now)
    unknown = registered is not None and registered.lacks(entry.task)
    ahead = (entry.last_run_at or 0.0) - now
    early = ahead > _CLOCK_SECONDS
    if not (runs or queue or late or unknown or early or entry.expires_at) or not entry.enabled or entry.problem:
        return ()  # nearly always, and it is asked for ten thousand of them
    found = []
    if early:
        found.append(f"Last run lies {duration(ahead)} in the future: beat's clock is ahead of this machine's.")
    if entry.expires_at is not None and entry.expires_at <= now:
        found.append(f"Ended at {time_text(entry.expires_at, now)}: beat no longer sends it.")
    if consumed is not None and queue and queue not in consumed:
        found.append(f"No online worker consumes the queue “{queue}”.")
    if unknown and registered is not None:
        found.append(registered.words(entry.task, now))
    if runs and (overlap := _overlap(row, runs, now)):
        found.append(overlap)
    every = getattr(entry.schedule, "seconds", None)
    if runs and _twice(runs, every or 60.0):
        found.append("Its last runs were doubled: check for a second beat or a duplicate schedule.")
    if late is not None:
        found.append(f"Overdue since {time_text(late, now)}.")
    return tuple(found)
