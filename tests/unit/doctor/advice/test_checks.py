"""Each check of the doctor, on values: what is well, what is not, and the line that mends it."""

from __future__ import annotations

import pytest

from deskq.brokers.redis.alarms import alarm_of
from deskq.doctor.advice import queues as queue_advice
from deskq.doctor.advice import rabbitmq as rabbitmq_advice
from deskq.doctor.advice import redis as redis_advice
from deskq.doctor.advice import workers as worker_advice
from deskq.doctor.advice.workers import Idler
from deskq.doctor.finding import Finding
from deskq.doctor.observed import Observed
from deskq.protocol.events import Event

NOW = 1_795_000_000.0
HOUR = 3_600.0


def levels(found: list[Finding]) -> list[str]:
    return [finding.level for finding in found]


def only(found: list[Finding]) -> Finding:
    (finding,) = found
    return finding


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ({}, []),
        ({"a": True, "b": True}, ["ok"]),
        ({"a": True, "b": False}, ["warning"]),
        ({"a": None}, ["advice"]),
        ({"a": None, "b": False}, ["warning", "advice"]),
    ],
)
def test_task_events(states: dict[str, bool | None], expected: list[str]) -> None:
    found = worker_advice.task_events(states)
    assert levels(found) == expected
    assert all(one.setting == "worker_send_task_events = True" for one in found if one.level != "ok")


def test_sent_events() -> None:
    assert worker_advice.sent_events({}) == []
    assert levels(worker_advice.sent_events({"a": True})) == ["ok"]
    off = only(worker_advice.sent_events({"a": True, "b": False}))
    assert (off.level, off.setting) == ("advice", "task_send_sent_event = True")
    assert "at b;" in off.evidence


@pytest.mark.parametrize(
    ("seconds", "expected", "word"),
    [
        (0.0, "ok", ""),
        (2.0, "ok", ""),
        (-2.0, "ok", ""),
        (2.1, "warning", "2.1 s ahead"),
        (-3_600, "warning", "3600.0 s behind"),
    ],
)
def test_clocks(seconds: float, expected: str, word: str) -> None:
    found = only(worker_advice.clocks({"w": seconds}))
    assert found.level == expected
    assert word in found.title


def test_heartbeats() -> None:
    assert worker_advice.heartbeats([], [], 4) == []
    assert levels(worker_advice.heartbeats(["a"], ["a", "b"], 4)) == ["ok"]
    silent = only(worker_advice.heartbeats(["a", "b"], ["a"], 4.2))
    assert silent.level == "warning"
    assert silent.title.endswith(" b")
    assert "--without-heartbeat" in silent.remedy


def test_two_workers_of_one_name() -> None:
    assert worker_advice.duplicate_names({}) == []
    assert levels(worker_advice.duplicate_names({"a": 1, "b": 1})) == ["ok"]
    twice = only(worker_advice.duplicate_names({"a": 2, "b": 1}))
    assert (twice.level, twice.title) == ("error", "2 workers are named a")


def test_two_workers_in_containers_have_one_pid() -> None:
    def heard(*at: float) -> int:
        observed = Observed()
        for moment in at:
            observed.hear(Event(type="worker-heartbeat", hostname="w", pid=1, timestamp=moment, freq=2), moment)
        return observed.heard["w"].processes

    assert heard(0, 2, 4) == heard(0, 1.7, 3.7, 5.7) == heard(0, 2.6, 4, 6) == 1
    assert heard(0, 1, 2, 3) == heard(0, 0.1, 2, 2.1) == heard(1.9, 2, 3.9, 4) == 2


def idler(**given: object) -> Idler:
    values: dict[str, object] = {
        "hostname": "w",
        "queue": "q",
        "ready": 5,
        "active": 0,
        "since": NOW - 600,
        "last_received": NOW - 120,
    }
    return Idler(**{**values, **given})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (idler(), "error"),
        (idler(last_received=None), "error"),
        (idler(ready=0), "ok"),
        (idler(active=1), "ok"),
        (idler(active=None), "ok"),
        (idler(last_received=NOW - 30), "ok"),
        (idler(since=NOW - 30, last_received=None), "ok"),
    ],
)
def test_a_stalled_worker(one: Idler, expected: str) -> None:
    assert only(worker_advice.stalled([one], NOW)).level == expected
    assert worker_advice.stalled([], NOW) == []


@pytest.mark.parametrize(
    ("expiry", "longest", "expected"),
    [
        (86_400.0, None, ["ok"]),
        (86_400.0, 600.0, ["ok"]),
        (HOUR, 60.0, ["ok"]),
        (600.0, 60.0, ["advice"]),
        (600.0, 601.0, ["warning"]),
        (86_400.0, 90_000.0, ["warning"]),
        (None, 90_000.0, []),
    ],
)
def test_result_expiry(expiry: float | None, longest: float | None, expected: list[str]) -> None:
    assert levels(worker_advice.result_expiry({"w": expiry}, longest)) == expected


def test_a_longer_result_expiry_is_in_whole_hours() -> None:
    assert only(worker_advice.result_expiry({"w": 600.0}, 2_000.0)).setting == "result_expires = 7200"


@pytest.mark.parametrize(
    ("policy", "limit", "expected"),
    [
        ("", 0, []),
        ("noeviction", 1 << 30, ["ok"]),
        ("noeviction", 0, ["ok"]),
        ("allkeys-lru", 1 << 30, ["warning"]),
        ("allkeys-lru", 0, ["advice"]),
        ("volatile-ttl", 1 << 30, ["advice"]),
    ],
)
def test_eviction(policy: str, limit: int, expected: list[str]) -> None:
    found = redis_advice.eviction(policy, limit)
    assert levels(found) == expected
    if expected not in ([], ["ok"]):
        assert found[0].setting == "CONFIG SET maxmemory-policy noeviction"


@pytest.mark.parametrize(
    ("used", "limit", "expected"),
    [(5, 0, []), (79, 100, ["ok"]), (80, 100, ["warning"]), (94, 100, ["warning"]), (95, 100, ["error"])],
)
def test_memory(used: int, limit: int, expected: list[str]) -> None:
    assert levels(redis_advice.memory(used << 20, limit << 20)) == expected


def test_more_memory_as_redis_writes_it() -> None:
    assert only(redis_advice.memory(100 << 20, 100 << 20)).setting == "CONFIG SET maxmemory 200mb"


def test_an_eta_beyond_the_visibility_timeout() -> None:
    assert redis_advice.visibility({}, [NOW + 9_999], NOW) == []
    assert levels(redis_advice.visibility({"w": HOUR}, [], NOW)) == ["ok"]
    assert levels(redis_advice.visibility({"w": HOUR}, [NOW + HOUR, NOW - 50], NOW)) == ["ok"]
    assert only(redis_advice.visibility({"w": HOUR}, [NOW + 5], NOW)).evidence.startswith("1 ETA task waits, the")
    assert only(redis_advice.visibility({"w": HOUR}, [], NOW)).evidence.startswith("No ETA task waits; the")
    far = only(redis_advice.visibility({"w": HOUR}, [NOW + 60, NOW + 2 * HOUR], NOW))
    assert far.level == "warning"
    assert far.title.startswith("1 task waits")
    assert far.setting == 'broker_transport_options = {"visibility_timeout": 10800}'


def test_etas_that_were_not_all_looked_at_are_no_good_news() -> None:
    partly = only(redis_advice.visibility({"w": HOUR}, [NOW + 5], NOW, (1_000, 40_000)))
    assert partly.level == "advice"
    assert partly.evidence.startswith("1,000 of the 40,000 messages held by workers were checked.")
    far = only(redis_advice.visibility({"w": HOUR}, [NOW + 2 * HOUR], NOW, (1_000, 40_000)))
    assert (far.level, far.title[:25]) == ("warning", "At least 1 task waits lon")


def test_a_worker_with_a_shorter_visibility_timeout() -> None:
    found = redis_advice.visibility({"long": 12 * HOUR, "short": HOUR}, [NOW + 2 * HOUR], NOW)
    assert levels(found) == ["warning", "warning"]
    assert found[0].evidence.startswith("short uses 3600 s")
    assert found[0].setting == 'broker_transport_options = {"visibility_timeout": 43200}'


def test_queues_that_nobody_consumes() -> None:
    assert queue_advice.without_consumer({}, {}) == []
    assert queue_advice.without_consumer({"q": 5}, {"q": None}) == []
    assert levels(queue_advice.without_consumer({"q": 5, "r": 0}, {"q": 1, "r": 0})) == ["ok"]
    waits = only(queue_advice.without_consumer({"a; rm -rf ~": 5, "r": None}, {"a; rm -rf ~": 0, "r": 0}))
    assert waits.level == "warning"
    assert waits.setting == "celery worker --queues='a; rm -rf ~'"


def test_consumers_of_nothing() -> None:
    assert queue_advice.unreachable({}, (), None) == []
    assert levels(queue_advice.unreachable({"w": ["q"]}, (), {"q"})) == ["ok"]
    assert levels(queue_advice.unreachable({"w": ["q"]}, (), None)) == ["ok"]
    gone = queue_advice.unreachable({"w": ["q", "r", "s"]}, {"q"}, {"s"})
    assert [(one.level, one.title) for one in gone] == [
        ("warning", "w consumes “q”, which does not exist"),
        ("advice", "“r”, consumed by w, has no binding"),
    ]


def test_no_management_api_is_advice() -> None:
    assert levels(rabbitmq_advice.management("")) == ["ok"]
    missing = only(rabbitmq_advice.management("There is none."))
    assert (missing.level, missing.remedy) == ("advice", "There is none.")


@pytest.mark.parametrize(
    ("version", "denied", "workers", "answering", "expected"),
    [
        ("3.10.8", None, {"w": "5.5.0"}, ["w"], "ok"),
        ("4.2.9", None, {"w": "5.6.2"}, [], "ok"),
        ("4.3.0", None, {"w": "5.6.2", "v": "5.7.0"}, ["v"], "error"),
        ("4.3.0", None, {"w": "5.7.0"}, ["w"], "ok"),
        ("4.3.0", None, {}, [], "advice"),
        ("4.3.0", None, {"w": "5.6.2"}, ["w"], "ok"),  # it answers, so its queue was permitted
        ("4.3.0", False, {"w": "5.6.2"}, [], "ok"),
        ("4.1.0", True, {"w": "5.6.2"}, [], "error"),
        ("", None, {"w": "5.6.2"}, [], "ok"),
    ],
)
def test_event_queues_that_rabbitmq_refuses(
    version: str, denied: bool | None, workers: dict[str, str], answering: list[str], expected: str
) -> None:
    found = only(rabbitmq_advice.event_queues(version, denied, workers, answering))
    assert found.level == expected
    if expected != "ok":
        assert found.setting == "deprecated_features.permit.transient_nonexcl_queues = true"


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({}, ""),
        ({"role": "master", "used_memory": "9", "maxmemory": "0", "maxmemory_policy": "noeviction"}, ""),
        ({"role": "master", "used_memory": "9", "maxmemory": "9", "maxmemory_policy": "allkeys-lru"}, ""),
        (
            {"role": "master", "used_memory": "9", "maxmemory": "9", "maxmemory_policy": "noeviction"},
            "accepts no messages",
        ),
        ({"role": "slave"}, "read-only replica"),
    ],
)
def test_when_redis_takes_no_messages(facts: dict[str, str], says: str) -> None:
    alarm = alarm_of(facts)
    assert says in str(alarm) if says else alarm is None
