"""Who works: worker nodes as their heartbeats and task events show them, judged by the local clock.

Celery's heartbeats come every 2 s, carry a cumulative count of accepted tasks (``processed``), and stop without
a word when a worker is killed (celery/worker/heartbeat.py, celery/worker/state.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from deskq.history.rows import WorkerRow
from deskq.protocol.events import Event
from deskq.protocol.task_record import CLOCK_ASTRAY
from deskq.recorder.tracking.consumers import Consumers, consumers_of
from deskq.recorder.tracking.worker import LEAST_SILENCE, Missed, Worker

SILENT_BEATS: Final = 3
"""Heartbeats in a row with tasks accepted and none told of, after which task events are known to be off."""
LEADS_TO_JUDGE: Final = 3
"""Heartbeats after which the difference of a worker's clock counts: one alone may have been late."""
MAX_WORKERS: Final = 5_000
"""Names of workers that are kept: beyond, those longest offline make room, and a new one is not taken if none is."""
LONGEST_NAME: Final = 1_024
"""Characters; a longer name is no worker's."""
FORGOTTEN_AFTER: Final = 7 * 86_400.0
"""Seconds offline after which a worker is forgotten: in containers each start has a new name."""
UNKNOWN_AFTER: Final = 60.0
"""Seconds without a sign of life after which nobody knows whether one is there that sends no heartbeats."""


class WorkerWatch:
    """All worker nodes of one profile; knows no clock but the ``now`` it is given, and does no I/O."""

    def __init__(self, known: Iterable[WorkerRow] = ()) -> None:
        self.workers: dict[str, Worker] = {}
        self.changed: set[str] = set()
        self.missed: list[Missed] = []
        self.forgotten: list[str] = []
        self.refused = 0
        self.muted = False
        self.clocks: dict[str, float] = {}  # seconds ahead, of the workers whose clocks are known; 0.0: as ours
        self._checked: float | None = None
        self.add_known(known)

    def add_known(self, known: Iterable[WorkerRow], heard: float = 0.0) -> None:
        """Take in workers as the history has them, as far as nothing was heard of them; ``heard``: when they count as
        heard.
        """
        for row in known:
            if row.hostname in self.workers:
                continue
            self.workers[row.hostname] = Worker.of_row(row, heard)
            if row.began is not None:  # it may have been started again since
                self.changed.add(row.hostname)

    @property
    def refusals(self) -> str:
        """What the status should tell of workers that are not watched, "" if all are."""
        if not self.refused:
            return ""
        return f"Too many or too long worker names: {self.refused:,} of their events are missing from the Workers view."

    def silent_until(self, now: float) -> None:
        """Nobody could be heard until now: silence before it says nothing, and counts begin anew."""
        for worker in self.workers.values():
            worker.heard = now if worker.online else worker.heard
            worker.listened, worker.unanswered = now, 0
            worker.began, worker.untold = None, 0.0
            worker.pids = dict.fromkeys(worker.pids, now)
            worker.came = dict.fromkeys(worker.pids, now)
            worker.base = worker.previous = None
            worker.leads.clear()  # what was read late says nothing of a clock
        self.clocks.clear()

    def mute(self, now: float, *, muted: bool) -> None:
        """Does the broker take no messages? Then nobody can send a heartbeat, and silence says nothing."""
        if self.muted and not muted:
            self.silent_until(now)
        self.muted = muted

    def task_event(self, event: Event, now: float) -> None:
        """Take note of a sign of life (not of task-sent: a client sent that)."""
        self.tasks_heard(event.hostname, int(event.type == "task-started"), now)

    def tasks_heard(self, hostname: str, started: int, now: float) -> None:
        """Take note of events of tasks, so many of which were started."""
        if not hostname:
            return
        worker = self.workers.get(hostname)
        if worker is None:
            worker = self._new(hostname, now)
            if worker is None:
                return
        worker.heard = now
        worker.silent_beats = 0
        worker.started += started
        if not worker.events_enabled:
            worker.events_enabled = True
            self.changed.add(worker.hostname)
        if not worker.online:
            worker.come_online(now)

    def worker_event(self, event: Event, now: float) -> None:
        """Take in worker-online, worker-heartbeat or worker-offline."""
        worker = self.workers.get(event.hostname) or self._new(event.hostname, now)
        if worker is None:
            return
        self.changed.add(worker.hostname)
        worker.heard = now
        if event.pid >= 0:
            worker.process_heard(event.pid, now)
        if event.type != "worker-heartbeat":
            worker.beats.clear()
        if event.type == "worker-offline":
            worker.forget_process(event.pid)
            if worker.online and not worker.pids:
                self._offline(worker, now)
            return
        worker.heartbeat = now
        worker.leads.append(event.timestamp - now)
        self._judge_clock(worker)
        if all(event.timestamp != stamp for stamp, _ in worker.beats):  # what comes again is one
            worker.beats.append((event.timestamp, now))
        if not worker.online:
            worker.come_online(now)
        if event.type == "worker-online":
            worker.began = now
        worker.take_facts(event)
        if event.processed is not None:
            self._processed(worker, event.processed, now)

    def _judge_clock(self, worker: Worker) -> None:
        difference = worker.clock_difference
        if difference is not None and len(worker.leads) >= LEADS_TO_JUDGE:
            self.clocks[worker.hostname] = round(difference, 1) if abs(difference) >= CLOCK_ASTRAY else 0.0

    def answered(self, hostname: str, at: float) -> None:
        """It answered a question that was asked ``at`` a time, or held its control queue then: it was there."""
        worker = self.workers.get(hostname) or self._new(hostname, at)
        if worker is None or (not worker.online and at < worker.since):
            return  # it said goodbye meanwhile
        worker.heard, worker.unanswered = max(worker.heard, at), 0
        if not worker.online:
            worker.come_online(at)
            self.changed.add(hostname)
        worker.answers = True

    def gone(self, hostname: str) -> None:
        """It gives no sign of life any more: it is offline since its last one."""
        worker = self.workers.get(hostname)
        if worker is not None and (worker.online or worker.unknown):
            self._offline(worker, worker.since if worker.unknown else worker.heard)

    def replies(self, stats: Mapping[str, object], queues: Mapping[str, object], at: float) -> None:
        """Take in what ``inspect stats`` and ``inspect active_queues`` answered that were asked ``at`` a time."""
        for hostname, reply in stats.items():
            worker = self.workers.get(hostname)
            if worker is not None and isinstance(reply, dict):
                worker.take_stats(reply, at)
                self.changed.add(hostname)
        for hostname, reply in queues.items():
            worker = self.workers.get(hostname)
            if worker is not None and isinstance(reply, list):
                worker.take_queues(reply, at)
                self.changed.add(hostname)

    def forget_long_gone(self, now: float | None) -> None:
        """Forget who is offline for long, by a clock that is to be trusted; None: by none is."""
        if now is None:
            return
        gone = [w.hostname for w in self.workers.values() if not w.online and now - w.since > FORGOTTEN_AFTER]
        for name in gone:
            del self.workers[name]
            self.changed.discard(name)
        self.forgotten += gone

    def check(self, now: float) -> None:
        """Mark as offline who has been silent for too long.

        Of those that send no heartbeats, or none at work, silence says nothing. What is asked of them tells instead
        (see Presence); where nothing does, it is not known whether they are there.
        """
        if self._checked is not None and not -1.0 <= now - self._checked <= LEAST_SILENCE:
            self.silent_until(now)  # it is asked every second: the clock was set, and silence cannot be told by it
        self._checked = now
        for worker in self.workers.values():
            if not worker.online:
                continue
            if worker.frequency is not None and not self.muted and worker.stopped_beating:
                worker.frequency = None
                self.changed.add(worker.hostname)
            silence = now - worker.heard
            if worker.beats_at_work and not self.muted and silence > worker.patience:
                self._offline(worker, worker.heard or now)
            elif silence > UNKNOWN_AFTER:
                self._offline(worker, worker.heard or now)
                worker.unknown = True

    def take_changed(self) -> list[WorkerRow]:
        """Return the rows that changed since the last call."""
        rows = [self.workers[hostname].row() for hostname in sorted(self.changed)]
        self.changed.clear()
        return rows

    def take_forgotten(self) -> list[str]:
        """Return the names that made room since the last call."""
        forgotten, self.forgotten = self.forgotten, []
        return forgotten

    def take_missed(self) -> list[Missed]:
        """Return what was missed since the last call."""
        missed, self.missed = self.missed, []
        return missed

    def online(self) -> list[str]:
        """Return the names of the workers that are online."""
        return [worker.hostname for worker in self.workers.values() if worker.online]

    def consumers(self, *, all_asked: bool) -> Consumers:
        """Return who consumes which queue, as the workers said; ``all_asked``: even those that were never heard."""
        return consumers_of(self.workers.values(), all_asked=all_asked)

    def is_alive(self, hostname: str, pid: int) -> bool | None:
        """Does this process live? None: nothing tells."""
        worker = self.workers.get(hostname)
        if worker is None or worker.unknown or (worker.online and worker.frequency is None):
            return None
        if not worker.online:
            return False
        if pid < 0 or pid in worker.pids:
            return True
        return False if len(worker.pids) == 1 else None

    def _new(self, hostname: str, now: float) -> Worker | None:
        full = len(self.workers) >= MAX_WORKERS
        if len(hostname) > LONGEST_NAME or (full and not self._make_room()):
            self.refused += 1
            return None
        worker = self.workers[hostname] = Worker(hostname, now, since=now, listened=now)
        self.changed.add(hostname)
        return worker

    def _make_room(self) -> bool:
        """Forget a tenth of the names, those longest offline; False if every worker is online."""
        offline = sorted((w for w in self.workers.values() if not w.online), key=lambda w: w.since)
        for worker in offline[: MAX_WORKERS // 10]:
            del self.workers[worker.hostname]
            self.changed.discard(worker.hostname)
            self.forgotten.append(worker.hostname)
        return bool(offline)

    def _offline(self, worker: Worker, since: float) -> None:
        worker.online, worker.unknown, worker.since, worker.active = False, False, since, None
        worker.pids.clear()
        worker.came.clear()
        self.changed.add(worker.hostname)

    def _processed(self, worker: Worker, processed: int, now: float) -> None:
        """Compare what it says to have accepted with the starts that it told of, one heartbeat late: order is loose."""
        if worker.base is None or processed < worker.base[0] or worker.duplicate_name:
            worker.base = (processed, worker.started)
            worker.previous = (processed, now)
            worker.processed = processed
            return
        assert worker.previous is not None
        expected = worker.previous[0] - worker.base[0]
        told = worker.started - worker.base[1]
        if expected > told:
            worker.silent_beats += 1  # task_event sets it back
            if worker.events_enabled and worker.silent_beats <= SILENT_BEATS:
                worker.missed += expected - told
                self.missed.append(Missed(worker.hostname, worker.previous[1], now, expected - told))
            else:
                worker.events_enabled = False
            worker.base = (worker.previous[0], worker.started)
        worker.previous = (processed, now)
        worker.processed = processed
