"""Which store a URL means, and which stores a profile has."""

from __future__ import annotations

import pytest

from deskq.profiles import Profile, RedisOptions
from deskq.profiles.fields import problems
from deskq.profiles.urls import join_password, shown, split_password
from deskq.schedules.base import StoreError, StoreKind
from deskq.schedules.opening import kind_of, open_store, store_urls

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
    assert store_urls(profile) == ("redbeat:redis://:pw@broker/3", *STORES)
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
