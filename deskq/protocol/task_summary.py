"""What the observations of a task mean: its attempts, its state, and the columns that people look at.

Attempts are told apart by worker process; within one, events are ordered by Celery's logical clock, and endings
are matched to starts first in, first out: the next attempt is often received before the last one's ``task-retried``.
"""

from __future__ import annotations

from typing import Final

import msgspec

from deskq.protocol import task_record as kinds
from deskq.protocol.task_notes import apply_notes
from deskq.protocol.task_record import Observation, TaskRecord

STATE_OF_ENDING: Final[dict[int, str]] = {
    kinds.SUCCEEDED: "SUCCESS",
    kinds.FAILED: "FAILURE",
    kinds.RETRIED: "RETRY",
    kinds.REJECTED: "REJECTED",
    kinds.REVOKED: "REVOKED",
    kinds.CANCELLED: "RETRY",
    kinds.LOST: "LOST",
    kinds.ENDED: "ENDED",
    kinds.UNSEEN: "UNSEEN",
    kinds.EXPIRED: "REVOKED",
    kinds.GONE: "UNSEEN",
    kinds.STORED_SUCCESS: "SUCCESS",
    kinds.STORED_FAILURE: "FAILURE",
    kinds.STORED_REVOKED: "REVOKED",
    kinds.STORED_IGNORED: "IGNORED",
    kinds.STORED_RETRY: "RETRY",
}
FINAL_STATES: Final = frozenset({"SUCCESS", "FAILURE", "REJECTED", "REVOKED", "LOST", "ENDED", "UNSEEN", "IGNORED"})
NOTED_STATES: Final = FINAL_STATES - {"REJECTED"}
"""The states that a recorder may have noted where no event told of them."""
_ENDINGS: Final = frozenset({kinds.SUCCEEDED, kinds.FAILED})
_NEEDS_START: Final = frozenset({kinds.SUCCEEDED, kinds.FAILED, kinds.RETRIED, kinds.CANCELLED})


class Attempt(msgspec.Struct):
    """One delivery of the task to one worker. Times are the worker's own epoch seconds; None = not seen.

    ``noticed``: when a recorder noticed what no event told, by its own clock; ``finished`` is then the last that is
    known. ``result``: as the result backend holds it, where no event told it.
    """

    retries: int = -1
    worker: str = ""
    pid: int = -1
    sent: float | None = None
    received: float | None = None
    started: float | None = None
    finished: float | None = None
    ending: int | None = None
    runtime: float | None = None
    exception: str = ""
    traceback: str = ""
    custom: str = ""
    revoked: str = ""
    requeued: bool = False
    noticed: float | None = None
    result: str = ""

    @property
    def state(self) -> str:
        """The state of this attempt alone."""
        if self.ending is not None:
            return STATE_OF_ENDING[self.ending]
        if self.custom:
            return self.custom
        if self.started is not None:
            return "STARTED"
        return "RECEIVED" if self.received is not None else "SENT"

    @property
    def first_time(self) -> float:
        """The earliest time known of it."""
        return min((t for t in (self.sent, self.received, self.started, self.finished) if t is not None), default=0.0)

    @property
    def last_time(self) -> float:
        """The latest time known of it."""
        return max((t for t in (self.sent, self.received, self.started, self.finished) if t is not None), default=0.0)


class TaskSummary(msgspec.Struct):
    """One task as people see it; "" and None = not known. Times of the attempt that counts (the newest)."""

    uuid: str
    state: str
    attempts: list[Attempt] = msgspec.field(default_factory=list)
    name: str = ""
    args: str = ""
    kwargs: str = ""
    result: str = ""
    exception: str = ""
    traceback: str = ""
    queue: str = ""
    exchange: str = ""
    routing_key: str = ""
    worker: str = ""
    root_id: str = ""
    parent_id: str = ""
    eta: float | None = None
    expires: float | None = None
    sent: float | None = None
    received: float | None = None
    started: float | None = None
    finished: float | None = None
    runtime: float | None = None
    retries: int = 0
    deliveries: int = 0
    revoked: str = ""
    ran_twice: bool = False
    noticed: float | None = None


def derive(record: TaskRecord) -> TaskSummary:
    """Work out the summary; a pure function of the record, hence as independent of order as the record is."""
    only = only_attempt(record.observations)
    attempts, deliveries = replayed(record.observations) if only is None else ([only], 1)
    current = attempts[0] if len(attempts) == 1 else max(attempts, key=_rank, default=Attempt())
    if only is None:
        notes = [observation for observation in record.observations if observation.kind >= kinds.LOST]
        if notes:
            current = apply_notes(attempts, current, notes)
    state = current.state
    failed = current
    if current.retries > 0 and state in ("SENT", "RECEIVED"):
        state = "RETRY"
    if state == "RETRY" and not current.exception:
        failed = max((a for a in attempts if a.ending == kinds.RETRIED), key=_rank, default=current)
    summary = TaskSummary(
        record.uuid,
        state,
        attempts,
        worker=current.worker,
        sent=current.sent,
        received=current.received,
        started=current.started,
        finished=current.finished if state in FINAL_STATES else None,
        runtime=current.runtime,
        exception=failed.exception,
        traceback=failed.traceback,
        retries=max(current.retries, 0),
        deliveries=deliveries,
        revoked=current.revoked,
        noticed=current.noticed,
    )
    if state == "FAILURE" and summary.runtime is None and current.started is not None and current.finished is not None:
        summary.runtime = max(0.0, current.finished - current.started)
    if len(attempts) > 1:
        summary.ran_twice = _ran_twice(attempts)
    message = record.message
    if message is not None:
        summary.name, summary.args, summary.kwargs = message.name, message.args, message.kwargs
        summary.root_id, summary.parent_id = message.root_id, message.parent_id
        summary.eta = message.eta if message.eta >= 0 else None
        summary.expires = message.expires if message.expires >= 0 else None
    if record.route is not None:
        _, _, summary.queue, summary.exchange, summary.routing_key = record.route
    if state == "SUCCESS":
        summary.result = record.outcome.result if record.outcome is not None else current.result
    return summary


def only_attempt(observations: set[Observation]) -> Attempt | None:
    """Return the attempt of a task that was received once and went its way in order in one process, else None.

    That is nearly every task. It is the attempt that ``replayed`` finds, in a quarter of the time.
    """
    if len(observations) > 4:
        return None
    sent = received = started = ended = None
    for observation in observations:
        kind = observation[0]
        if kind == kinds.RECEIVED and received is None:
            received = observation
        elif kind == kinds.STARTED and started is None:
            started = observation
        elif kind in _ENDINGS and ended is None:
            ended = observation
        elif kind == kinds.SENT and sent is None:
            sent = observation
        else:
            return None
    if received is None:
        return None
    _, at, clock, worker, pid, number, _, _ = received
    retries = int(number) if number > 0 else 0
    attempt = Attempt(retries, worker, pid, None, at)
    if started is not None:
        if started[2] <= clock or started[3] != worker or started[4] != pid:
            return None
        clock = started[2]
        attempt.started = started[1]
    if ended is not None:
        if ended[2] <= clock or ended[3] != worker or ended[4] != pid:
            return None
        attempt.ending, attempt.finished = ended[0], ended[1]
        if ended[0] == kinds.FAILED:
            attempt.exception, attempt.traceback = ended[6], ended[7]
        elif ended[5] >= 0:
            attempt.runtime = ended[5]
    if sent is not None:
        if max(int(sent[5]), 0) != retries:
            return None
        attempt.sent = sent[1]
    return attempt


def replayed(observations: set[Observation]) -> tuple[list[Attempt], int]:
    """Return the attempts, oldest first, and how many deliveries to workers were seen."""
    processes: dict[tuple[str, int], list[Observation]] = {}
    sent: list[Observation] = []
    deliveries = 0
    for observation in observations:
        if observation.kind == kinds.SENT:
            sent.append(observation)
            continue
        if observation.kind > kinds.UNSEEN:  # a note of the newest attempt, whichever that is
            continue
        if observation.kind == kinds.RECEIVED:
            deliveries += 1
        key = (observation.hostname, observation.pid)
        if key in processes:
            processes[key].append(observation)
        else:
            processes[key] = [observation]
    attempts: list[Attempt] = []
    for (hostname, pid), seen in processes.items():
        if len(seen) > 1:
            seen.sort(key=_by_clock)
        attempts += _Process(hostname, pid).replay(seen)
    if len(attempts) > 1:
        attempts.sort(key=_by_first_time)
    _number(attempts)
    for observation in sorted(sent, key=_by_time) if len(sent) > 1 else sent:
        _place_sent(attempts, observation)
    if len(attempts) > 1:
        attempts.sort(key=_by_retries)
    return attempts, deliveries


def _by_clock(seen: Observation) -> tuple[int, bool, float, Observation]:
    """A process's own clock orders its events; what a recorder noted comes after what it was noted on."""
    return (seen.clock, seen.kind >= kinds.LOST, seen.timestamp, seen)


def _by_time(seen: Observation) -> tuple[float, Observation]:
    return (seen.timestamp, seen)


def _by_first_time(attempt: Attempt) -> tuple[float, str, int]:
    return (attempt.first_time, attempt.worker, attempt.pid)


def _by_retries(attempt: Attempt) -> tuple[int, float, str, int]:
    return (attempt.retries, attempt.first_time, attempt.worker, attempt.pid)


def _rank(attempt: Attempt) -> tuple[int, bool, float, bool, str, int]:
    """Which attempt counts: the last retry; of its deliveries one that is known to have gone on, then the latest."""
    noted = attempt.ending is not None and attempt.ending >= kinds.LOST
    return (
        attempt.retries,
        not noted,
        attempt.last_time,
        attempt.ending is not None,
        attempt.worker,
        attempt.pid,
    )


class _Process:
    """Replays what one worker process said of one task."""

    def __init__(self, hostname: str, pid: int) -> None:
        self.hostname = hostname
        self.pid = pid
        self.all: list[Attempt] = []
        self.waiting: list[Attempt] = []
        self.running: list[Attempt] = []
        self.ended: Attempt | None = None

    def replay(self, observations: list[Observation]) -> list[Attempt]:
        for seen in observations:
            if seen.kind == kinds.RECEIVED:
                attempt = self._new()
                attempt.retries = int(seen.number)
                attempt.received = seen.timestamp
                self.waiting.append(attempt)
            elif seen.kind == kinds.STARTED:
                attempt = self.waiting.pop(0) if self.waiting else self._new()
                attempt.started = seen.timestamp
                self.running.append(attempt)
            elif seen.kind == kinds.CUSTOM:
                self._custom(seen)
            else:
                self._ending(seen)
        return self.all

    def _new(self) -> Attempt:
        attempt = Attempt(worker=self.hostname, pid=self.pid)
        self.all.append(attempt)
        return attempt

    def _custom(self, seen: Observation) -> None:
        if self.running:
            self.running[-1].custom = seen.text
        elif self.ended is None:
            attempt = self.waiting.pop(0) if self.waiting else self._new()
            attempt.custom = seen.text
            self.running.append(attempt)

    def _ending(self, seen: Observation) -> None:
        if seen.kind >= kinds.LOST and not self.running:
            return  # the real ending was seen
        repeated = self.ended is not None and not self.running and self._amends(self.ended, seen)
        if repeated:
            attempt = self.ended
            assert attempt is not None
        elif self.running:
            attempt = self.running.pop(0)
        elif self.waiting:
            attempt = self.waiting.pop(0)
        else:
            attempt = self._new()
        self.ended = attempt
        attempt.ending = seen.kind
        attempt.finished = seen.timestamp
        if seen.kind == kinds.SUCCEEDED:
            attempt.runtime = seen.number if seen.number >= 0 else None
        elif seen.kind in (kinds.FAILED, kinds.RETRIED):
            attempt.exception = seen.text or attempt.exception
            attempt.traceback = seen.traceback or attempt.traceback
        elif seen.kind == kinds.REJECTED:
            attempt.requeued = seen.number == 1
            attempt.exception = seen.text or attempt.exception
        elif seen.kind == kinds.REVOKED:
            attempt.revoked = seen.text

    def _amends(self, ended: Attempt, seen: Observation) -> bool:
        """Does this ending speak of an attempt that has ended already, not of one that was received since?"""
        if ended.ending is not None and ended.ending >= kinds.LOST:
            return not self.waiting or seen.kind in _NEEDS_START
        if seen.kind == kinds.REJECTED:  # told by task-failed, and with acks_late by task-rejected as well
            return ended.ending == kinds.REJECTED
        if seen.kind == kinds.FAILED:  # a hard time limit sends it twice
            return ended.ending == kinds.FAILED
        if seen.kind == kinds.REVOKED:  # a terminated task may be announced by both of two revokes
            return ended.ending == kinds.REVOKED and not self.waiting
        return False


def _number(attempts: list[Attempt]) -> None:
    """Give a retry number to attempts of which only a start or an end was seen."""
    previous: Attempt | None = None
    for attempt in attempts:
        if attempt.retries < 0:
            if previous is None:
                attempt.retries = 0
            else:
                attempt.retries = previous.retries + (previous.ending == kinds.RETRIED)
        previous = attempt


def _place_sent(attempts: list[Attempt], sent: Observation) -> None:
    number = max(int(sent.number), 0)
    for attempt in attempts:
        if attempt.retries == number:
            if attempt.sent is None:
                attempt.sent = sent.timestamp
            return
    attempts.append(Attempt(retries=number, sent=sent.timestamp))


def _ran_twice(attempts: list[Attempt]) -> bool:
    started: set[int] = set()
    for attempt in attempts:
        if attempt.started is not None and attempt.revoked == "" and attempt.ending != kinds.CANCELLED:
            if attempt.retries in started:
                return True
            started.add(attempt.retries)
    return False
