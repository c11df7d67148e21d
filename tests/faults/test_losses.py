"""Events that a broker dropped because deskq did not read them are gaps that say so."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import pytest

from deskq.brokers.ports import Loss
from deskq.brokers.rabbitmq.event_source import QUEUE_ARGUMENTS, RabbitEventSource
from deskq.history.rows import Gap
from deskq.profiles import Profile
from tests.support.events import send_events
from tests.support.recording import Recording
from tests.support.servers import RabbitServer, RedisServer
from tests.support.waiting import wait_until

BIG = 10_000  # characters; 3,000 such events are more than the sockets between hold


@contextmanager
def standing_still(recording: Recording) -> Iterator[None]:
    """The recorder does not read meanwhile, for at least one and a half seconds."""
    assert recording._process is not None
    began = time.monotonic()
    os.kill(recording._process.pid, signal.SIGSTOP)
    try:
        yield
        wait_until(lambda: time.monotonic() - began > 1.5)
    finally:
        os.kill(recording._process.pid, signal.SIGCONT)


def gap_of(recording: Recording) -> Gap:
    """The only gap, once it has ended."""
    wait_until(lambda: [gap for gap in recording.reader.gaps() if gap.ended is not None], 15, "the gap")
    (gap,) = recording.reader.gaps()
    return gap


@pytest.mark.parametrize("flavour", ["redis", "valkey"])
def test_redis_cuts_a_slow_reader(
    flavour: Literal["redis", "valkey"], needs: Callable[[Callable[[], RedisServer]], RedisServer]
) -> None:
    limit = ("--client-output-buffer-limit", "pubsub 1mb 0 0")
    with needs(lambda: RedisServer(flavour, extra=limit)) as server, Recording(server.url) as recording:
        (first,) = send_events(server.url)
        wait_until(lambda: recording.task(first) is not None, 10, "an event")
        stopped = time.time()
        with standing_still(recording), server.new_client() as client:

            def cut() -> bool:
                send_events(server.url, 300, size=BIG)  # no more than it takes: after 10 s it would "stand still"
                return not client.client_list(_type="pubsub")

            wait_until(cut, 10, "Redis to cut it")
        gap = gap_of(recording)
        assert "which read events too slowly" in gap.cause
        assert stopped - 1 <= gap.started <= (gap.ended or 0)
        (last,) = send_events(server.url)
        wait_until(lambda: recording.task(last) is not None, 10, "an event after it")


def test_redis_closes_a_connection_for_another_reason(own_redis: RedisServer) -> None:
    with Recording(own_redis.url) as recording:
        with own_redis.new_client() as client:
            client.client_kill_filter(_type="pubsub")
        assert "CLIENT KILL" in gap_of(recording).cause


def test_rabbitmq_drops_what_does_not_fit(rabbit_server: RabbitServer) -> None:
    with rabbit_server.vhost("full") as url, Recording(url) as recording:
        rabbit_server.management(
            "PUT", "/api/policies/full/short", {"pattern": "^deskq\\.[^.]*$", "definition": {"max-length": 50}}
        )
        wait_until(lambda: _policy(rabbit_server, "full") == "short", 10, "the policy to apply")
        stopped = time.time()
        with standing_still(recording):
            send_events(url, 3_000, size=BIG)
        gap = gap_of(recording)
        assert "its event queue was full" in gap.cause
        assert stopped - 1 <= gap.started <= (gap.ended or 0)
        assert 0 < recording.count() < 3_000
        assert recording.status().state == "recording"


def test_rabbitmq_lets_events_expire(rabbit_vhost_url: str) -> None:
    source = RabbitEventSource(
        Profile.from_url(rabbit_vhost_url), arguments=dict(QUEUE_ARGUMENTS) | {"x-message-ttl": 100}
    )
    source.connect()
    assert source.read(0.05) == []
    stopped = time.time()
    send_events(rabbit_vhost_url, 3_000, size=BIG)
    wait_until(lambda: time.time() - stopped > 1.5)

    def losses() -> list[Loss]:
        source.read(0.1)
        return source.losses()

    (loss,) = wait_until(losses, 20, "the loss")
    assert "they expired" in loss.cause
    assert stopped - 1 <= loss.since <= loss.until
    source.close()


def test_an_account_that_may_not_dead_letter_still_reads(rabbit_server: RabbitServer) -> None:
    """The permissions that the refusals ask for, and no more."""
    with rabbit_server.vhost("narrow") as url:
        rabbit_server.management("PUT", "/api/users/narrow", {"password": "x", "tags": ""})
        allowed = {"configure": r"^deskq\..*", "write": r"^deskq\..*", "read": r"^(deskq\..*|celeryev)$"}
        rabbit_server.management("PUT", "/api/permissions/narrow/narrow", allowed)
        send_events(url)  # declares the exchange
        source = RabbitEventSource(Profile.from_url(url.replace("guest:guest", "narrow:x")))
        source.connect()
        send_events(url)
        assert wait_until(lambda: source.read(0.1), 10, "an event")
        assert source.losses() == []
        source.close()
        rabbit_server.management("DELETE", "/api/users/narrow")


def test_an_event_queue_that_goes_away(rabbit_server: RabbitServer) -> None:
    """The connection stays: without a look at it the recorder would wait for ever."""
    with rabbit_server.vhost("deleted") as url, Recording(url) as recording:
        rabbit_server.ctl(
            "eval",
            '[rabbit_amqqueue:delete(Q, false, false, <<"tests">>) || Q <- rabbit_amqqueue:list(<<"deleted">>)].',
        )
        assert "deskq's queue or its node is gone" in gap_of(recording).cause
        (uuid,) = send_events(url)
        wait_until(lambda: recording.task(uuid) is not None, 10, "an event after it")


def _event_queues(server: RabbitServer, host: str) -> list[str]:
    names = [queue["name"] for queue in server.management("GET", f"/api/queues/{host}")]
    return [name for name in names if name.startswith("deskq.") and not name.endswith((".dropped", ".pidbox"))]


def _policy(server: RabbitServer, host: str) -> str | None:
    (name,) = _event_queues(server, host)
    policy: str | None = server.management("GET", f"/api/queues/{host}/{name}").get("policy")
    return policy
