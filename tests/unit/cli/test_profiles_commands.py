"""``deskq profiles``: edit, rename, duplicate, move, import, export."""

from __future__ import annotations

import io
import stat
import tomllib
from dataclasses import replace
from pathlib import Path

import keyring
import pytest
from keyring.backends.fail import Keyring as NoKeyring

from deskq.cli import main
from deskq.files.locks import WriterLock
from deskq.history.writing.writer import History
from deskq.profiles import PasswordStore, Profile, ProfileFile, SavedProfiles, Secret
from deskq.results.opening import open_results
from deskq.results.store import ResultsUnreadable


@pytest.fixture
def saved() -> SavedProfiles:
    made = SavedProfiles(ProfileFile(), PasswordStore())
    made.put(Profile.from_url("redis://anna:c4n4ry@h/0", name="shop", result_backend="redis://:c4n4ry@r/1"))
    made.put(Profile.from_url("amqp://h//", name="bank"))
    return made


def test_a_level_is_not_lowered_unasked(saved: SavedProfiles, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profiles", "edit", "shop", "--safety", "read-only"]) == 0
    assert main(["profiles", "edit", "shop", "--safety", "free"]) == 2
    assert "lowers the safety level of “shop” from read-only to free. Add --yes" in capsys.readouterr().err
    assert saved.named("shop").read_only
    assert main(["profiles", "edit", "shop", "--safety", "free", "--yes"]) == 0
    assert not saved.named("shop").read_only


def test_a_guard_does_not_leave_its_broker_unasked(saved: SavedProfiles, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profiles", "edit", "shop", "--safety", "read-only"]) == 0
    assert main(["profiles", "edit", "shop", "--url", "redis://127.0.0.1:7/0"]) == 2
    assert "“shop” guards its broker (read-only)" in capsys.readouterr().err
    assert saved.named("shop").url == "redis://anna@h/0"
    assert main(["profiles", "edit", "shop", "--url", "redis://anna@h:6379/0"]) == 0  # another spelling
    saved.put(replace(saved.named("shop"), name="second"))
    assert main(["profiles", "edit", "shop", "--url", "redis://127.0.0.1:7/0"]) == 0  # the second one guards it
    assert main(["profiles", "edit", "second", "--url", "redis://127.0.0.1:7/0", "--yes"]) == 0


def test_editing(saved: SavedProfiles, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--safety", "read-only", "--no-connect-at-start", "--sep", r"\x06", "--watch-queue", "a,b"]
    assert main(["profiles", "edit", "shop", *arguments, "--retention-days", "7"]) == 0
    profile = saved.named("shop")
    assert profile.read_only
    assert not profile.connect_at_start
    assert (profile.redis.sep, profile.watch_queues, profile.retention_days) == ("\x06", ("a", "b"), 7)
    assert profile.password.reveal() == profile.result_password.reveal() == "c4n4ry"
    assert main(["profiles", "edit", "shop", "--result-backend", "", "--url", "redis://anna@h/5", "--yes"]) == 0
    profile = saved.named("shop")
    assert (profile.url, profile.result_backend, profile.password.reveal()) == ("redis://anna@h/5", None, "c4n4ry")
    assert saved.passwords.get("shop/result_backend") is None
    assert main(["profiles", "edit", "shop", "--url", "redis://elsewhere/0", "--yes"]) == 0
    assert "set-password shop" in capsys.readouterr().out
    assert not saved.named("shop").password
    for wrong in (["--url", "sentinel://h:1"], ["--management-url", "h:1"], []):
        assert main(["profiles", "edit", "shop", *wrong]) == 2
    assert "Give at least one option to change" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["profiles", "edit", "shop", "--retention-days", "-3"])
    assert "0 or more" in capsys.readouterr().err


def test_renaming_takes_password_and_history_along(saved: SavedProfiles, capsys: pytest.CaptureFixture[str]) -> None:
    old = saved.named("shop").history_path()
    History(old).close()
    assert main(["profiles", "rename", "shop", "bookshop"]) == 0
    assert "history file was moved" in capsys.readouterr().out
    new = saved.named("bookshop").history_path()
    assert new.exists()
    assert not old.exists()
    assert saved.named("bookshop").password.reveal() == "c4n4ry"
    assert main(["profiles", "rename", "bookshop", "bank"]) == 2
    assert "already" in capsys.readouterr().err
    lock = WriterLock(new)
    assert lock.acquire()
    try:
        assert main(["profiles", "rename", "bookshop", "books"]) == 0
    finally:
        lock.release()
    assert "so it stays in" in capsys.readouterr().out
    assert saved.named("books").history_path() == new
    assert saved.named("books").password.reveal() == "c4n4ry"


def test_a_history_is_never_overwritten(saved: SavedProfiles, capsys: pytest.CaptureFixture[str]) -> None:
    History(saved.named("shop").history_path()).close()
    History(Profile.from_url("redis://h", name="other").history_path()).close()
    assert main(["profiles", "rename", "shop", "other"]) == 2
    assert "A history already exists at" in capsys.readouterr().err
    assert saved.named("shop").password.reveal() == "c4n4ry"


def test_order_and_copies(saved: SavedProfiles, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profiles", "duplicate", "shop", "shop-2"]) == 0
    assert main(["profiles", "move", "bank", "--before", "shop"]) == 0
    capsys.readouterr()
    assert main(["profiles", "move", "shop", "--last"]) == 0
    assert capsys.readouterr().out.split() == ["bank", "shop-2", "shop"]
    assert saved.named("shop-2").password.reveal() == "c4n4ry"


def test_export_and_import(saved: SavedProfiles, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profiles", "export", "shop"]) == 0
    out = capsys.readouterr().out
    assert "c4n4ry" not in out
    assert [profile["name"] for profile in tomllib.loads(out)["profile"]] == ["shop"]
    path = tmp_path / "all.toml"
    assert main(["profiles", "export", str(path)]) == 0
    assert main(["profiles", "export", str(path)]) == 2
    assert "c4n4ry" not in path.read_text()
    assert main(["profiles", "remove", "bank"]) == 0
    capsys.readouterr()
    assert main(["profiles", "import", str(path), "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "shop (overwrites the saved profile): redis://anna@h/0" in out
    assert "bank (new): amqp://h//" in out
    assert [profile.name for profile in saved.load()] == ["shop"]
    assert main(["profiles", "import", str(path)]) == 2  # nobody is there to ask
    assert "This overwrites shop. No terminal to confirm on." in capsys.readouterr().err
    assert main(["profiles", "import", str(path), "--yes"]) == 0
    assert [profile.name for profile in saved.load()] == ["shop", "bank"]
    assert saved.named("shop").password.reveal() == "c4n4ry"
    path.write_text(path.read_text().replace('name = "shop"', 'name = "shop"\nsafety = "free"'))
    assert main(["profiles", "import", str(path), "--dry-run"]) == 0
    assert "less safe: free instead of ask" in capsys.readouterr().out
    assert main(["profiles", "import", str(path), "--name", "x"]) == 2
    assert "--name fits one profile only" in capsys.readouterr().err


def test_an_import_is_asked_about(
    saved: SavedProfiles, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new.toml"
    path.write_text('[[profile]]\nname = "new"\nurl = "redis://new/0"\n')
    names = [profile.name for profile in saved.load()]
    assert main(["profiles", "import", str(path)]) == 2
    assert "Check with --dry-run, then add --yes." in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    asked: list[str] = []
    for answer, status, more in (("n", 2, []), ("y", 0, ["new"])):

        def answered(question: str, answer: str = answer) -> str:
            asked.append(question)
            return answer

        monkeypatch.setattr("builtins.input", answered)
        assert main(["profiles", "import", str(path)]) == status
        assert [profile.name for profile in saved.load()] == [*names, *more]
    assert asked == ["Save this profile? [y/N] "] * 2


def test_who_removes_the_guard_of_a_broker_is_asked(
    saved: SavedProfiles, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where others reach it, however they spell it; a profile that nothing stands behind goes unasked."""
    for name, url, safety in (
        ("prod", "redis://127.0.0.1:6390/0", "read-only"),
        ("near", "redis://localhost:6390", "ask"),
        ("alone", "redis://127.0.0.1:6391/0", "ask-name"),
    ):
        assert main(["profiles", "add", name, url, "--safety", safety, "--yes"]) == 0
    assert main(["profiles", "remove", "alone"]) == 0
    assert main(["profiles", "remove", "prod"]) == 2
    error = capsys.readouterr().err
    assert "“prod” guards its broker (read-only), which remains within reach of “near” (ask). Add --yes" in error
    assert "prod" in {profile.name for profile in saved.load()}
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: "")
    assert main(["profiles", "remove", "prod"]) == 2
    assert main(["profiles", "remove", "near"]) == 0
    assert main(["profiles", "add", "near", "redis://localhost:6390", "--yes"]) == 0
    assert main(["profiles", "remove", "prod", "--yes"]) == 0


def test_import_of_the_environment(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profiles", "import", "--env"]) == 2
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://:c4n4ry@h:6380/2")
    assert main(["profiles", "import", "--env", "--name", "here", "--yes"]) == 0
    assert "c4n4ry" not in "".join(capsys.readouterr())
    assert SavedProfiles(ProfileFile(), PasswordStore()).named("here").password.reveal() == "c4n4ry"


def test_import_of_an_app_says_its_last_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "proj.py").write_text("print('before')\nraise RuntimeError('redis://:c4n4ry@h')")
    assert main(["profiles", "import", "--app", "proj", "--folder", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "RuntimeError: redis://:•••@h" in error
    assert error.splitlines()[-1].startswith("deskq: “proj” cannot be imported")
    assert "c4n4ry" not in error
    (tmp_path / "proj.py").write_text("from celery import Celery\napp = Celery('p', broker='redis://:c4n4ry@h/3')")
    assert main(["profiles", "import", "--app", "proj", "--folder", str(tmp_path), "--yes"]) == 0
    assert SavedProfiles(ProfileFile(), PasswordStore()).named("proj").password.reveal() == "c4n4ry"


def test_without_a_keyring_a_file_only_if_the_person_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keyring.set_keyring(NoKeyring())  # type: ignore[no-untyped-call]
    assert main(["profiles", "add", "shop", "redis://:c4n4ry@h/0"]) == 1  # saved, but for the password
    said = capsys.readouterr().err
    assert "--password-file-ok" in said
    assert "in the URL" not in said  # where every process list shows it
    file = PasswordStore().file_path
    assert not file.exists()
    monkeypatch.setattr("sys.stdin", io.StringIO("c4n4ry\n"))
    assert main(["profiles", "set-password", "shop", "--password-stdin", "--password-file-ok"]) == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert PasswordStore().get("shop") == Secret("c4n4ry")
    assert main(["profiles", "add", "bank", "redis://:c4n4ry@h/1"]) == 0  # the file remembers the consent


def test_an_import_without_a_keyring_saves_all_and_says_what_it_does_not_keep(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring.set_keyring(NoKeyring())  # type: ignore[no-untyped-call]
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://:c4n4ry@h/0")
    monkeypatch.setenv("REDIS_URL", "redis://:c4n4ry@other/0")
    assert main(["profiles", "import", "--env", "--yes"]) == 1
    told = capsys.readouterr()
    assert "Saved: h, other" in told.out
    assert told.err.count("The passwords were not kept.") == 1
    assert {profile.name for profile in ProfileFile().load()} == {"h", "other"}
    assert "c4n4ry" not in told.out + told.err


def test_djangos_names_for_its_results_are_not_urls(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profiles", "add", "shop", "redis://h/0", "--result-backend", "django-db"]) == 2
    assert "“django-db” does not name the database" in capsys.readouterr().err
    with pytest.raises(ResultsUnreadable, match="“django-db” does not name the database"):
        open_results(Profile.from_url("redis://h/0", result_backend="django-db"))


@pytest.mark.parametrize(
    ("place", "key"),
    [("broker", ""), ("result-backend", "result_backend"), ("redis://s/3", "schedule_stores/redis://s/3")],
)
def test_passwords_of_other_urls(
    saved: SavedProfiles, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], place: str, key: str
) -> None:
    assert main(["profiles", "edit", "shop", "--schedule-store", "redis://s/3"]) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("an0ther\n"))
    assert main(["profiles", "set-password", "shop", "--for", place, "--password-stdin"]) == 0
    assert saved.named("shop").secrets()[key] == Secret("an0ther")
    assert main(["profiles", "set-password", "shop", "--for", "management-url", "--password-stdin"]) == 2
    assert "redis://s/3" in capsys.readouterr().err


def test_a_broker_of_the_environment_that_lacks_something_stops_no_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", "sentinel://:c4n4ry@s:26379")
    assert main(["profiles", "import", "--env"]) == 2
    assert "profiles add NAME URL, with the URL from CELERY_BROKER_URL" in capsys.readouterr().err
    monkeypatch.setenv("REDIS_URL", "redis://h:6380/2")
    assert main(["profiles", "import", "--env", "--yes"]) == 0
    assert "Left out: s:26379. A sentinel URL needs the master's name" in capsys.readouterr().err
    assert [profile.name for profile in ProfileFile().load()] == ["h:6380/2"]


def test_a_projects_words_do_nothing_to_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "proj.py").write_text("import os\nos.write(2, b'\\x1b]0;owned\\x07\\n')\nos._exit(3)")
    assert main(["profiles", "import", "--app", "proj", "--folder", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "<U+001B>]0;owned" in error.splitlines()[-1]
    assert "\x1b" not in error


def test_two_profiles_never_share_a_history_unasked(saved: SavedProfiles, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profiles", "add", "shop 1", "redis://h/1"]) == 0
    assert main(["profiles", "add", "shop:1", "redis://h/2"]) == 2
    assert "“shop 1” already uses the history" in capsys.readouterr().err
    assert main(["profiles", "add", "shop:1", "redis://h/2", "--history", "other.sqlite"]) == 0
    assert main(["profiles", "edit", "shop 1", "--silent"]) == 0
    assert main(["profiles", "duplicate", "shop 1", "shop_1"]) == 2
    assert "shop_1" not in [profile.name for profile in saved.load()]


@pytest.mark.parametrize("name", ["n" * 400, "日" * 100, "~nobody-here/x.sqlite", "~nobody-here"])
def test_names_that_no_file_can_have(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "info", name]) == 2
    assert main(["tasks", name]) == 2
    assert capsys.readouterr().err.count("\n") == 2
    assert main(["profiles", "add", name.replace("/", ""), "redis://h/1"]) == 0
    assert main(["history", "info", name.replace("/", "")]) == 2
    assert "No history at" in capsys.readouterr().err
