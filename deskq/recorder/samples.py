"""From what the sampler found out to rows of the history: depths, consumers, facts about workers, silent endings."""

from __future__ import annotations

import time

from deskq.history.store import History
from deskq.recorder.endings import SilentEndings
from deskq.recorder.queue_watch import QueueWatch
from deskq.recorder.sampler import FACTS_SECONDS, Sampled, Wanted
from deskq.recorder.worker_watch import WorkerWatch

_OLDEST_SECONDS = 5.0


class Samples:
    """Used by the recorder's thread. ``server``: product and version, "" until it answered."""

    def __init__(self, history: History, workers: WorkerWatch, queues: QueueWatch, endings: SilentEndings) -> None:
        self._history = history
        self._workers = workers
        self._queues = queues
        self._endings = endings
        self._facts_at: dict[str, float] = {}
        self._oldest: dict[str, float] = {}
        self._next_oldest = 0.0
        self.server = ""

    def wanted(self, now: float) -> Wanted:
        """Return what the sampler should ask in its next round."""
        online = self._workers.online()
        facts = tuple(name for name in online if now - self._facts_at.get(name, 0.0) >= FACTS_SECONDS)
        return Wanted(tuple(self._queues.names), facts, tuple(self._endings.worth_asking(now)))

    def take(self, result: Sampled, gap_ended: float | None) -> None:
        """Write what one round found out; ``gap_ended``: when events were last missed. Raises apsw.Error."""
        now = time.time()
        if result.server:
            self.server = result.server
        if result.stats is not None or result.active_queues is not None:
            self._facts_at.update(dict.fromkeys(result.asked.facts_of, now))
            self._workers.replies(result.stats or {}, result.active_queues or {})
        if now >= self._next_oldest:
            self._next_oldest = now + _OLDEST_SECONDS
            self._oldest = self._history.oldest_waiting()
        consumers = self._consumers()
        if result.names is not None:
            in_use = [name for worker in self._workers.workers.values() if worker.online for name in worker.queues]
            self._history.drop_queues(self._queues.found(result.names, in_use, complete=bool(result.names)))
        chosen = [sample for sample in result.samples if sample.name in self._queues.names]
        rows, kept = self._queues.rows(chosen, consumers, self._oldest, now)
        if rows:
            self._history.put_queues(rows, kept)
        if result.active is not None:
            self._endings.active(result.active, now, gap_ended)

    def _consumers(self) -> dict[str, list[str]] | None:
        """Worker names by queue; None until some worker has told its queues."""
        if not any(worker.queues for worker in self._workers.workers.values()):
            return None
        consumers: dict[str, list[str]] = {}
        for worker in self._workers.workers.values():
            if worker.online:
                for name in worker.queues:
                    consumers.setdefault(name, []).append(worker.hostname)
        return consumers
