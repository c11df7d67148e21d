"""Which store a URL means, and which stores a profile has."""

from __future__ import annotations

from dataclasses import replace

import pytest
from redis.crc import key_slot

from deskq.brokers.redis.connection import database_of
from deskq.profiles import Profile, RedisOptions
from deskq.profiles.fields import problems
from deskq.profiles.urls import join_password, shown, split_password
from deskq.schedules.model import StoreError, StoreKind
from deskq.schedules.opening import kind_of, open_store, store_urls
from deskq.schedules.stores.redbeat.nodes import in_one_slot

STORES = (
    "redbeat:redis://user:secret@host:6379/1?prefix=x:",
    "django-celery-beat:postgresql://user:secret@host/name",
    "db+postgresql://user:secret@host/other",
    "code:proj.app?path=/src",
    "celerybeat-schedule:/var/run/celerybeat-schedule",
)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        (STORES[0], StoreKind.REDBEAT),
        ("valkeys://host", StoreKind.REDBEAT),
        (STORES[1], StoreKind.DJANGO),
        (STORES[2], StoreKind.DJANGO),
        ("django-celery-beat:sqlite:///db.sqlite3", StoreKind.DJANGO),
        (STORES[3], StoreKind.CODE),
        (STORES[4], StoreKind.FILE),
    ],
)
def test_a_url_means_one_kind_of_store(url: str, kind: StoreKind) -> None:
    assert kind_of(url) is kind
    store = open_store(url)
    assert store.kind is kind
    assert "secret" not in store.url + store.title
    store.close()


@pytest.mark.parametrize("url", ["", "shop", "amqp://host", "code:", "redbeat:", "redbeat:amqp://host"])
def test_what_is_no_store_is_told(url: str) -> None:
    with pytest.raises(StoreError):
        open_store(url)


def test_a_profile_has_its_broker_and_its_own_stores_with_their_passwords() -> None:
    profile = Profile.from_url("redis://:pw@broker/3", schedule_stores=STORES)
    assert problems(profile) == {}
    assert "secret" not in repr(profile) + repr(profile.schedule_stores)
    assert store_urls(profile) == STORES  # redbeat is elsewhere: on the broker no beat would look
    assert store_urls(replace(profile, schedule_stores=STORES[1:])) == ("redbeat:redis://:pw@broker/3", *STORES[1:])
    assert store_urls(Profile.from_url("amqp://broker")) == ()
    assert set(profile.secrets()) == {"", *(f"schedule_stores/{split_password(url)[0]}" for url in STORES[:3])}


def test_a_profile_refuses_what_is_no_store() -> None:
    assert "schedule_stores" in problems(Profile.from_url("redis://host", schedule_stores=("celery.sqlite",)))


def test_the_password_of_a_store_is_taken_out_and_put_in() -> None:
    for url in STORES:
        bare, password = split_password(url)
        assert "secret" not in bare + shown(url)
        assert join_password(bare, password) == url


def test_zone_and_prefix_stand_in_the_name_of_the_store() -> None:
    store = open_store("redis://:pw@host:6379/0?zone=Europe/Berlin&prefix=shop:&protocol=2")
    assert store.url == "redbeat:redis://host:6379/0?protocol=2&zone=Europe/Berlin&prefix=shop:"
    assert store.zone == "Europe/Berlin"
    with pytest.raises(StoreError, match="Mars"):
        open_store("redis://host?zone=Mars/Base")


def test_a_store_on_the_broker_goes_the_profiles_way() -> None:
    options = RedisOptions(sentinel_master="main")
    profile = Profile.from_url("sentinel://:pw@one:26379/0", redis=options)
    (url,) = store_urls(profile)
    assert open_store(url, profile).url == "redbeat:sentinel://one:26379/0"


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("redis-sentinel://:pw@one:26379;two:26379/2?master=shop", "sentinel://one:26379;two:26379/2?master=shop"),
        ("redis-sentinel://:pw@one/0?zone=UTC", "sentinel://one/0?zone=UTC&master=master"),
        ("redis-cluster://:pw@one:7000;two:7001/", "redis://one:7000;redis://two:7001?cluster=true"),
        ("redis-cluster://me:pw@one:7000;two:7001", "redis://me@one:7000;redis://me@two:7001?cluster=true"),
        ("rediss://:pw@one:7000?cluster=true&prefix={a}:", "rediss://one:7000?cluster=true&prefix={a}:"),
    ],
)
def test_redbeats_own_spellings_of_sentinels_and_clusters(url: str, named: str) -> None:
    for spelled in (url, f"redbeat:{url}"):
        store = open_store(spelled)
        assert store.url == f"redbeat:{named}"
        assert open_store(store.url).url == store.url
    assert database_of(Profile.from_url("sentinel://one:26379;two:26379/2")) == 2


def test_a_cluster_without_a_node_is_told() -> None:
    with pytest.raises(StoreError, match="Name a node"):
        open_store("redis-cluster://")


@pytest.mark.parametrize(("prefix", "one"), [("{a}:", True), ("x{a}", True), ("redbeat:", False), ("{}{a}", False)])
def test_keys_with_a_hash_tag_are_in_one_slot(prefix: str, one: bool) -> None:
    assert in_one_slot(prefix) is one
    slots = {key_slot(f"{prefix}{name}".encode()) for name in (":schedule", ":statics", "one", "two")}
    assert (len(slots) == 1) is one
