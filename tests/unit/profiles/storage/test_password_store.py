"""Where passwords are kept: the keyring, memory, a file that only its owner can read; and where they never are."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import keyring
import pytest
from keyring.backends.fail import Keyring as NoKeyring

from deskq.errors import UserError
from deskq.profiles import (
    PasswordStore,
    Profile,
    ProfileFile,
    SavedProfiles,
    Secret,
    profile_from_json,
    profile_to_json,
)
from deskq.profiles.field_text import from_text
from deskq.profiles.fields import BY_PLACE
from deskq.profiles.storage.profile_file import exported
from deskq.profiles.urls import join_password, shown, split_password, take_tls_query
from deskq.services.recorder_child import recorder_command
from tests.conftest import MemoryKeyring

CANARY = "c4n4ry/@:#?pass"


@pytest.fixture
def no_keyring() -> None:
    keyring.set_keyring(NoKeyring())  # type: ignore[no-untyped-call]


def full_profile() -> Profile:
    """A profile with a password wherever one can be."""
    quoted = "c4n4ry%2F%40%3A%23%3Fpass"
    return Profile.from_url(
        f"amqp://anna:{quoted}@h:5673/shop",
        name="shop",
        result_backend=f"redis://:{quoted}@r:6379/1",
        management_url=f"https://admin:{quoted}@h:15671/api",
        schedule_stores=(f"db+postgresql://bea:{quoted}@d/beat", "redis://plain/3"),
    )


def test_every_password_leaves_its_url_and_comes_back_for_connections() -> None:
    profile = full_profile()
    assert profile.url == "amqp://anna@h:5673/shop"
    assert profile.result_backend == "redis://r:6379/1"
    assert profile.management_url == "https://admin@h:15671/api"
    assert profile.schedule_stores == ("db+postgresql://bea@d/beat", "redis://plain/3")
    assert profile.password.reveal() == profile.result_password.reveal() == CANARY
    assert split_password(profile.result_backend_url()) == ("redis://r:6379/1", CANARY)
    assert profile.management_login() == ("admin", CANARY)
    assert [split_password(url)[1] for url in profile.schedule_store_urls()] == [CANARY, ""]
    assert replace(profile, result_backend="redis://:new@r/1").result_password.reveal() == "new"
    assert replace(profile, schedule_stores=("redis://plain/3",)).schedule_passwords == ()
    assert profile_from_json(profile_to_json(profile)) == profile


def test_the_canary_is_nowhere(tmp_path: Path, memory_keyring: MemoryKeyring) -> None:
    saved = SavedProfiles(ProfileFile(tmp_path / "p.toml"), PasswordStore())
    saved.put(full_profile())
    told = [saved.file.path.read_text(), exported(saved.load()), repr(full_profile()), str(full_profile())]
    told += [" ".join(recorder_command()), *(error_of(url) for url in WRONG)]
    assert not [text for text in told if "c4n4ry" in text]
    assert saved.named("shop") == full_profile()
    assert {key for _, key in memory_keyring.passwords} == {
        *("shop", "shop/result_backend", "shop/management_url", "shop/schedule_stores/db+postgresql://bea@d/beat")
    }
    saved.rename("shop", "bank")
    assert saved.named("bank") == replace(full_profile(), name="bank")
    saved.remove("bank")
    assert memory_keyring.passwords == {}


WRONG = (
    *("redis://:c4n4ry", "redis://anna:c4n4ry@h:port/0", "anna:c4n4ry@h", "anna:c4n4ry@h://x", "redis:/:c4n4ry@h/0"),
    *("gopher://a:c4n4ry@h", "redis://h:c4n4ry/0", "redis://a:b@c4n4ry:h:1/0", "redis://[c4n4ry@h", ":c4n4ry@h"),
)


def error_of(url: str) -> str:
    with pytest.raises(UserError) as raised:
        Profile.from_url(url)
    return f"{raised.value} {raised.value.details}"


@pytest.mark.parametrize(
    ("url", "bare", "password"),
    [
        ("sentinel://:p@a:1;sentinel://:q@b:2/0", "sentinel://a:1;sentinel://b:2/0", "p"),
        ("redis://h/0?password=p%20w&db=1", "redis://h/0?db=1", "p w"),
        ("db+sqlite:////srv/a:b@c/x.db", "db+sqlite:////srv/a:b@c/x.db", ""),
        ("amqp://u:p@h/v?mail=a@b", "amqp://u@h/v?mail=a@b", "p"),
        ("mongodb://u:p@a:1,b:2/db", "mongodb://u@a:1,b:2/db", "p"),
        ("redis://u:raw/p@h/0", "redis://u@h/0", "raw/p"),
    ],
)
def test_splitting(url: str, bare: str, password: str) -> None:
    assert split_password(url) == (bare, password)
    assert split_password(join_password(bare, password)) == (bare, password)


@pytest.mark.parametrize(
    "url",
    [
        *("redis://:c4n@a?4ry@h:6379/0", "redis://:c4n/4ry@h/0", "redis://:c4n#4ry@h/0", "redis://anna:c4n?4ry@h/0"),
        *("amqp://anna:c4n4ry@h/v@st", "amqps://anna:c@4/n@h//", "sentinel://:p@a:1;sentinel://:c4n/4@b:2/0"),
        "sqla+postgresql://anna:c4n@4?ry@h/shop",
    ],
)
def test_a_password_whose_end_is_not_clear_is_asked_for_and_never_cut(url: str) -> None:
    with pytest.raises(UserError, match="%40 for @") as raised:
        Profile.from_url(url)
    assert "c4n" not in str(raised.value)
    with pytest.raises(UserError, match="%40 for @"):
        Profile(name="x", url="redis://h/0", result_backend=url)
    with pytest.raises(UserError, match="%40 for @"):
        from_text(BY_PLACE["result_backend"], url)
    with pytest.raises(UserError, match="%40 for @"):
        from_text(BY_PLACE["schedule_stores"], f"redis://h/1 {url}")
    quoted = "redis://:c4n%40a%3F4ry@h/0"
    assert Profile.from_url(quoted).password.reveal() == "c4n@a?4ry"
    assert Profile.from_url("redis://:c4n@4ry@h/0").password.reveal() == "c4n@4ry"  # as Celery reads it


def test_what_is_shown_of_no_url() -> None:
    assert shown("localhost") == "localhost"
    assert shown("redis://u:p@h:1/0") == "redis://u@h:1/0"
    assert shown("u:p@h") == "…"
    assert shown("redis://:p") == "redis://…"


def test_tls_options_of_a_url() -> None:
    url = "rediss://h:6380/0?ssl_cert_reqs=CERT_NONE&ssl_ca_certs=%2Fca.pem&db=1"
    assert take_tls_query(url) == ("rediss://h:6380/0?db=1", {"verify": False, "ca": "/ca.pem"})
    profile = Profile.from_url(url)
    assert (profile.tls.verify, profile.tls.ca, profile.url) == (False, "/ca.pem", "rediss://h:6380/0?db=1")
    assert take_tls_query("redis://h/0?ssl_cert_reqs=none")[1] == {}


def test_without_a_keyring_passwords_last_for_the_run(no_keyring: None) -> None:
    passwords = PasswordStore()
    passwords.set("shop", Secret(CANARY))
    assert not passwords.persistent
    assert "no keyring" in passwords.problem
    assert passwords.where == "It is kept until deskq quits."
    assert passwords.get("shop") == Secret(CANARY)
    assert PasswordStore().get("shop") is None
    assert not passwords.file_path.exists()


def test_a_file_if_the_person_says_so(no_keyring: None) -> None:
    passwords = PasswordStore()
    passwords.set("shop", Secret(CANARY))
    passwords.allow_file()
    assert stat.S_IMODE(passwords.file_path.stat().st_mode) == 0o600
    assert passwords.persistent
    assert passwords.problem == ""
    assert "passwords.toml" in passwords.where
    again = PasswordStore()
    assert again.file_allowed
    assert again.get("shop") == Secret(CANARY)
    again.set("bank", Secret("two"))
    again.delete("shop")
    assert PasswordStore().get("shop") is None
    assert PasswordStore().get("bank") == Secret("two")
    left = {path.name for path in passwords.file_path.parent.iterdir()}
    assert left == {"passwords.toml", ".passwords.toml.lock"}
    again.forget_file()
    assert not again.persistent
    assert again.get("bank") == Secret("two")
    assert PasswordStore().get("bank") is None


def test_the_file_is_private_from_its_first_moment(no_keyring: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is opened on the way to it has no right for others."""
    modes: list[int] = []
    replaced = Path.replace

    def watched(self: Path, target: Path) -> Path:
        modes.append(stat.S_IMODE(self.stat().st_mode))
        return replaced(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    before = os.umask(0)
    try:
        PasswordStore().allow_file()
    finally:
        os.umask(before)
    assert modes == [0o600]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602, 0o700])
def test_a_file_that_others_can_read_is_refused(no_keyring: None, mode: int) -> None:
    passwords = PasswordStore()
    passwords.allow_file()
    passwords.set("shop", Secret(CANARY))
    passwords.file_path.chmod(mode)
    read, write = partial(passwords.get, "shop"), partial(passwords.set, "a", Secret("b"))
    uses: tuple[Callable[[], object], ...] = (read, write, passwords.forget_file)
    for use in uses:
        with pytest.raises(UserError, match=f"chmod 600 '{passwords.file_path}'"):
            use()
    assert passwords.file_path.exists()


def test_a_link_and_a_broken_file_are_refused(no_keyring: None, tmp_path: Path) -> None:
    passwords = PasswordStore()
    (tmp_path / "elsewhere").write_text("[passwords]\nshop = 'x'\n")
    (tmp_path / "elsewhere").chmod(0o600)
    passwords.file_path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="cannot be read"):
        passwords.get("shop")
    passwords.file_path.unlink()
    passwords.file_path.write_text("c4n4ry = [")
    passwords.file_path.chmod(0o600)
    with pytest.raises(UserError, match="is not TOML") as raised:
        passwords.set("shop", Secret("x"))
    assert "c4n4ry" not in str(raised.value)
    assert passwords.file_path.read_text() == "c4n4ry = ["


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give a file away")
def test_a_file_of_somebody_else_is_refused(no_keyring: None) -> None:
    passwords = PasswordStore()
    passwords.allow_file()
    os.chown(passwords.file_path, 12345, -1)
    with pytest.raises(UserError, match="belongs to another user"):
        passwords.get("shop")


def test_a_keyring_that_fails_is_said_without_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*_: object) -> None:
        raise RuntimeError("c4n4ry")

    passwords = PasswordStore()
    monkeypatch.setattr(keyring, "set_password", locked)
    passwords.set("shop", Secret(CANARY))
    assert "RuntimeError" in passwords.problem
    assert "c4n4ry" not in passwords.problem
    assert passwords.get("shop") == Secret(CANARY)
