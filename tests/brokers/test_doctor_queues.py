"""What the doctor says of queues and of what waits in them, on real servers and a real worker."""

from __future__ import annotations

import contextlib
import json
import time
from datetime import UTC, datetime

import pika
import pytest
import redis

from deskq.brokers.opening import open_broker
from deskq.doctor.advice.unacked import read_etas
from deskq.profiles import Profile
from deskq.recorder.tracking.consumers import Consumers
from deskq.recorder.tracking.queue_tracker import QueueWatch
from tests.brokers.test_doctor import GOOD, examined
from tests.support.celery_worker import CeleryWorker
from tests.support.sample_app import sample_client
from tests.support.servers import RabbitServer
from tests.support.waiting import wait_until


def held_message(eta: str) -> str:
    return json.dumps([{"body": "", "headers": {"eta": eta}, "properties": {}}, "celery", "celery"])


@pytest.mark.parametrize("fixture", ["redis_url", "rabbit_vhost_url"])
def test_a_queue_without_consumer(fixture: str, request: pytest.FixtureRequest, rabbit_server: RabbitServer) -> None:
    url = request.getfixturevalue(fixture)
    profile = Profile.from_url(url, management_url=rabbit_server.management_url)
    with CeleryWorker(url, pool="threads", config=GOOD), sample_client(url) as client:
        client.send_task("sample.add", (1, 2), queue="lonely")
        if fixture == "rabbit_vhost_url":
            path = f"/api/queues/{url.rpartition('/')[2]}/lonely"
            wait_until(lambda: rabbit_server.management("GET", path).get("messages_ready") == 1, what="the statistics")
        _, findings = examined(profile)
    assert findings["no-consumer"].level == "warning"
    assert findings["no-consumer"].title == "No worker consumes “lonely”"


def test_a_stream_is_no_queue_that_somebody_forgot(rabbit_vhost_url: str, rabbit_server: RabbitServer) -> None:
    profile = Profile.from_url(rabbit_vhost_url, management_url=f"{rabbit_server.management_url}/api/")
    with contextlib.closing(pika.BlockingConnection(pika.URLParameters(rabbit_vhost_url))) as connection:
        channel = connection.channel()
        channel.queue_declare("audit", durable=True, arguments={"x-queue-type": "stream"})
        channel.basic_publish("", "audit", b"x")
    path = f"/api/queues/{rabbit_vhost_url.rpartition('/')[2]}/audit"
    wait_until(lambda: rabbit_server.management("GET", path).get("messages_ready") == 1, what="the statistics")
    with CeleryWorker(rabbit_vhost_url, pool="threads", config=GOOD):
        _, findings = examined(profile)
    assert findings["stream"].title == "“audit” is a stream, not a task queue"
    assert findings["no-consumer"].level == "ok"
    with contextlib.closing(open_broker(profile)) as broker:
        (sample,) = broker.sample(["audit"])
    rows, _ = QueueWatch(watched=["audit"]).rows([sample], Consumers(), {}, time.time())
    assert [(row.kind, row.ready, row.no_consumer) for row in rows] == [("stream", 1, False)]


def test_a_queue_where_no_worker_is(redis_url: str) -> None:
    with sample_client(redis_url) as client:
        client.send_task("sample.add", (1, 2), queue="lonely")
        _, findings = examined(Profile.from_url(redis_url))
    assert findings["no-consumer"].title == "“lonely” has waiting messages, and no worker is online"
    assert findings["no-consumer"].evidence.startswith("1 message ready")


def test_an_eta_beyond_the_visibility_timeout(redis_url: str) -> None:
    with CeleryWorker(redis_url, pool="threads", config=GOOD), sample_client(redis_url) as client:
        client.send_task("sample.add", (1, 2), countdown=7_500)
        with redis.Redis.from_url(redis_url) as server:
            wait_until(lambda: server.hlen("unacked") == 1, what="the worker to hold the task")
        _, findings = examined(Profile.from_url(redis_url))
    assert findings["visibility"].level == "warning"
    assert findings["visibility"].title.startswith("1 task waits")


def test_one_far_eta_among_thousands_of_messages(redis_url: str) -> None:
    near, far = (datetime.fromtimestamp(time.time() + seconds, UTC).isoformat() for seconds in (60, 90_000))
    with redis.Redis.from_url(redis_url) as server:
        messages = {f"tag{number}": held_message(near) for number in range(5_000)}
        server.hset("unacked", mapping=messages | {"far": held_message(far)})
        found = read_etas(server, "unacked")
        assert (len(found.etas), found.held, found.unseen) == (5_001, 5_001, 0)
        _, findings = examined(Profile.from_url(redis_url))
        assert findings["visibility"].title.startswith("1 task waits longer")
        partly = read_etas(server, "unacked", most_bytes=100_000)
        assert 0 < partly.looked_at < 5_001
        assert partly.unseen == 5_001 - partly.looked_at
        server.hdel("unacked", "far")
        _, findings = examined(Profile.from_url(redis_url))
        assert findings["visibility"].level == "ok"
        assert findings["visibility"].evidence.startswith("5,000 ETA tasks wait")
