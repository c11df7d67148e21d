"""The attempts of a task: what one worker process said of it, replayed, and each ending given to the attempt it ends.

A worker's parent process sends all events of a task but its own ones (``send_event``), in the order of its logical
clock. It handles what its children tell in any order, though: a child that retries with no countdown has sent the next
message before it ends, so another child may take that, and even end it, before the parent handles the first child's
result (celery/concurrency/asynpool.py). Then the wire says ``received(0) started received(1) started succeeded
retried``. Neither starts nor endings carry a number. What tells them apart:

- An attempt after which a later one was received or sent is *superseded*: it ended in a retry, or was replaced.
- A success or a failure ends the newest attempt, a retry the oldest that was superseded.
- A child tells of its start before its end, so the one that ends has started: a start that fits no other is its.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from deskq.protocol import task_record as kinds
from deskq.protocol.task_record import Message, Observation

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
_LAST_SEEN: Final = frozenset({kinds.LOST, kinds.ENDED, kinds.UNSEEN, kinds.GONE})
TOLERANCE: Final = 1.0
"""Seconds by which the times of two processes may contradict what happened: clocks differ, events take their time."""

_CHILD_GONE: Final = 5.0
"""Seconds in which a child that its parent kills for a hard time limit is gone."""


class Attempt(msgspec.Struct):
    """One delivery of the task to one worker. Times are the worker's own epoch seconds; None = not seen.

    ``noticed``: when a recorder noticed what no event told, by its own clock; ``finished`` is then the last that is
    known. ``result``: as the result backend holds it, where no event told it.
    ``stage``: counts the messages that took the task over under the same id, 0 for the first (``Task.replace``, an id
    that was used again); ``name``: the task's name in that stage, "" if all stages have the same. ``replaced``: it has
    no ending of its own, for the next stage took over.
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
    stage: int = 0
    name: str = ""
    replaced: bool = False

    @property
    def state(self) -> str:
        """The state of this attempt alone."""
        if self.replaced:
            return "REPLACED"
        if self.ending is not None:
            return STATE_OF_ENDING[self.ending]
        if self.custom:
            return self.custom
        if self.started is not None:
            return "STARTED"
        return "RECEIVED" if self.received is not None else "SENT"

    @property
    def ran_for(self) -> float | None:
        """Seconds as the worker measured them, else between two events; None where nothing tells of its end."""
        if self.runtime is not None:
            return self.runtime
        if self.started is None or self.finished is None or self.end_guessed:
            return None
        return max(0.0, self.finished - self.started)

    @property
    def end_guessed(self) -> bool:
        """Is ``finished`` only the last that is known, because nothing tells when it ended?"""
        if self.last_seen or self.noticed is None or self.finished is None:
            return self.last_seen
        before = [t for t in (self.sent, self.received, self.started) if t is not None]
        return bool(before) and self.finished <= max(before)

    @property
    def last_seen(self) -> bool:
        """Is ``finished`` its last sign of life, not its end?"""
        return self.ending in _LAST_SEEN

    @property
    def first_time(self) -> float:
        """The earliest time known of it."""
        return min((t for t in (self.sent, self.received, self.started, self.finished) if t is not None), default=0.0)

    @property
    def last_time(self) -> float:
        """The latest time known of it."""
        return max((t for t in (self.sent, self.received, self.started, self.finished) if t is not None), default=0.0)


class TaskDelivery:
    """An attempt in the hands of its process. ``place``, ``start``: where in the process's order it was received and
    started, -1 unknown; ``superseded``: something that follows from it was seen; ``message``: what was delivered.
    """

    __slots__ = ("attempt", "message", "place", "start", "superseded")

    def __init__(self, attempt: Attempt, place: int) -> None:
        self.attempt = attempt
        self.place = place
        self.start = -1
        self.superseded = False
        self.message: Message | None = None

    @property
    def noted(self) -> bool:
        """True if only a recorder's note says that it ended: a real ending overrules it."""
        return self.attempt.ending is not None and self.attempt.ending >= kinds.LOST


class Process:
    """What one process of a worker said of one task; ``seen`` are its observations, in the order of its clock."""

    def __init__(self, hostname: str, pid: int, seen: list[Observation]) -> None:
        self.hostname = hostname
        self.pid = pid
        self.seen = seen
        self.deliveries: list[TaskDelivery] = []
        self.unplaced: list[Observation] = []
        self._of_receipt: dict[int, TaskDelivery] = {}
        self._open: list[TaskDelivery] = []
        self._ended: TaskDelivery | None = None
        self._ended_at = -1
        for place, observation in enumerate(seen):
            if observation.kind == kinds.RECEIVED:
                attempt = Attempt(int(observation.number), hostname, pid, None, observation.timestamp)
                delivery = TaskDelivery(attempt, place)
                self._of_receipt[place] = delivery
                self.deliveries.append(delivery)

    def replay(self, newest_replaced: bool) -> None:
        """Give every start and every ending to its attempt; ``superseded`` of the deliveries is known by now.

        ``newest_replaced``: the task replaced itself with an equal one, so that of equal attempts the newest goes on.
        """
        received = self.deliveries
        self.deliveries = []
        for place, seen in enumerate(self.seen):
            if seen.kind == kinds.RECEIVED:
                delivery = self._of_receipt[place]
                self.deliveries.append(delivery)
                self._open.append(delivery)
            elif seen.kind == kinds.STARTED:
                delivery = next((d for d in self._open if d.start < 0 and not d.noted), None) or self._new(place)
                delivery.attempt.started = seen.timestamp
                delivery.start = place
            elif seen.kind >= kinds.LOST:
                self._note(seen)
            else:
                self._end(seen, place, newest_replaced)
        waiting = [d for d in self._open if d.start < 0 and not d.superseded and not d.noted]
        if waiting:
            self._find_start(waiting[-1])
        assert len(self.deliveries) >= len(received)

    def _new(self, place: int) -> TaskDelivery:
        delivery = TaskDelivery(Attempt(worker=self.hostname, pid=self.pid), place)
        self.deliveries.append(delivery)
        self._open.append(delivery)
        return delivery

    def _note(self, seen: Observation) -> None:
        """A recorder found that the process runs nothing of it any more: whatever ran has ended, else what waited."""
        unended = [d for d in self._open if d.attempt.ending is None]
        running = [d for d in unended if d.attempt.started is not None]
        meant = _fresh(running) or running or unended
        if not meant and not self.deliveries:
            self.unplaced.append(seen)
        for delivery in meant:  # when it was noticed is a time of the recorder's clock and orders no attempts
            delivery.attempt.ending = seen.kind
            delivery.attempt.noticed = seen.timestamp

    def _end(self, seen: Observation, place: int, newest_replaced: bool) -> None:
        ended = self._ended
        if ended is not None and self._repeats(ended.attempt, seen, place):
            self._ended_at = -1  # nothing is told three times
        else:
            self._ended_at = place
            ended = self._chosen(seen, newest_replaced) or self._missed(seen) or self._new(place)
            if ended.start < 0 and seen.kind not in (kinds.RETRIED, kinds.REVOKED):
                self._find_start(ended)
            self._open.remove(ended)
        self._ended = ended
        attempt = ended.attempt
        attempt.ending = seen.kind
        attempt.finished, attempt.noticed = seen.timestamp, None
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

    def _missed(self, seen: Observation) -> TaskDelivery | None:
        """Return what a retry ends though it was taken to have ended: that was the end of one that was missed."""
        ended = self._ended
        if seen.kind != kinds.RETRIED or ended is None or ended.attempt.ending not in (kinds.SUCCEEDED, kinds.FAILED):
            return None
        old = ended.attempt
        later = Attempt(old.retries + 1, old.worker, old.pid, finished=old.finished, ending=old.ending)
        later.runtime, later.exception, later.traceback = old.runtime, old.exception, old.traceback
        old.runtime, old.exception, old.traceback = None, "", ""
        self.deliveries.append(TaskDelivery(later, -1))
        self._open.append(ended)
        return ended

    def _repeats(self, ended: Attempt, seen: Observation, place: int) -> bool:
        """Does this ending speak once more of the attempt that ended last?"""
        if seen.kind != ended.ending:
            return False
        runs = any(d.start >= 0 and not d.noted for d in self._open)
        if seen.kind == kinds.REJECTED:  # told by task-failed, and at once by task-rejected as well with acks_late
            return not runs or (place == self._ended_at + 1 and seen.text == "" and ended.exception != "")
        if seen.kind == kinds.FAILED:  # a hard time limit tells it, and so does the child that is gone
            soon = seen.timestamp - (ended.finished or 0.0) < _CHILD_GONE
            return not runs or (soon and self._ended_at >= 0 and _limited(ended, seen))
        if seen.kind == kinds.REVOKED:  # a terminated task may be announced by both of two revokes
            return not runs and not any(d.start < 0 for d in self._open)
        return False

    def _chosen(self, seen: Observation, newest_replaced: bool) -> TaskDelivery | None:
        """Return the attempt, of those that have not ended, which this ending ends."""
        running = [d for d in self._open if d.start >= 0]
        waiting = [d for d in self._open if d.start < 0]
        if seen.kind == kinds.RETRIED:
            for group in (_old(running), _old(waiting), running, waiting):
                if group:
                    return min(group, key=lambda d: d.attempt.retries)  # of equals the first
            return None
        able = [d for d in _fresh(waiting) if _can_have_ended(d.attempt, seen)]
        groups = (_fresh(running), able, running, waiting)
        if seen.kind == kinds.REVOKED and not seen.text.startswith("terminated"):  # it has not begun
            groups = (_fresh(waiting), _fresh(running), waiting, running)
        group = next((group for group in groups if group), [])
        if not group:
            return None
        newest = max(d.attempt.retries for d in group)
        return _best_fit([d for d in group if d.attempt.retries == newest], seen, newest_replaced)

    def _find_start(self, delivery: TaskDelivery) -> None:
        """Give it a start that came after its receipt and was taken for that of an attempt before it."""
        for other in reversed(self._open):
            if other is not delivery and other.superseded and other.start > delivery.place >= 0:
                delivery.start, delivery.attempt.started = other.start, other.attempt.started
                other.start, other.attempt.started = -1, None
                return


def _old(deliveries: Iterable[TaskDelivery]) -> list[TaskDelivery]:
    return [d for d in deliveries if d.superseded]


def _fresh(deliveries: Iterable[TaskDelivery]) -> list[TaskDelivery]:
    return [d for d in deliveries if not d.superseded]


def _limited(ended: Attempt, seen: Observation) -> bool:
    return "TimeLimitExceeded" in seen.text and seen.text == ended.exception


def _can_have_ended(attempt: Attempt, seen: Observation) -> bool:
    """A task cannot have begun before it was received; what it ran for says when it began."""
    return seen.number < 0 or attempt.received is None or attempt.received <= seen.timestamp - seen.number + TOLERANCE


def _best_fit(group: list[TaskDelivery], seen: Observation, newest_replaced: bool) -> TaskDelivery:
    """Of attempts that are alike: the one that started when the one that ended did, as its runtime tells."""
    if len(group) > 1 and newest_replaced:
        return group[-1]
    if len(group) > 1 and seen.kind == kinds.SUCCEEDED and seen.number >= 0:
        began = seen.timestamp - seen.number
        return min(group, key=lambda d: abs((d.attempt.started or 0.0) - began))
    return group[0]


def processes_of(observations: Iterable[Observation]) -> list[Process]:
    """Return what each process said, and what was noted of it.

    A task's own events come from a child, with a clock of its own; notes of the newest attempt are of no process.
    """
    by_process: dict[tuple[str, int], list[Observation]] = {}
    for observation in observations:
        if observation.kind <= kinds.UNSEEN and observation.kind not in (kinds.SENT, kinds.CUSTOM):
            by_process.setdefault((observation.hostname, observation.pid), []).append(observation)
    return [Process(*key, sorted(seen, key=_by_clock)) for key, seen in sorted(by_process.items())]


def _by_clock(seen: Observation) -> tuple[int, bool, float, Observation]:
    """A process's own clock orders its events; what a recorder noted comes after what it was noted on."""
    return (seen.clock, seen.kind >= kinds.LOST, seen.timestamp, seen)
