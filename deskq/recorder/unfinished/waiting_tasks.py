"""Tasks recorded as waiting: notice when they expired unreceived, or went on during a gap."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from deskq.brokers.ports import QueueSample
from deskq.brokers.rabbitmq.delayed import is_delay
from deskq.history.writing.writer import History, Waiting
from deskq.protocol.task_attempts import Attempt
from deskq.protocol.task_record import EXPIRED, GONE, RETRIED, RUNNING, Observation, TaskRecord
from deskq.protocol.task_summary import TaskSummary, derive
from deskq.recorder.tracking.worker_tracker import WorkerWatch
from deskq.recorder.unfinished.stored_notes import stored_note
from deskq.recorder.unfinished.witnesses import WitnessAnswer, Witnesses

STATES: Final = ("SENT", "RETRY", "RECEIVED")
SLICE: Final = 1_000
"""Rows that are looked at in one round."""
PAUSE_SECONDS: Final = 5.0
"""Between two passes through all that waits."""
EXPIRED_AFTER: Final = 3.0
"""Seconds that the event of a delivery just before the end gets to arrive."""
LONG_EXPIRED: Final = 60.0
"""The same where nothing tells how far the clocks are apart."""
GAP_OVER: Final = 5.0
"""Seconds after a gap until workers are connected again, and what they held back has come."""
ABSENT_AGAIN: Final = 2.0
"""Seconds between the two questions that must both find a task nowhere."""
MOST_ASKED: Final = 200
_MOST_SETTLED: Final = 100_000
_FIRST_PAUSE, _LONGEST_PAUSE = 10.0, 300.0
_FRESH: Final = 30.0
"""A sample of a queue's depth that is older says nothing."""


@dataclass(slots=True)
class _Suspect:
    """A task that was seen before the last gap ended; ``known``: how much was known when it was asked for last."""

    ask_at: float
    pause: float = _FIRST_PAUSE
    absent: int = 0
    known: int = 0


class WaitingTasks:
    """Looks through them in slices. ``drops_expired``: the broker drops what has expired without a word (RabbitMQ)."""

    def __init__(self, history: History, workers: WorkerWatch, witnesses: Witnesses, *, drops_expired: bool) -> None:
        self._history = history
        self._workers = workers
        self._witnesses = witnesses
        self._drops_expired = drops_expired
        self._samples: dict[str, QueueSample] = {}
        self._doubts: dict[str, _Suspect] = {}
        self._settled: set[str] = set()
        self._gap_ended: float | None = None
        self._state, self._above = 0, 0
        self._next_pass = 0.0

    def sampled(self, samples: Iterable[QueueSample]) -> None:
        """Take in how much waits in queues."""
        self._samples.update((sample.name, sample) for sample in samples)

    def check(self, now: float, gap_ended: float | None) -> None:
        """Look at the next slice. ``gap_ended``: when events were missed last, by the local clock."""
        if gap_ended != self._gap_ended:
            self._gap_ended, self._next_pass = gap_ended, (gap_ended or now) + GAP_OVER
            self._state = self._above = 0
            self._settled.clear()
            self._doubts.clear()
        useful = self._drops_expired or (gap_ended is not None and self._can_ask)
        if not useful or (self._state == self._above == 0 and now < self._next_pass):
            return
        rows = self._history.waiting(STATES[self._state], self._above, SLICE)
        for row in rows:
            self._look_at(row, STATES[self._state], now)
        if len(rows) == SLICE:
            self._above = rows[-1].id
            return
        self._state, self._above = (self._state + 1) % len(STATES), 0
        if self._state == 0:
            self._next_pass = now + PAUSE_SECONDS

    def to_ask(self, now: float) -> frozenset[str]:
        """Return the tasks that somebody should be asked for."""
        due = [uuid for uuid, doubt in self._doubts.items() if doubt.ask_at <= now] if self._can_ask else []
        return frozenset(due[:MOST_ASKED])

    def answered(self, answer: WitnessAnswer, now: float) -> None:
        """Take in who holds what, and what the result backend has."""
        for uuid in answer.question.waits:
            doubt = self._doubts.get(uuid)
            if doubt is None:
                continue
            known = self._history.peek(uuid, now)
            summary = derive(known)
            if summary.state not in STATES or self._is_told(uuid, known, summary, answer, now):
                del self._doubts[uuid]
                if len(self._settled) < _MOST_SETTLED:
                    self._settled.add(uuid)
                continue
            nowhere = self._is_nowhere(summary, answer, now)
            unchanged = doubt.absent == 0 or doubt.known == len(known.observations)
            doubt.known = len(known.observations)
            if nowhere and unchanged and doubt.absent:
                self._history.record(uuid, now).observe(_note(GONE, _newest(summary), now))
                del self._doubts[uuid]
            elif nowhere:
                doubt.absent, doubt.ask_at = 1, now + ABSENT_AGAIN
            else:
                doubt.absent, doubt.ask_at = 0, now + doubt.pause
                doubt.pause = min(doubt.pause * 2, _LONGEST_PAUSE)

    @property
    def _can_ask(self) -> bool:
        return self._witnesses.may_ask or self._witnesses.may_look_up

    def _look_at(self, row: Waiting, state: str, now: float) -> None:
        in_gap = self._gap_ended is not None and row.seen <= self._gap_ended
        if self._drops_expired and state != "RECEIVED" and row.expires is not None and not in_gap:
            # by the sender's clock; a retry was sent by a worker, later than the task was first seen
            ahead = row.sent - row.seen if row.sent is not None and not row.retries else 0.0
            if now > row.expires - ahead + EXPIRED_AFTER:
                self._expire(row.uuid, row.expires, now)
        elif in_gap and row.uuid not in self._settled and len(self._doubts) < SLICE:
            self._doubts.setdefault(row.uuid, _Suspect(now))

    def _expire(self, uuid: str, expires: float, now: float) -> None:
        summary = derive(self._history.peek(uuid, now))
        newest = _newest(summary)
        if newest.received is not None or newest.started is not None or newest.ending is not None:
            return
        deaf = any(
            worker.events_enabled is False and (not summary.queue or summary.queue in worker.queues)
            for worker in self._workers.workers.values()
        )  # a worker that sends no events may have run it
        kind = GONE if deaf else EXPIRED
        self._history.record(uuid, now).observe(_note(kind, newest, now, -1 if deaf else expires))

    def _is_told(self, uuid: str, known: TaskRecord, summary: TaskSummary, answer: WitnessAnswer, now: float) -> bool:
        """Does somebody know how it fares? Then that is noted, as far as it is news."""
        newest = _newest(summary)
        note = stored_note(answer.stored.get(uuid), newest, now)
        if note is not None:
            self._history.record(uuid, now).observe(note)
            return True
        for worker, running in answer.runs.items():
            if uuid in running:
                if worker == newest.worker and newest.received is not None:
                    self._history.record(uuid, now).observe(_note(RUNNING, newest, now, running[uuid]))
                return True
        return any(uuid in held for held in (answer.holds or {}).values())

    def _is_nowhere(self, summary: TaskSummary, answer: WitnessAnswer, now: float) -> bool:
        """Did every worker say that it does not have it, and is there no message where it could wait?"""
        if answer.holds is None or summary.name in answer.limited:
            return False
        there = [worker for worker in self._workers.workers.values() if worker.online or worker.unknown]
        if any(worker.hostname not in answer.holds or len(worker.pids) > 1 for worker in there):
            return False
        if self._drops_expired and summary.expires is not None and now > summary.expires + LONG_EXPIRED:
            return True  # whatever waits in its queue is not this one
        if is_delay(summary.exchange) and summary.eta is not None and now < summary.eta + LONG_EXPIRED:
            return False  # RabbitMQ holds it in no queue of a worker's
        queues = self._queues_of(summary)
        held = sum(map(len, answer.holds.values()))
        return bool(queues) and all(_is_empty(self._samples.get(name), held, now) for name in queues)

    def _queues_of(self, summary: TaskSummary) -> set[str]:
        """Return where it may wait: task-sent names the default queue where an exchange decided."""
        if summary.queue and summary.routing_key in ("", summary.queue):
            return {summary.queue}
        worker = self._workers.workers.get(summary.worker)
        return set(self._samples) | ({summary.queue} if summary.queue else set(worker.queues if worker else ()))


def _newest(summary: TaskSummary) -> Attempt:
    """Return the attempt that counts, or the one that must follow a retry of which nothing more is known."""
    newest = summary.attempts[summary.counts] if summary.attempts else Attempt()
    if newest.ending is None:
        return newest
    return Attempt(retries=newest.retries + (newest.ending == RETRIED), sent=newest.finished)


def _note(kind: int, newest: Attempt, now: float, number: float = -1) -> Observation:
    return Observation(kind, now, max(newest.retries, 0), newest.worker, newest.pid, number)


def _is_empty(sample: QueueSample | None, held: int, now: float) -> bool:
    """Unacknowledged messages are no worker's that lives only if there are more than the living ones hold."""
    if sample is None or sample.ready is None or now - sample.at > _FRESH:
        return False
    return sample.ready == 0 and (sample.unacked or 0) <= held
