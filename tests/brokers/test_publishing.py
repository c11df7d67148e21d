"""Sending on real brokers: confirmed, never doubled, and each refusal a sentence with nothing in doubt."""

from __future__ import annotations

import signal
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
import redis

from deskq.brokers.opening import open_publisher
from deskq.brokers.ports import BrokerError
from deskq.brokers.publishing import OutgoingMessage, Publisher
from deskq.brokers.rabbitmq.broker import RabbitBroker
from deskq.brokers.rabbitmq.publisher import WINDOW
from deskq.brokers.redis.broker import RedisBroker
from deskq.brokers.redis.event_source import RedisEventSource
from deskq.brokers.redis.publisher import MARKER
from deskq.cli import main
from deskq.profiles import Profile
from deskq.protocol.message import new_message, read_body, read_redis_message
from tests.support.middle import Middle
from tests.support.sample_app import sample_client
from tests.support.servers import RabbitServer, RedisServer
from tests.support.waiting import wait_until

Needs = Callable[[Callable[[], RedisServer]], RedisServer]


def parcels(count: int, queue: str = "emails", priority: int | None = None) -> list[OutgoingMessage]:
    made = []
    for number in range(count):
        new_id = str(uuid.uuid4())
        message = new_message("t", new_id, [number, "grüße 🚀"], {}, origin="test", priority=priority)
        made.append(OutgoingMessage(new_id, queue, message))
    return made


@pytest.fixture
def redis_publisher(redis_url: str) -> Iterator[Publisher]:
    with closing(open_publisher(Profile.from_url(redis_url))) as one:
        yield one


def test_redis_takes_each_once_however_often_it_is_sent(redis_url: str, redis_publisher: Publisher) -> None:
    batch = parcels(3)
    redis_publisher.check()
    assert [answer.sent for answer in redis_publisher.publish(batch)] == [True] * 3
    again = redis_publisher.publish(batch)
    assert [answer.sent for answer in again] == [True] * 3
    assert "already" in again[0].words
    with redis.Redis.from_url(redis_url) as client:
        elements = client.lrange("emails", 0, -1)
        assert len(elements) == 3
        message = read_redis_message(elements[-1])  # the first sent is served first
        assert message is not None
        assert message.id == batch[0].id
        body = read_body(message)
        assert body is not None
        assert body.args == [0, "grüße 🚀"]
        assert redis_publisher.resolve([batch[0].id, "other"]) == {batch[0].id: True, "other": None}
        redis_publisher.forget([one.id for one in batch])
        assert list(client.scan_iter(f"{MARKER}*")) == []


def test_redis_priorities_and_prefix(redis_url: str) -> None:
    profile = Profile.from_url(redis_url)
    profile = replace(profile, redis=replace(profile.redis, global_keyprefix="shop:"))
    with closing(open_publisher(profile)) as publisher, closing(RedisBroker(profile)) as broker:
        for priority in (None, 2, 3, 7, 9, 200):
            assert publisher.publish(parcels(1, priority=priority))[0].sent
        (sample,) = broker.sample(["emails"])
        assert sample.priorities == {0: 2, 3: 1, 6: 1, 9: 2}


def test_a_connection_cut_between_send_and_reply_sends_nothing_twice(redis_url: str, redis_server: RedisServer) -> None:
    """CLIENT KILL hits the publisher's connection again and again while it sends."""
    profile = Profile.from_url(redis_url)
    batch = parcels(4_000)
    stop = threading.Event()

    def cut() -> None:
        with redis_server.new_client() as client:
            while not stop.wait(0.01):
                for found in client.client_list():
                    ours = found["name"] == "deskq" and found["db"] == redis_url.rpartition("/")[2]
                    if ours and found["cmd"].startswith("evalsha"):
                        client.client_kill_filter(_id=found["id"])

    cutter = threading.Thread(target=cut)
    cutter.start()
    unknown: list[str] = []
    sent: list[str] = []
    try:
        with closing(open_publisher(profile)) as publisher:
            for first in range(0, len(batch), 200):
                part = batch[first : first + 200]
                for parcel, answer in zip(part, publisher.publish(part), strict=True):
                    assert answer.sent is not False
                    (sent if answer.sent else unknown).append(parcel.id)
    finally:
        stop.set()
        cutter.join()
    with closing(open_publisher(profile)) as publisher, redis.Redis.from_url(redis_url) as client:
        found = publisher.resolve(unknown)
        ids = [message.id for raw in client.lrange("emails", 0, -1) if (message := read_redis_message(raw))]
        assert len(ids) == len(set(ids))
        assert set(ids) == set(sent) | {number for number, there in found.items() if there}


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [("maxmemory", "1", "out of memory"), ("replicaof", "127.0.0.1 1", "read-only replica")],
)
def test_a_redis_that_takes_nothing_says_why(needs: Needs, setting: str, value: str, says: str) -> None:
    with (
        needs(RedisServer) as server,
        closing(open_publisher(Profile.from_url(server.url))) as publisher,
        server.new_client() as client,
    ):
        if setting == "replicaof":
            client.execute_command("REPLICAOF", *value.split())
            with pytest.raises(BrokerError, match=says):
                publisher.check()
        else:
            client.config_set(setting, value)
        answers = publisher.publish(parcels(2))
        assert [answer.sent for answer in answers] == [False, False]
        assert says in answers[0].words
        if setting == "maxmemory":
            client.config_set("maxmemory", "0")
            assert client.dbsize() == 0


def test_a_key_that_is_no_list_is_left_alone(redis_url: str, redis_publisher: Publisher) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.set("emails", "a string")
        (answer,) = redis_publisher.publish(parcels(1))
        assert answer.sent is False
        assert "not a list" in answer.words
        assert client.get("emails") == b"a string"
        assert client.dbsize() == 1  # no marker either: trying again later is possible


@pytest.mark.parametrize("command", ["set", "lpush", "unlink", "evalsha", "script|load"])
def test_a_user_who_may_not_do_all_of_it_sends_nothing_in_silence(needs: Needs, command: str) -> None:
    with needs(RedisServer) as server, server.new_client() as client:
        client.execute_command("ACL", "SETUSER", "anna", "on", ">secret", "~*", "&*", "+@all", f"-{command}")
        profile = Profile.from_url(server.url.replace("redis://", "redis://anna:secret@"))
        with closing(open_publisher(profile)) as publisher:
            batch = parcels(2)
            answers = publisher.publish(batch)
            assert [answer.sent for answer in answers] == [command == "unlink"] * 2
            assert client.llen("emails") == (2 if command == "unlink" else 0)
            if command != "unlink":
                assert "Grant the user" in answers[0].words
                client.execute_command("ACL", "SETUSER", "anna", "+@all")
                assert [answer.sent for answer in publisher.publish(batch)] == [True, True]
                assert client.llen("emails") == 2


def rabbit_queue(url: str, name: str, **arguments: object) -> None:
    broker = RabbitBroker(Profile.from_url(url))
    with broker._asking.question() as connection:
        connection.channel().queue_declare(name, durable=True, arguments=arguments)
    broker.close()


def test_rabbitmq_confirms_what_it_has_and_names_a_queue_that_is_not_there(rabbit_vhost_url: str) -> None:
    rabbit_queue(rabbit_vhost_url, "emails")
    profile = Profile.from_url(rabbit_vhost_url)
    with closing(open_publisher(profile)) as publisher, closing(RabbitBroker(profile)) as broker:
        publisher.check()
        mixed = [*parcels(2), *parcels(1, "nowhere"), *parcels(1)]
        answers = publisher.publish(mixed)
        assert [answer.sent for answer in answers] == [True, True, False, True]
        assert "no queue “nowhere”" in answers[2].words
        wait_until(lambda: broker.sample(["emails"])[0].ready == 3, 10)
        assert publisher.resolve([mixed[0].id]) == {mixed[0].id: None}


@pytest.mark.parametrize("queue", ["x" * 300, "ü" * 200, "half a \ud800 letter"])
def test_a_name_that_rabbitmq_cannot_be_told_leaves_the_others_alone(rabbit_vhost_url: str, queue: str) -> None:
    sent = [*parcels(1), *parcels(1, queue), *parcels(1)]
    check_that_only_the_second_is_not_sent(rabbit_vhost_url, sent)


@pytest.mark.parametrize("headers", [{"n": 2**70}, {"n": "\ud800"}, {"k" * 300: 1}])
def test_a_header_that_rabbitmq_cannot_be_told_leaves_the_others_alone(
    rabbit_vhost_url: str, headers: dict[str, object]
) -> None:
    sent = parcels(3)
    message = sent[1].message
    sent[1] = replace(sent[1], message=replace(message, headers={**message.headers, **headers}))
    check_that_only_the_second_is_not_sent(rabbit_vhost_url, sent)


def check_that_only_the_second_is_not_sent(url: str, sent: list[OutgoingMessage]) -> None:
    rabbit_queue(url, "emails")
    profile = Profile.from_url(url)
    with closing(open_publisher(profile)) as publisher, closing(RabbitBroker(profile)) as broker:
        answers = publisher.publish(sent)
        assert [answer.sent for answer in answers] == [True, False, True]
        assert "a name or a header cannot be written" in answers[1].words
        wait_until(lambda: broker.sample(["emails"])[0].ready == 2, 10)


def test_a_full_rabbitmq_queue_refuses(rabbit_vhost_url: str) -> None:
    rabbit_queue(rabbit_vhost_url, "emails", **{"x-max-length": 1, "x-overflow": "reject-publish"})
    with closing(open_publisher(Profile.from_url(rabbit_vhost_url))) as publisher:
        answers = [publisher.publish(parcels(1))[0] for _ in range(5)]
        assert answers[0].sent
        assert answers[-1].sent is False
        assert "full" in answers[-1].words


def test_rabbitmq_with_a_memory_alarm_takes_nothing_and_nothing_is_in_doubt(
    needs: Callable[[Callable[[], RabbitServer]], RabbitServer],
) -> None:
    with needs(RabbitServer) as server:
        rabbit_queue(server.url, "emails")
        profile = Profile.from_url(server.url)
        with closing(open_publisher(profile)) as publisher, closing(RabbitBroker(profile)) as broker:
            publisher.check()
            server.evaluate("vm_memory_monitor:set_vm_memory_high_watermark(0.0000001).")
            with pytest.raises(BrokerError, match="Not sent: RabbitMQ accepts no messages"):
                publisher.check()
            server.evaluate("vm_memory_monitor:set_vm_memory_high_watermark(0.6).")
            publisher.check()
            assert publisher.publish(parcels(1))[0].sent
            wait_until(lambda: broker.sample(["emails"])[0].ready == 1, 10)
            server.evaluate("vm_memory_monitor:set_vm_memory_high_watermark(0.0000001).")
            (answer,) = publisher.publish(parcels(1))  # the alarm came after the check
            assert answer.sent is None
            assert "RabbitMQ accepts no messages: its memory alarm is set." in answer.words
            assert answer.words.endswith(".")
            server.evaluate("vm_memory_monitor:set_vm_memory_high_watermark(0.6).")


def test_rabbitmq_answers_for_each_of_many_on_their_way(rabbit_vhost_url: str) -> None:
    """Windows by number and by size; what is returned or cannot be written is named, wherever it stands."""
    profile = Profile.from_url(rabbit_vhost_url)
    batch = parcels(130)
    for place in (0, 60, 129):
        batch[place] = replace(batch[place], queue="nowhere")
    odd = new_message("t", "odd", [], {}, origin="test", headers={"h": object()})
    batch[70] = OutgoingMessage("odd", "emails", odd)
    large = new_message("t", "large", ["x" * 3_000_000], {}, origin="test")
    batch[71] = OutgoingMessage("large", "emails", large)
    with closing(open_publisher(profile)) as publisher, sample_client(rabbit_vhost_url) as client:
        client.send_task("t", queue="emails")
        answers = publisher.publish(batch)
        assert [place for place, answer in enumerate(answers) if answer.sent is not True] == [0, 60, 70, 129]
        assert all("nowhere" in answers[place].words for place in (0, 60, 129))
        assert "header" in answers[70].words
        again = publisher.publish(parcels(3))
        assert [answer.sent for answer in again] == [True] * 3
    with closing(RabbitBroker(profile)) as broker:
        (sample,) = broker.sample(["emails"])
        assert sample.ready == 1 + 126 + 3


def test_rabbitmq_that_is_lost_on_the_way_leaves_few_in_doubt(rabbit_vhost_url: str) -> None:
    port = urlsplit(rabbit_vhost_url).port
    assert port is not None
    with Middle(port) as middle, sample_client(rabbit_vhost_url) as client:
        client.send_task("t", queue="emails")
        through = Profile.from_url(rabbit_vhost_url.replace(f":{port}", f":{middle.port}"))
        with closing(open_publisher(through)) as publisher:
            publisher.check()
            assert publisher.publish(parcels(1))[0].sent is True
            middle.swallow()
            answers = publisher.publish(parcels(300))
    sent = [answer.sent for answer in answers]
    assert len(sent) == 300
    assert sent.count(None) == WINDOW  # those that were on their way
    assert sent[WINDOW:] == [False] * (300 - WINDOW)
    assert "lost first" in answers[-1].words


def test_before_anything_leaves_ctrl_c_ends_it(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server that is silent is not waited for any longer, and the journal has nothing."""
    asked: list[object] = []

    def check(publisher: object) -> None:
        signal.raise_signal(signal.SIGINT)
        asked.append(publisher)

    monkeypatch.setattr("deskq.brokers.redis.publisher.RedisPublisher.check", check)
    assert main(["send", redis_url, "t", "--queue", "emails", "--yes"]) == 130
    assert not asked
    capsys.readouterr()
    main(["journal", "--format", "json"])
    assert "Send 1 task" not in capsys.readouterr().out
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_redis_by_its_socket(needs: Needs) -> None:
    """The path of such a URL is the socket; the database stands in the query. What was sent is not called unsent."""
    with (
        tempfile.TemporaryDirectory(prefix="dq") as folder,
        needs(lambda: RedisServer(extra=("--unixsocket", f"{folder}/r.sock"))) as server,
    ):
        for scheme, query, number in (
            *(("redis+socket", "", 0), ("unix", "?db=2", 2)),
            *(("redis+socket", "?virtual_host=3", 3), ("redis+socket", "?virtual_host=%2F4", 4)),
        ):
            profile = Profile.from_url(f"{scheme}://{folder}/r.sock{query}")
            with (
                closing(RedisEventSource(profile)) as source,
                closing(open_publisher(profile)) as publisher,
            ):
                client = server.client(number)
                source.connect()
                publisher.check()
                (answer,) = publisher.publish(parcels(1))
                assert (answer.sent, answer.words) == (True, "")
                assert client.llen("emails") == 1
                assert source.read(10.0)  # the event of what was sent
