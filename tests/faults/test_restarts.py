"""Brokers that restart, die, stop and come back: events flow again at once, and the status says what happened."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from deskq.brokers.redis.event_source import RedisEventSource
from deskq.profiles import Profile
from tests.support.events import send_events
from tests.support.recording import Recording
from tests.support.servers import RabbitServer, RedisServer
from tests.support.soak import rounds
from tests.support.waiting import wait_until

BACK = 5.0 + 5.0
"""Seconds: what is promised, and as much again for a machine that is busy."""


def recovered(recording: Recording, since: float, url: str) -> float:
    """Wait until it records again and an event arrives; the seconds that the first took."""
    accepts = time.monotonic()
    wait_until(
        lambda: (status := recording.status()).state == "recording" and status.since >= since,
        BACK,
        "the recorder to be back",
    )
    took = time.monotonic() - accepts
    (uuid,) = send_events(url)
    wait_until(lambda: recording.task(uuid) is not None, 10, "an event sent after the restart")
    return took


def test_redis_killed_and_restarted_again_and_again(own_redis: RedisServer) -> None:
    worst, times = 0.0, rounds(3, 50)
    with Recording(own_redis.url) as recording:
        for number in range(1, times + 1):
            before = time.time()
            own_redis.kill()
            wait_until(lambda: recording.status().state == "disconnected", 10, "the loss to be told")
            status = recording.status()
            assert status.since >= before - 0.1
            assert f"127.0.0.1:{own_redis.port}" in status.message
            own_redis.start()
            worst = max(worst, recovered(recording, before, own_redis.url))
            gaps = recording.reader.gaps()
            assert len(gaps) == number
            assert gaps[-1].ended is not None
            assert "no longer listening" in gaps[-1].cause or "restarted" in gaps[-1].cause
    print(f"Redis: {times} of {times} restarts; recording again after {worst:.2f} s at worst")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("way", ["kill", "stop_app"])
def test_rabbitmq_restarted_again_and_again(own_rabbit: RabbitServer, way: str) -> None:
    worst, times = 0.0, rounds(1, 25)
    with Recording(own_rabbit.url, "--management-url", own_rabbit.management_url) as recording:
        for number in range(1, times + 1):
            before = time.time()
            if way == "kill":
                own_rabbit.kill()
            else:
                own_rabbit.ctl("stop_app")
            wait_until(lambda: recording.status().state == "disconnected", 10, "the loss to be told")
            wait_until(lambda: "Nothing is listening" in recording.status().message, 10, "the port to be told as gone")
            if way == "kill":
                own_rabbit.start()
            else:
                own_rabbit.ctl("start_app")
                wait_until(own_rabbit._answers, 30, "RabbitMQ to accept")
            worst = max(worst, recovered(recording, before, own_rabbit.url))
            gaps = recording.reader.gaps()
            assert len(gaps) == number
            assert "closed the connection" in gaps[-1].cause
    print(f"RabbitMQ, {way}: {times} of {times} restarts; recording again after {worst:.2f} s at worst")


def test_a_login_that_was_good_before_is_tried_again(own_redis: RedisServer, tmp_path: Path) -> None:
    with Recording(own_redis.url) as recording:
        own_redis.kill()
        own_redis.password = "another"
        own_redis.start()
        said = "The login worked before, so deskq keeps retrying"
        wait_until(lambda: said in recording.status().message, 10, "the refusal to be told")
        assert recording.status().state == "disconnected"
        assert "another" not in recording.log()
        own_redis.kill()
        own_redis.password = ""
        before = time.time()
        own_redis.start()
        wait_until(lambda: (s := recording.status()).state == "recording" and s.since >= before, 20)


def test_a_virtual_host_that_is_away_for_a_while(rabbit_server: RabbitServer) -> None:
    with rabbit_server.vhost("coming") as url, Recording(url) as recording:
        rabbit_server.management("DELETE", "/api/vhosts/coming")
        wait_until(lambda: "The login worked before" in recording.status().message, 15, "the refusal to be told")
        before = time.time()
        rabbit_server.management("PUT", "/api/vhosts/coming")
        recovered(recording, before, url)


def test_a_redis_that_still_loads_its_data_is_not_given_up(own_redis: RedisServer) -> None:
    """It answers PING with an error meanwhile, and publishes all the same."""
    with own_redis.new_client() as client:
        with client.pipeline(transaction=False) as pipeline:
            for number in range(2_000):
                pipeline.set(f"key{number}", "x")
            pipeline.execute()
        client.save()
    own_redis.kill()
    own_redis._extra = ("--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024")
    own_redis._launch()
    source = RedisEventSource(Profile.from_url(own_redis.url), ping_after=0.2)
    wait_until(lambda: _connects(source), 10, "Redis to listen")
    with own_redis.new_client() as client:
        loading = client.info("persistence")["loading"]
        while client.info("persistence")["loading"]:
            assert source.read(0.05) == []
    assert loading == 1
    send_events(own_redis.url)
    assert wait_until(lambda: source.read(0.1), 10, "an event")
    source.close()


def _connects(source: RedisEventSource) -> bool:
    from deskq.brokers.ports import BrokerError

    try:
        source.connect()
    except BrokerError:
        return False
    return True
