"""The command line: help, versions, errors, profiles; what needs a broker is tested end to end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from deskq import __version__
from deskq.cli import main
from deskq.cli.common import plain, table
from deskq.cli.options.profile_fields import OPTIONS
from deskq.cli.parser.parser import COMMANDS, FIRST_WORDS, with_default_command
from deskq.history.cells import safe_cell
from deskq.profiles import PasswordStore, Profile, ProfileFile


def test_version_and_help_import_next_to_nothing() -> None:
    code = (
        "import sys; from deskq.cli import main\n"
        "slow = {'PySide6', 'celery', 'kombu', 'redis', 'pika', 'apsw', 'keyring', 'tomlkit', 'shtab'}\n"
        "main(['--version'])\n"
        "print(sorted((slow | {'argparse', 'dataclasses', 'deskq.profiles'}) & set(sys.modules)))\n"
        "try: main(['--help'])\n"
        "except SystemExit: print(sorted((slow | {'deskq.profiles'}) & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = result.stdout.splitlines()
    assert (lines[:2], lines[-1]) == ([f"deskq {__version__}", "[]"], "[]")


@pytest.mark.parametrize("command", [*FIRST_WORDS, *COMMANDS])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--help"])
    assert ended.value.code == 0
    assert "usage: deskq" in capsys.readouterr().out


def test_a_url_alone_opens_the_window() -> None:
    assert with_default_command(["redis://h"]) == ["window", "redis://h"]
    assert with_default_command([]) == ["window"]
    assert with_default_command(["record", "x"]) == ["record", "x"]
    assert with_default_command(["--version"]) == ["--version"]
    for options in (["--color", "always"], ["--log=debug"], ["--log", "debug", "--color=never"]):
        assert with_default_command([*options, "tasks", "x"]) == [*options, "tasks", "x"]
        assert with_default_command([*options, "redis://h"]) == ["window", *options, "redis://h"]
    assert with_default_command(["--color"]) == ["window", "--color"]


def test_every_option_is_a_field_of_a_profile() -> None:
    profile = Profile.from_url("redis://h/0")
    for option in OPTIONS:
        place: object = profile
        for part in option.place.split("."):
            assert hasattr(place, part), option
            place = getattr(place, part)


def test_profiles_are_added_listed_and_removed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profiles", "list"]) == 0
    assert "No profiles yet" in capsys.readouterr().out
    arguments = [
        "--environment",
        "production",
        "--global-keyprefix",
        "shop:",
        "--watch-queue",
        "a",
        "--watch-queue",
        "b",
    ]
    assert main(["profiles", "add", "shop", "redis://anna:c4n4ry@h:6380/2", *arguments]) == 0
    (profile,) = ProfileFile().load()
    assert (profile.name, profile.url, profile.redis.global_keyprefix) == ("shop", "redis://anna@h:6380/2", "shop:")
    assert profile.watch_queues == ("a", "b")
    saved = PasswordStore().get("shop")
    assert saved is not None
    assert saved.reveal() == "c4n4ry"
    capsys.readouterr()
    assert main(["profiles", "list", "--format", "json"]) == 0
    out = capsys.readouterr().out
    assert json.loads(out)[0]["environment"] == "production"
    assert "c4n4ry" not in out
    assert main(["profiles", "add", "shop", "redis://other/0"]) == 2
    assert "already" in capsys.readouterr().err
    assert main(["profiles", "remove", "shop"]) == 0
    assert ProfileFile().load() == []
    assert PasswordStore().get("shop") is None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["tasks", "nowhere.sqlite"], "No history at"),
        (["tasks", "unknown"], "No profile “unknown”"),
        (["record", "gopher://x"], "does not support the scheme"),
        (["record"], "Give a broker"),
    ],
)
def test_errors_are_one_line(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("deskq: ")
    assert says in error
    assert error.count("\n") == 1


def test_a_file_that_is_no_history(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.sqlite").write_bytes(b"garbage" * 500)
    assert main(["tasks", str(tmp_path / "x.sqlite")]) == 2
    assert "is not a deskq history" in capsys.readouterr().err


def test_csv_is_safe_against_formulas() -> None:
    assert [safe_cell(cell) for cell in ("=1+1", "+x", "-x", "@x", "\tx", "plain", -5, 1.5, None)] == [
        *("'=1+1", "'+x", "'-x", "'@x", "'\tx", "plain", -5, 1.5, None),
    ]


def test_hostile_text_does_nothing_to_a_terminal() -> None:
    assert plain("a\x1b[31mred\u202e\n") == "a<U+001B>[31mred<U+202E><U+000A>"
    assert table(["A", "B"], [["x", "y\x07"]]).splitlines()[1].split() == ["x", "y<U+0007>"]


def test_tables_are_cut_with_a_mark_and_only_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [["a", "x" * 100], ["b", "y"]]
    monkeypatch.setenv("COLUMNS", "40")
    assert table(["A", "B"], rows).splitlines()[1:] == [f"a  {'x' * 100}", "b  y"]
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert table(["A", "B"], rows).splitlines()[1:] == [f"a  {'x' * 36}…", "b  y"]
