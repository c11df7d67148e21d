"""Redis and Valkey: events arrive however the workers are configured, depths are right, and looking moves nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
import redis

from deskq.brokers.opening import open_publisher
from deskq.brokers.ports import ConnectionLost, LoginRefused, Refused
from deskq.brokers.redis.broker import RedisBroker
from deskq.brokers.redis.event_source import RedisEventSource, channels
from deskq.brokers.remote_control import RemoteControl
from deskq.profiles import Profile, RedisOptions
from deskq.protocol.events import Event
from tests.support.celery_worker import CeleryWorker
from tests.support.sample_app import sample_client
from tests.support.servers import RedisServer
from tests.support.waiting import wait_until


@pytest.fixture
def broker(redis_url: str) -> Iterator[RedisBroker]:
    opened = RedisBroker(Profile.from_url(redis_url))
    yield opened
    opened.close()


def read_until(source: RedisEventSource, done: Callable[[list[Event]], Any], timeout: float = 15) -> list[Event]:
    events: list[Event] = []

    def enough() -> Any:
        for payload in source.read(0.1):
            events.extend(source.decode(payload))
        return done(events)

    wait_until(enough, timeout, "events")
    return events


@pytest.mark.parametrize(
    ("options", "config"),
    [
        (RedisOptions(), {}),
        (RedisOptions(global_keyprefix="shop:[1]*"), {"global_keyprefix": "shop:[1]*"}),
        (RedisOptions(fanout_patterns=False), {"broker_transport_options": {"fanout_patterns": False}}),
        (RedisOptions(fanout_prefix="/my.{db}."), {"broker_transport_options": {"fanout_prefix": "/my.{db}."}}),
    ],
)
def test_events_of_a_real_worker_arrive(redis_url: str, options: RedisOptions, config: dict[str, Any]) -> None:
    source = RedisEventSource(Profile.from_url(redis_url, redis=options))
    source.connect()
    try:
        with CeleryWorker(redis_url, config=config), sample_client(redis_url, **config) as client:
            task = client.send_task("sample.add", (1, 2)).id
            events = read_until(source, lambda seen: any(e.type == "task-succeeded" for e in seen))
    finally:
        source.close()
    kinds = [event.type for event in events if event.uuid == task]
    assert set(kinds) == {"task-sent", "task-received", "task-started", "task-succeeded"}
    assert any(event.type == "worker-online" for event in events)


def test_events_of_another_database_do_not_arrive(redis_server: RedisServer) -> None:
    here, there = (Profile.from_url(redis_server.url_of(db)) for db in (0, 5))
    assert channels(here) == ("/0.celeryev", "/0.celeryev/*")
    assert channels(there) == ("/5.celeryev", "/5.celeryev/*")


def test_depths_by_priority_and_bindings(redis_url: str, broker: RedisBroker) -> None:
    with sample_client(redis_url) as client:
        for priority in (0, 0, 3, 6, 9):
            client.send_task("sample.add", (1, 2), queue="emails", priority=priority)
    assert broker.queue_names() == {"emails"}
    emails, unknown = broker.sample(["emails", "unknown"])
    assert (emails.ready, emails.priorities) == (5, {0: 2, 3: 1, 6: 1, 9: 1})
    assert (unknown.ready, unknown.unacked) == (0, 0)
    assert (emails.exists, unknown.exists) == (True, False)
    assert [(b.exchange, b.routing_key, b.queue) for b in broker.bindings()] == [("emails", "emails", "emails")]
    assert broker.server().product == "Redis"


def test_a_queue_is_there_if_it_is_bound_or_holds_something(
    redis_url: str, broker: RedisBroker, redis_server: RedisServer
) -> None:
    assert broker.sample(["emails"])[0].exists  # as long as the bindings were not read it may be
    with redis_server.new_client(int(redis_url.rpartition("/")[2])) as client:
        client.lpush("unbound\x06\x163", "a message")
        client.sadd("_kombu.binding.emails", "emails\x06\x16\x06\x16emails")
    assert broker.queue_names() == {"emails"}
    found = {sample.name: sample.exists for sample in broker.sample(["emails", "unbound", "celery"])}
    assert found == {"emails": True, "unbound": True, "celery": False}


def test_many_messages_in_flight(redis_url: str, broker: RedisBroker, redis_server: RedisServer) -> None:
    """More than are looked through each time: of the only queue their number is known all the same."""
    held = json.dumps([{"body": "", "properties": {}}, "celery", "celery"])
    with redis_server.new_client(int(redis_url.rpartition("/")[2])) as client:
        client.hset("unacked", mapping={f"tag{number}": held for number in range(2_500)})
        broker.bindings()
        (sample,) = broker.sample(["celery"])
        assert (sample.unacked, broker.incomplete) == (2_500, "")
        assert [one.unacked for one in broker.sample(["celery", "emails"])] == [None, None]
        assert broker.incomplete.startswith("Workers hold 2,500 messages")
        client.hdel("unacked", *(f"tag{number}" for number in range(1_000)))
    assert [one.unacked for one in broker.sample(["celery", "emails"])] == [1_500, 0]
    assert broker.incomplete == ""


def test_a_key_of_another_type_is_no_crash(redis_url: str, broker: RedisBroker, redis_server: RedisServer) -> None:
    with redis_server.new_client(int(redis_url.rpartition("/")[2])) as client:
        client.set("celery", "not a list")
    (sample,) = broker.sample(["celery"])
    assert sample.priorities == {3: 0, 6: 0, 9: 0}


def test_looking_moves_nobody_s_messages(redis_url: str, broker: RedisBroker, redis_server: RedisServer) -> None:
    """A worker with a long visibility timeout has held a message for two hours; deskq asks workers all the while."""
    profile = Profile.from_url(redis_url)
    held = json.dumps([{"body": "", "properties": {"delivery_tag": "tag"}}, "celery", "celery"])
    remote = RemoteControl(profile)
    source = broker.event_source()
    source.connect()
    with (
        redis_server.new_client(int(redis_url.rpartition("/")[2])) as client,
        CeleryWorker(redis_url, config={"broker_transport_options": {"visibility_timeout": 43_200}}) as worker,
    ):
        client.hset("unacked", "tag", held)
        client.zadd("unacked_index", {"tag": time.time() - 7_200})
        try:
            for _ in range(3):
                assert worker.hostname in remote.inspect("ping", timeout=80, limit=1)
                remote.inspect("active", timeout=0.5)
                source.read(0.1)
                broker.queue_names()
                (sample,) = broker.sample(["celery"])
        finally:
            remote.close()
            source.close()
        assert client.hget("unacked", "tag") == held.encode()
        assert client.zscore("unacked_index", "tag") is not None
        assert client.llen("celery") == 0
        assert (sample.ready, sample.unacked) == (0, 1)


def test_watching_only_reads(needs: Callable[[Callable[[], RedisServer]], RedisServer]) -> None:
    """On a server of its own, whose counters count nobody else's commands."""
    allowed = {"llen", "scan", "smembers", "hlen", "hscan", "memory", "info", "select", "client", "subscribe"}
    allowed |= {"psubscribe", "ping", "hello", "auth", "command"}

    def calls(client: redis.Redis) -> dict[str, int]:
        stats: dict[str, dict[str, int]] = client.info("commandstats")
        return {name.removeprefix("cmdstat_").split("|")[0]: counted["calls"] for name, counted in stats.items()}

    with needs(RedisServer) as server, server.new_client() as client:
        before = calls(client)
        with closing(RedisBroker(Profile.from_url(server.url))) as broker, closing(broker.event_source()) as source:
            source.connect()
            broker.server()
            broker.queue_names()
            broker.bindings()
            broker.sample(["celery", "emails"])
            source.read(0.05)
        used = {name for name, count in calls(client).items() if count > before.get(name, 0)}
    assert {"psubscribe", "llen"} <= used <= allowed, used - allowed


def test_a_server_that_dies_is_noticed_and_one_that_comes_back_is_read_again(
    needs: Callable[[Callable[[], RedisServer]], RedisServer],
) -> None:
    with needs(RedisServer) as server:
        source = RedisEventSource(Profile.from_url(server.url))
        source.connect()
        server.kill()
        with pytest.raises(ConnectionLost):
            wait_until(lambda: source.read(0.1), 10)
        with pytest.raises(Refused, match="Nothing is listening"):
            source.connect()
        server.restart()
        source.connect()
        with server.new_client() as client:
            client.publish("/0.celeryev/task.x", "hello")
        assert wait_until(lambda: source.read(0.1)) == [b"hello"]
        source.close()


def test_a_frozen_server_is_noticed(needs: Callable[[Callable[[], RedisServer]], RedisServer]) -> None:
    with needs(RedisServer) as server:
        source = RedisEventSource(Profile.from_url(server.url), ping_after=0.3)
        source.connect()
        server.freeze()
        try:
            with pytest.raises(ConnectionLost, match="has not responded"):
                wait_until(lambda: source.read(0.05), 10)
        finally:
            server.thaw()
            source.close()


def test_an_idle_but_healthy_server_is_not_given_up(redis_url: str) -> None:
    source = RedisEventSource(Profile.from_url(redis_url), ping_after=0.1)
    source.connect()
    until = time.monotonic() + 1.0
    while time.monotonic() < until:
        assert source.read(0.05) == []
    source.close()


@pytest.mark.parametrize(
    ("url", "kind", "says"),
    [
        ("redis://127.0.0.1:1/0", Refused, "Nothing is listening on 127.0.0.1:1"),
        ("redis://no-such-host.invalid:6379/0", Refused, "Unknown host"),
    ],
)
def test_errors_say_what_to_do(url: str, kind: type[Exception], says: str) -> None:
    with pytest.raises(kind, match=says):
        RedisBroker(Profile.from_url(url)).server()


def test_a_wrong_password(needs: Callable[[Callable[[], RedisServer]], RedisServer]) -> None:
    with needs(RedisServer) as server, server.new_client() as client:
        client.acl_setuser("anna", enabled=True, passwords=["+right"], keys="*", commands=["+@all"])
        place = server.url.rpartition("@")[2].removeprefix("redis://")
        wrong = RedisBroker(Profile.from_url(f"redis://anna:wr0ng@{place}"))
        with pytest.raises(LoginRefused) as raised:
            wrong.server()
        assert "wr0ng" not in str(raised.value)
        right = RedisBroker(Profile.from_url(f"redis://anna:right@{place}"))
        assert right.server().product == "Redis"
        right.close()
        wrong.close()


def test_valkey_says_its_own_name(valkey_url: str) -> None:
    broker = RedisBroker(Profile.from_url(valkey_url))
    assert broker.server().product == "Valkey"
    broker.close()


def test_the_server_s_clock(redis_url: str, broker: RedisBroker, redis_server: RedisServer) -> None:
    """It is asked, since nobody deletes by the clock of this machine alone; a user may be forbidden to."""
    assert broker.clock_difference() == pytest.approx(0, abs=1)
    server = redis_server.client()
    server.execute_command("ACL", "SETUSER", "timeless", "on", ">secret", "~*", "&*", "+@all", "-time")
    try:
        forbidden = RedisBroker(Profile.from_url(redis_url.replace("redis://", "redis://timeless:secret@")))
        assert forbidden.clock_difference() is None
        assert forbidden.sample(["celery"])
        forbidden.close()
    finally:
        server.execute_command("ACL", "DELUSER", "timeless")
    nobody = RedisBroker(Profile.from_url("redis://127.0.0.1:1/0"))
    assert nobody.clock_difference() is None


@pytest.fixture
def shop_url(redis_server: RedisServer, redis_url: str) -> Iterator[Callable[..., str]]:
    """Make a user with these rights; returns the URL with its login."""
    with redis_server.new_client() as admin:

        def user(*rights: str) -> str:
            admin.execute_command("ACL", "SETUSER", "shop", "on", ">secret", "~*", "&*", *rights)
            return redis_url.replace("://", "://shop:secret@", 1)

        try:
            yield user
        finally:
            admin.execute_command("ACL", "DELUSER", "shop")


def test_a_user_without_info_sees_and_sends(shop_url: Callable[..., str], redis_url: str) -> None:
    """INFO is @dangerous, and nothing that deskq needs hangs on it."""
    profile = Profile.from_url(shop_url("+@all", "-@dangerous"))
    with redis.Redis.from_url(redis_url) as admin:
        admin.sadd("_kombu.binding.celery", "idle\x06\x16\x06\x16idle")
        admin.lpush("idle", *range(7))
    with closing(RedisBroker(profile)) as broker:
        server = broker.server()
        assert server.product in ("Redis", "Valkey")
        assert server.version
        assert broker.queue_names() == {"idle"}
        assert [sample.ready for sample in broker.sample(["idle"])] == [7]
        assert broker.incomplete == ""
    with closing(open_publisher(profile)) as publisher:
        publisher.check()


@pytest.mark.parametrize("command", ["scan", "smembers", "llen", "hlen"])
def test_what_a_user_may_not_read_is_named_and_the_rest_is_shown(
    shop_url: Callable[..., str], redis_url: str, command: str
) -> None:
    profile = Profile.from_url(shop_url("+@all", f"-{command}"))
    with redis.Redis.from_url(redis_url) as admin:
        admin.sadd("_kombu.binding.celery", "idle\x06\x16\x06\x16idle")
        admin.lpush("idle", *range(7))
        with closing(RedisBroker(profile)) as broker:
            broker.queue_names()
            (sample,) = broker.sample(["idle"])
            assert sample.ready == (None if command == "llen" else 7)
            assert command in broker.incomplete.lower()
            shop_url("+@all")
            broker.queue_names()
            broker.sample(["idle"])
            assert broker.incomplete == ""
