"""Counts that are kept as records change: tasks by state, throughput by time, runtimes by time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

import apsw

from deskq.history.runtimes import bin_of
from deskq.protocol import task_record as kinds
from deskq.protocol.task_summary import TaskSummary

RATE_SECONDS: Final = 10
RUNTIME_SECONDS: Final = 10
TASK_RUNTIME_SECONDS: Final = 3_600
_RECEIVED, _SUCCEEDED, _FAILED, _RETRIED = range(4)
_COUNTED_AS: Final = {kinds.SUCCEEDED: _SUCCEEDED, kinds.FAILED: _FAILED, kinds.RETRIED: _RETRIED}


class Tallies:
    """Collects what a commit adds; each delivery and each ending of an attempt counts once."""

    def __init__(self) -> None:
        self._states: Counter[str] = Counter()
        self._rates: dict[int, list[int]] = {}
        self._runtimes: Counter[tuple[int, int]] = Counter()
        self._task_runtimes: Counter[tuple[int, str, int]] = Counter()

    @staticmethod
    def endings_of(summary: TaskSummary) -> tuple[int, int]:
        """Return how many endings and how many deliveries of the task are counted."""
        return sum(a.ending in _COUNTED_AS for a in summary.attempts), summary.deliveries

    def count(self, old_state: str, endings: int, received: int, summary: TaskSummary) -> tuple[int, int]:
        """Count what is new in the summary; returns the new numbers of endings and deliveries."""
        if summary.state != old_state:
            self._states[summary.state] += 1
            if old_state:
                self._states[old_state] -= 1
        if summary.deliveries > received:
            newest = [a.received for a in summary.attempts if a.received is not None][received:]
            for at in newest:
                self._rate(at)[_RECEIVED] += 1
        ended = [a for a in summary.attempts if a.ending in _COUNTED_AS]
        for attempt in ended[endings:]:
            assert attempt.ending is not None
            at = attempt.finished or 0.0
            self._rate(at)[_COUNTED_AS[attempt.ending]] += 1
            if attempt.runtime is not None:
                number = bin_of(attempt.runtime)
                self._runtimes[int(at // RUNTIME_SECONDS) * RUNTIME_SECONDS, number] += 1
                if summary.name:
                    hour = int(at // TASK_RUNTIME_SECONDS) * TASK_RUNTIME_SECONDS
                    self._task_runtimes[hour, summary.name, number] += 1
        return max(len(ended), endings), max(summary.deliveries, received)

    def _rate(self, at: float) -> list[int]:
        return self._rates.setdefault(int(at // RATE_SECONDS) * RATE_SECONDS, [0, 0, 0, 0])

    def write(self, connection: apsw.Connection, text_id: Callable[[str], int | None]) -> None:
        """Add the counts to the tables, inside the caller's transaction."""
        connection.executemany(
            "INSERT INTO state_counts VALUES (?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
            [(text_id(state), n) for state, n in self._states.items() if n],
        )
        connection.executemany(
            "INSERT INTO rates VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
            "received = received + excluded.received, "
            "succeeded = succeeded + excluded.succeeded, failed = failed + excluded.failed, "
            "retried = retried + excluded.retried",
            [(at, *counts) for at, counts in self._rates.items()],
        )
        connection.executemany(
            "INSERT INTO runtimes VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
            [(at, number, n) for (at, number), n in self._runtimes.items()],
        )
        connection.executemany(
            "INSERT INTO task_runtimes VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
            [(at, text_id(name), number, n) for (at, name, number), n in self._task_runtimes.items()],
        )

    def clear(self) -> None:
        """Forget what was counted, written or not."""
        self._states.clear()
        self._rates.clear()
        self._runtimes.clear()
        self._task_runtimes.clear()
