"""redbeat's keys in disorder, what redbeat cannot keep, and servers that take no writes: told, and nothing harmed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import redis

from deskq.profiles import Profile, Safety
from deskq.schedules.model import (
    Clocked,
    Crontab,
    Entry,
    Interval,
    ScheduleStore,
    Solar,
    StoreError,
    Unreadable,
    Unsupported,
)
from deskq.schedules.opening import open_store
from tests.support.schedule_entries import added, entry, names
from tests.support.servers import RedisServer

SCHEDULE = "redbeat::schedule"


def test_what_deskq_does_not_know_stays_as_it_is(store: ScheduleStore, server: redis.Redis) -> None:
    definition = {
        "name": "one", "task": "t", "args": None, "kwargs": {"d": {"__type__": "datetime", "year": 1}},
        "options": {"queue": "q", "shadow": "x", "odd": {"a": [1]}}, "enabled": True, "relative": None,
        "schedule": {"__type__": "crontab", "minute": 0, "hour": [3, 1]}, "tenant": "acme",
    }  # fmt: skip
    server.hset("redbeat:one", "definition", json.dumps(definition))
    server.zadd(SCHEDULE, {"redbeat:one": 5})
    one = names(store)["one"]
    assert one.schedule == Crontab("0", "3,1")
    assert "“tenant”" in one.problem
    store.replace(one, replace(one, enabled=False))
    assert json.loads(server.hget("redbeat:one", "definition") or "") == definition | {"enabled": False}


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ("\udcff", "not JSON"),
        ('{"name": "one", "task": "t", "schedule": {"__type__": "os.system", "a": 1}}', "os.system"),
        ('{"name": "one", "task": "t", "schedule": {"__type__": "crontab", "minute": "77"}}', "77"),
        ('{"name": "one", "task": "t", "schedule": {"__type__": "interval", "every": 5}}', "relative"),
        (
            '{"name": "one", "task": "t", "schedule": {"__type__": "interval", "every": 0, "relative": false}}',
            "more than 0",
        ),
        ('{"name": "one", "task": "t", "schedule": {"__type__": "rrule", "freq": 3}}', "no start"),
        ('{"name": "one", "task": "t", "schedule": 5}', "__type__"),
        ('{"name": "one", "schedule": {"__type__": "interval", "every": 5, "relative": false}}', "no task"),
        ('{"name": "uno", "task": "t", "schedule": {"__type__": "interval", "every": 5, "relative": 0}}', "differ"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_broken_entry_is_told_and_can_be_mended_or_deleted(
    definition: str, words: str, store: ScheduleStore, server: redis.Redis
) -> None:
    added(store, entry("good"))
    server.hset("redbeat:one", "definition", definition.encode("utf-8", "surrogateescape"))
    server.zadd(SCHEDULE, {"redbeat:one": 5})
    found = {each.key: each for each in store.read().entries}
    broken = found.pop("redbeat:one")
    assert words in broken.problem
    assert [each.problem for each in found.values()] == [""]
    mended = store.replace(broken, entry("one"))
    assert mended is not None
    assert (mended.problem, mended.schedule) == ("", Interval(3600.0))
    store.replace(mended, None)
    assert set(names(store)) == {"good"}


def test_keys_of_the_wrong_type_are_told(store: ScheduleStore, server: redis.Redis) -> None:
    server.set("redbeat:one", "x")
    server.zadd(SCHEDULE, {"redbeat:one": 5, "redbeat:gone": 6})
    found = names(store)
    assert "not a hash" in found["one"].problem
    assert "no definition" in found["gone"].problem
    with pytest.raises(StoreError, match="Delete the schedule"):
        store.replace(found["one"], entry("one"))
    assert server.get("redbeat:one") == "x"
    store.replace(found["one"], None)
    store.replace(found["gone"], None)
    assert server.keys() == []
    server.set(SCHEDULE, "x")
    with pytest.raises(StoreError, match="not a sorted set"):
        store.read()
    with pytest.raises(StoreError, match="not a sorted set"):
        store.replace(None, entry("one"))
    assert server.keys() == [SCHEDULE]


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (entry("a", Clocked(2e9)), "count of 1"),
        (entry("a", Solar("sunset", 1, 2)), "solar events"),
        (entry("a", Unreadable("x", "odd")), "this kind of schedule"),
        (entry("a", Crontab(zone="Europe/Berlin")), "no time zone"),
        (entry("a", Crontab("99")), "minute"),
        (entry("a", Crontab(day_of_month="31", month_of_year="2")), "31"),
        (entry("a", Interval(0.0)), "more than 0"),
        (entry("a", one_off=True), "one-off"),
        (entry("a", expires_at=5.0), "an end"),
        (entry(":schedule"), "reserved"),
        (entry(""), "name"),
        (entry("a", options={"x": float("nan")}), "JSON"),
    ],
)
def test_what_redbeat_cannot_keep_is_refused(new: Entry, words: str, store: ScheduleStore, server: redis.Redis) -> None:
    with pytest.raises(Unsupported, match=words):
        store.replace(None, new)
    assert server.keys() == []


def test_a_server_that_takes_no_writes_is_told(redis_url: str, server: redis.Redis) -> None:
    read_only = open_store(redis_url, Profile.from_url(redis_url, safety=Safety.READ_ONLY))
    with pytest.raises(StoreError, match="read-only"):
        read_only.replace(None, entry("one"))
    read_only.close()
    assert server.keys() == []


def test_full_replica_and_missing_servers_are_told() -> None:
    with RedisServer() as own:
        store = open_store(own.url)
        one = added(store, entry("one"))
        with own.new_client() as client:
            client.config_set("maxmemory", 1)
            with pytest.raises(StoreError, match="no memory left"):
                store.replace(one, replace(one, args=[7]))
            client.config_set("maxmemory", 0)
            client.replicaof("127.0.0.1", "1")
            with pytest.raises(StoreError, match="replica"):
                store.replace(one, replace(one, args=[7]))
            client.replicaof("NO", "ONE")
        assert names(store)["one"] == one
        url = own.url
    with pytest.raises(StoreError, match="Nothing is listening"):
        store.read()
    with pytest.raises(StoreError, match="Nothing is listening"):
        open_store(url).replace(None, entry("one"))
    store.close()
