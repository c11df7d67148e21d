"""A broker is guarded however its URL is spelled, and where a host cannot be looked up the guard holds."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from deskq.profiles import Profile, ProfileFile, Safety
from deskq.profiles.addresses import HERE, addresses_of
from deskq.profiles.guarding import guarding, holds_on, lower_than_guarded
from deskq.profiles.places import places_of

SAME = {
    "redis://127.0.0.1:6379/0": (
        *("redis://127.0.0.1", "redis://127.0.0.1/", "redis://127.0.0.1:6379/00", "redis://127.0.0.1//0/", "redis://"),
        *(
            "redis://127.1/0",
            "redis://0.0.0.0/0",
            "redis://[::1]/0",
            "redis://[::ffff:127.0.0.1]/0",
            "REDIS://LOCALHOST",
        ),
        *("redis://localhost./0", "redis://x.localhost/", "redis://2130706433", "redis://0x7f.1", "redis://[::]:6379"),
        *("redis://%31%32%37.0.0.1/%30", "redis://127.0.0.1/0?db=0", "redis://anna:pw@127.0.0.1:6379?virtual_host=0"),
        *("valkey://127.0.0.1", "rediss://127.0.0.1:6379/0", "redbeat:redis://127.1?prefix=x:&zone=UTC"),
        *("redis-cluster://192.0.2.1:7000;localhost:6379/?prefix={a}:", "redis-cluster://u:pw@127.1"),
        *("redis://192.0.2.1/7;redis://localhost/0", f"redis://{socket.gethostname()}/0", "redis://127.0.0.1/1?db=0"),
    ),
    "amqp://127.0.0.1//": (
        *("amqp://127.0.0.1", "amqp://127.0.0.1/", "amqp://127.0.0.1:5672/%2F", "amqp://localhost/%2f", "pyamqp://"),
        *("amqp://guest:guest@127.1:5672//", "librabbitmq://[::1]/", "amqp://192.0.2.7;amqp://localhost."),
    ),
    "amqps://127.0.0.1/shop": ("amqps://127.0.0.1:5671/shop", "amqp://127.0.0.1:5671/%73hop", "amqps://127.1/shop/"),
    "sentinel://127.0.0.1:26379;127.0.0.2:26380/0": (
        *("sentinel://localhost", "sentinel://192.0.2.9;localhost:26379/0", "redis+sentinel://127.1:26379/00"),
        "sentinel://192.0.2.9:26379;sentinel://127.0.0.2:26380/0",
        "redbeat:redis-sentinel://192.0.2.9:26379;localhost:26379/0?master=shop",
    ),
    "db+postgresql://anna@127.0.0.1/shop": (
        *("postgresql+psycopg://bob@127.1:5432/shop", "django-celery-beat:postgres://localhost/shop"),
        "sqla+postgresql:///shop?host=/var/run/postgresql",
    ),
    "db+postgresql://127.0.0.1:5433/shop": (
        *("postgresql://anna@/shop?host=/run/postgresql&port=5433", "postgresql:///shop?port=5433"),
        *("postgresql:///?host=127.1&port=5433&dbname=shop", "postgresql:///shop?host=192.0.2.1,localhost&port=1,5433"),
        *("postgresql://192.0.2.1/shop?hostaddr=127.0.0.1&port=5433", "postgresql:///?service=beat"),
    ),
    "db+mysql+pymysql://127.0.0.1/shop": ("mariadb://127.0.0.1:3306/shop", "mysql:///shop?unix_socket=/run/my.sock"),
    "django-celery-beat:sqlite:////srv/shop/db.sqlite3": ("db+sqlite:////srv/shop/../shop/./db.sqlite3",),
    "redis+socket:///run/redis.sock?virtual_host=1": (
        "unix:///run/./redis.sock?db=1",
        "redis+socket:///run//redis.sock?db=01",
    ),
    "redis://[2001:db8::1]/0": ("redis://[2001:0db8:0:0::1]", "redis://[2001:DB8::0001]:6379"),
}
OTHERS = {
    "redis://127.0.0.1:6379/0": (
        "redis://127.0.0.1/1",
        "redis://127.0.0.1:6380",
        "amqp://127.0.0.1:6379",
        "redis://192.0.2.1",
    ),
    "amqp://127.0.0.1//": ("amqp://127.0.0.1/shop", "amqp://127.0.0.1:5673", "amqps://127.0.0.1//", "amqp://192.0.2.1"),
    "db+postgresql://127.0.0.1/shop": (
        *("postgresql://127.0.0.1/other", "mysql://127.0.0.1:5432/shop", "postgresql:///shop?port=5433"),
        "postgresql:///?service=beat",
    ),
}


@pytest.fixture(autouse=True)
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "services.conf"
    file.write_text("[other]\nhost=192.0.2.5\n[beat]\n# of beat\nhost=localhost\nport = 5433\ndbname=shop\n")
    monkeypatch.setenv("PGSERVICEFILE", str(file))


@pytest.mark.parametrize(("url", "other"), [(url, other) for url, others in SAME.items() for other in others])
def test_a_broker_is_guarded_however_it_is_spelled(url: str, other: str) -> None:
    guard = Profile(name="prod", url=url, safety=Safety.READ_ONLY)
    (held,) = holds_on([other], [guard])
    assert (held.profile, held.doubt) == (guard, ())
    (back,) = holds_on([url], [Profile(name="prod", url=other)])
    assert back.doubt == ()


@pytest.mark.parametrize(("url", "other"), [(url, other) for url, others in OTHERS.items() for other in others])
def test_another_broker_is_not_guarded(url: str, other: str) -> None:
    assert holds_on([other], [Profile(name="prod", url=url, safety=Safety.READ_ONLY)]) == []


def test_a_database_that_is_no_number_may_be_any() -> None:
    (hold,) = holds_on(["redis://127.0.0.1/x"], [Profile(name="prod", url="redis://127.0.0.1/3")])
    assert hold.profile.name == "prod"


def test_stores_and_result_backends_are_guarded_too() -> None:
    prod = Profile(
        name="prod",
        url="amqp://192.0.2.1",
        result_backend="redis://127.0.0.1/5",
        schedule_stores=("db+postgresql://127.0.0.1/shop", "code:proj.app", "celerybeat-schedule:/srv/beat"),
    )
    for url, what in (
        ("redbeat:redis://localhost/5", "result backend"),
        ("django-celery-beat:postgresql://localhost/shop", "schedule store"),
        ("celerybeat-schedule:/srv/../srv/beat", "schedule store"),
    ):
        assert [hold.words for hold in holds_on([url], [prod])] == [f"this is its {what}"]
        assert holds_on([url], [prod], brokers_only=True) == []
    assert places_of("code:proj.app") == set()


def test_the_safest_level_counts() -> None:
    both = Profile.from_url("amqp://127.0.0.1:5672//;amqp://192.0.2.2:5672//", safety=Safety.READ_ONLY)
    ask = Profile.from_url("amqp://127.0.0.1", name="ask")
    assert guarding(Profile.from_url("amqp://192.0.2.3;amqp://localhost"), [ask, both]) is both
    assert guarding(Profile.from_url("amqp://192.0.2.3"), [ask, both]) is None


def test_where_nobody_answers_the_guard_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that is away, or never answers, leaves in doubt who is meant; that there is no such host does not."""
    over = threading.Event()

    def away(host: str, *_: Any, **__: Any) -> Any:
        if host == "silent.example":
            over.wait(60)
        raise socket.gaierror(socket.EAI_NONAME if host == "nobody.example" else socket.EAI_AGAIN, "no")

    monkeypatch.setattr(socket, "getaddrinfo", away)
    try:
        for name in ("silent.example", "away.example"):
            saved = [Profile(name="prod", url=f"redis://{name}/0", safety=Safety.READ_ONLY)]
            monkeypatch.setattr("deskq.profiles.guarding.addresses_of", lambda hosts: addresses_of(hosts, 0.1))
            (hold,) = holds_on(["redis://127.0.0.1/0"], saved)
            assert f"“{name}”" in hold.words
            assert "could not be looked up" in hold.words
            assert holds_on(["redis://127.0.0.1/1"], saved) == []  # another database, wherever it is
        assert holds_on(["redis://127.0.0.1"], [Profile(name="gone", url="redis://nobody.example")]) == []
    finally:
        over.set()


def test_looking_up_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def never(*_: Any, **__: Any) -> list[Any]:
        over.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", never)
    assert addresses_of([f"host{number}" for number in range(50)], 0.1) == {f"host{n}": None for n in range(50)}
    over.set()
    assert addresses_of(["x" * 100_000], 0.1) == {"x" * 100_000: None}


def test_all_addresses_of_this_machine_are_one() -> None:
    hosts = ["127.0.0.1", "::1", "0.0.0.0", "127.9.9.9", "::ffff:127.0.0.1"]
    assert set(addresses_of(hosts).values()) == {frozenset({HERE})}
    assert addresses_of(["192.0.2.1"]) == {"192.0.2.1": frozenset({"192.0.2.1"})}


def test_a_second_profile_of_a_guarded_broker_is_no_way_around(tmp_path: Path) -> None:
    file = ProfileFile(tmp_path / "profiles.toml")
    file.save([Profile.from_url("redis://127.0.0.1/0", name="prod", safety=Safety.READ_ONLY)])
    second = Profile.from_url("redis://localhost", name="dev", safety=Safety.FREE)
    assert "“prod” guards this broker (read-only)" in lower_than_guarded(second, file.guards())
    assert lower_than_guarded(Profile.from_url("redis://localhost", name="prod"), file.guards()) == ""
