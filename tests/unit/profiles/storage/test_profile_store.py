"""Changes to saved profiles, the file's upgrade, and the algebra of values and texts."""

from __future__ import annotations

import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import keyring
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keyring.backends.fail import Keyring as NoKeyring

from deskq.errors import UserError
from deskq.files import private_files as writing
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
)
from deskq.profiles.field_text import from_text, to_text, value_of, with_values
from deskq.profiles.fields import FIELDS, is_less_safe, problems, unfit
from deskq.profiles.serialization import from_values, to_values
from deskq.profiles.storage.profile_file import exported
from deskq.profiles.upgrades import VERSION

VERSION_1 = """# mine
version = 1
window = "wide" # not deskq's

[[profile]]
name = "shop" # the shop
url = "redis://h/0"
# for the auditors
retention_days = 400 # a year and a bit
retention_megabytes = 2000
future = 7

[profile.redis]
global_keyprefix = "shop:" # as the workers have it

[[profile]]
name = "bank"
url = "amqp://h//"
"""


def test_a_version_1_file_is_upgraded_with_all_that_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "profiles.toml"
    path.write_text(VERSION_1)
    file = ProfileFile(path)
    shop, bank = file.load()
    assert (shop.retention_days, shop.retention_megabytes, shop.retention_failed_days) == (400, 2000, 90)
    assert path.read_text() == VERSION_1  # reading changes nothing
    file.save([shop, replace(bank, environment=Environment.PRODUCTION)])
    text = path.read_text()
    for kept in ("# mine", "# not deskq's", "# the shop", "# for the auditors", "# a year and a bit", "future = 7"):
        assert kept in text
    assert "# as the workers have it" in text
    parsed = tomllib.loads(text)
    assert parsed["version"] == VERSION == 2
    assert parsed["window"] == "wide"
    assert parsed["profile"][0]["retention"] == {"days": 400, "megabytes": 2000}
    assert "retention_days" not in parsed["profile"][0]
    assert file.load() == [shop, replace(bank, environment=Environment.PRODUCTION)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("profile = 3\n", "Start each one with a line"),
        ('version = "new"\n', "a whole number"),
        ("version = 0\n", "a whole number"),
        ('version = 2\n[[profile]]\nname = "x"\nurl = "redis://h/0"\nretention = 3\n', "“retention” must be a table"),
        ('version = 2\n[[profile]]\nname = "x"\nurl = "redis://h/0"\nretention.days = -1\n', "retention.days"),
        ('version = 2\n[[profile]]\nname = "x"\nurl = "redis://h/0"\nwatch_queues = [1]\n', "list of texts"),
        (
            '[[profile]]\nname = "x"\nurl = "redis://h/0"\nresult_backend = "redis://:c4n4ry@h/1"\n',
            "contains a password",
        ),
        ('[[profile]]\nname = "x"\nurl = "redis://h/0"\nschedule_stores = ["redis://:c4n4ry@h/1"]\n', "set-password"),
        ('[[profile]]\nname = "x"\nurl = ["redis://:c4n4ry@h/1"]\n', "“url” is a list"),
        ('[[profile]]\nname = "x"\nurl = "redis://h"\nsafety = "redis://:c4n4ry@h/1"\n', "“safety” is another text"),
        ('[[profile]]\nname = "x"\nurl = "redis://h/0"\nretention_days = 3\nretention = 4\n', "must be a table"),
    ],
)
def test_more_broken_files(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "profiles.toml"
    path.write_text(text)
    file = ProfileFile(path)
    try:
        assert file.load() == []
        said = file.faulty[0].reason
    except UserError as error:
        said = str(error)
    assert says in said
    assert "c4n4ry" not in said


def test_tls_options_that_stand_in_a_url_of_the_file_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "profiles.toml"
    path.write_text('[[profile]]\nname = "x"\nurl = "rediss://h/0?ssl_cert_reqs=none"\n')
    (profile,) = ProfileFile(path).load()
    assert (profile.url, profile.tls) == ("rediss://h/0", Tls(verify=False))


def test_profiles_on_one_line_are_read_upgraded_and_changed(tmp_path: Path) -> None:
    path = tmp_path / "profiles.toml"
    path.write_text(
        'profile = [{name = "x", url = "redis://h", retention_days = 7, tls = {future = 1}}] # mine\nz = 1\n'
    )
    file = ProfileFile(path)
    (profile,) = file.load()
    assert profile.retention_days == 7
    file.save([replace(profile, silent=True), Profile.from_url("redis://i", name="y")])
    parsed = tomllib.loads(path.read_text())
    assert (parsed["z"], parsed["profile"][0]["tls"]) == (1, {"future": 1})
    assert file.load() == [replace(profile, silent=True), Profile.from_url("redis://i", name="y")]


def test_a_link_to_the_file_stays_a_link(tmp_path: Path) -> None:
    """People keep their configuration in a folder of its own and link to it."""
    link, target = tmp_path / "profiles.toml", tmp_path / "dotfiles" / "profiles.toml"
    target.parent.mkdir()
    target.write_text("version = 2\n# mine\n")
    link.symlink_to(target)
    ProfileFile(link).save([Profile.from_url("redis://h/0", name="shop")])
    assert link.is_symlink()
    assert "# mine" in target.read_text()
    assert [profile.name for profile in ProfileFile(target).load()] == ["shop"]


def test_a_new_file_says_what_it_is(tmp_path: Path) -> None:
    file = ProfileFile(tmp_path / "profiles.toml")
    file.save([Profile.from_url("redis://h/0", name="shop")])
    assert file.path.read_text().splitlines()[0].startswith("# Profiles of deskq, without passwords")
    file.save(file.load())
    assert file.path.read_text().count("#") == 1


@pytest.fixture
def saved(tmp_path: Path) -> SavedProfiles:
    made = SavedProfiles(ProfileFile(tmp_path / "p.toml"), PasswordStore())
    for name in ("a", "b", "c"):
        made.put(Profile.from_url(f"redis://:{name}-pw@h/0", name=name))
    return made


def names(saved: SavedProfiles) -> list[str]:
    return [profile.name for profile in saved.load()]


def test_order_copies_and_names(saved: SavedProfiles) -> None:
    saved.move("c", before="a")
    assert names(saved) == ["c", "a", "b"]
    saved.move("c", before=None)
    assert names(saved) == ["a", "b", "c"]
    saved.duplicate("a", "a2")
    assert names(saved) == ["a", "a2", "b", "c"]
    assert saved.named("a2").password.reveal() == "a-pw"
    saved.rename("b", "bee")
    assert names(saved) == ["a", "a2", "bee", "c"]
    assert saved.named("bee").password.reveal() == "b-pw"
    assert saved.passwords.get("b") is None
    for wrong in ("a", " x", "x\n", "redis://x", ""):
        with pytest.raises(UserError):
            saved.rename("c", wrong)
    with pytest.raises(UserError, match="Did you mean “bee”"):
        saved.remove("beee")
    assert names(saved) == ["a", "a2", "bee", "c"]


def test_what_somebody_else_saved_meanwhile_stays(saved: SavedProfiles) -> None:
    other = SavedProfiles(ProfileFile(saved.file.path), PasswordStore())
    saved.load()
    other.put(Profile.from_url("redis://h/9", name="theirs"))
    saved.put(Profile.from_url("redis://h/1", name="a"), was="a")
    assert names(saved) == ["a", "b", "c", "theirs"]


def test_what_several_save_at_once_is_all_there(tmp_path: Path) -> None:
    """As when a script starts many deskq at the same time."""
    keyring.set_keyring(NoKeyring())  # type: ignore[no-untyped-call]
    path = tmp_path / "p.toml"
    PasswordStore().allow_file()

    def add(number: int) -> None:
        profile = Profile.from_url(f"redis://:pw{number}@h/{number}", name=f"p{number}")
        SavedProfiles(ProfileFile(path), PasswordStore()).put(profile)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(16)))
    made = SavedProfiles(ProfileFile(path), PasswordStore())
    assert sorted(names(made)) == sorted(f"p{number}" for number in range(16))
    assert [made.named(f"p{number}").password.reveal() for number in range(16)] == [f"pw{n}" for n in range(16)]


def test_a_file_that_another_process_holds(saved: SavedProfiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_PATIENCE", 0.1)
    busy = pytest.raises(UserError, match="Another deskq is writing")
    with writing.exclusive(saved.file.path, "The profiles"), busy:
        saved.remove("a")
    saved.remove("a")
    assert names(saved) == ["b", "c"]


def test_a_renamed_profile_keeps_its_comments(saved: SavedProfiles) -> None:
    saved.file.path.write_text(saved.file.path.read_text().replace('name = "a"', 'name = "a" # first\nfuture = 1'))
    saved.rename("a", "z")
    assert 'name = "z" # first\nfuture = 1' in saved.file.path.read_text()


def test_no_password_goes_to_another_server_unasked(saved: SavedProfiles) -> None:
    saved.add_all([Profile.from_url("redis://evil/0", name="a"), Profile.from_url("redis://h/7", name="b")])
    assert names(saved) == ["a", "b", "c"]
    assert not saved.named("a").password
    assert saved.named("b").password.reveal() == "b-pw"  # another database of the same server


def test_what_is_exported_is_imported(saved: SavedProfiles, tmp_path: Path) -> None:
    profile = Profile.from_url(
        "rediss://h/0", name="all", redis=RedisOptions(sep="\x06|", priority_steps=(1,)), tls=Tls(verify=False)
    )
    saved.put(replace(profile, history="/srv/all.sqlite"))
    (tmp_path / "e.toml").write_text(exported(saved.load()))
    assert ProfileFile(tmp_path / "e.toml").load() == [*saved.load()[:3], profile]
    assert "-pw" not in (tmp_path / "e.toml").read_text()


texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
# Without a scheme nothing is a password.
words = texts.filter(lambda text: "://" not in text)
optional = st.none() | words
numbers = st.floats(0, 1e9) | st.integers(0, 10**9)
secrets = st.builds(Secret, words)
STORES = ("redis://h/1", "db+postgresql://anna@d/x")
profiles = st.builds(
    Profile,
    name=words.map(lambda text: text.strip() or "x"),
    url=st.sampled_from(["redis://h:6379/0", "amqp://anna@h/shop", "sentinel://a:1;sentinel://b:2/0", "sqs://"]),
    password=st.just(Secret()) | secrets,
    result_backend=st.none() | words | st.just("redis://r/1"),
    environment=st.sampled_from(Environment),
    safety=st.sampled_from(Safety),
    tls=st.builds(
        Tls, ca=st.none() | words, certificate=st.none() | words, key=st.none() | words, verify=st.booleans()
    ),
    redis=st.builds(
        RedisOptions,
        global_keyprefix=words,
        fanout_prefix=words,
        fanout_patterns=st.booleans(),
        priority_steps=st.lists(st.integers(0, 9), max_size=3).map(tuple),
        sep=words,
        unacked_key=words,
        sentinel_master=st.none() | words,
        visibility_timeout=numbers,
    ),
    management_url=st.none() | words,
    event_exchange=words,
    control_exchange=words,
    watch_queues=st.lists(words, max_size=3).map(tuple),
    connect_at_start=st.booleans(),
    silent=st.booleans(),
    history=st.none() | words,
    retention_days=numbers,
    retention_failed_days=numbers,
    retention_megabytes=numbers,
    schedule_stores=st.lists(st.sampled_from(STORES), max_size=2, unique=True).map(tuple),
    schedule_passwords=st.lists(st.tuples(st.sampled_from(STORES), secrets), max_size=2).map(tuple),
)


def bare(profile: Profile) -> Profile:
    return profile.with_secrets(dict.fromkeys(profile.secrets(), Secret()))


@given(profiles)
@settings(deadline=None, max_examples=60)
def test_values_are_an_identity_over_all_fields(profile: Profile) -> None:
    assert from_values(to_values(profile)) == bare(profile)
    reachable = bare(profile).with_secrets(profile.secrets())  # a password without a place to go is none
    assert profile_from_json(profile_to_json(reachable)) == reachable


@given(st.lists(profiles, max_size=2, unique_by=lambda profile: profile.name))
@settings(deadline=None, max_examples=30)
def test_the_file_is_an_identity_over_all_fields(tmp_path_factory: pytest.TempPathFactory, made: list[Profile]) -> None:
    file = ProfileFile(tmp_path_factory.mktemp("profiles") / "profiles.toml")
    file.save(made)
    assert file.load() == [bare(profile) for profile in made]
    file.save(reversed(made))
    assert file.load() == [bare(profile) for profile in reversed(made)]


def test_every_field_of_a_profile_is_in_the_table() -> None:
    places = {field.place.partition(".")[0] for field in FIELDS}
    assert places == set(Profile.__dataclass_fields__) - {"schedule_passwords"}
    assert {f"redis.{name}" for name in RedisOptions.__dataclass_fields__} <= {field.place for field in FIELDS}
    assert {f"tls.{name}" for name in Tls.__dataclass_fields__} <= {field.place for field in FIELDS}


@given(profiles)
@settings(deadline=None, max_examples=50)
def test_what_is_shown_in_a_form_is_read_back(profile: Profile) -> None:
    """But for texts that people do not type: commas in names, spaces at the ends."""
    kinds = ("choice", "secret", "switch", "number", "escaped")
    chosen = [field for field in FIELDS if field.kind in kinds or field.words or field.place.startswith("redis.")]
    chosen = [field for field in chosen if field.kind not in ("optional", "steps")]
    values = {field.place: from_text(field, to_text(field, value_of(field, profile))) for field in chosen}
    assert with_values(profile, values) == profile


@pytest.mark.parametrize(
    ("place", "text", "says"),
    [
        ("retention_days", "-1", "0 or more"),
        ("retention_days", "nan", "0 or more"),
        ("redis.priority_steps", "0;3", "whole numbers"),
        ("redis.priority_steps", "", "whole numbers"),
        ("environment", "moon", "development, staging, production"),
    ],
)
def test_what_does_not_fit_a_field(place: str, text: str, says: str) -> None:
    field = next(field for field in FIELDS if field.place == place)
    with pytest.raises(UserError, match=says):
        from_text(field, text)


def test_what_does_not_go_together() -> None:
    assert problems(Profile.from_url("redis://h/0")) == {}
    assert "redis.sentinel_master" in problems(Profile.from_url("sentinel://h:1"))
    wrong = Profile.from_url(
        "amqp://h//", name=" ", management_url="h:15672", result_backend="db", tls=Tls(key="k"), schedule_stores=("x",)
    )
    assert set(problems(wrong)) == {"name", "management_url", "result_backend", "tls.certificate", "schedule_stores"}
    amqp, redis = Profile.from_url("amqp://h//"), Profile.from_url("rediss://h/0")
    for field in FIELDS:
        assert bool(unfit(field, amqp)) == (field.fits in ("redis", "sentinel", "tls"))
        assert bool(unfit(field, redis)) == (field.fits in ("amqp", "sentinel"))


def test_which_level_is_less_safe() -> None:
    ask = Profile.from_url("redis://h/0")
    assert is_less_safe(ask, replace(ask, safety=Safety.FREE))
    assert is_less_safe(replace(ask, safety=Safety.READ_ONLY), ask)
    assert not is_less_safe(ask, ask)
    assert not is_less_safe(ask, replace(ask, safety=Safety.ASK_NAME))
