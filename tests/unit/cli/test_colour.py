"""Colours: only where they are wanted, only deskq's own, and never in what a program reads."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from deskq.cli import main
from deskq.cli.colour import OF_GROUP, OF_STATE, Colour, Painted, in_columns, say
from deskq.cli.common import say_table
from deskq.cli.terminal import PlainStream, choose_colours, coloured
from deskq.protocol.task_states import STATES_OF_GROUP

RED = "\x1b[31m"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    choose_colours("auto")


@pytest.mark.parametrize(
    ("choice", "variables", "terminal", "wanted"),
    [
        ("auto", {}, True, True),
        ("auto", {}, False, False),
        ("auto", {"TERM": "dumb"}, True, False),
        ("auto", {"NO_COLOR": "1"}, True, False),
        ("auto", {"NO_COLOR": ""}, True, True),
        ("auto", {"FORCE_COLOR": "1"}, False, True),
        ("auto", {"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {"FORCE_COLOR": "1"}, True, False),
    ],
)
def test_where_there_are_colours(
    choice: str, variables: dict[str, str], terminal: bool, wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    choose_colours(choice)
    try:
        assert coloured(sys.stdout) == wanted
        assert not coloured(io.StringIO()), "a file has none"
    finally:
        choose_colours("auto")


def test_foreign_sequences_do_not_pass_with_the_own_ones(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr("sys.stdout", PlainStream(sys.stdout))
    say("a\x1b[2J", Painted("b\x1b[31m", Colour.RED))
    assert capsys.readouterr().out == f"a<U+001B>[2J{RED}b<U+001B>[31m\x1b[0m\n"


def test_a_table_is_the_same_but_for_its_colours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = (["STATE", "NAME"], [["FAILURE", "a"], ["", "b" * 90]], [{0: Colour.RED}, {0: Colour.RED}])
    say_table(*table, sys.stdout)
    without = capsys.readouterr().out
    monkeypatch.setenv("FORCE_COLOR", "1")
    say_table(*table, sys.stdout)
    painted = capsys.readouterr().out
    assert painted.count(RED) == 1
    assert f"{RED}FAILURE\x1b[0m  a\n" in painted
    for code in (RED, "\x1b[1m", "\x1b[0m"):
        painted = painted.replace(code, "")
    assert painted == without


def test_the_columns_of_a_line() -> None:
    assert list(in_columns("ab  c", [3, 2], {})) == ["ab ", " c", "", ""]
    assert "".join(str(part) for part in in_columns("abcd  efgh", [4, 4], {})) == "abcd  efgh"


@pytest.mark.parametrize("form", ["json", "jsonl", "csv"])
def test_what_a_program_reads_has_none(form: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["profiles", "add", "shop", "redis://h/0", "--environment", "production"]) == 0
    capsys.readouterr()
    assert main(["profiles", "list", "--color", "always"]) == 0
    assert f"{RED}PROD" in capsys.readouterr().out
    assert main(["profiles", "list", "--color", "always", "--format", form]) == 0
    assert "\x1b" not in capsys.readouterr().out
    assert main(["profiles", "list"]) == 0
    assert "\x1b" not in capsys.readouterr().out, "the choice is that of one command"


def test_states_have_the_colours_of_their_groups() -> None:
    assert set(STATES_OF_GROUP) - set(OF_GROUP) == {"waiting"}
    assert OF_STATE["FAILURE"] is Colour.RED
