"""From what the sampler found out to rows of the history: depths, consumers, facts about workers, silent endings."""

from __future__ import annotations

import time
from typing import Final

from deskq.history.writing.writer import History
from deskq.recorder.poller import FACTS_SECONDS, Acted, PollRequest, PollResult
from deskq.recorder.tracking.broker_watch import BrokerWatch
from deskq.recorder.tracking.presence import Presence
from deskq.recorder.tracking.queue_tracker import QueueWatch
from deskq.recorder.tracking.worker_tracker import WorkerWatch
from deskq.recorder.unfinished.lost_tasks import LostTaskDetector

_OLDEST_SECONDS: Final = 5.0
_UNTOLD_SECONDS: Final = 4.0
"""After which a worker that has not told what it consumes is asked again; each time twice as long."""
_STEERED_SECONDS: Final = 2.0
"""For how long after workers were told something they are asked again: a worker obeys a moment after its answer."""


class PollApplier:
    """Used by the recorder's thread. ``server``: product and version, "" until it answered.

    ``problem``: why figures of the last round are missing, or are those of an earlier one, or the broker's alarm; ""
    where none of this is so.
    ``queues_known``, ``workers_known``: whether all have been asked for.
    """

    def __init__(self, history: History, workers: WorkerWatch, queues: QueueWatch, endings: LostTaskDetector) -> None:
        self._history = history
        self._workers = workers
        self._queues = queues
        self._endings = endings
        self._presence = Presence(workers, endings.busy)
        self._everyone_at = 0.0
        self.queues_known = self.workers_known = False
        self._acted = Acted()
        self._oldest: dict[str, float] = {}
        self._delayed: dict[str, int] = {}
        self.delayed: int | None = None
        self._next_oldest = 0.0
        self.server = self.problem = ""
        self._broker = BrokerWatch(history.path)

    def wanted(self, now: float) -> PollRequest:
        """Return what the sampler should ask in its next round."""
        return PollRequest(
            names=tuple(self._queues.names),
            absent=tuple(self._queues.absent),
            everyone=not 0 <= now - self._everyone_at < FACTS_SECONDS,
            facts_of=tuple(name for name in self._workers.online() if self._facts_due(name, now)),
            whether_there=tuple(self._presence.to_ask(now)),
        )

    def _facts_due(self, name: str, now: float) -> bool:
        worker = self._workers.workers[name]
        again = worker.untold if worker.told is None or worker.began is None else FACTS_SECONDS
        steered = self._acted.steered + _STEERED_SECONDS
        return not 0 <= now - worker.facts_asked < again or worker.facts_asked < steered <= now

    def take(self, result: PollResult) -> None:
        """Write what one round found out. Raises apsw.Error."""
        now = time.time()
        self.problem, self.delayed = result.problem, result.delayed
        if result.broker is not None:
            self._broker.told(result.broker, result.at)
        self._broker.heard(self._workers.workers.values())
        self.problem = self.problem or self._broker.notice
        if result.muted is not None:
            self._workers.mute(now, muted=result.muted)
        if result.bindings is not None:
            self._queues.bound.told_by_broker(result.bindings)
        self._queues.bound.told_by_workers(result.active_queues or {})
        if result.server:
            self.server = result.server
        if result.acted is not None:
            self._acted = result.acted
            self._queues.named(result.acted.queues)
        self._take_answers(result, now)
        if not self._next_oldest:
            self._queues.named(self._history.recent_queues())
        if now >= self._next_oldest:
            self._next_oldest = now + _OLDEST_SECONDS
            self._oldest = self._history.oldest_waiting(now)
            self._delayed = self._history.delayed(now) if self.delayed is not None else {}
            self._queues.named(self._oldest)
        consumers = self._workers.consumers(all_asked=self.workers_known)
        if result.names is not None:
            self.queues_known = self.queues_known or not result.problem
            workers = self._workers.workers.values()
            in_use = [name for worker in workers if worker.online or worker.unknown for name in worker.queues]
            self._queues.found(result.names, in_use, complete=bool(result.names))
        chosen = [s for s in result.samples if s.name in self._queues.names or s.name in self._queues.absent]
        rows, kept = self._queues.rows(chosen, consumers, self._oldest, now, self._delayed_for)
        gone = self._queues.take_gone()
        if gone:
            self._history.drop_queues(gone)
        if rows:
            self._history.put_queues(rows, kept)
        self._endings.sampled(result.samples)

    def _delayed_for(self, queue: str) -> int | None:
        """Of a queue that no event names nothing is known, unless all that is held is known to be for others."""
        complete = self.delayed is not None and self.delayed <= sum(self._delayed.values())
        return self._delayed.get(queue, 0 if complete else None)

    def _take_answers(self, result: PollResult, now: float) -> None:
        asked, stats, queues = result.asked, result.stats or {}, result.active_queues or {}
        self._presence.asked(asked.whether_there, result.there, result.asked_at, by_broker=result.connected)
        self._presence.replied(stats.keys() | queues.keys(), result.asked_at)
        self._workers.replies(stats, queues, result.asked_at)
        if result.everyone:
            self._everyone_at, self.workers_known = now, True
        for name in asked.facts_of if result.stats is not None else ():
            worker = self._workers.workers.get(name)
            if worker is not None:
                worker.facts_asked = now
                worker.untold = min(FACTS_SECONDS, max(_UNTOLD_SECONDS, 2 * worker.untold))
