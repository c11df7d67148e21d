"""RabbitMQ under a memory or disk alarm: deskq names the alarm, does not wait for workers, and calls none offline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any

import pytest

from deskq.brokers.ports import BrokerError
from deskq.brokers.rabbitmq.alarms import AlarmProbe, current_alarm
from deskq.brokers.rabbitmq.broker import RabbitBroker
from deskq.brokers.remote_control import NotTold, RemoteControl
from deskq.doctor.advice.general import examine
from deskq.doctor.finding import ProbedStep, lines
from deskq.history.rows import WorkerRow
from deskq.profiles import Profile, Safety
from tests.support.celery_worker import CeleryWorker
from tests.support.recording import Recording
from tests.support.servers import RabbitServer
from tests.support.waiting import wait_until

RESTRICTED = "restricted"


@pytest.fixture(scope="module")
def server(needs: Callable[[Callable[[], RabbitServer]], RabbitServer]) -> Iterator[RabbitServer]:
    """A server of its own: an alarm is everybody's."""
    with needs(RabbitServer) as running:
        running.ctl("add_user", RESTRICTED, "secret")
        running.ctl("set_permissions", RESTRICTED, r"^deskq\..*", r"^deskq\..*", r"^(deskq\..*|celeryev)$")
        yield running


@contextmanager
def memory_alarm(server: RabbitServer) -> Iterator[None]:
    server.ctl("set_vm_memory_high_watermark", "absolute", "1MB")
    try:
        yield
    finally:
        server.ctl("set_vm_memory_high_watermark", "0.6")


@contextmanager
def disk_alarm(server: RabbitServer) -> Iterator[None]:
    server.ctl("set_disk_free_limit", "1000000GB")
    try:
        yield
    finally:
        server.ctl("set_disk_free_limit", "1MB")


def profile_of(server: RabbitServer, management: str = "", *, user: str = "guest:guest") -> Profile:
    return Profile.from_url(server.url.replace("guest:guest", user), management_url=management or server.management_url)


NOWHERE = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("alarm", "kind", "remedy"),
    [(memory_alarm, "memory", "vm_memory_high_watermark"), (disk_alarm, "disk", "disk_free_limit")],
)
def test_a_sample_tells_of_an_alarm_and_of_its_end(
    server: RabbitServer, alarm: Callable[[RabbitServer], AbstractContextManager[None]], kind: str, remedy: str
) -> None:
    """By the management API, and without it."""

    def told(broker: RabbitBroker) -> str:
        broker.sample(["celery"])
        return str(broker.alarm or "")

    with (
        closing(RabbitBroker(profile_of(server))) as managed,
        closing(RabbitBroker(profile_of(server, NOWHERE))) as bare,
    ):
        assert (told(managed), told(bare)) == ("", "")
        with alarm(server):
            for broker in (managed, bare):
                said = wait_until(lambda one=broker: told(one), 15, "the alarm")  # type: ignore[misc]
                assert f"its {kind} alarm is set" in said
                assert remedy in said
                assert told(broker)  # and again on the same connection
        for broker in (managed, bare):
            wait_until(lambda one=broker: not told(one), 15, "the end of the alarm")  # type: ignore[misc]


def test_a_user_who_may_send_nothing_is_told_of_an_alarm(server: RabbitServer) -> None:
    with closing(AlarmProbe(profile_of(server, user=f"{RESTRICTED}:secret"))) as probe:
        assert probe.alarm() is None
        assert probe.alarm() is None
        with memory_alarm(server):
            alarm = probe.alarm()
            assert alarm is not None
            assert "its memory alarm is set" in alarm.what


def test_nobody_is_asked_under_an_alarm_nor_waited_for(server: RabbitServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with CeleryWorker(server.url), closing(RemoteControl(profile_of(server))) as remote:
        wait_until(lambda: remote.inspect("ping", limit=1), 20, "the worker to answer")
        with memory_alarm(server):
            with pytest.raises(NotTold, match="its memory alarm is set"):
                remote.inspect("ping")
            with pytest.raises(NotTold, match="its memory alarm is set"):
                remote.check()
            monkeypatch.setattr(AlarmProbe, "alarm", lambda _self: None)  # as if it were set a moment later
            with pytest.raises(BrokerError, match="Cannot reach the workers"):
                remote.inspect("ping")
        monkeypatch.undo()
        assert remote.inspect("ping", limit=1)


def test_the_doctor_names_the_alarm_and_asks_for_no_worker(server: RabbitServer) -> None:
    profile = profile_of(server)
    with CeleryWorker(server.url), memory_alarm(server):
        reported = list(examine(profile, history=None, cancelled=lambda: False))
    steps = {one.key: one for one in reported if isinstance(one, ProbedStep)}
    assert [steps[key].state for key in ("messages", "workers", "events")] == ["warning"] * 3
    assert "its memory alarm is set" in steps["messages"].evidence
    assert "vm_memory_high_watermark" in steps["messages"].remedy
    assert "tart a worker" not in "\n".join(line for one in reported for line in lines(one))


def test_workers_that_are_connected_stay_online(server: RabbitServer) -> None:
    """Their heartbeats do not come; that RabbitMQ holds their connections does tell."""
    worker, other = CeleryWorker(server.url).start(), CeleryWorker(server.url).start()
    with Recording(server.url, "--management-url", NOWHERE) as recording:

        def row(one: CeleryWorker) -> WorkerRow | None:
            return next((row for row in recording.reader.workers() if row.hostname == one.hostname), None)

        try:
            wait_until(lambda: all(r is not None and r.pool for r in (row(worker), row(other))), 40, "both workers")
            with memory_alarm(server):
                wait_until(lambda: "its memory alarm is set" in recording.status().sampling, 20, "the alarm")
                other.kill()

                def gone() -> bool:
                    found = row(other)
                    return found is not None and not found.online and not found.unknown

                wait_until(gone, 60, "the killed worker to be offline")
                found = row(worker)
                assert found is not None
                assert (found.online, found.unknown) == (True, False)
            wait_until(lambda: not recording.status().sampling, 20, "the end of the alarm")
            beat = found.last_heartbeat or 0.0

            def beats() -> bool:
                found = row(worker)
                return found is not None and found.online and (found.last_heartbeat or 0.0) > beat

            wait_until(beats, 20, "heartbeats again")
        finally:
            worker.kill()
            other.kill()


@pytest.mark.parametrize("options", [{"safety": Safety.READ_ONLY}, {"silent": True}])
def test_a_profile_that_sends_nothing_does_not_probe(server: RabbitServer, options: dict[str, Any]) -> None:
    """Without the management API it does not know of an alarm, and says so."""
    profile = Profile.from_url(server.url, management_url=NOWHERE, **options)
    with memory_alarm(server), closing(AlarmProbe(profile)) as probe:
        assert probe.alarm() is None
        assert probe._connection is None
        with pytest.raises(BrokerError):
            current_alarm(profile)
