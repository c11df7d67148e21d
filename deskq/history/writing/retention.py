"""What goes and what stays: tasks by age, outcome and the file's size, deleted in slices that delay no recorder."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import apsw

from deskq.history.writing.writer import History
from deskq.protocol.task_states import STATES

SLICE_SECONDS: Final = 0.05
TRIM_SECONDS: Final = 60.0
SWEEP_SECONDS: Final = 6 * 3_600.0
KEPT_LONGER: Final = frozenset({"FAILURE", "REJECTED", "REVOKED", "LOST", "ENDED", "UNSEEN", "RETRY"})
"""The states of tasks that did not succeed, as far as is known."""
NEWEST_KEPT: Final = 1_000
"""The newest tasks stay whatever the file's size: they are being written."""
_FEWEST, _FIRST, _MOST = 20, 500, 20_000
_AIM: Final = 0.4  # of SLICE_SECONDS: what the next slice is laid out for
_GROWTH: Final = 1.2
"""A slice that was quick says little of the next: the disk may be busy by then."""
_CHUNK: Final = 25
"""Tasks that are deleted between two looks at the clock: each may touch a page of every index."""
_LEAST_SECONDS, _FIRST_SECONDS, _MOST_SECONDS = 0.001, 0.005, 0.012
"""How long a slice deletes before it commits, which takes about as long again."""
_PROBES: Final = 100
"""Tasks that are looked at to tell whether those of a wrong clock are old."""
_BY_TIME: Final = ("rates", "runtimes", "task_runtimes")


@dataclass(slots=True)
class _Pass:
    """One way through the tasks, oldest first. ``longer``: whether it also takes tasks that did not succeed."""

    longer: bool = True
    shorter: bool = True
    cursor: int = 0


@dataclass(slots=True)
class _Sweep:
    """The search for texts that nothing refers to any more, begun when ``last`` was the newest text."""

    used: set[int]
    last: int
    cleared: int
    task: int = 0
    at: int = 0
    text: int = len(STATES)


class Retention:
    """Keeps one history to its limits; 0 is none. ``step`` is called between commits, by the writer's thread."""

    def __init__(self, history: History, days: float, failed_days: float, megabytes: float) -> None:
        self._history = history
        self._seconds = days * 86_400
        self._failed_seconds = failed_days * 86_400
        self._bytes = int(megabytes * 1_000_000)
        self._rows = _FIRST
        self._deleting = _FIRST_SECONDS
        self._by_the_clock = False
        self.deleted = 0
        self.longest_slice = 0.0
        self._deleted_at_sweep = 0
        self.reset()

    def reset(self) -> None:
        """Begin anew: the file is another."""
        self._ages: list[tuple[float, _Pass]] = []
        limits = sorted({seconds for seconds in (self._seconds, self._failed_seconds) if seconds > 0})
        if self._seconds != self._failed_seconds:
            if self._seconds > 0 and not 0 < self._failed_seconds < self._seconds:
                self._ages.append((self._seconds, _Pass(longer=False)))
            if self._failed_seconds > 0 and not 0 < self._seconds < self._failed_seconds:
                self._ages.append((self._failed_seconds, _Pass(shorter=False)))
        if self._seconds > 0 and self._failed_seconds > 0:
            self._ages.append((limits[-1], _Pass()))
        self._by_size = [_Pass(longer=False), _Pass()]
        self._shrinking = False
        self._sweep: _Sweep | None = None
        self._next_trim = self._next_sweep = 0.0
        self._trims: list[tuple[str, int | None]] = []
        self._trim_before = 0.0

    def step(self, now: float | None) -> bool:
        """Do one slice of what there is to do; False if there was nothing. Raises apsw.Error.

        ``now``: by a clock that is to be trusted; None if none is: then nothing goes for its age.
        """
        began = time.perf_counter()
        self._by_the_clock = False
        worked = self._work(now)
        took = time.perf_counter() - began
        if worked:
            self.longest_slice = max(self.longest_slice, took)
            factor = min(max(SLICE_SECONDS * _AIM / max(took, 1e-6), 0.5), _GROWTH)
            if self._by_the_clock:
                self._deleting = min(max(self._deleting * factor, _LEAST_SECONDS), _MOST_SECONDS)
            else:
                self._rows = min(max(int(self._rows * factor), _FEWEST), _MOST)
        return worked

    def _work(self, now: float | None) -> bool:
        for seconds, way in self._ages:
            if now is not None and self._delete(way, now - seconds, now=now):
                return True
        connection = self._history.connection
        if self._bytes:
            pages, free, size = (int(connection.pragma(name)) for name in ("page_count", "freelist_count", "page_size"))
            excess = (pages - free) * size - self._bytes
            if excess > 0:
                tasks = max(connection.execute("SELECT sum(n) FROM state_counts").get or 0, 1)
                most = excess * tasks // ((pages - free) * size) + 1  # a slice could be the whole of a small file
                if any(self._delete(way, None, most) for way in self._by_size):
                    return True
            elif pages * size > self._bytes and self._give_back(free):
                return True
        if now is not None and (self._trim(now) or self._forget_texts(now)):
            return True
        return self._shrink()

    def _delete(self, way: _Pass, before: float | None, most: int = _MOST, *, now: float = 0.0) -> bool:
        """Look through the next rows of a way; False if there is none that is old enough."""
        connection = self._history.connection
        newest = int(connection.execute("SELECT coalesce(max(id), 0) FROM tasks").get)
        last = newest if before is not None else newest - NEWEST_KEPT
        deadline = time.perf_counter() + self._deleting
        cursor = way.cursor
        doomed: dict[int, int] = {}
        seen = 0
        with connection:
            while seen < most and time.perf_counter() < deadline:
                rows = self._next_rows(cursor, last, min(_CHUNK, most - seen), before, now)
                if not rows:
                    break
                cursor = rows[-1][0]
                seen += len(rows)
                chunk = {
                    row_id: state
                    for row_id, state, text in rows
                    if (way.longer if text in KEPT_LONGER else way.shorter)
                }
                connection.executemany("DELETE FROM tasks WHERE id = ?", [(row_id,) for row_id in chunk])
                doomed |= chunk
            if doomed:
                connection.executemany(
                    "UPDATE state_counts SET n = max(n - ?, 0) WHERE state_id = ?",
                    [(n, state) for state, n in Counter(doomed.values()).items()],
                )
        if doomed:
            self._history.forget(doomed.keys())
            self.deleted += len(doomed)
        way.cursor = cursor
        self._by_the_clock = True
        return seen > 0

    def _next_rows(
        self, above: int, last: int, limit: int, before: float | None, now: float
    ) -> list[tuple[int, int, str | None]]:
        """Return (id, state_id, state) of the next tasks that were first seen before a moment, or of all.

        One that was seen later than now, by a clock that was wrong, is as old as those that came after it.
        """
        rows: list[Any] = self._history.connection.execute(
            "SELECT t.id, t.state_id, s.text, t.seen FROM tasks t LEFT JOIN texts s ON s.id = t.state_id "
            "WHERE t.id > ? AND t.id <= ? ORDER BY t.id LIMIT ?",
            (above, last, limit),
        ).fetchall()
        if before is None:
            return [row[:3] for row in rows]
        end = max((row_id for row_id, row in enumerate(rows, 1) if row[3] < before), default=0)
        if not end and rows and rows[0][3] > now and self._old_above(rows[-1][0], last, before):
            end = len(rows)
        return [row[:3] for row in rows[:end] if row[3] < before or row[3] > now]

    def _old_above(self, row_id: int, last: int, before: float) -> bool:
        """Is one of some tasks above a number older than a moment?"""
        step = max((last - row_id) // _PROBES, 1)
        return any(
            (seen := self._history.connection.execute("SELECT seen FROM tasks WHERE id = ?", (probe,)).get) is not None
            and seen < before
            for probe in range(row_id + 1, last + 1, step)
        )

    def _trim(self, now: float) -> bool:
        """Delete what hangs on tasks by time: counts, runtimes, samples and gaps, as old as the tasks that went."""
        connection = self._history.connection
        if not self._trims:
            if _is_early(now, self._next_trim, TRIM_SECONDS):
                return False
            self._next_trim = now + TRIM_SECONDS
            self._trim_before = now - self._seconds if self._seconds > 0 else 0.0
            if self._bytes and self.deleted:
                oldest = connection.execute("SELECT seen FROM tasks ORDER BY id LIMIT 1").get
                self._trim_before = max(self._trim_before, oldest or 0.0)
            if self._trim_before <= 0:
                return False
            with connection:
                connection.execute("DELETE FROM gaps WHERE ended < ?", (self._trim_before,))
            self._trims = [(table, None) for table in _BY_TIME]
            self._trims += [("queue_samples", queue) for queue in self._sampled_queues()]
        table, queue = self._trims[-1]
        of_queue = "" if queue is None else f"queue_id = {queue} AND"
        edge = connection.execute(
            f"SELECT at FROM {table} WHERE {of_queue} at < ? ORDER BY at LIMIT 1 OFFSET ?",
            (self._trim_before, self._rows),
        ).get
        if edge is None:
            self._trims.pop()
        with connection:
            connection.execute(
                f"DELETE FROM {table} WHERE {of_queue} at < ?",
                (self._trim_before if edge is None else min(edge + 1, self._trim_before),),
            )
        return True

    def _sampled_queues(self) -> list[int]:
        found: list[int] = []
        queue_id = self._history.connection.execute("SELECT min(queue_id) FROM queue_samples").get
        while queue_id is not None:
            found.append(queue_id)
            queue_id = self._history.connection.execute(
                "SELECT min(queue_id) FROM queue_samples WHERE queue_id > ?", (queue_id,)
            ).get
        return found

    def _forget_texts(self, now: float) -> bool:
        """Delete the names, queues and workers that no task has any more."""
        connection, sweep = self._history.connection, self._sweep
        if sweep is None:
            if self.deleted == self._deleted_at_sweep or _is_early(now, self._next_sweep, SWEEP_SECONDS):
                return False
            self._next_sweep = now + SWEEP_SECONDS
            self._deleted_at_sweep = self.deleted
            self._history.texts.forget()
            last = int(connection.execute("SELECT coalesce(max(id), 0) FROM texts").get)
            states = {string_id for (string_id,) in connection.execute("SELECT state_id FROM state_counts WHERE n > 0")}
            self._sweep = _Sweep(states | set(self._sampled_queues()), last, self._history.texts.cleared)
            return True
        if sweep.cleared != self._history.texts.cleared:  # what is in use is no longer known
            self._sweep = None
            return True
        rows: list[Any] = connection.execute(
            "SELECT id, name_id, queue_id, worker_id, exchange_id, routing_key_id, state_id FROM tasks "
            "WHERE id > ? ORDER BY id LIMIT ?",
            (sweep.task, self._rows),
        ).fetchall()
        if rows:
            sweep.task = rows[-1][0]
            sweep.used.update(string_id for row in rows for string_id in row[1:])
            return True
        hour = connection.execute("SELECT min(at) FROM task_runtimes WHERE at > ?", (sweep.at,)).get
        if hour is not None:
            sweep.at = hour
            names = connection.execute("SELECT DISTINCT name_id FROM task_runtimes WHERE at = ?", (hour,))
            sweep.used.update(string_id for (string_id,) in names)
            return True
        return self._delete_texts(sweep)

    def _delete_texts(self, sweep: _Sweep) -> bool:
        connection = self._history.connection
        texts: list[int] = [
            string_id
            for (string_id,) in connection.execute(
                # the last one stays: its number must not be given to another text
                "SELECT id FROM texts WHERE id > ? AND id < ? ORDER BY id LIMIT ?",
                (sweep.text, sweep.last, self._rows),
            )
        ]
        if not texts:
            self._sweep = None
            return True
        sweep.text = texts[-1]
        unused = set(texts) - sweep.used - self._history.texts.in_use()
        with connection:
            connection.executemany("DELETE FROM texts WHERE id = ?", [(string_id,) for string_id in unused])
        return True

    def _shrink(self) -> bool:
        """Give pages back once a third of the file is free, until a tenth is; fewer are soon used again."""
        pages, free = (int(self._history.connection.pragma(name)) for name in ("page_count", "freelist_count"))
        self._shrinking = free > (pages // 10 if self._shrinking else max(2_000, pages // 3))
        return self._shrinking and self._give_back(free - pages // 10)

    def _give_back(self, pages: int) -> bool:
        """Cut free pages off the file's end; a file of format 1 cannot, until it is compacted."""
        connection = self._history.connection
        if pages <= 0 or connection.pragma("auto_vacuum") != 2:
            return False
        try:
            connection.execute(f"PRAGMA incremental_vacuum({min(pages, self._rows)})").fetchall()
        except apsw.BusyError:
            return False
        return True


def _is_early(now: float, due: float, every: float) -> bool:
    """Is it before a time that comes in at most ``every`` seconds? A clock that was set back makes nothing wait."""
    return due - every <= now < due
