"""What a profile says of the workers' options, against real workers that have them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import redis
from kombu.connection import Connection

from deskq.brokers.kombu.transport_options import kombu_url, transport_options
from deskq.brokers.opening import open_broker
from deskq.brokers.ports import ConnectionLost
from deskq.doctor.connection.steps import examine_connection
from deskq.doctor.finding import ProbedStep
from deskq.profiles import Profile, RedisOptions
from deskq.profiles.profile import Secret
from tests.support.celery_worker import CeleryWorker
from tests.support.sample_app import sample_client
from tests.support.sentinel import RedisSentinel
from tests.support.servers import RedisServer
from tests.support.waiting import wait_until

EXCHANGES = {"control_exchange": "steering", "event_exchange": "telling", "worker_send_task_events": True}
OPTIONS: dict[str, Any] = {
    "global_keyprefix": "shop:",
    "fanout_prefix": "/{db}-shop.",
    "priority_steps": [0, 5],
    "sep": "::",
    "unacked_key": "held",
}
HEARD = ("login", "permission", "database", "workers", "events", "task-events")


def states(profile: Profile) -> dict[str, ProbedStep]:
    return {step.key: step for step in examine_connection(profile, cancelled=lambda: False) if step.key in HEARD}


def test_options_of_redis_are_those_of_the_workers(redis_url: str) -> None:
    config = {**EXCHANGES, "broker_transport_options": OPTIONS}
    profile = Profile.from_url(
        redis_url,
        control_exchange="steering",
        event_exchange="telling",
        redis=RedisOptions(**{**OPTIONS, "priority_steps": (0, 5)}),
    )
    with CeleryWorker(redis_url, pool="threads", config=config) as worker, sample_client(redis_url, **config) as client:
        steps = states(profile)
        assert {step.state for step in steps.values()} == {"ok"}
        assert worker.hostname in steps["workers"].evidence
        assert worker.hostname in steps["events"].evidence
        client.send_task("sample.add", (1, 2), queue="lonely", priority=7)
        client.send_task("sample.add", (1, 2), queue="lonely")
        client.send_task("sample.add", (1, 2), countdown=60)
        broker = open_broker(profile)
        (lonely,) = broker.sample(["lonely"])
        assert broker.queue_names() >= {"celery", "lonely"}
        broker.close()
        assert (lonely.ready, lonely.priorities) == (2, {0: 1, 5: 1})
        for other in (Profile.from_url(redis_url), Profile.from_url(redis_url, redis=profile.redis)):
            assert states(other)["workers"].state == "warning"  # so it is the options that make it


def test_exchanges_of_rabbitmq_are_those_of_the_workers(rabbit_vhost_url: str) -> None:
    profile = Profile.from_url(rabbit_vhost_url, control_exchange="steering", event_exchange="telling")
    with CeleryWorker(rabbit_vhost_url, pool="threads", config=EXCHANGES):
        assert {step.state for step in states(profile).values()} == {"ok"}
        assert states(Profile.from_url(rabbit_vhost_url))["workers"].state == "warning"


@pytest.fixture
def sentinel(needs: Callable[[Callable[[], Any]], Any]) -> Iterator[RedisSentinel]:
    with needs(lambda: RedisServer(password="m4ster")) as master, needs(lambda: RedisSentinel(master)) as running:
        yield running


def test_a_master_behind_a_sentinel(sentinel: RedisSentinel) -> None:
    """The first sentinel of the profile's URL is down, as it may be. Celery itself takes 7 s for that each time."""
    down, up = "sentinel://:m4ster@127.0.0.1:1/0", f"sentinel://:m4ster@127.0.0.1:{sentinel.port}/0"
    url, workers = f"{down};{up}", f"{up};{down}"
    config = {"worker_send_task_events": True, "broker_transport_options": {"master_name": "shop"}}
    config["result_backend"] = "disabled://"
    profile = Profile.from_url(url, redis=RedisOptions(sentinel_master="shop"))
    assert "m4ster" not in profile.url
    with CeleryWorker(workers, pool="threads", config=config) as worker, sample_client(workers, **config) as client:
        steps = states(profile)
        assert {step.state for step in steps.values()} == {"ok"}
        assert f"The master is 127.0.0.1:{sentinel.master.port}" in steps["login"].evidence
        assert worker.hostname in steps["workers"].evidence
        client.send_task("sample.add", (1, 2), queue="lonely")
        broker = open_broker(profile)
        assert [sample.ready for sample in broker.sample(["lonely"])] == [1]
        broker.close()
    wrong = states(Profile.from_url(url, redis=RedisOptions(sentinel_master="bank")))
    assert "No sentinel knows a master named “bank”. They know shop." in wrong["login"].remedy


def test_kombus_connection_bears_deskqs_name(rabbit_vhost_url: str) -> None:
    """On Redis it does not: CLIENT SETNAME may be forbidden, and kombu would not connect then."""
    profile = Profile.from_url(rabbit_vhost_url)
    with Connection(kombu_url(profile), transport_options=transport_options(profile)) as connection:
        assert connection.connection.client_properties["connection_name"] == "deskq"


@pytest.fixture
def guarded_sentinel(needs: Callable[[Callable[[], Any]], Any]) -> Iterator[RedisSentinel]:
    with (
        needs(lambda: RedisServer(password="m4ster")) as master,
        needs(lambda: RedisSentinel(master, password="s3ntinel")) as running,
    ):
        yield running


def test_sentinels_with_a_password_of_their_own(guarded_sentinel: RedisSentinel) -> None:
    url = f"sentinel://:m4ster@127.0.0.1:{guarded_sentinel.port}/0"
    options = {"master_name": "shop", "sentinel_kwargs": {"password": "s3ntinel"}}
    config = {"broker_transport_options": options, "result_backend": "disabled://", "worker_send_task_events": True}
    profile = Profile.from_url(url, redis=RedisOptions(sentinel_master="shop"))
    assert "requires its own login. Set the sentinel password" in states(profile)["login"].remedy
    wrong = replace(profile, sentinel_password=Secret("m4ster"))
    assert "refuses the sentinels' login" in states(wrong)["login"].remedy
    with CeleryWorker(url, pool="threads", config=config) as worker:
        steps = states(replace(profile, sentinel_password=Secret("s3ntinel")))
        assert {step.state for step in steps.values()} == {"ok"}
        assert worker.hostname in steps["workers"].evidence


def test_a_master_that_is_down_is_told_from_one_that_nobody_knows(sentinel: RedisSentinel) -> None:
    with redis.Redis(port=sentinel.port) as asked:
        asked.sentinel_set("shop", "down-after-milliseconds", "100")
        sentinel.master.kill()
        wait_until(lambda: asked.sentinel_master("shop")["is_sdown"], 20, "the sentinel to notice")
    url = f"sentinel://:m4ster@127.0.0.1:{sentinel.port}/0"
    with pytest.raises(ConnectionLost, match=r"report the master “shop” at .* as down"):
        open_broker(Profile.from_url(url, redis=RedisOptions(sentinel_master="shop"))).server()
