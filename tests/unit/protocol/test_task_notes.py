"""What recorders noted beside the events: which attempt it is about, and what overrules it."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from deskq.protocol import task_record as kinds
from deskq.protocol.events import Event
from deskq.protocol.task_record import Observation, TaskRecord
from deskq.protocol.task_summary import TaskSummary, derive

UUID = "00000000-0000-4000-8000-000000000001"
NOTICED = 9_000.0
"""By the recorder's clock, which has nothing to do with the workers'."""


def event(kind: str, at: float, clock: int = 0, worker: str = "w1", pid: int = 1, **fields: Any) -> Event:
    return Event(type=f"task-{kind}", hostname=worker, pid=pid, clock=clock, timestamp=at, uuid=UUID, **fields)


SENT = event("sent", 1, worker="client", pid=9, retries=0, name="t", queue="q")
RECEIVED = event("received", 2, 1, retries=0, name="t")
STARTED = event("started", 3, 2)
SUCCEEDED = event("succeeded", 4, 3, result="1", runtime=1.0)
RETRIED = event("retried", 4, 3, exception="E()")


def note(
    kind: int, retries: int = 0, worker: str = "w1", pid: int = 1, number: float = -1, text: str = ""
) -> Observation:
    return Observation(kind, NOTICED, retries, worker, pid, number, text)


def told(*parts: Event | Observation) -> TaskSummary:
    """The summary, which is the same for every order."""
    found = []
    for order in permutations(parts) if len(parts) < 6 else (parts, parts[::-1]):
        record = TaskRecord(UUID)
        for part in order:
            if isinstance(part, Observation):
                record.observe(part)
            else:
                record.add(part)
        found.append(derive(record))
    assert all(one == found[0] for one in found)
    return found[0]


@pytest.mark.parametrize(("kind", "state"), [(kinds.LOST, "LOST"), (kinds.ENDED, "ENDED"), (kinds.UNSEEN, "UNSEEN")])
@pytest.mark.parametrize(("number", "end"), [(-1.0, 3.0), (5.0, 5.0)])
def test_the_time_of_noticing_is_not_the_end(kind: int, state: str, number: float, end: float) -> None:
    summary = told(RECEIVED, STARTED, Observation(kind, NOTICED, 2, "w1", 1, number))
    assert (summary.state, summary.started, summary.finished, summary.noticed) == (state, 3, end, NOTICED)
    assert summary.runtime is None


@pytest.mark.parametrize("ahead", [3_600.0, -3_600.0])
def test_the_time_of_noticing_orders_no_workers(ahead: float) -> None:
    """It is of the recorder's clock, the others are of clocks that may be hours apart."""
    noticed = 1_000_020.0
    parts = (
        event("received", 1_000_000, 1, retries=0, name="first"),
        event("started", 1_000_001, 2),
        Observation(kinds.ENDED, noticed, 2, "w1", 1),
        event("received", 1_000_003 + ahead, 3, "w2", 2, retries=0, name="second"),
        event("started", 1_000_004 + ahead, 4, "w2", 2),
        Observation(kinds.ENDED, noticed, 4, "w2", 2),
    )
    for order in (parts, parts[::-1]):
        record = TaskRecord(UUID)
        record.note_clock("w2", ahead)
        for part in order:
            if isinstance(part, Observation):
                record.observe(part)
            else:
                record.add(part)
        summary = derive(record)
        assert [(a.name, a.state) for a in summary.attempts] == [("first", "REPLACED"), ("second", "ENDED")]
        assert (summary.name, summary.worker, summary.state) == ("second", "w2", "ENDED")
        assert (summary.finished, summary.noticed) == (1_000_004 + ahead, noticed)


def test_what_nobody_received_before_it_expired() -> None:
    expired = note(kinds.EXPIRED, worker="", pid=-1, number=6.0)
    summary = told(SENT, expired)
    assert (summary.state, summary.revoked) == ("REVOKED", "expired, never received")
    assert (summary.finished, summary.noticed) == (6.0, NOTICED)
    assert told(SENT, expired, RECEIVED).state == "RECEIVED"
    assert told(SENT, expired, RECEIVED, STARTED).state == "STARTED"
    assert told(SENT, expired, RECEIVED, STARTED, SUCCEEDED).state == "SUCCESS"


def test_what_waits_nowhere_any_more() -> None:
    assert told(SENT, note(kinds.GONE, worker="", pid=-1)).state == "UNSEEN"
    summary = told(SENT, RECEIVED, note(kinds.GONE))
    assert (summary.state, summary.finished, summary.noticed) == ("UNSEEN", 2.0, NOTICED)
    assert told(SENT, RECEIVED, note(kinds.GONE), STARTED).state == "STARTED"
    assert told(SENT, RECEIVED, note(kinds.GONE), SUCCEEDED).state == "SUCCESS"
    # the next delivery is another attempt, of which nothing was noted
    assert told(RECEIVED, note(kinds.GONE), event("received", 20, 9, "w2", 7, retries=0)).state == "RECEIVED"


def test_what_the_result_backend_holds() -> None:
    failed = note(kinds.STORED_FAILURE, number=5.0, text="ValueError('x')")
    for events in (
        (RECEIVED,),
        (RECEIVED, STARTED),
        (RECEIVED, STARTED, Observation(kinds.ENDED, 8_000.0, 2, "w1", 1)),
    ):
        summary = told(*events, failed)
        assert (summary.state, summary.exception, summary.finished) == ("FAILURE", "ValueError('x')", 5.0)
    summary = told(RECEIVED, STARTED, note(kinds.STORED_SUCCESS, number=5.0, text="'done'"))
    assert (summary.state, summary.result, summary.noticed) == ("SUCCESS", "'done'", NOTICED)
    assert told(RECEIVED, STARTED, failed, SUCCEEDED).state == "SUCCESS"
    assert told(RECEIVED, note(kinds.STORED_IGNORED)).state == "IGNORED"
    assert told(RECEIVED, note(kinds.STORED_REVOKED, text="terminated")).revoked == "terminated"
    # of two that were noted the later counts
    later = note(kinds.STORED_SUCCESS, number=6.0)
    assert told(RECEIVED, failed, later).state == "SUCCESS"


def test_what_followed_a_retry() -> None:
    following = note(kinds.STORED_SUCCESS, 1, "", -1, number=8.0, text="2")
    summary = told(RECEIVED, STARTED, RETRIED, following)
    assert (summary.state, summary.retries, summary.result, summary.finished) == ("SUCCESS", 1, "2", 8.0)
    assert told(RECEIVED, STARTED, RETRIED, note(kinds.GONE, 1, "", -1)).state == "UNSEEN"
    assert told(RECEIVED, STARTED, RETRIED, note(kinds.GONE, 0, "", -1)).state == "RETRY"
    again = event("received", 6, 5, retries=1)
    assert told(RECEIVED, STARTED, RETRIED, again, note(kinds.GONE, 1, "", -1)).state == "RETRY"
    assert told(RECEIVED, STARTED, note(kinds.STORED_RETRY, text="E()")).state == "RETRY"


def test_what_runs_though_no_event_told_of_its_start() -> None:
    runs = note(kinds.RUNNING, number=2.5)
    summary = told(RECEIVED, runs)
    assert (summary.state, summary.started, summary.finished) == ("STARTED", 2.5, None)
    summary = told(RECEIVED, runs, STARTED)
    assert (summary.state, summary.started, len(summary.attempts)) == ("STARTED", 3.0, 1)
    assert told(RECEIVED, runs, SUCCEEDED).state == "SUCCESS"
    ended = told(RECEIVED, runs, note(kinds.GONE))
    assert (ended.state, ended.started, ended.finished) == ("UNSEEN", 2.5, 2.5)
    assert told(RECEIVED, runs, note(kinds.STORED_FAILURE, text="E()")).state == "FAILURE"
