"""The merge of a task's events: the same record for any order and any duplicates, and every ending told true."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deskq.protocol.events import Event
from deskq.protocol.task_record import ENDED, LAST_KIND, LOST, MOST_OBSERVATIONS, Observation, TaskRecord
from deskq.protocol.task_stages import replayed
from deskq.protocol.task_summary import derive, only_attempt

UUID = "0b1e6f3a-9c5d-4c1e-8f55-2f4f0c7a9f11"
TYPES = (
    "sent",
    "received",
    "started",
    "succeeded",
    "failed",
    "retried",
    "rejected",
    "revoked",
    "cancelled",
    "progress",
)


def event(kind: str, at: float, clock: int = 0, worker: str = "w1", pid: int = 1, **fields: Any) -> Event:
    return Event(type=f"task-{kind}", timestamp=at, clock=clock, hostname=worker, pid=pid, uuid=UUID, **fields)


def record_of(*events: Event) -> TaskRecord:
    record = TaskRecord(UUID)
    for one in events:
        record.add(one)
    return record


RETRIED = [  # the order in which a real task that is retried twice arrives (celery-facts: order is not guaranteed)
    event("sent", 1.0, 0, "client", 9, name="t", args="(1,)", retries=0, queue="q", routing_key="q"),
    event("received", 1.1, 10, name="t", args="(1,)", retries=0),
    event("started", 1.2, 11),
    event("sent", 1.3, 0, "w1", 5, name="t", args="(2,)", retries=1, queue="q"),
    event("received", 1.4, 12, name="t", args="(2,)", retries=1),
    event("retried", 1.41, 13, exception="KeyError('one')", traceback="tb one"),
    event("started", 1.5, 14),
    event("received", 1.6, 15, name="t", args="(3,)", retries=2),
    event("sent", 1.59, 0, "w1", 5, name="t", args="(3,)", retries=2, queue="q"),
    event("retried", 1.61, 16, exception="KeyError('two')", traceback="tb two"),
    event("started", 1.7, 17),
    event("succeeded", 1.8, 18, result="2", runtime=0.1),
]


IN_A_THREADS_POOL = [  # nothing is pickled there, so that the wrapper of the exception is what is told
    event(
        "failed",
        3,
        3,
        exception="ExceptionWithTraceback()",
        traceback="Traceback (most recent call last):\n  File \"x\", line 1\ncelery.exceptions.Reject: ('no', False)\n",
    )
]


def test_a_task_that_was_retried_twice() -> None:
    summary = derive(record_of(*RETRIED))
    assert (summary.state, summary.retries, summary.exception, summary.result) == ("SUCCESS", 2, "", "2")
    assert [(a.state, a.exception) for a in summary.attempts] == [
        ("RETRY", "KeyError('one')"),
        ("RETRY", "KeyError('two')"),
        ("SUCCESS", ""),
    ]
    assert [a.sent for a in summary.attempts] == [1.0, 1.3, 1.59]
    assert [a.started for a in summary.attempts] == [1.2, 1.5, 1.7]
    assert (summary.args, summary.queue, summary.deliveries, summary.ran_twice) == ("(3,)", "q", 3, False)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([event("sent", 1, name="t", queue="q")], "SENT"),
        ([event("received", 1, retries=0)], "RECEIVED"),
        ([event("received", 1, retries=1)], "RETRY"),
        ([event("received", 1, 1), event("started", 2, 2)], "STARTED"),
        ([event("started", 2, 2), event("progress", 3, 3)], "PROGRESS"),
        ([event("started", 2, 2), event("progress", 3, 3), event("succeeded", 4, 4)], "SUCCESS"),
        ([event("received", 1, 1), event("started", 2, 2), event("failed", 3, 3, exception="E()")], "FAILURE"),
        ([event("received", 1, 1), event("revoked", 2, 2, expired=True)], "REVOKED"),
        ([event("revoked", 2, 2, terminated=False)], "REVOKED"),
        ([event("received", 1, 1), event("started", 2, 2), event("rejected", 3, 3, requeue=False)], "REJECTED"),
        (
            [
                event("started", 2, 2),
                event("failed", 3, 3, exception="reject requeue=False: no"),
                event("rejected", 4, 4),
            ],
            "REJECTED",
        ),
        ([event("started", 2, 2), event("failed", 3, 3, exception="reject requeue=False: no")], "REJECTED"),
        ([event("started", 2, 2), *IN_A_THREADS_POOL], "REJECTED"),
        ([event("started", 2, 2), *IN_A_THREADS_POOL, event("rejected", 4, 4)], "REJECTED"),
    ],
)
def test_states(events: list[Event], expected: str) -> None:
    assert derive(record_of(*events)).state == expected
    assert derive(record_of(*reversed(events))).state == expected


def test_a_rejection_in_a_threads_pool_is_told_by_its_traceback() -> None:
    summary = derive(record_of(event("started", 2, 2), *IN_A_THREADS_POOL, event("rejected", 4, 4)))
    assert (summary.exception, len(summary.attempts)) == ("reject requeue=False: no", 1)


def test_a_hard_time_limit_is_told_by_its_traceback() -> None:
    traceback = (
        'Traceback (most recent call last):\n  File "x", line 1\n'
        "billiard.exceptions.TimeLimitExceeded: TimeLimitExceeded(1,)\n"
    )
    failed = [
        event("failed", at, at, exception="ExceptionWithTraceback()", traceback=traceback, worker="w1") for at in (3, 4)
    ]
    summary = derive(record_of(event("received", 1, 1), event("started", 2, 2), *failed))
    assert (summary.state, summary.exception) == ("FAILURE", "TimeLimitExceeded(1,)")
    assert len(summary.attempts) == 1


def test_a_revoked_task_is_named_by_its_task_sent() -> None:
    summary = derive(record_of(event("revoked", 5, 3), event("sent", 1, worker="c", name="mail.send", queue="emails")))
    assert (summary.state, summary.name, summary.queue, summary.revoked) == (
        "REVOKED",
        "mail.send",
        "emails",
        "revoked",
    )
    assert len(summary.attempts) == 1


def test_a_lost_task_that_was_delivered_again() -> None:
    record = record_of(event("received", 1, 1, retries=0), event("started", 2, 2))
    record.observe(Observation(LOST, 30, 2, "w1", 1))
    assert derive(record).state == "LOST"
    record.add(event("received", 20, 5, "w2", 7, retries=0))
    assert derive(record).state == "RECEIVED"
    record.add(event("started", 21, 6, "w2", 7))
    record.add(event("succeeded", 22, 7, "w2", 7, result="1"))
    summary = derive(record)
    assert (summary.state, summary.worker, summary.deliveries, summary.ran_twice) == ("SUCCESS", "w2", 2, True)


def test_a_real_ending_overrules_what_was_noted() -> None:
    for kind in (LOST, ENDED):
        record = record_of(event("received", 1, 1), event("started", 2, 2))
        record.observe(Observation(kind, 30, 2, "w1", 1))
        record.add(event("succeeded", 3, 3, result="1", runtime=1.0))
        assert derive(record).state == "SUCCESS"


def test_duplicates_are_known() -> None:
    record = TaskRecord(UUID)
    assert [record.add(one) for one in (*RETRIED, *RETRIED)] == [True] * len(RETRIED) + [False] * len(RETRIED)


observations = st.builds(
    Observation,
    kind=st.integers(0, LAST_KIND),
    timestamp=st.sampled_from([1.0, 2.0, 2.5, 3.0]),
    clock=st.integers(-1, 5),
    hostname=st.sampled_from(["w1", "w2"]),
    pid=st.integers(1, 2),
    number=st.integers(-1, 2),
    text=st.sampled_from(["", "E()", "PROGRESS"]),
)
events = st.builds(
    event,
    kind=st.sampled_from(TYPES),
    at=st.sampled_from([1.0, 2.0, 3.0, 4.0]),
    clock=st.integers(0, 6),
    worker=st.sampled_from(["w1", "w2"]),
    pid=st.integers(1, 2),
    name=st.sampled_from([None, "a", "b"]),
    args=st.sampled_from([None, "(1,)"]),
    retries=st.sampled_from([None, 0, 1, 2]),
    queue=st.sampled_from([None, "q1", "q2"]),
    result=st.sampled_from([None, "1", "2"]),
    exception=st.sampled_from([None, "E()", "ExceptionWithTraceback()", "reject requeue=True: x"]),
)


@given(st.lists(events, max_size=14), st.lists(observations, max_size=4), st.data())
@settings(max_examples=300, deadline=None)
def test_order_duplicates_and_splits_do_not_matter(
    given_events: list[Event], noted: list[Observation], data: st.DataObject
) -> None:
    whole = record_of(*given_events)
    for observation in noted:
        whole.observe(observation)
    shuffled = data.draw(st.permutations(given_events * 2))
    split = data.draw(st.integers(0, len(shuffled)))
    one, other = record_of(*shuffled[:split]), record_of(*shuffled[split:])
    for observation in data.draw(st.permutations(noted)):
        other.observe(observation)
    other.merge(one)
    assert other == whole
    assert derive(other) == derive(whole)


def test_what_only_the_order_of_a_set_tells_apart() -> None:
    """Two deliveries of one moment with other arguments: the same one counts, however their hashes fall."""
    names = set()
    for at in range(200):
        record = record_of(
            event("sent", at, name="a", args="(1,)", retries=1),
            event("received", at + 1, 1, name="a", retries=1),
            event("received", at + 1, 0, name="b", retries=1),
        )
        names.add(derive(record).name)
    assert len(names) == 1


in_order = st.builds(
    Observation,
    kind=st.sampled_from([0, 1, 2, 4, 5]),
    timestamp=st.sampled_from([1.0, 2.0]),
    clock=st.integers(0, 3),
    hostname=st.sampled_from(["w1", "w1", "w1", "w2"]),
    pid=st.sampled_from([1, 1, 1, 2]),
    number=st.integers(-1, 2),
    text=st.sampled_from(["", "E()"]),
)


@given(st.sets(in_order, max_size=5))
@example({Observation(1, 1.0, 0, "w1", 1, 0), Observation(2, 1.0, 1, "w1", 1), Observation(4, 1.0, 2, "w1", 1, 0.1)})
@example({Observation(0, 1.0, 9, "c", 5, 0), Observation(1, 1.0, 0, "w1", 1, -1), Observation(5, 2.0, 1, "w1", 1)})
@settings(max_examples=1_000, deadline=None)
def test_the_short_way_to_an_only_attempt_ends_where_the_long_one_does(observations: set[Observation]) -> None:
    only = only_attempt(observations)
    if only is not None:
        record = TaskRecord(UUID, set(observations))
        assert replayed(record) == ([only], only)
        assert record.deliveries == 1


@given(st.lists(events, max_size=20))
@settings(max_examples=200, deadline=None)
def test_a_summary_keeps_to_what_was_seen(given_events: list[Event]) -> None:
    record = record_of(*given_events)
    summary = derive(record)
    received = {o for o in record.observations if o.kind == 1}
    assert summary.deliveries == len(received)
    assert sum(attempt.received is not None for attempt in summary.attempts) == len(received)
    if summary.state == "SUCCESS":
        assert summary.exception == ""


def test_every_ending_tells_of_the_newest_attempt_where_the_start_was_missed() -> None:
    """`received(0) received(1)` and one start, whose number no event tells."""
    quick = [
        event("received", 1.0, 1, retries=0),
        event("received", 1.1, 2, retries=1),
        event("started", 1.2, 3),
        event("succeeded", 1.3, 4, result="1", runtime=0.1),
        event("retried", 1.4, 5, exception="E()"),
    ]
    for events in (quick, quick[:2] + quick[3:], [quick[0], *quick[2:]]):
        summary = derive(record_of(*events))
        assert (summary.state, summary.exception, summary.result) == ("SUCCESS", "", "1")


def test_a_task_that_is_retried_for_ever_stays_bounded() -> None:
    many = [event("received", float(n), n, retries=n) for n in range(2_000)]
    forward, backward = record_of(*many), record_of(*reversed(many))
    assert forward == backward
    assert len(forward.observations) == 512


def steps_of(record: TaskRecord) -> int:
    """How many functions are called to find out what a record means."""
    steps = 0

    def count(_frame: Any, what: str, _argument: object) -> None:
        nonlocal steps
        steps += what in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        derive(record)
    finally:
        sys.setprofile(before)
    return steps


@pytest.mark.parametrize("hosts", [1, MOST_OBSERVATIONS])
@pytest.mark.parametrize(
    "kinds", [("received",), ("received", "started"), ("received", "started", "retried"), ("sent",)]
)
def test_what_a_full_record_means_takes_no_square_of_its_size(kinds: tuple[str, ...], hosts: int) -> None:
    """Whoever may publish events could else keep a recorder busy with one id."""

    def steps(size: int) -> int:
        record = TaskRecord(UUID)
        for n in range(size):
            worker = f"w{n // len(kinds) % hosts}@host{n % hosts}"
            record.add(event(kinds[n % len(kinds)], 1_000.0 - n, n, worker, n, name="x", retries=n // len(kinds)))
        return steps_of(record)

    assert steps(MOST_OBSERVATIONS) < 8 * steps(MOST_OBSERVATIONS // 4)


def test_arguments_that_were_kept_no_longer_are_unknown() -> None:
    """Of a task that replaced itself many times; the worker that is ahead pushed the other's messages out."""
    record = TaskRecord(UUID)
    record.note_clock("ahead", 3_600)
    for n in range(40):
        at = 1_000_000.0 + 10 * n
        on_time = n % 2 == 1
        worker, shown = ("on time", at) if on_time else ("ahead", at + 3_600)
        told: dict[str, Any] = {"name": "t", "args": f"({n},)", "kwargs": "{}", "retries": 0}
        record.add(event("received", shown, 2 * n, worker, 1 + on_time, **told))
        record.add(event("started", shown + 1, 2 * n + 1, worker, 1 + on_time))
    record.add(event("succeeded", 1_000_392, 90, "on time", 2, result="1", runtime=1.0))
    summary = derive(record)
    assert (summary.state, summary.worker) == ("SUCCESS", "on time")
    assert (summary.name, summary.args, summary.kwargs) == ("t", "", "")


def test_clocks_of_ever_new_workers_stay_bounded() -> None:
    record = TaskRecord(UUID)
    for n in range(3_000):
        record.note_clock(f"w{n}", 60.0)
        record.add(event("received", float(n), n, f"w{n}", retries=0))
    assert len(record.clocks) <= 2 * 512
    assert {f"w{n}" for n in (0, 2_999)} <= record.clocks.keys()
