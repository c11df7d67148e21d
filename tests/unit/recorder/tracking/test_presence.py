"""Workers without heartbeats: whom to ask, and what answers, their absence, and two of one name tell."""

from __future__ import annotations

from typing import Any

import pytest

from deskq.protocol.events import Event
from deskq.recorder.tracking.presence import AGAIN, ENOUGH, QUIET, SELDOM, Presence
from deskq.recorder.tracking.worker_tracker import UNKNOWN_AFTER, WorkerWatch

NOW = 1_795_000_000.0
CELERY = [{"name": "celery"}]


def stats(pool: str) -> dict[str, object]:
    return {"w1": {"pool": {"implementation": f"celery.concurrency.{pool}:TaskPool"}}}


def heard(watch: WorkerWatch, at: float, hostname: str = "w1", **fields: Any) -> None:
    watch.task_event(Event(type="task-started", hostname=hostname, pid=1, timestamp=at, uuid="x", **fields), at)


def beat(watch: WorkerWatch, at: float, pid: int = 1, kind: str = "heartbeat") -> None:
    watch.worker_event(Event(type=f"worker-{kind}", hostname="w1", pid=pid, timestamp=at, freq=2.0), at)


def asked_until(watch: WorkerWatch, presence: Presence, until: float, there: dict[str, bool]) -> list[float]:
    """Let the seconds pass, and answer what is asked; when that was, in seconds from the beginning."""
    asked = []
    for second in range(1, int(until - NOW) + 1):
        watch.check(NOW + second)
        names = presence.to_ask(NOW + second)
        if names:
            asked.append(float(second))
            presence.asked(names, there, NOW + second)
    return asked


@pytest.mark.parametrize(
    ("pool", "busy", "presence"),
    [
        ("prefork", False, "offline"),
        ("prefork", True, "offline"),
        ("thread", True, "offline"),
        ("solo", False, "unknown"),
        ("gevent", False, "offline"),
        ("gevent", True, "unknown"),
        ("", True, "unknown"),
    ],
)
def test_what_the_silence_of_one_that_used_to_answer_means(pool: str, busy: bool, presence: str) -> None:
    watch = WorkerWatch()
    heard(watch, NOW)
    judge = Presence(watch, lambda: {"w1"} if busy else set())
    judge.replied(["w1"], NOW)
    watch.replies(stats(pool) if pool else {}, {"w1": CELERY}, NOW)
    asked = asked_until(watch, judge, NOW + UNKNOWN_AFTER + 1, {"w1": False})
    assert asked[:ENOUGH] == [QUIET + AGAIN * number for number in range(ENOUGH)]
    row = watch.workers["w1"].row()
    assert (row.presence, row.since) == (presence, NOW)
    assert watch.is_alive("w1", 1) is (False if presence == "offline" else None)


@pytest.mark.parametrize(("busy", "presence"), [(False, "offline"), (True, "unknown")])
def test_of_a_solo_pool_only_its_lost_connection_tells(busy: bool, presence: str) -> None:
    watch = WorkerWatch()
    heard(watch, NOW)
    judge = Presence(watch, lambda: {"w1"} if busy else set())
    judge.asked(["w1"], {"w1": True}, NOW, by_broker=["w1"])
    watch.replies(stats("solo"), {"w1": CELERY}, NOW)
    for second in range(1, int(UNKNOWN_AFTER) + 2):
        watch.check(NOW + second)
        judge.asked(judge.to_ask(NOW + second), {"w1": False}, NOW + second, by_broker=["w1"])
    assert watch.workers["w1"].row().presence == presence


def test_a_solo_pool_whose_heartbeats_stop_may_be_at_work() -> None:
    watch = WorkerWatch()
    beat(watch, NOW)
    watch.replies(stats("solo"), {"w1": CELERY}, NOW)
    for second in range(30):
        watch.check(NOW + second)
    assert watch.online() == ["w1"]
    assert Presence(watch, set).to_ask(NOW + 30) == ["w1"]
    for second in range(30, 62):
        watch.check(NOW + second)
    assert watch.workers["w1"].row().presence == "unknown"
    assert watch.is_alive("w1", 1) is None


def test_one_that_answers_stays_online_however_quiet() -> None:
    watch = WorkerWatch()
    heard(watch, NOW)
    judge = Presence(watch, set)
    asked = asked_until(watch, judge, NOW + 300, {"w1": True})
    assert asked[:3] == [1, 1 + QUIET, 1 + 2 * QUIET]  # at once, so that it is known whether it answers at all
    assert watch.online() == ["w1"]
    assert watch.workers["w1"].since == NOW


@pytest.mark.parametrize(("there", "presence"), [({"w1": True}, "online"), ({"w1": False}, "offline"), ({}, "unknown")])
def test_under_an_alarm_of_the_broker_its_connections_tell_not_heartbeats(
    there: dict[str, bool], presence: str
) -> None:
    watch = WorkerWatch()
    beat(watch, NOW)
    judge = Presence(watch, set)
    watch.replies(stats("prefork"), {"w1": CELERY}, NOW)
    judge.replied(["w1"], NOW)
    watch.mute(NOW, muted=True)
    asked_until(watch, judge, NOW + UNKNOWN_AFTER + 1, there)
    assert watch.workers["w1"].row().presence == presence


def test_after_an_alarm_heartbeats_count_from_its_end() -> None:
    watch = WorkerWatch()
    beat(watch, NOW)
    watch.mute(NOW, muted=True)
    asked_until(watch, Presence(watch, set), NOW + 30, {"w1": True})
    watch.mute(NOW + 30, muted=False)
    for second in (31, 35):
        watch.check(NOW + second)
    assert watch.online() == ["w1"]
    assert watch.workers["w1"].frequency == 2.0
    for second in range(36, 60):
        watch.check(NOW + second)
    assert watch.online() == []


def test_one_that_never_answered_may_be_told_not_to() -> None:
    watch = WorkerWatch()
    heard(watch, NOW)
    asked = asked_until(watch, Presence(watch, set), NOW + UNKNOWN_AFTER + 2 * SELDOM, {"w1": False})
    assert watch.workers["w1"].row().presence == "unknown"
    assert asked[-1] - asked[-2] == SELDOM


def test_where_nobody_may_ask_it_is_not_known() -> None:
    watch = WorkerWatch()
    heard(watch, NOW)
    asked_until(watch, Presence(watch, set), NOW + UNKNOWN_AFTER + 1, {})
    assert watch.workers["w1"].row().presence == "unknown"


def test_an_answer_that_was_asked_for_before_the_goodbye_is_none() -> None:
    watch = WorkerWatch()
    beat(watch, NOW)
    beat(watch, NOW + 1, kind="offline")
    Presence(watch, set).replied(["w1"], NOW + 0.5)
    assert watch.online() == []
    Presence(watch, set).replied(["w1"], NOW + 2)
    assert watch.online() == ["w1"]


def test_one_that_was_never_heard_is_there_once_it_answers() -> None:
    watch = WorkerWatch()
    Presence(watch, set).replied(["w1", "celerybeat@host"], NOW)
    assert watch.online() == ["w1"]


def test_one_that_is_started_again_without_heartbeats_is_not_judged_by_them() -> None:
    watch = WorkerWatch()
    beat(watch, NOW)
    for second in range(1, 40):
        heard(watch, NOW + second)
        watch.check(NOW + second)
    assert watch.online() == ["w1"]
    assert watch.workers["w1"].frequency is None
    beat(watch, NOW + 40)
    assert watch.workers["w1"].frequency == 2.0


def test_heartbeats_of_before_say_nothing_of_now() -> None:
    """A recorder that has just begun hears of a task before it hears the next heartbeat."""
    watch = WorkerWatch()
    beat(watch, NOW)
    later = WorkerWatch(watch.take_changed())
    later.silent_until(NOW + 3_600)
    heard(later, NOW + 3_601)
    later.check(NOW + 3_601)
    assert later.workers["w1"].frequency == 2.0


def told(watch: WorkerWatch, at: float, **queues: str) -> None:
    for worker, names in queues.items():
        watch.answered(worker, at)
        watch.replies({}, {worker: [{"name": name} for name in names.split()]}, at)


def test_nobody_is_known_to_consume_only_when_everybody_has_told() -> None:
    watch = WorkerWatch()
    told(watch, NOW, w1="a")
    assert watch.consumers(all_asked=False).count("b") is None
    assert watch.consumers(all_asked=True).count("b") == 0
    heard(watch, NOW, "w2")
    consumers = watch.consumers(all_asked=True)
    assert (consumers.count("b"), consumers.count("a"), list(consumers.workers["a"])) == (None, None, ["w1"])
    told(watch, NOW + 1, w2="a")
    consumers = watch.consumers(all_asked=True)
    assert (consumers.count("b"), consumers.count("a"), consumers.told["a"]) == (0, 2, NOW)


def test_of_two_of_one_name_one_answers() -> None:
    watch = WorkerWatch()
    for second in range(10):
        beat(watch, NOW + second, pid=1 + second % 2)
    told(watch, NOW + 10, w1="a")
    assert watch.workers["w1"].duplicate_name
    consumers = watch.consumers(all_asked=True)
    assert (consumers.count("a"), consumers.count("b")) == (None, None)


def test_what_a_worker_consumed_before_it_was_started_again_says_nothing() -> None:
    watch = WorkerWatch()
    beat(watch, NOW, pid=1)
    told(watch, NOW, w1="a")
    assert watch.consumers(all_asked=True).count("b") == 0
    for second in (5, 7, 9, 11, 13, 15):
        beat(watch, NOW + second, pid=2)
    consumers = watch.consumers(all_asked=True)
    assert (consumers.count("b"), consumers.workers) == (None, {})


def test_one_of_which_nothing_is_known_may_still_consume_what_it_said() -> None:
    watch = WorkerWatch()
    heard(watch, NOW)
    told(watch, NOW, w1="a")
    watch.check(NOW + 1)
    for second in range(int(UNKNOWN_AFTER) + 2):
        watch.check(NOW + second)
    consumers = watch.consumers(all_asked=True)
    assert (consumers.count("a"), consumers.count("b"), consumers.workers) == (None, 0, {})
