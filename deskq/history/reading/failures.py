"""What failed since a moment, counted by task and type of exception."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from deskq.history.reading.task_filter import KIND, Moment, TaskFilter, where
from deskq.history.rows import FailureRow, Failures
from deskq.history.writing.counters import RATE_SECONDS

FAILURE_LIMIT: Final = 50_000
"""Of the newest tasks that failed, whenever that was, these are looked at."""

Ask = Callable[[str, tuple[Any, ...]], list[Any]]
Text = Callable[[int | None], str]


def read_failures(ask: Ask, text: Text, since: float, limit: int) -> Failures:
    """Count the tasks that failed since a moment, whenever they were first seen.

    Where FAILURE_LIMIT leaves some out, they may be all of them still: the charts count by time, if not by task.
    """
    failed = where(TaskFilter(states=("FAILURE",)))
    oldest = ask(
        f"SELECT id FROM tasks WHERE {failed} ORDER BY id DESC LIMIT 1 OFFSET ?", (*failed.values, FAILURE_LIMIT - 1)
    )
    condition = where(TaskFilter(states=("FAILURE",), ended=(Moment(">=", since),)))
    if oldest:
        condition.add("id >= ?", oldest[0][0])
    rows = ask(
        "SELECT name_id, CAST(exception AS TEXT), count(*), max(CAST(finished AS REAL)), sum(count(*)) OVER () "
        f"FROM tasks WHERE {condition} GROUP BY name_id, {KIND} ORDER BY 3 DESC LIMIT ?",
        (*condition.values, limit),
    )
    count = int(rows[0][4]) if rows else 0
    counted = ask("SELECT coalesce(sum(failed), 0) FROM rates WHERE at > ?", (since - RATE_SECONDS,))
    capped = bool(oldest) and counted[0][0] > count
    return Failures(
        since, count, capped, [FailureRow(text(name), raised or "", n, last) for name, raised, n, last, _ in rows]
    )
