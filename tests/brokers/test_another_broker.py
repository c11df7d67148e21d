"""A broker is known by who it says it is: another one at its address, or the same one at another, is noticed."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from celery.schedules import crontab
from redbeat import RedBeatSchedulerEntry

from deskq.actions.broker_change import ask_identity
from deskq.actions.safety import guard_at
from deskq.cli import main
from deskq.history.known_broker import keep_broker, known_broker, known_broker_path
from deskq.history.writing.writer import History
from deskq.profiles import PasswordStore, Profile, ProfileFile, Safety, SavedProfiles
from deskq.protocol.identity import Identity
from tests.support.middle import Middle
from tests.support.recording import Recording
from tests.support.servers import RedisServer
from tests.support.waiting import wait_until
from tests.unit.history.test_history import NOW, add_task, uuid_of

Needs = Callable[[Callable[[], RedisServer]], RedisServer]


@pytest.fixture(scope="module")
def server(needs: Needs) -> Iterator[RedisServer]:
    with (
        tempfile.TemporaryDirectory(prefix="dq") as folder,
        needs(lambda: RedisServer(extra=("--unixsocket", f"{folder}/redis.sock"))) as server,
    ):
        yield server


def failed_tasks(path: Path) -> Path:
    """A history with a task that failed."""
    history = History(path)
    add_task(history, 1, state="failed", name="mail.send", kwargs="{}", queue="emails")
    history.commit(NOW)
    history.close()
    return path


def saved(url: str, **given: Any) -> Profile:
    """A saved profile that asks for nothing by itself."""
    profile = Profile.from_url(url, **{"name": "shop", "safety": Safety.FREE, **given})
    SavedProfiles(ProfileFile(), PasswordStore()).put(profile)
    return profile


def code(url: str) -> str:
    """What names the broker that answers there."""
    identity = ask_identity(Profile.from_url(url))
    assert identity is not None
    assert identity.ids
    return identity.code


def test_another_broker_at_the_address_is_asked_about_in_full(needs: Needs, capsys: pytest.CaptureFixture[str]) -> None:
    """As behind a tunnel: yesterday's failures of one Redis are not sent to another one with a mere yes."""
    with needs(RedisServer) as server:
        _another_broker(server, capsys)


def _another_broker(server: RedisServer, capsys: pytest.CaptureFixture[str]) -> None:
    profile = saved(server.url)
    path = failed_tasks(profile.history_path())
    keep_broker(path, ask_identity(profile) or Identity(product="none"))
    old = code(server.url)
    server.restart()
    new = code(server.url)
    assert old != new
    command = ["retry", "shop", uuid_of(1)]
    for answer in ([], ["--yes"], ["--yes", "--confirm-name", "shop"], ["--confirm-name", old]):
        assert main([*command, *answer]) == 2
        said = capsys.readouterr().err
        assert f"it was Redis “{old}”, now it is Redis “{new}”" in said
        assert new in said
    assert server.client().llen("emails") == 0
    assert main([*command, "--confirm-name", new]) == 0
    assert server.client().llen("emails") == 1
    assert main(["send", "shop", "mail.send", "--queue", "emails"]) == 0  # it is the broker of the history now
    assert known_broker(path) == ask_identity(profile)


def test_a_history_of_another_broker_is_asked_about(
    server: RedisServer, redis_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved(server.url)
    server.client().flushdb()
    unknown = failed_tasks(tmp_path / "unknown.sqlite")
    command = ["retry", "shop", uuid_of(1), "--history"]
    assert main([*command, str(unknown)]) == 2
    assert "does not say which broker it is of" in capsys.readouterr().err
    other = failed_tasks(tmp_path / "other.sqlite")
    keep_broker(other, ask_identity(Profile.from_url(redis_url)) or Identity(product="none"))
    whose = known_broker(other)
    assert main([*command, str(other), "--yes"]) == 2
    assert f"it was Redis “{code(redis_url)}”, now it is Redis “{code(server.url)}”" in capsys.readouterr().err
    assert server.client().llen("emails") == 0
    assert main([*command, str(other), "--yes", "--confirm-name", code(server.url)]) == 0
    assert known_broker(other) == whose  # the history is of the other one as before
    copy = tmp_path / "copy.sqlite"
    assert main(["history", "copy", str(other), str(copy)]) == 0
    assert known_broker(copy) == whose


def test_the_same_broker_is_guarded_at_another_address(server: RedisServer, tmp_path: Path) -> None:
    """Through a socket, or a tunnel: nothing of the address tells, only the server."""
    folder = server._extra[1]
    prod = saved(server.url, name="prod", safety=Safety.READ_ONLY)
    by_socket = Profile.from_url(f"redis+socket://{folder}?virtual_host=0", safety=Safety.FREE)
    assert "“prod” is read-only, and this is its broker" in guard_at(by_socket).forbids  # it is asked who it is
    keep_broker(prod.history_path(), ask_identity(prod) or Identity(product="none"))
    assert "“prod” is read-only, and this is its broker" in guard_at(by_socket).forbids
    keep_broker(prod.history_path(), Identity(product="Redis", ids=("before it restarted",)))
    assert "“prod” is read-only, and this is its broker" in guard_at(by_socket).forbids
    another = Profile.from_url(f"redis+socket://{folder}?virtual_host=1", safety=Safety.FREE)
    assert guard_at(another).safety is Safety.FREE


def test_a_saved_profile_of_a_guarded_broker_at_another_address_asks_for_the_name_of_its_guard(
    server: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody saw that as it was saved; at the same address it was said."""
    server.client().flushdb()
    prod = saved(server.url, name="prod", safety=Safety.READ_ONLY)
    keep_broker(prod.history_path(), ask_identity(prod) or Identity(product="none"))
    saved(f"redis+socket://{server._extra[1]}?virtual_host=0", name="by socket")
    command = ["send", "by socket", "mail.send", "--queue", "emails"]
    for answer in (["--yes"], ["--yes", "--confirm-name", "by socket"]):
        assert main([*command, *answer]) == 2
        assert "this is its read-only broker at another address" in capsys.readouterr().err
    assert server.client().llen("emails") == 0
    assert main([*command, "--confirm-name", "prod"]) == 0
    assert server.client().llen("emails") == 1
    saved(server.url, name="same address")
    assert main(["send", "same address", "mail.send", "--queue", "emails", "--yes"]) == 0


def by_tunnel(server: RedisServer, name: str = "by socket", *, login: str = "") -> list[str]:
    """A command that sends something to a server through a saved profile of its socket."""
    at = f"{login}@" if login else ""
    saved(f"redis+socket://{at}{server._extra[1]}?virtual_host=0", name=name)
    server.client().flushdb()
    return ["send", name, "mail.send", "--queue", "emails", "--yes"]


def test_a_guarded_broker_that_was_started_again_is_asked_who_it_is(
    server: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    prod = saved(server.url, name="prod", safety=Safety.READ_ONLY)
    keep_broker(prod.history_path(), Identity(product="Redis", ids=("before it restarted",)))
    os.utime(known_broker_path(prod.history_path()), (1.0, 1.0))
    command = by_tunnel(server)
    assert main(command) == 2
    assert "this is its read-only broker at another address" in capsys.readouterr().err
    assert server.client().llen("emails") == 0
    assert main([*command, "--confirm-name", "prod"]) == 0


def test_a_guarded_broker_that_cannot_be_asked_has_its_name_typed(
    server: RedisServer, redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may be the very one: what a history tells of it decides where that was so while this one ran."""
    prod = saved("redis://127.0.0.1:1/0", name="prod", safety=Safety.ASK_NAME)
    command = by_tunnel(server)
    why = "whether this is its broker at another address is unknown, since that of “prod” cannot be asked who it is"
    assert main(command) == 2
    assert why in capsys.readouterr().err
    by_url = guard_at(Profile.from_url(server.url, safety=Safety.FREE))
    assert (by_url.safety, by_url.typed, by_url.because) == (Safety.ASK_NAME, "prod", why)
    keep_broker(prod.history_path(), ask_identity(Profile.from_url(redis_url)) or Identity(product="none"))
    later = time.time() + 300  # a server that was started after that could be the same
    os.utime(known_broker_path(prod.history_path()), (later, later))
    assert main(command) == 0
    by_url = guard_at(Profile.from_url(server.url, safety=Safety.FREE))
    assert by_url.safety is Safety.FREE


@pytest.mark.parametrize("login", ["counted:pw", "silent:pw"])
def test_who_does_not_say_who_it_is_is_guarded(
    server: RedisServer, redis_url: str, login: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without INFO a server is known by the numbers that it gives connections; without these it is asked for."""
    user = login.partition(":")[0]
    rights = ["on", ">pw", "~*", "&*", "+@all", "-info", *(["-client|id"] if user == "silent" else [])]
    server.client().execute_command("ACL", "SETUSER", user, *rights)
    prod = saved(server.url, name="prod", safety=Safety.READ_ONLY)
    command = by_tunnel(server, login=login)
    try:
        keep_broker(prod.history_path(), ask_identity(prod) or Identity(product="none"))
        assert main(command) == 2
        why = "this is its read-only broker" if user == "counted" else "what answers here does not say who it is"
        assert why in capsys.readouterr().err
        assert server.client().llen("emails") == 0
        elsewhere = replace(prod, url=redis_url.rpartition("/")[0] + "/0")
        SavedProfiles(ProfileFile(), PasswordStore()).put(elsewhere, was="prod")
        assert main(command) == (0 if user == "counted" else 2)
    finally:
        server.client().execute_command("ACL", "DELUSER", user)


@pytest.mark.parametrize("login", ["", "shop:p%40ss@"])
def test_a_store_is_guarded_at_another_address(needs: Needs, login: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Schedules of a guarded broker through another port, named by the store's URL or as a store of another profile."""
    with needs(RedisServer) as server, Middle(server.port) as tunnel:
        if login:
            server.client().execute_command("ACL", "SETUSER", "shop", "on", ">p@ss", "~*", "&*", "+@all")
        saved(server.url, name="prod", safety=Safety.READ_ONLY)
        store = f"redis://{login}127.0.0.1:{tunnel.port}/0"
        saved("redis://127.0.0.1:1/0", name="dev", schedule_stores=(f"redbeat:{store}",))
        app = Celery("shop", broker=server.url)
        app.conf.redbeat_redis_url = server.url
        RedBeatSchedulerEntry("nightly", "reports.build", crontab(minute="0"), app=app).save()
        for name in (store, f"redbeat:{store}", f"redbeat:{store}?prefix=redbeat:", "dev"):
            assert main(["schedules", "delete", name, "nightly", "--yes"]) == 2, name
            assert "“prod” is read-only, and this is its broker" in capsys.readouterr().err
        assert server.client().exists("redbeat:nightly")


def test_a_doubt_stays_where_a_restart_changes_who_a_server_is(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    prod = saved(f"redis://prod.example:{server.port}/0", name="prod", safety=Safety.READ_ONLY)
    monkeypatch.setattr("deskq.profiles.guarding.addresses_of", dict.fromkeys)
    url = Profile.from_url(server.url, safety=Safety.FREE)
    assert "“prod.example” could not be looked up" in guard_at(url).forbids
    keep_broker(prod.history_path(), Identity(product="Redis", ids=("0123456789",)))
    assert "“prod.example” could not be looked up" in guard_at(url).forbids  # it may have started again since


def test_a_doubt_is_none_where_a_cluster_has_another_name(
    rabbit_vhost_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prod = saved(rabbit_vhost_url.replace("127.0.0.1", "prod.example"), name="prod", safety=Safety.READ_ONLY)
    monkeypatch.setattr("deskq.profiles.guarding.addresses_of", dict.fromkeys)
    url = Profile.from_url(rabbit_vhost_url, safety=Safety.FREE)
    assert "“prod.example” could not be looked up" in guard_at(url).forbids
    keep_broker(prod.history_path(), Identity(product="RabbitMQ", ids=("rabbit@elsewhere",)))
    assert guard_at(url).safety is Safety.FREE


def test_a_recorder_notes_which_broker_the_history_is_of(server: RedisServer, tmp_path: Path) -> None:
    path = tmp_path / "shop.sqlite"
    profile = Profile.from_url(server.url)
    recording = Recording(server.url, history=path).start()
    try:
        wait_until(lambda: known_broker(path) == ask_identity(profile), 20, "the broker to be noted")
    finally:
        recording.stop()
    keep_broker(path, Identity(product="Redis", ids=("another one",)))
    recording = Recording(server.url, history=path).start()
    try:
        wait_until(lambda: "Another broker responds" in recording.status().sampling, 20, "the notice")
    finally:
        recording.stop()
    assert known_broker(path) == Identity(product="Redis", ids=("another one",))  # until a person says so


def test_rabbitmq_says_who_it_is(rabbit_vhost_url: str) -> None:
    identity = ask_identity(Profile.from_url(rabbit_vhost_url))
    assert identity is not None
    assert identity.product == "RabbitMQ"
    assert "@" in identity.code


def test_who_does_not_say_who_it_is_is_nobody_new(server: RedisServer) -> None:
    client = server.client()
    client.execute_command("ACL", "SETUSER", "shy", "on", ">pw", "~*", "&*", "+@all", "-info")
    told = ask_identity(Profile.from_url(server.url.replace("//", "//shy:pw@")))
    client.execute_command("ACL", "DELUSER", "shy")
    assert told == Identity(product="Redis")
    assert told.words == "Redis, which does not identify itself"
    assert told.is_same(told)
    assert not told.is_same(Identity(product="Redis", ids=("x",)))
