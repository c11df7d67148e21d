"""Counts that are kept as records change: tasks by state, throughput by time, runtimes by time.

What a task adds to them is a pure function of its record: a commit adds ``contribution(new) - contribution(old)``, so
that neither the order in which events arrive nor how commits split them makes a difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Sized
from typing import Final

import apsw
import msgspec

from deskq.history.runtime_histogram import bin_of
from deskq.protocol import task_record as kinds
from deskq.protocol.events import LATEST
from deskq.protocol.task_record import MOST_OBSERVATIONS
from deskq.protocol.task_summary import TaskSummary

RATE_SECONDS: Final = 10
RUNTIME_SECONDS: Final = 10
TASK_RUNTIME_SECONDS: Final = 3_600
_RECEIVED, _SUCCEEDED, _FAILED, _RETRIED = range(4)
_COUNTED_AS: Final = {kinds.SUCCEEDED: _SUCCEEDED, kinds.FAILED: _FAILED, kinds.RETRIED: _RETRIED}
_RETRY: Final = kinds.RETRIED
_ENDED: Final = {"SUCCESS": _SUCCEEDED, "FAILURE": _FAILED}

Cell = tuple[int, float, float]
"""A delivery or an ending of an attempt: what it counts as, when it was, and its runtime in s (-1: none)."""
Counted = tuple[str, str, float | None, float | None, float | None, tuple[Cell, ...]]
"""What a task contributes: its state and name; when its only attempt was received, when that succeeded or failed, and
in what runtime; or all of it as cells, where it has several attempts or the only one was retried."""
NOTHING: Final[Counted] = ("", "", None, None, None, ())

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(tuple[Cell, ...]).decode


def contribution(summary: TaskSummary) -> Counted:
    """Return what a task contributes. All but cells is read back from its row: see ``counted_of_row``."""
    attempts = summary.attempts
    state = summary.state
    if len(attempts) == 1 and attempts[0].ending != _RETRY:  # as nearly always
        if state == "SUCCESS":
            return (state, summary.name, summary.received, summary.finished, summary.runtime, ())
        finished = summary.finished if state == "FAILURE" else None
        return (state, summary.name, summary.received, finished, None, ())
    cells: list[Cell] = []
    for attempt in attempts:
        if attempt.received is not None:
            cells.append((_RECEIVED, attempt.received, -1))
        if attempt.ending in _COUNTED_AS:
            runtime = attempt.runtime
            cells.append((_COUNTED_AS[attempt.ending], attempt.finished or 0.0, -1 if runtime is None else runtime))
    return (state, summary.name, None, None, None, tuple(cells))


def counted_of_row(
    state: str, name: str, received: float | None, finished: float | None, runtime: float | None, packed: bytes | None
) -> Counted:
    """Return what a task contributed when its row was written; raises what a damaged row may raise: see codec."""
    if packed is not None:
        cells = _unpack(packed)
        for kind, at, ran in cells:
            if not (_RECEIVED <= kind <= _RETRIED and 0 <= at < LATEST and -1 <= ran < LATEST):
                raise ValueError("no time of a task")
        return (state, name, None, None, None, cells)
    for moment in (received, finished, runtime):
        if moment is not None and not 0 <= moment < LATEST:
            raise ValueError("no time of a task")
    ended = state in _ENDED
    return (state, name, received, finished if ended else None, runtime if state == "SUCCESS" else None, ())


def without_state(counted: Counted) -> Counted:
    """Return what is still counted of a task that was deleted: its count by state was taken back, the charts stay."""
    return ("", counted[1], None, None, None, tuple(_cells_of(counted).elements()))


def packed_cells(counted: Counted) -> bytes | None:
    """Return what a row has to keep of it beside its other columns."""
    return _pack(counted[5]) if counted[5] else None


def _cells_of(counted: Counted) -> Counter[Cell]:
    state, _, received, finished, runtime, cells = counted
    found = Counter(cells)
    if received is not None:
        found[_RECEIVED, received, -1] += 1
    if finished is not None:
        found[_ENDED[state], finished, -1 if runtime is None else runtime] += 1
    return found


class Counters:
    """Collects what a commit adds and takes back."""

    def __init__(self) -> None:
        self._states: Counter[str] = Counter()
        self._rates: dict[float, list[int]] = {}
        self._runtimes: Counter[tuple[float, int]] = Counter()
        self._task_runtimes: Counter[tuple[float, str, int]] = Counter()

    def count(self, old: Counted, new: Counted, observations: Sized = ()) -> None:
        """Add what is new in a task's contribution, take back what is no longer in it.

        ``observations``: of its record. A full one has dropped others from its middle. Those were seen all the same:
        what they counted for stays.
        """
        if new[5] or old[3] is not None or old[5]:
            if old != new:
                self._correct(old, new, len(observations) >= MOST_OBSERVATIONS)
            return
        state, received, finished = new[0], new[2], new[3]
        if state != old[0]:
            self._state(old[0], state)
        if received != old[2]:
            if old[2] is not None:
                self._rate(old[2])[_RECEIVED] -= 1
            if received is not None:
                self._rate(received)[_RECEIVED] += 1
        if finished is not None:
            self._rate(finished)[_ENDED[state]] += 1
            if new[4] is not None:
                self._ran(finished, new[4], new[1], 1)

    def _state(self, old: str, new: str) -> None:
        self._states[new] += 1
        if old:
            self._states[old] -= 1

    def _correct(self, old: Counted, new: Counted, cut: bool) -> None:
        if old[0] != new[0]:
            self._state(old[0], new[0])
        before, after = _cells_of(old), _cells_of(new)
        if old[1] == new[1]:
            common = before & after
            before, after = before - common, after - common
        if cut and new[5]:
            times = [at for _, at, _ in new[5]]
            first, last = min(times), max(times)
            before = Counter({cell: n for cell, n in before.items() if not first < cell[1] < last})
        for cells, name, sign in ((before, old[1], -1), (after, new[1], 1)):
            for (kind, at, runtime), n in cells.items():
                self._rate(at)[kind] += sign * n
                if runtime >= 0:
                    self._ran(at, runtime, name, sign * n)

    def _ran(self, at: float, runtime: float, name: str, n: int) -> None:
        number = bin_of(runtime)
        self._runtimes[at // RUNTIME_SECONDS, number] += n
        if name:
            self._task_runtimes[at // TASK_RUNTIME_SECONDS, name, number] += n

    def _rate(self, at: float) -> list[int]:
        slot = at // RATE_SECONDS
        counts = self._rates.get(slot)
        if counts is None:
            counts = self._rates[slot] = [0, 0, 0, 0]
        return counts

    def drop_before(self, since: float) -> None:
        """Forget what is to be counted at an earlier time, but for the states."""
        self._rates = {slot: counts for slot, counts in self._rates.items() if slot * RATE_SECONDS >= since}
        self._runtimes = Counter({key: n for key, n in self._runtimes.items() if key[0] * RUNTIME_SECONDS >= since})
        self._task_runtimes = Counter(
            {key: n for key, n in self._task_runtimes.items() if key[0] * TASK_RUNTIME_SECONDS >= since}
        )

    def write(self, connection: apsw.Connection, texts: Mapping[str, int | None]) -> None:
        """Add the counts to the tables, inside the caller's transaction.

        What was deleted since for its age is not made again by taking something back from it.
        """
        connection.executemany(
            "INSERT INTO state_counts VALUES (?, max(?, 0)) ON CONFLICT DO UPDATE SET n = max(n + ?2, 0)",
            [(texts[state], n) for state, n in self._states.items() if n],
        )
        rates = [(int(slot) * RATE_SECONDS, *counts) for slot, counts in self._rates.items() if any(counts)]
        connection.executemany(
            "INSERT INTO rates SELECT ?1, max(?2, 0), max(?3, 0), max(?4, 0), max(?5, 0) "
            "WHERE max(?2, ?3, ?4, ?5) > 0 OR EXISTS (SELECT 1 FROM rates WHERE at = ?1) ON CONFLICT DO UPDATE SET "
            "received = max(received + ?2, 0), succeeded = max(succeeded + ?3, 0), "
            "failed = max(failed + ?4, 0), retried = max(retried + ?5, 0)",
            rates,
        )
        runtimes = [(int(slot) * RUNTIME_SECONDS, number, n) for (slot, number), n in self._runtimes.items()]
        _add(connection, "runtimes", "at = ?1 AND bin = ?2", runtimes)
        by_task = [
            (int(hour) * TASK_RUNTIME_SECONDS, texts[name], number, n)
            for (hour, name, number), n in self._task_runtimes.items()
            if n
        ]
        _add(connection, "task_runtimes", "at = ?1 AND name_id = ?2 AND bin = ?3", by_task)

    def clear(self) -> None:
        """Forget what was counted, written or not."""
        self._states.clear()
        self._rates.clear()
        self._runtimes.clear()
        self._task_runtimes.clear()


def _add(connection: apsw.Connection, table: str, key: str, rows: Sequence[tuple[int | None, ...]]) -> None:
    """Add to bins, the last value of each row; a bin that nothing is left in goes."""
    width = len(rows[0]) if rows else 0
    more = [row for row in rows if (row[-1] or 0) > 0]
    less = [row for row in rows if (row[-1] or 0) < 0]
    if more:
        connection.executemany(
            f"INSERT INTO {table} VALUES ({', '.join('?' * width)}) ON CONFLICT DO UPDATE SET n = n + excluded.n", more
        )
    if less:
        connection.executemany(f"UPDATE {table} SET n = n + ?{width} WHERE {key}", less)
        connection.executemany(f"DELETE FROM {table} WHERE {key} AND n <= 0 AND ?{width} < 0", less)
