"""Counts that are kept as records change: tasks by state, throughput by time, runtimes by time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

import apsw

from deskq.history.runtimes import bin_of
from deskq.protocol import task_record as kinds
from deskq.protocol.task_summary import Attempt, TaskSummary

RATE_SECONDS: Final = 10
RUNTIME_SECONDS: Final = 10
TASK_RUNTIME_SECONDS: Final = 3_600
_RECEIVED, _SUCCEEDED, _FAILED, _RETRIED = range(4)
_COUNTED_AS: Final = {kinds.SUCCEEDED: _SUCCEEDED, kinds.FAILED: _FAILED, kinds.RETRIED: _RETRIED}


class Tallies:
    """Collects what a commit adds; each delivery and each ending of an attempt counts once."""

    def __init__(self) -> None:
        self._states: Counter[str] = Counter()
        self._rates: dict[float, list[int]] = {}
        self._runtimes: Counter[tuple[float, int]] = Counter()
        self._task_runtimes: Counter[tuple[float, str, int]] = Counter()

    @staticmethod
    def endings_of(summary: TaskSummary) -> tuple[int, int]:
        """Return how many endings and how many deliveries of the task are counted."""
        return sum(a.ending in _COUNTED_AS for a in summary.attempts), summary.deliveries

    def count(self, old_state: str, endings: int, received: int, summary: TaskSummary) -> tuple[int, int]:
        """Count what is new in the summary; returns the new numbers of endings and deliveries."""
        state, attempts = summary.state, summary.attempts
        if state != old_state:
            self._states[state] += 1
            if old_state:
                self._states[old_state] -= 1
        if len(attempts) == 1:  # as nearly always
            (only,) = attempts
            if summary.deliveries > received and only.received is not None:
                self._rate(only.received)[_RECEIVED] += 1
            if endings == 0 and only.ending in _COUNTED_AS:
                self._ended(only, summary.name)
                endings = 1
            return endings, max(summary.deliveries, received)
        if summary.deliveries > received:
            for at in [a.received for a in attempts if a.received is not None][received:]:
                self._rate(at)[_RECEIVED] += 1
            received = summary.deliveries
        ended = [a for a in attempts if a.ending in _COUNTED_AS]
        for attempt in ended[endings:]:
            self._ended(attempt, summary.name)
        return max(len(ended), endings), received

    def _ended(self, attempt: Attempt, name: str) -> None:
        assert attempt.ending is not None
        at = attempt.finished or 0.0
        self._rate(at)[_COUNTED_AS[attempt.ending]] += 1
        if attempt.runtime is not None:
            number = bin_of(attempt.runtime)
            self._runtimes[at // RUNTIME_SECONDS, number] += 1
            if name:
                self._task_runtimes[at // TASK_RUNTIME_SECONDS, name, number] += 1

    def _rate(self, at: float) -> list[int]:
        slot = at // RATE_SECONDS
        counts = self._rates.get(slot)
        if counts is None:
            counts = self._rates[slot] = [0, 0, 0, 0]
        return counts

    def write(self, connection: apsw.Connection, texts: Mapping[str, int | None]) -> None:
        """Add the counts to the tables, inside the caller's transaction."""
        connection.executemany(
            "INSERT INTO state_counts VALUES (?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
            [(texts[state], n) for state, n in self._states.items() if n],
        )
        connection.executemany(
            "INSERT INTO rates VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
            "received = received + excluded.received, "
            "succeeded = succeeded + excluded.succeeded, failed = failed + excluded.failed, "
            "retried = retried + excluded.retried",
            [(int(slot) * RATE_SECONDS, *counts) for slot, counts in self._rates.items()],
        )
        connection.executemany(
            "INSERT INTO runtimes VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
            [(int(slot) * RUNTIME_SECONDS, number, n) for (slot, number), n in self._runtimes.items()],
        )
        connection.executemany(
            "INSERT INTO task_runtimes VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
            [
                (int(hour) * TASK_RUNTIME_SECONDS, texts[name], number, n)
                for (hour, name, number), n in self._task_runtimes.items()
            ],
        )

    def clear(self) -> None:
        """Forget what was counted, written or not."""
        self._states.clear()
        self._rates.clear()
        self._runtimes.clear()
        self._task_runtimes.clear()
