"""What the observations of a task mean: its attempts, its state, and the columns that people look at."""

from __future__ import annotations

from typing import Final

import msgspec

from deskq.protocol import task_record as kinds
from deskq.protocol.task_attempts import Attempt
from deskq.protocol.task_record import Message, Observation, TaskOutcome, TaskRecord
from deskq.protocol.task_stages import message_of, replayed
from deskq.protocol.task_states import FINAL_STATES

_ENDINGS: Final = frozenset({kinds.SUCCEEDED, kinds.FAILED})


class TaskSummary(msgspec.Struct):
    """One task as people see it; "" and None = not known. Times of the attempt that counts (the newest).

    ``counts``: its place in ``attempts``. ``message``, ``outcome``: those of the record that are told here.
    """

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
    counts: int = 0
    message: Message | None = None
    outcome: TaskOutcome | None = None


def runtime_is_measured(state: str) -> bool:
    """Did the worker measure the runtime? Only task-succeeded tells it; others are differences of two event times."""
    return state == "SUCCESS"


def derive(record: TaskRecord) -> TaskSummary:
    """Work out the summary; a pure function of the record, hence as independent of order as the record is."""
    only = only_attempt(record.observations)
    if only is not None:
        attempts, current, deliveries = [only], only, 1
    else:
        attempts, current = replayed(record)
        deliveries = record.deliveries
    state = current.state
    failed = current
    if current.retries > 0 and state in ("SENT", "RECEIVED"):
        state = "RETRY"
    if state == "RETRY" and not current.exception:
        failed = next(
            (a for a in reversed(attempts) if a.ending == kinds.RETRIED and a.stage == current.stage), current
        )
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
    if state == "FAILURE":
        summary.runtime = current.ran_for
    message = record.message
    if len(attempts) > 1:
        summary.ran_twice = _ran_twice(attempts)
        summary.counts = next(place for place, attempt in enumerate(attempts) if attempt is current)
        message = message_of(current, record)
    summary.message = message
    if message is not None:
        summary.name, summary.args, summary.kwargs = message.name, message.args, message.kwargs
        summary.root_id, summary.parent_id = message.root_id, message.parent_id
        summary.eta = message.eta if message.eta >= 0 else None
        summary.expires = message.expires if message.expires >= 0 else None
    if record.route is not None:
        _, _, summary.queue, summary.exchange, summary.routing_key = record.route
    summary.outcome = outcome = _outcome_of(current, record)
    if state == "SUCCESS":
        summary.result = outcome.result if outcome is not None else current.result
    return summary


def _outcome_of(attempt: Attempt, record: TaskRecord) -> TaskOutcome | None:
    """Return what this attempt returned, else the latest that any did."""
    if record.more is not None:
        for outcome in record.more.outcomes:
            if (outcome.timestamp, outcome.hostname) == (attempt.finished, attempt.worker):
                return outcome
    return record.outcome


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


def _ran_twice(attempts: list[Attempt]) -> bool:
    """Did one message that was seen to be received run more than once? One that replaced another is another message."""
    started: set[tuple[int, int]] = set()
    replaced = 0
    for attempt in attempts:
        told = attempt.received is not None and attempt.started is not None
        if told and attempt.revoked == "" and attempt.ending != kinds.CANCELLED:
            if (replaced, attempt.retries) in started:
                return True
            started.add((replaced, attempt.retries))
        replaced += attempt.replaced
    return False
