"""Brokers that hang: the connection stays open and nothing comes. It is noticed, and nothing waits for them."""

from __future__ import annotations

import time

from deskq.brokers.opening import open_broker
from deskq.brokers.ports import BrokerError, ConnectionLost
from deskq.brokers.rabbitmq.broker import RabbitBroker
from deskq.brokers.remote_control import RemoteControl
from deskq.profiles import Profile
from tests.faults.conftest import within
from tests.support.events import send_events
from tests.support.middle import Middle
from tests.support.recording import Recording
from tests.support.servers import RabbitServer, RedisServer
from tests.support.waiting import wait_until


def test_it_is_noticed_and_another_profile_is_not_disturbed(
    own_server: RedisServer | RabbitServer, valkey_url: str
) -> None:
    with Recording(own_server.url) as frozen, Recording(valkey_url) as other:
        before = time.time()
        own_server.freeze()
        try:
            wait_until(lambda: frozen.status().state == "disconnected", 15 + 5, "the silence to be noticed")
            took = time.time() - before
            assert "has not responded for" in frozen.status().message or "has sent nothing" in frozen.status().message
            (uuid,) = send_events(valkey_url)
            wait_until(lambda: other.task(uuid) is not None, 10, "the other profile's event")
            assert other.status().state == "recording"
        finally:
            own_server.thaw()
        wait_until(lambda: frozen.status().state == "recording", 15, "the recorder to be back")
        (uuid,) = send_events(own_server.url)
        wait_until(lambda: frozen.task(uuid) is not None, 10, "an event")
        (gap,) = frozen.reader.gaps()
        assert gap.ended is not None
        # The gap begins with the last sign of life, not when the silence was understood.
        assert gap.started < before + 5
        assert other.reader.gaps() == []
    print(f"frozen: noticed after {took:.1f} s")


def test_nothing_waits_for_it(own_server: RedisServer | RabbitServer) -> None:
    """Connecting, asking it, asking the workers behind it, and leaving it."""
    profile = Profile.from_url(own_server.url)
    broker = open_broker(profile)
    open_source, late = broker.event_source(), broker.event_source()
    remote, late_remote = RemoteControl(profile), RemoteControl(profile)
    open_source.connect()
    assert open_source.read(0.05) == []
    assert remote.inspect("ping", timeout=0.2) == {}
    own_server.freeze()
    try:
        asked = [late.connect, broker.server, lambda: remote.inspect("ping"), lambda: late_remote.inspect("ping")]
        lost = within(30, *asked)
        assert [isinstance(error, BrokerError) for error in lost] == [True] * 4
        assert ["does not respond" in str(error) for error in lost[:2]] == [True] * 2
        leave = (open_source.close, late.close, broker.close, remote.close, late_remote.close)
        assert set(within(5, *leave)) == {None}
    finally:
        own_server.thaw()


def test_a_route_that_is_lost(own_server: RedisServer | RabbitServer) -> None:
    """Both ends keep their half of the connection open. The events of that time are a gap."""
    with Middle(own_server.port) as middle:
        url = own_server.url.replace(str(own_server.port), str(middle.port))
        with Recording(url) as recording:
            (seen,) = send_events(own_server.url)
            wait_until(lambda: recording.task(seen) is not None, 10, "an event")
            before = time.time()
            middle.swallow()
            (unseen,) = send_events(own_server.url)
            wait_until(lambda: recording.status().state == "disconnected", 15 + 5, "the silence to be noticed")
            middle.heal()
            wait_until(lambda: recording.status().state == "recording", 15, "the recorder to be back")
            (after,) = send_events(own_server.url)
            wait_until(lambda: recording.task(after) is not None, 10, "an event")
            assert recording.task(unseen) is None
            (gap,) = recording.reader.gaps()
            assert gap.started <= before + 1
            assert gap.ended is not None


def test_a_question_that_rabbitmq_does_not_answer(own_rabbit: RabbitServer) -> None:
    """The connection was good before; pika itself would wait for two minutes."""
    broker = RabbitBroker(Profile.from_url(own_rabbit.url, management_url="http://127.0.0.1:1"))
    assert broker.server().product == "RabbitMQ"
    own_rabbit.freeze()
    try:
        (lost,) = within(15, lambda: broker.sample(["celery"]))
        assert isinstance(lost, ConnectionLost)
        assert "does not respond" in str(lost)
    finally:
        own_rabbit.thaw()
    (sample,) = wait_until(lambda: broker.sample(["celery"]), 15)
    assert sample.exists is False
    broker.close()
