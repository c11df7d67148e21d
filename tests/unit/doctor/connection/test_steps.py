"""What the doctor makes of replies and events, how steps depend on each other, and that no password shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deskq.brokers.ports import BrokerError, Refused
from deskq.doctor.advice.facts import HistoryFacts, QueueFacts
from deskq.doctor.advice.general import about_queues, task_event_states
from deskq.doctor.connection import network
from deskq.doctor.connection import workers as worker_steps
from deskq.doctor.connection.other import OtherSteps
from deskq.doctor.connection.probes import Probe, ProbeOutcome, discreet, run
from deskq.doctor.finding import Finding, ProbedStep, is_fine, lines, to_values, word
from deskq.doctor.observed import Observed, WorkerSettings
from deskq.doctor.versions import is_older, numbers
from deskq.history.rows import WorkerRow
from deskq.profiles import Profile
from deskq.protocol.events import Event

PROFILE = Profile.from_url("redis://anna:c4n4ry@broker.example:6380/2")
NOW = 1_795_000_000.0


def never() -> bool:
    return False


def well() -> ProbeOutcome:
    return ProbeOutcome("ok", "it said c4n4ry")


def fail() -> ProbeOutcome:
    raise Refused("Nobody is there, said c4n4ry.", details="errno c4n4ry")


def test_what_needs_a_failed_step_is_skipped() -> None:
    probes = [
        Probe("a", "A", well),
        Probe("b", "B", fail, ("a",)),
        Probe("c", "C", well, ("b",)),
        Probe("d", "D", well),
    ]
    probes.append(Probe("e", "E", well, ("c",)))
    steps = list(run(probes, PROFILE, never))
    assert [step.state for step in steps] == ["ok", "failed", "skipped", "ok", "skipped"]
    assert steps[2].evidence == "Skipped: “B” must pass first."
    assert steps[1].remedy == "Nobody is there, said •••."
    assert "c4n4ry" not in str(steps)


def test_a_step_that_skips_itself_stops_nothing() -> None:
    probes = [Probe("a", "A", lambda: ProbeOutcome("skipped", "none")), Probe("b", "B", well, ("a",))]
    assert [step.state for step in run(probes, PROFILE, never)] == ["skipped", "ok"]


def test_nothing_is_tried_after_cancelling() -> None:
    tried: list[str] = []

    def work(name: str) -> Callable[[], ProbeOutcome]:
        def probe() -> ProbeOutcome:
            tried.append(name)
            return ProbeOutcome("ok")

        return probe

    steps = run([Probe(name, name, work(name)) for name in "abc"], PROFILE, lambda: "b" in tried)
    assert [step.key for step in steps] == ["a"]
    assert tried == ["a", "b"]


def test_a_defect_is_no_failed_step() -> None:
    def defect() -> ProbeOutcome:
        raise KeyError("x")

    with pytest.raises(KeyError):
        list(run([Probe("a", "A", defect)], PROFILE, never))


def test_a_password_that_is_the_user_hides_nothing() -> None:
    assert discreet("As guest.", Profile.from_url("amqp://guest:guest@h//")) == "As guest."


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://h/0", ["h:6379"]),
        ("rediss://h:1/0", ["h:1"]),
        ("amqps://h", ["h:5671"]),
        ("amqp://[::1]/x", ["[::1]:5672"]),
        ("sentinel://a:1;sentinel://b", ["a:1", "b:26379"]),
        ("redis+socket:///run/redis.sock", ["/run/redis.sock"]),
        ("memory://", []),
    ],
)
def test_places(url: str, expected: list[str]) -> None:
    assert [str(place) for place in network.places(Profile.from_url(url))] == expected


def test_certificates_are_read() -> None:
    subject = ((("countryName", "DE"),), (("commonName", "broker.example"),))
    assert network.certificate_name(subject) == "broker.example"
    assert network.certificate_name(((("organizationName", "Shop"),),)) == "Shop"
    assert network.certificate_name(None) == "nobody"
    assert network.days_left({"notAfter": "Jan  5 09:34:43 2018 GMT"}, 1_515_144_883 - 86_400 * 3) == 3
    assert network.days_left({}, NOW) is None


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ({}, WorkerSettings(result_expires=None)),
        ({"result_backend": "redis://h"}, WorkerSettings(result_expires=86_400)),
        ({"result_backend": "x", "result_expires": 600}, WorkerSettings(result_expires=600)),
        ({"result_backend": "x", "result_expires": "0:10:00"}, WorkerSettings(result_expires=600)),
        ({"result_backend": "x", "result_expires": "2 days, 1:00:00"}, WorkerSettings(result_expires=176_400)),
        ({"result_backend": "x", "result_expires": None}, WorkerSettings(result_expires=None)),
        ({"result_backend": "x", "result_expires": 0}, WorkerSettings(result_expires=None)),
        ({"result_backend": "x", "result_expires": ["odd"]}, WorkerSettings(result_expires=86_400)),
        (
            {"broker_transport_options": {"visibility_timeout": 43_200}, "task_send_sent_event": True},
            WorkerSettings(False, True, None, 43_200),
        ),
        ({"broker_transport_options": "odd", "worker_send_task_events": 1}, WorkerSettings(result_expires=None)),
    ],
)
def test_settings_of_a_worker(reply: dict[str, object], expected: WorkerSettings) -> None:
    assert WorkerSettings.from_reply(reply) == expected


def test_replies_of_an_odd_kind() -> None:
    assert not worker_steps.is_answer({"error": "no"})
    assert not worker_steps.is_answer(["x"])
    assert worker_steps.is_answer({})
    assert worker_steps.queue_names([{"name": "b"}, {"name": 1}, "x", {"name": "a"}]) == ["a", "b"]
    assert worker_steps.queue_names({"error": "no"}) == []
    assert worker_steps.etas([{"eta": "2026-11-25T05:10:46+00:00"}, {"eta": "odd"}, {"eta": None}, 3]) == [
        1_795_583_446
    ]
    assert worker_steps.etas(None) == []


def beat(name: str, pid: int, at: float, processed: int = 0) -> Event:
    return Event(type="worker-heartbeat", hostname=name, pid=pid, timestamp=at, processed=processed, sw_ver="5.7.0")


def test_what_heartbeats_tell() -> None:
    observed = Observed(answering=["a"])
    observed.hear(beat("b", 1, NOW + 3.0), NOW + 0.5)
    observed.hear(beat("b", 2, NOW + 4.0), NOW + 1.8)
    observed.hear(Event(type="task-sent", hostname="client", timestamp=NOW), NOW)
    observed.hear(Event(type="worker-online", hostname="c", timestamp=NOW), NOW)
    assert observed.workers() == ["a", "b"]
    heard = observed.heard["b"]
    assert (heard.heartbeats, heard.pids, heard.celery, heard.clock_difference) == (2, {1, 2}, "5.7.0", 2.5)


def test_who_tells_of_tasks() -> None:
    observed = Observed(answering=["told", "set", "silent", "idle", "known"])
    observed.settings = {"set": WorkerSettings(send_task_events=True), "idle": WorkerSettings()}
    observed.hear(Event(type="task-started", hostname="told", timestamp=NOW), NOW)
    observed.hear(beat("silent", 1, NOW, 5), NOW)
    observed.hear(beat("silent", 1, NOW + 2, 7), NOW + 2)
    past = HistoryFacts(workers=[WorkerRow("known", True, NOW, NOW, events_enabled=False)])
    assert task_event_states(observed, past) == {
        "told": True,
        "set": True,
        "silent": False,
        "idle": None,
        "known": False,
    }
    outcome = worker_steps.task_events(PROFILE, observed)
    assert outcome.state == "warning"
    assert outcome.evidence.startswith("silent ran tasks")


def test_consumers_are_not_known_where_a_worker_keeps_silent() -> None:
    queues = QueueFacts(ready={"a": 3, "b": 4}, consumers={"a": None, "b": None})

    def said(observed: Observed, profile: Profile = PROFILE) -> list[tuple[str, str]]:
        return [(word(one), one.title) for one in about_queues(profile, observed, queues)]

    answered = Observed(answering=["w"], queues={"w": ["a"]}, listening_failed=False)
    assert said(answered) == [("warning", "No worker consumes “b”"), ("ok", "All consumed queues exist")]
    answered.hear(beat("busy", 1, NOW), NOW)  # it may be the one that takes from b
    assert said(answered)[0] == ("skipped", "Consumers of some queues")
    assert "Nobody" not in str(said(answered))
    nobody = Observed(answering=[], listening_failed=False)
    assert said(nobody) == [
        ("warning", "“a” has waiting messages, and no worker is online"),
        ("warning", "“b” has waiting messages, and no worker is online"),
    ]
    nobody.hear(beat("busy", 1, NOW), NOW)
    assert said(nobody) == [("skipped", "Consumers of queues")]
    assert said(Observed(listening_failed=False)) == [("skipped", "Consumers of queues")]
    assert said(Observed(), Profile.from_url("redis://h/0", silent=True)) == [("not-asked", "Consumers of queues")]


def test_versions() -> None:
    assert numbers("3.10.8") == (3, 10, 8)
    assert numbers("5.7.0rc1") == (5, 7, 0)
    assert numbers("odd") == ()
    assert is_older("5.0.14", (6,))
    assert not is_older("6.0", (6,))
    assert not is_older("odd", (6,))


def test_a_report_is_fine_or_not() -> None:
    ok, warned = ProbedStep("a", "A", "ok", seconds=0.12345), ProbedStep("b", "B", "warning", "seen", "do")
    advice = Finding("c", "advice", "C", "seen", "do", "x = 1")
    assert is_fine([ok, warned, advice])
    assert not is_fine([ok, warned, advice], warned=True)
    assert is_fine([ok, advice], warned=True)
    assert not is_fine([ok, ProbedStep("d", "D", "failed")])
    assert not is_fine([Finding("e", "warning", "E")])
    assert to_values(ok) == {
        "key": "a",
        "title": "A",
        "state": "ok",
        "evidence": "",
        "remedy": "",
        "seconds": 0.123,
    }
    assert lines(advice) == ["[advice] C", "    seen", "    do", "    x = 1"]


@pytest.mark.parametrize("url", ["pyro://localhost/kombu.broker", "filesystem://"])
def test_a_transport_that_connects_late_is_tried(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pyro looks for its name server, and the file transport for its folders, only when a queue is looked at."""
    monkeypatch.chdir(tmp_path)
    steps = OtherSteps(Profile.from_url(url), Observed())
    with pytest.raises(BrokerError):
        steps.login()
    steps.close()
