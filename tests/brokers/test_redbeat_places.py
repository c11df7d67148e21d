"""redbeat behind sentinels and on a cluster: its beat and deskq know the same schedules, and obey each other."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.crc import key_slot

from deskq.schedules.model import Interval, Owner, ScheduleStore, StoreError
from deskq.schedules.opening import open_store
from tests.support.processes import Process
from tests.support.redis_cluster import RedisCluster
from tests.support.sample_app import BROKER, CONFIG
from tests.support.schedule_entries import added, entry, names
from tests.support.sentinel import RedisSentinel
from tests.support.servers import RedisServer
from tests.support.waiting import wait_until

_ROOT = Path(__file__).resolve().parents[2]
Needs = Callable[[Callable[[], Any]], Any]


@pytest.fixture(scope="module")
def cluster(needs: Needs) -> Iterator[RedisCluster]:
    with needs(lambda: RedisCluster(password="n0des")) as running:
        yield running


@pytest.fixture
def sentinel(needs: Needs) -> Iterator[RedisSentinel]:
    with needs(lambda: RedisServer(password="m4ster")) as master, needs(lambda: RedisSentinel(master)) as running:
        yield running


def beat(broker: str, log: Path, **settings: Any) -> Process:
    """redbeat's own, with the settings that its documentation names."""
    static = {"static": {"task": "sample.add", "schedule": 3600.0}}
    config = {"beat_max_loop_interval": 1, "beat_schedule": static, **settings}
    environment = os.environ | {BROKER: broker, CONFIG: json.dumps(config)}
    arguments = [sys.executable, "-m", "celery", "-A", "tests.support.sample_app", "beat", "-l", "INFO"]
    arguments += ["-S", "redbeat.RedBeatScheduler", "--pidfile="]
    return Process(arguments, log=log, env=environment, cwd=_ROOT)


def check_that_each_obeys_the_other(store: ScheduleStore, queues: redis.Redis, running: Process) -> None:
    wait_until(lambda: "static" in names(store), 30, "beat to write its schedule")
    wait_until(lambda: store.read().beat.alive, 30, "beat to take its lock")
    assert names(store)["static"].owner is Owner.CODE
    ticking = added(store, entry("ticking", Interval(1.0), options={"queue": "ticking"}))
    wait_until(lambda: queues.llen("ticking"), 30, "beat to send what deskq wrote")
    found = names(store)["ticking"]
    assert (found.version, found.problem) == (ticking.version, "")
    renamed = store.replace(found, replace(found, name="renamed", options={"queue": "renamed"}))
    assert renamed is not None
    wait_until(lambda: queues.llen("renamed"), 30, "beat to send what deskq renamed")
    wait_until(lambda: names(store)["renamed"].total_run_count, 30, "the run to be counted")
    store.replace(renamed, None)
    assert set(names(store)) == {"static"}
    assert running.returncode is None


def test_a_beat_behind_sentinels(sentinel: RedisSentinel, redis_url: str, server: redis.Redis, tmp_path: Path) -> None:
    options = {
        "sentinels": [["127.0.0.1", sentinel.port]],
        "service_name": "shop",
        "password": "m4ster",
        "db": 3,
        "socket_timeout": 5,
    }
    running = beat(
        redis_url, tmp_path / "log", redbeat_redis_url="redis-sentinel://ignored:1/0", redbeat_redis_options=options
    )
    url = f"redis-sentinel://:m4ster@127.0.0.1:1;127.0.0.1:{sentinel.port}/3?master=shop"  # the first one is down
    try:
        with closing(open_store(url)) as store:
            assert "m4ster" not in store.url + store.title
            check_that_each_obeys_the_other(store, server, running)
    finally:
        running.end(10)


def test_a_beat_on_a_cluster(cluster: RedisCluster, redis_url: str, server: redis.Redis, tmp_path: Path) -> None:
    """redbeat 2.4 cannot start on its own redis-cluster:// with redis-py 8: startup_nodes are not what that takes."""
    ports = [node.port for node in cluster.nodes]
    running = beat(
        redis_url,
        tmp_path / "log",
        redbeat_redis_url=f"redis://:n0des@127.0.0.1:{ports[2]}/0",
        redbeat_redis_options={"cluster": True, "decode_responses": True},
        redbeat_key_prefix="{shop}:",
    )
    url = f"redis-cluster://:n0des@127.0.0.1:1;127.0.0.1:{ports[1]}?prefix={{shop}}:"  # the first one is down
    try:
        with closing(open_store(url)) as store:
            assert "n0des" not in store.url + store.title
            check_that_each_obeys_the_other(store, server, running)
        with closing(open_store(f"redis://:n0des@127.0.0.1:{ports[0]}?cluster=true&prefix={{shop}}:")) as store:
            assert set(names(store)) == {"static"}
    finally:
        running.end(10)


def test_schedules_in_several_slots_are_shown_and_not_changed(cluster: RedisCluster) -> None:
    """MULTI is for keys of one slot: half of an edit could be lost."""
    every_minute = {"__type__": "interval", "every": 60.0, "relative": False}
    with cluster.client() as client:
        for number in range(40):
            definition = {"name": f"n{number}", "task": "t", "schedule": every_minute}
            client.hset(f"redbeat:n{number}", mapping={"definition": json.dumps(definition), "meta": "{}"})
            client.zadd("redbeat::schedule", {f"redbeat:n{number}": number})
        client.sadd("redbeat::statics", "n7")
        client.set("redbeat::lock", "x", px=60_000)
    with closing(open_store(f"redis-cluster://:n0des@127.0.0.1:{cluster.nodes[0].port}")) as store:
        found = names(store)
        assert len(found) == 40
        assert found["n39"].schedule == Interval(60.0)
        assert {name for name, each in found.items() if each.owner is Owner.CODE} == {"n7"}
        assert store.read().beat.alive
        assert "{redbeat}:" in store.abilities.why_not
        with pytest.raises(StoreError, match="hash tag"):
            store.replace(found["n1"], None)
    with cluster.client() as client:
        assert client.exists("redbeat:n1")


def test_a_node_alone_and_a_server_alone_are_told_apart(cluster: RedisCluster, redis_url: str) -> None:
    with cluster.client() as client:
        owner = client.get_node_from_key("alone::schedule")
    port = next(node.port for node in cluster.nodes if owner is None or node.port != owner.port)
    with (
        closing(open_store(f"redis://:n0des@127.0.0.1:{port}/0?prefix=alone:")) as store,
        pytest.raises(StoreError, match=f"redbeat:redis-cluster://127.0.0.1:{port}"),
    ):
        store.read()
    with (
        closing(open_store(f"{redis_url}?cluster=true")) as store,
        pytest.raises(StoreError, match="not a Redis Cluster"),
    ):
        store.read()


def test_the_parts_of_a_cluster_that_have_no_node_are_told(cluster: RedisCluster) -> None:
    url = f"redis-cluster://:n0des@127.0.0.1:{cluster.nodes[0].port}?prefix={{gone}}:"
    slot = key_slot(b"{gone}:")
    with cluster.client() as client:
        owner = client.get_node_from_key("{gone}:")
    with closing(open_store(url)) as store:
        added(store, entry("one"))
        for node in cluster.nodes:
            node.client().execute_command("CLUSTER DELSLOTS", slot)
        try:
            wait_until(lambda: "cluster" in _problem(store), 30, "the cluster to be down")
        finally:
            for node in cluster.nodes:
                if owner is not None and node.port == owner.port:
                    node.client().execute_command("CLUSTER ADDSLOTS", slot)
            cluster.wait()


def _problem(store: ScheduleStore) -> str:
    try:
        store.read()
    except StoreError as error:
        return str(error)
    return ""
