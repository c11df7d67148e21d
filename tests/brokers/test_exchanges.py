"""Sending through exchanges, on real brokers and to real workers: to the right queues, once, and told as it was."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis

from deskq.actions.journal.journal import Journal
from deskq.actions.messages.call import Call, plan_send
from deskq.actions.plan import Outcome
from deskq.actions.resolving import resolve_unknown
from deskq.actions.runners import executor_for
from deskq.actions.safety import Confirmation
from deskq.brokers.opening import find_route, open_broker, open_publisher
from deskq.brokers.ports import BrokerError, EventSource
from deskq.brokers.publishing import OutgoingMessage, PublishResult
from deskq.brokers.rabbitmq.broker import RabbitBroker
from deskq.brokers.remote_control import RemoteControl
from deskq.brokers.routing import Route, declared_exchange_types
from deskq.profiles import Profile
from deskq.profiles.transport import REDIS
from deskq.protocol.events import Event
from deskq.protocol.message import new_message, read_redis_message
from tests.support.celery_worker import CeleryWorker
from tests.support.recording import deskq
from tests.support.waiting import wait_until

KEY = "media.video.cut"
QUEUES = {
    "media": {"exchange": "pool", "exchange_type": "topic", "binding_key": "media.#"},
    "cuts": {"exchange": "pool", "exchange_type": "topic", "binding_key": "media.*.cut"},
    "sounds": {"exchange": "pool", "exchange_type": "topic", "binding_key": "media.audio.*"},
    "letters": {"exchange": "post", "exchange_type": "direct", "binding_key": "letter"},
    "everyone": {"exchange": "news", "exchange_type": "fanout", "binding_key": "any"},
}
"""Celery's task_queues."""


@pytest.fixture(params=["redis_url", "rabbit_vhost_url"])
def broker_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(request.param)
    return url


@pytest.fixture
def worker(broker_url: str) -> Iterator[CeleryWorker]:
    with CeleryWorker(broker_url, queues=tuple(QUEUES), config={"task_queues": QUEUES}) as running:
        yield running


def notes(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def parcel(route: Route) -> OutgoingMessage:
    new_id = str(uuid.uuid4())
    return OutgoingMessage(new_id, "", new_message("t", new_id, [], {}, origin="test"), route)


@contextmanager
def read_on(source: EventSource) -> Iterator[list[Event]]:
    """What arrives, read all the time: a broker ends a connection that is not read while a program starts."""
    events: list[Event] = []
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            events.extend(event for payload in source.read(0.2) for event in source.decode(payload))

    source.connect()
    thread = threading.Thread(target=read, name="events")
    thread.start()
    try:
        yield events
    finally:
        ended.set()
        thread.join()


def test_a_worker_runs_what_goes_through_a_topic_exchange(
    broker_url: str, worker: CeleryWorker, tmp_path: Path
) -> None:
    file, profile = tmp_path / "notes", Profile.from_url(broker_url)
    command = ("send", broker_url, "sample.note", "--args", json.dumps([str(file), "ü"]), "--exchange", "pool")
    with closing(open_broker(profile)) as broker, closing(broker.event_source()) as source, read_on(source) as events:
        shown = deskq(*command, "--routing-key", "media.video", "--dry-run")
        assert "through the exchange “pool” with the routing key “media.video”" in shown.stdout
        assert ("Goes to “media”." in shown.stdout) is (profile.transport is REDIS)
        sent = deskq(*command, "--routing-key", "media.video", "--yes", "--format", "json")
        assert sent.returncode == 0, sent.stdout + sent.stderr
        (item,) = json.loads(sent.stdout.splitlines()[0])["items"]
        assert (item["exchange"], item["routing_key"], item["queue"]) == ("pool", "media.video", None)
        wait_until(lambda: len(notes(file)) == 1, 20, "its run")
        assert notes(file)[0] == {"id": item["id"], "args": ["ü"], "kwargs": {}}
        event = wait_until(lambda: next((one for one in events if one.type == "task-sent"), None), 10, "task-sent")
        assert event is not None
        assert (event.uuid, event.exchange, event.routing_key) == (item["id"], "pool", "media.video")
        assert event.queue == ("media" if profile.transport is REDIS else None)
    with closing(Journal()) as journal:
        (row,) = journal.items(journal.actions()[0].id)
        kept = read_redis_message(journal.message(row.action, row.number))
        assert kept is not None
        assert kept.properties["delivery_info"] == {"exchange": "pool", "routing_key": "media.video"}
        assert "exchange pool routing key media.video" in row.command
        assert row.queue == ("media" if profile.transport is REDIS else "pool (media.video)")

    refused = deskq(*command, "--routing-key", "sms", "--yes")
    assert refused.returncode == (2 if profile.transport is REDIS else 1)  # RabbitMQ says it when it has it
    assert "xchange “pool” with the routing key “sms” reaches no queue" in refused.stdout + refused.stderr
    refused = deskq(*command[:-1], "nowhere", "--routing-key", KEY, "--yes")
    assert refused.returncode == 2
    assert "exchange “nowhere”" in refused.stderr
    assert len(notes(file)) == 1


def test_redis_puts_it_on_every_queue_once(redis_url: str, tmp_path: Path) -> None:
    """Two queues, a run from each; each message with a tag of its own, and the markers as for a queue."""
    profile, file = Profile.from_url(redis_url), tmp_path / "notes"
    config = {"task_queues": QUEUES}
    with CeleryWorker(redis_url, queues=("letters",), config=config):
        pass  # it declares what it consumes and goes
    with CeleryWorker(redis_url, queues=("media", "cuts", "everyone"), config=config):
        with closing(RemoteControl(profile)) as remote:
            kinds = declared_exchange_types(remote.inspect("active_queues"))
        assert kinds == {"pool": {"topic"}, "news": {"fanout"}}
        with pytest.raises(BrokerError, match="“news” is a fanout exchange"):
            find_route(profile, "news", "any", kinds)
        route = find_route(profile, "pool", KEY, kinds)
        assert route == Route("pool", KEY, ("cuts", "media"))
        call = Call(task="sample.note", args=[str(file)], queue="", exchange="pool", routing_key=KEY, times=3)
        plan = plan_send(call, profile, now=0.0, route=route)
        assert plan.title.startswith(
            "Send 3 tasks through the exchange “pool” with the routing key “media.video.cut” at"
        )
        with closing(Journal()) as journal:
            assert executor_for(plan, profile, journal).run(Confirmation(plan.id)).done == 3
        wait_until(lambda: len(notes(file)) == 6, 20, "two runs of each")
        assert sorted(note["id"] for note in notes(file)) == sorted([item.id for item in plan.items] * 2)
    direct = find_route(profile, "post", "letter", {})
    assert (direct.queues, "assuming direct" in direct.doubt) == (("letters",), True)
    with closing(open_publisher(profile)) as publisher, redis.Redis.from_url(redis_url) as server:
        one = parcel(route)
        assert [publisher.publish([one])[0].sent for _ in range(2)] == [True, True]
        read = [read_redis_message(raw) for name in ("cuts", "media") for raw in server.lrange(name, 0, -1)]
        assert [message.id for message in read if message is not None] == [one.id] * 2  # not four
        tags = [message.properties["delivery_tag"] for message in read if message is not None]
        assert tags == [one.id, f"{one.id}:1"]
        assert publisher.resolve([one.id]) == {one.id: True}
        server.delete("media", "cuts")
        server.set("media", "a string")
        (answer,) = publisher.publish([parcel(route)])
        assert (answer.sent, "not a list" in answer.words) == (False, True)
        assert not server.exists("cuts")  # nor a part of it


def test_redis_with_a_prefix_and_without_bindings(redis_url: str) -> None:
    profile = Profile.from_url(redis_url)
    profile = replace(profile, redis=replace(profile.redis, global_keyprefix="shop:"))
    with pytest.raises(BrokerError, match="No queue is bound to the exchange “pool”"):
        find_route(profile, "pool", KEY, {})
    config = {"task_queues": QUEUES, "global_keyprefix": "shop:"}
    with CeleryWorker(redis_url, queues=("media",), config=config):
        assert find_route(profile, "pool", KEY, {}).queues == ("media",)
        with pytest.raises(BrokerError, match="No queue is bound"):
            find_route(Profile.from_url(redis_url), "pool", KEY, {})


def test_what_is_in_doubt_is_found_again_by_its_id(redis_url: str, tmp_path: Path) -> None:
    """deskq died between sending and writing that it had: the marker tells, and nothing is sent again."""
    profile = Profile.from_url(redis_url, history=str(tmp_path / "h.sqlite"))
    call = Call(task="t", queue="", exchange="pool", routing_key=KEY, times=2)
    route = Route("pool", KEY, ("cuts", "media"))
    plan = plan_send(call, profile, now=0.0, route=route)
    with closing(Journal()) as journal:
        journal.begin(plan, profile)
        journal.mark(plan.id, [(number, Outcome.SENDING, "") for number in range(2)])
        with closing(open_publisher(profile)) as publisher:
            sent = plan.items[0]
            assert publisher.publish([OutgoingMessage(sent.id, sent.queue, sent.message, sent.route)]) == [
                PublishResult(True)
            ]
    with closing(Journal()) as journal:
        journal.recover()
        assert resolve_unknown(journal, profile) == {plan.items[0].id: Outcome.DONE}
        assert [row.outcome for row in journal.items(plan.id)] == ["done", "unknown"]
    with redis.Redis.from_url(redis_url) as server:
        assert [server.llen(name) for name in route.queues] == [1, 1]


def test_rabbitmq_leaves_nothing_in_doubt_where_an_exchange_refuses(rabbit_vhost_url: str) -> None:
    profile = Profile.from_url(rabbit_vhost_url)
    with closing(RabbitBroker(profile)) as broker, broker._asking.question() as connection:
        channel = connection.channel()
        channel.exchange_declare("inner", "topic", internal=True)
        channel.exchange_declare("pool", "topic")
        channel.queue_declare("media", durable=True)
        channel.queue_bind("media", "pool", "media.#")
    assert find_route(profile, "inner", "k", {}) == Route("inner", "k")
    with closing(open_publisher(profile)) as publisher:
        publisher.check()
        mixed = [parcel(Route("nowhere", "k")), parcel(Route("pool", KEY)), parcel(Route("pool", "sms"))]
        answers = publisher.publish(mixed)
        assert [answer.sent for answer in answers] == [False, True, False]
        assert "no exchange “nowhere”" in answers[0].words
        assert "“pool” with the routing key “sms” reaches no queue" in answers[2].words
        answers = publisher.publish([parcel(Route("inner", "k")) for _ in range(3)])
        assert [answer.sent for answer in answers] == [False] * 3  # the broker closed the channel: none is in doubt
        assert "refused" in answers[0].words
        assert publisher.publish([parcel(Route("pool", KEY)) for _ in range(120)]) == [PublishResult(True)] * 120
    with closing(RabbitBroker(profile)) as broker:
        wait_until(lambda: broker.sample(["media"])[0].ready == 121, 10)


def test_of_several_queues_one_that_refuses_does_not_tell_for_the_others(rabbit_vhost_url: str) -> None:
    """RabbitMQ refuses a message that one of its queues cannot take, and leaves it in those that could."""
    profile = Profile.from_url(rabbit_vhost_url)
    with closing(RabbitBroker(profile)) as broker, closing(open_publisher(profile)) as publisher:
        with broker._asking.question() as connection:
            channel = connection.channel()
            channel.exchange_declare("everyone", "fanout")
            for queue, arguments in (("full", {"x-max-length": 1, "x-overflow": "reject-publish"}), ("free", {})):
                channel.queue_declare(queue, arguments=arguments)
                channel.queue_bind(queue, "everyone")
        answers = [publisher.publish([parcel(Route("everyone", ""))])[0] for _ in range(4)]
        assert [answer.sent for answer in (answers[0], answers[-1])] == [True, None]
        assert "other queues may have it" in answers[-1].words
        wait_until(lambda: broker.sample(["free"])[0].ready == 4, 10)
