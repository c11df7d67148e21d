"""Tasks with an ETA on quorum queues: RabbitMQ holds them, and deskq sends them that way, too."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from deskq.actions.messages.places import Workers, place_of
from deskq.brokers.opening import find_delay, find_route, open_publisher
from deskq.brokers.publishing import OutgoingMessage
from deskq.brokers.rabbitmq.broker import RabbitBroker
from deskq.brokers.rabbitmq.delayed import ENTRY, own_key
from deskq.brokers.routing import Route
from deskq.profiles import Profile
from deskq.protocol.message import RawMessage, new_message
from tests.support.celery_worker import CeleryWorker
from tests.support.recording import Recording, deskq
from tests.support.sample_app import sample_client
from tests.support.servers import RabbitServer
from tests.support.waiting import wait_until

QUORUM = {
    "task_default_queue_type": "quorum",
    "task_default_exchange_type": "topic",
    "worker_detect_quorum_queues": True,
}


@pytest.fixture
def profile(rabbit_vhost_url: str, rabbit_server: RabbitServer) -> Iterator[Profile]:
    """One whose worker consumes a quorum queue by a topic exchange."""
    with CeleryWorker(rabbit_vhost_url, config=QUORUM):
        yield Profile.from_url(rabbit_vhost_url, management_url=rabbit_server.management_url)


def due_in(seconds: float) -> RawMessage:
    return new_message("sample.add", str(uuid4()), [1, 2], {}, origin="test", eta=time.time() + seconds)


def test_a_task_with_an_eta_is_held_by_rabbitmq_and_counted(profile: Profile) -> None:
    way = find_delay(profile, "celery")
    assert way == Route(ENTRY, "celery", ("celery",), leaves_to="celery")
    assert find_delay(profile, find_route(profile, "celery", "celery", {})) == way
    assert find_delay(profile, "another") is None
    bare = Profile.from_url(profile.connection_url(), management_url="http://127.0.0.1:1")
    assert find_delay(bare, "celery") is None  # nothing tells where it would go
    with Recording(profile.connection_url(), "--management-url", profile.management_url or "") as recording:
        wait_until(recording.reader.queues, 20, "it to know the queue and its bindings")
        with closing(open_publisher(profile)) as publisher:
            soon, late = due_in(3), due_in(7_200)
            answers = publisher.publish([OutgoingMessage(one.id, "", one, way) for one in (soon, late)])
            assert [answer.sent for answer in answers] == [True, True]
        with sample_client(profile.connection_url(), **QUORUM) as client:
            celery_s = client.send_task("sample.add", (1, 2), countdown=7_200).id
        for known in (profile, bare):
            with closing(RabbitBroker(known)) as broker:

                def held(one: RabbitBroker = broker) -> int | None:
                    one._next_levels = 0.0
                    one.sample(["celery"])
                    return one.delayed

                wait_until(lambda one=held: one() == 2, 30, "the two that are due in two hours")  # type: ignore[misc]
        recording.wait_for_state(soon.id, "SUCCESS", 30)

        def counted() -> bool:
            rows = {row.name: row.delayed for row in recording.reader.queues()}
            return recording.status().delayed == 2 and rows.get("celery") == 2

        wait_until(counted, 20, "the row of the queue")
        for uuid in (late.id, celery_s):
            row = recording.wait_for_state(uuid, "SENT")
            assert (row.exchange, row.queue) == (ENTRY, "celery")
            assert own_key(row.routing_key) == "celery"
            assert place_of(row, Workers()).queue == "celery"
        assert recording.task(soon.id).started >= datetime_of(soon) - 1  # type: ignore[union-attr, operator]


def datetime_of(message: RawMessage) -> float:
    return datetime.fromisoformat(str(message.headers["eta"])).astimezone(UTC).timestamp()


def test_the_command_says_how_it_is_sent(profile: Profile) -> None:
    call = ("send", profile.connection_url(), "sample.add", "--args", "[1, 2]", "--countdown", "7200", "--yes")
    sent = deskq(*call, "--management-url", profile.management_url or "")
    assert sent.returncode == 0, sent.stderr
    assert "RabbitMQ holds the message until its time" in sent.stdout
    with closing(RabbitBroker(profile)) as broker:
        wait_until(lambda: broker.sample(["celery"]) and broker.delayed == 1, 20, "it to be held")
    straight = deskq(*call, "--management-url", "http://127.0.0.1:1", "--dry-run")
    assert "consumer_timeout" in straight.stdout + straight.stderr
