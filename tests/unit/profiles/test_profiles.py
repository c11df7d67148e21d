"""Profiles: URLs are understood, the file keeps what it does not know, and no password gets out."""

from __future__ import annotations

import json
import pickle
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deskq.errors import UserError
from deskq.profiles import (
    Environment,
    PasswordStore,
    Profile,
    ProfileFile,
    RedisOptions,
    Safety,
    SavedProfiles,
    Secret,
    Tls,
    profile_from_json,
    profile_to_json,
    resolve,
)
from deskq.profiles.guarding import guarding
from deskq.profiles.moved import moved_secrets
from deskq.profiles.serialization import from_values, to_values
from deskq.profiles.transport import OTHER, RABBITMQ, REDIS, Transport

CANARY = "c4n4ry/@:#?pass"


@pytest.mark.parametrize(
    ("url", "bare", "name", "transport"),
    [
        ("redis://h:6379/3", "redis://h:6379/3", "h:6379/3", REDIS),
        ("REDIS://:p%40ss@h/0", "redis://h/0", "h", REDIS),
        ("valkeys://u:p@[::1]:6380/1", "valkeys://u@[::1]:6380/1", "::1:6380/1", REDIS),
        ("sentinel://:p@a:1;sentinel://b:2/0", "sentinel://a:1;sentinel://b:2/0", "a:1", REDIS),
        ("amqp://guest:guest@h//", "amqp://guest@h//", "h:5672", RABBITMQ),  # "h" is the Redis there
        ("amqps://u:p@h:5671/shop", "amqps://u@h:5671/shop", "h:5671/shop", RABBITMQ),
        ("sqla+sqlite:///x.db", "sqla+sqlite:///x.db", "sqla+sqlite/x.db", OTHER),
    ],
)
def test_urls(url: str, bare: str, name: str, transport: Transport) -> None:
    profile = Profile.from_url(url)
    assert (profile.url, profile.name, profile.transport) == (bare, name, transport)


@pytest.mark.parametrize("url", ["", "localhost", "http://x", "redis://h:port/0", "://"])
def test_nonsense_is_a_clear_error(url: str) -> None:
    with pytest.raises(UserError):
        Profile.from_url(url)


@pytest.mark.parametrize(
    "url", ["redis://u:s3cret", "redis:///u:s3cret@h", "mongodb://h:1,u:s3cret", "amqp:///:s3cret@h"]
)
@pytest.mark.parametrize("place", ["url", "result_backend", "schedule_stores"])
def test_a_password_in_a_wrong_place_is_not_saved(url: str, place: str) -> None:
    url = f"redbeat:{url}" if place == "schedule_stores" else url
    with pytest.raises(UserError) as caught:
        from_values({"name": "a", "url": "redis://h", place: [url] if place == "schedule_stores" else url})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "db+postgresql://u@h1:5432,h2:5432/db",
        "cache+memcached://127.0.0.1:11211;127.0.0.2:11211/",
        "db+sqlite:////home/a:b@c/results.db",
        "redis+socket:///run/a:b@c.sock",
        "redis://[::1]:6379/0",
        "rpc://",
        "s3://bucket",
        "redis://h:/0",
    ],
)
def test_other_result_backends_are_taken(url: str) -> None:
    assert Profile(name="a", url="redis://h", result_backend=url).result_backend == url


@given(st.text(min_size=1, max_size=20))
@settings(deadline=None)
def test_any_password_goes_in_and_comes_out(password: str) -> None:
    if not password.isascii():
        try:
            password.encode()
        except UnicodeEncodeError:
            return
    profile = replace(Profile.from_url("redis://anna@h:6379/2"), password=Secret(password))
    again = Profile.from_url(profile.connection_url())
    assert again.password.reveal() == password
    assert again.url == profile.url


def test_the_password_shows_nowhere(tmp_path: Path) -> None:
    profile = replace(Profile.from_url("redis://h/0", name="shop"), password=Secret(CANARY))
    file = ProfileFile(tmp_path / "p.toml")
    file.save([profile])
    shown = [repr(profile), str(profile.password), f"{profile}", file.path.read_text(), json.dumps(to_values(profile))]
    assert not [text for text in shown if "c4n4ry" in text]
    with pytest.raises(TypeError):
        pickle.dumps(profile.password)
    assert profile_from_json(profile_to_json(profile)) == profile


names = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=20)
profiles = st.builds(
    Profile,
    name=names,
    url=st.sampled_from(["redis://h:6379/0", "amqp://anna@h/shop", "sentinel://a:1;sentinel://b:2/0"]),
    environment=st.sampled_from(Environment),
    safety=st.sampled_from(Safety),
    result_backend=st.none() | names,
    redis=st.builds(
        RedisOptions,
        global_keyprefix=names,
        fanout_patterns=st.booleans(),
        priority_steps=st.lists(st.integers(0, 9), max_size=3).map(tuple),
        sentinel_master=st.none() | names,
    ),
    tls=st.builds(Tls, ca=st.none() | names, verify=st.booleans()),
    watch_queues=st.lists(names, max_size=3).map(tuple),
    silent=st.booleans(),
    retention_days=st.integers(0, 400),
)


@given(st.lists(profiles, max_size=3, unique_by=lambda profile: profile.name))
@settings(deadline=None, max_examples=60)
def test_what_is_saved_is_loaded(tmp_path_factory: pytest.TempPathFactory, given_profiles: list[Profile]) -> None:
    file = ProfileFile(tmp_path_factory.mktemp("profiles") / "profiles.toml")
    file.save(given_profiles)
    assert file.load() == given_profiles
    assert [from_values(to_values(profile)) for profile in given_profiles] == given_profiles


def test_comments_and_unknown_keys_stay(tmp_path: Path) -> None:
    path = tmp_path / "profiles.toml"
    path.write_text('# mine\nversion = 1\n\n[[profile]]\nname = "shop" # the shop\nurl = "redis://h/0"\nfuture = 7\n')
    file = ProfileFile(path)
    (profile,) = file.load()
    file.save([replace(profile, environment=Environment.PRODUCTION)])
    text = path.read_text()
    for kept in ("# mine", "# the shop", "future = 7", 'environment = "production"'):
        assert kept in text
    assert not file.changed_since_load
    path.write_text(text + "\n# touched")
    assert file.changed_since_load


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[profile]\n", "is not TOML"),
        ("version = 99\n", "newer deskq"),
    ],
)
def test_a_broken_file_is_a_clear_error_and_is_not_overwritten(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "profiles.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=says):
        ProfileFile(path).load()
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ('name = "x"\n', "needs “url”"),
        ('name = "x"\nurl = "redis://h/0"\nsafety = "maybe"\n', "read-only, ask"),
        ('name = "x"\nurl = "redis://:pw@h/0"\n', "set-password"),
        ('name = "x"\nurl = "redis://h/0"\nsilent = "yes"\n', "wrong type"),
        ('name = "good"\nurl = "redis://h/0"\n', "two profiles named “good”"),
        ('name = "x"\nurl = "amqp://a;b"\n', "Begin each URL with its scheme"),
        ('name = "x"\nurl = "amqp://a:1;redis://b"\n', "same protocol"),
        ('name = "x"\nurl = "amqp://a:1;amqp://b:no"\n', "Check host and port"),
    ],
)
def test_a_wrong_profile_disturbs_no_other_and_stays_in_the_file(tmp_path: Path, wrong: str, says: str) -> None:
    path = tmp_path / "profiles.toml"
    path.write_text(
        f'version = 2\n[[profile]]\nname = "good"\nurl = "redis://g/0"\n[[profile]]\n{wrong}'
        '[[profile]]\nname = "last"\nurl = "redis://l/0"\n'
    )
    file = ProfileFile(path)
    assert [profile.name for profile in file.load()] == ["good", "last"]
    (faulty,) = file.faulty
    assert says in faulty.reason
    assert str(path) in faulty.reason
    saved = SavedProfiles(file, PasswordStore())
    saved.put(Profile.from_url("redis://n/0", name="new"))
    assert [profile.name for profile in file.load()] == ["good", "last", "new"]
    assert tomllib.loads(path.read_text())["profile"][3] == tomllib.loads(wrong)
    if faulty.name == "x":
        with pytest.raises(UserError, match=says):
            resolve("x", profiles=file, passwords=PasswordStore())
        with pytest.raises(UserError, match="remove it"):
            saved.put(Profile.from_url("redis://n/0", name="x"))
        assert [profile.name for profile in saved.remove("x")] == ["good", "last", "new"]
        file.load()
        assert not file.faulty
        assert len(tomllib.loads(path.read_text())["profile"]) == 3


def test_a_wrong_profile_still_guards_its_broker(tmp_path: Path) -> None:
    path = tmp_path / "profiles.toml"
    path.write_text('[[profile]]\nname = "x"\nurl = "redis://h/3"\nsilent = "yes"\n')
    guard = guarding(Profile.from_url("redis://h:6379/3"), ProfileFile(path).guards())
    assert guard is not None
    assert guard.read_only


@pytest.mark.parametrize(
    ("url", "passwords"),
    [
        ("amqp://u:c4n4ry@a:1//;amqp://v:c4n4ry%3B2@b:2/shop", ["c4n4ry", "c4n4ry;2"]),
        ("amqp://u:c4n4ry@a;amqp://v:c4n4ry@b", ["c4n4ry", "c4n4ry"]),
        ("amqp://u:c4n4ry@a;amqp://b", ["c4n4ry", ""]),
        ("redis://:c4n4ry@a/1;redis://:c4n4ry2@b/1", ["c4n4ry", "c4n4ry2"]),
    ],
)
def test_each_broker_of_a_list_keeps_its_password(url: str, passwords: list[str]) -> None:
    profile = Profile.from_url(url)
    assert "c4n4ry" not in profile.url
    assert [one.password.reveal() for one in profile.alternatives()] == passwords
    assert profile.connection_url() == url
    assert profile_from_json(profile_to_json(profile)) == profile
    moved = replace(profile, url=profile.url.replace("@b", "@elsewhere").replace("//b", "//elsewhere"))
    assert moved_secrets(moved, profile) == [""]
    assert "c4n4ry" not in profile.password.hidden_in(" and ".join(passwords))


def test_resolving_names_and_urls(tmp_path: Path) -> None:
    file, passwords = ProfileFile(tmp_path / "p.toml"), PasswordStore()
    file.save([Profile.from_url("redis://h/0", name="production")])
    passwords.set("production", Secret(CANARY))
    assert resolve("production", profiles=file, passwords=passwords).password.reveal() == CANARY
    assert resolve("redis://x/1", profiles=file, passwords=passwords).name == "x/1"
    with pytest.raises(UserError, match="Did you mean “production”"):
        resolve("prodution", profiles=file, passwords=passwords)
    passwords.delete("production")
    assert passwords.get("production") is None


def test_only_a_profile_that_may_change_things_asks_by_itself() -> None:
    profile = Profile.from_url("redis://h/0")
    assert profile.may_inspect_unasked
    assert not replace(profile, safety=Safety.READ_ONLY).may_inspect_unasked
    assert not replace(profile, silent=True).may_inspect_unasked
