"""One worker node as its heartbeats, task events and answers show it; see WorkerWatch."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from deskq.history.rows import WorkerRow
from deskq.protocol.events import Event

BEATS_MISSED: Final = 5
BEATS_TO_JUDGE: Final = 6
BEATS_CLOSE: Final = 0.68
"""Of the time between two heartbeats: six of two workers lie at most 0.6 of it apart on average, one's a whole."""
DEAF_AT_WORK: Final = "solo"
"""The pool whose tasks run where the worker would send heartbeats and events, and answer."""
MOST_PROCESSES: Final = 16
"""Processes of one name that are told apart."""
LEAST_SILENCE: Final = 8.0
"""Seconds without a sign of life after which a worker that used to send heartbeats counts as offline, at least."""


@dataclass(slots=True)
class Worker:
    """One node name. Times are local epoch seconds unless they say otherwise.

    ``pids``: its processes and when each was heard last; ``came``: when each was heard first. ``unknown``: nothing
    tells whether it is there; it is not online then. ``listened``: since when it could be heard; ``began``: when it
    came, None if that was not heard and it has not said so.

    ``told``: when it last said which queues it consumes, None since it came; ``facts_asked``: when it was asked, and
    ``untold``: after so many seconds it is asked again if it does not say. ``answers``: it has answered, or held its
    control queue, since it came; ``asked``: when it was last asked whether it is there, ``unanswered`` times in a row
    to no avail.
    """

    hostname: str
    first_seen: float
    online: bool = True
    since: float = 0.0
    heard: float = 0.0
    heartbeat: float | None = None
    pid: int | None = None
    software: str = ""
    frequency: float | None = None
    load: tuple[float, float, float] | None = None
    active: int | None = None
    processed: int | None = None
    pool: str | None = None
    concurrency: int | None = None
    queues: tuple[str, ...] = ()
    events_enabled: bool | None = None
    missed: int = 0
    leads: deque[float] = field(default_factory=lambda: deque(maxlen=10))
    pids: dict[int, float] = field(default_factory=dict)
    came: dict[int, float] = field(default_factory=dict)
    beats: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=BEATS_TO_JUDGE))
    started: int = 0
    base: tuple[int, int] | None = None
    previous: tuple[int, float] | None = None
    silent_beats: int = 0
    unknown: bool = False
    listened: float = 0.0
    began: float | None = None
    told: float | None = None
    facts_asked: float = 0.0
    untold: float = 0.0
    answers: bool = False
    asked: float = 0.0
    unanswered: int = 0

    @property
    def clock_difference(self) -> float | None:
        """Its clock minus ours, in seconds: the least delayed of the last events shows it best."""
        return max(self.leads) if self.leads else None

    @property
    def duplicate_name(self) -> bool:
        """Do two processes use this name at the same time? Then the earlier is heard after the later has come.

        In containers both may have the same pid: then heartbeats come twice as often as they say.
        """
        return self._beats_too_often or any(
            self.pids[one] > self.came[other] > self.came[one]
            for one in self.pids
            for other in self.pids
            if one != other
        )

    @property
    def _beats_too_often(self) -> bool:
        """By their own times, which a clock may set back, and by ours, which run short where we catch up."""
        if not self.frequency or len(self.beats) < BEATS_TO_JUDGE:
            return False
        spans = (max(times) - min(times) for times in zip(*self.beats, strict=True))
        return all(span / (BEATS_TO_JUDGE - 1) < BEATS_CLOSE * self.frequency for span in spans)

    @property
    def beats_at_work(self) -> bool:
        """Does it send heartbeats, also while it runs tasks? On Redis a solo pool does not, nor does it answer."""
        return self.frequency is not None and self.pool != DEAF_AT_WORK

    @property
    def patience(self) -> float:
        """Seconds of silence after which it, or one of its processes, counts as gone."""
        return max(LEAST_SILENCE, (self.frequency or 0.0) * BEATS_MISSED)

    @property
    def stopped_beating(self) -> bool:
        """Does it tell of tasks, and has long sent no heartbeat? Then it was started again without them."""
        return self.heard - max(self.heartbeat or 0.0, self.listened, self.since) > self.patience

    @classmethod
    def of_row(cls, row: WorkerRow, heard: float) -> Worker:
        """Return it as the history has it; ``heard``: when it counts as heard."""
        worker = cls(row.hostname, row.first_seen, row.online, row.since, heard=heard)
        worker.heartbeat, worker.pid, worker.software = row.last_heartbeat, row.pid, row.software
        worker.pool, worker.concurrency, worker.queues = row.pool, row.concurrency, row.queues
        worker.events_enabled, worker.missed, worker.processed = row.events_enabled, row.missed, row.processed
        worker.frequency, worker.unknown, worker.listened = row.frequency, row.unknown, heard
        worker.answers = row.online and row.pool is not None  # only an answer tells of the pool
        return worker

    def come_online(self, now: float) -> None:
        """It is there, and was not before: nothing that it said then is known any more."""
        self.online, self.unknown, self.since, self.listened = True, False, now, now
        self.began = None
        self.base = self.previous = None
        self._may_consume_others()
        self.answers, self.unanswered = False, 0

    def process_heard(self, pid: int, now: float) -> None:
        """A process of its name gave a sign of life; those that were long silent are forgotten."""
        if pid != self.pid and pid not in self.pids:
            self.base = self.previous = self.began = None  # a new process counts from zero
            self.started = 0
            self._may_consume_others()
        self.pids[pid] = now
        self.came.setdefault(pid, now)
        self.pid = pid
        for old in [other for other, heard in self.pids.items() if now - heard > self.patience and other != pid]:
            self.forget_process(old)
        if len(self.pids) > MOST_PROCESSES:
            self.forget_process(min(self.pids, key=self.pids.__getitem__))

    def forget_process(self, pid: int) -> None:
        """A process of its name is gone."""
        self.pids.pop(pid, None)
        self.came.pop(pid, None)

    def take_facts(self, event: Event) -> None:
        """Take in what its event says of it."""
        if event.sw_ident:
            self.software = " ".join(part for part in (event.sw_ident, event.sw_ver, event.sw_sys) if part)
        if event.freq is not None and event.freq > 0:
            self.frequency = event.freq
        if event.loadavg is not None and len(event.loadavg) == 3:
            self.load = (event.loadavg[0], event.loadavg[1], event.loadavg[2])
        if event.active is not None:
            self.active = event.active

    def take_stats(self, reply: Mapping[str, object], at: float) -> None:
        """Take in what it answered to ``inspect stats``, asked ``at`` a time."""
        pool = reply.get("pool")
        if isinstance(pool, dict):
            self.pool = _pool_name(str(pool.get("implementation", ""))) or self.pool
            size = pool.get("max-concurrency")
            self.concurrency = size if isinstance(size, int) else self.concurrency
        uptime = reply.get("uptime")
        if isinstance(uptime, (int, float)) and 0 <= uptime <= at:
            self.began = at - uptime

    def take_queues(self, reply: Sequence[object], at: float) -> None:
        """Take in what it answered to ``inspect active_queues``, asked ``at`` a time."""
        names = (entry.get("name") for entry in reply if isinstance(entry, dict))
        self.queues = tuple(sorted({name for name in names if isinstance(name, str)}))
        self.told = at

    def _may_consume_others(self) -> None:
        """It was started again: what it said before it consumes is outdated."""
        self.told, self.untold = None, 0.0

    def row(self) -> WorkerRow:
        """Return it as the history keeps it."""
        return WorkerRow(
            hostname=self.hostname,
            online=self.online,
            since=self.since,
            first_seen=self.first_seen,
            last_heartbeat=self.heartbeat,
            pid=self.pid,
            software=self.software,
            pool=self.pool,
            concurrency=self.concurrency,
            load=self.load,
            active=self.active if self.online else None,
            processed=self.processed,
            frequency=self.frequency,
            clock_difference=self.clock_difference,
            events_enabled=self.events_enabled,
            queues=self.queues,
            duplicate_name=self.duplicate_name,
            missed=self.missed,
            unknown=self.unknown,
            began=self.began if self.online else None,
        )


@dataclass(frozen=True, slots=True)
class Missed:
    """A worker has accepted more tasks than it told of: ``count`` between two heartbeats."""

    hostname: str
    since: float
    until: float
    count: int

    @property
    def cause(self) -> str:
        """What the gap in the history is called."""
        tasks = "1 task" if self.count == 1 else f"{self.count} tasks"
        return f"{self.hostname} accepted {tasks} whose events did not arrive"


def _pool_name(implementation: str) -> str:
    """``celery.concurrency.prefork:TaskPool`` is called prefork."""
    return implementation.partition(":")[0].rpartition(".")[2]
