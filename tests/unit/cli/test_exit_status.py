"""Exit statuses: one table, the same for each command, and what its help and the manual say."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deskq.cli import main
from deskq.cli.exit_status import MEANINGS, ExitStatus
from deskq.cli.parser.command import CliCommand
from deskq.cli.parser.parser import COMMANDS
from deskq.errors import UserError

README = Path(__file__).resolve().parents[3] / "README.md"
MAY_FAIL = {
    *("result", "history check", "doctor", "profiles add", "profiles edit", "profiles import", "profiles test"),
    *("schedules list", "schedules next", "schedules export"),
}
MAY_BE_UNKNOWN = {
    *("send", "retry", "revoke", "abort", "control", "journal"),
    *(f"schedules {verb}" for verb in ("add", "edit", "enable", "disable", "delete", "import")),
}


def words_of(example: str) -> list[str]:
    """The arguments of an example, without where its output goes to."""
    return shlex.split(re.split(r" [<>] |  +#", example)[0])[1:]


def run_as(name: str, monkeypatch: pytest.MonkeyPatch, act: Callable[[object], int]) -> int:
    """Give the command's first example to deskq, with another function to run."""
    monkeypatch.setattr(CliCommand, "runner", lambda _: act)
    return main(words_of(COMMANDS[name].examples[0]))


def raising(error: BaseException) -> Callable[[object], int]:
    def act(_: object) -> int:
        raise error

    return act


@pytest.mark.parametrize("name", COMMANDS)
def test_what_ends_a_command_is_its_status(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_as(name, monkeypatch, lambda _: ExitStatus.FAILED) == 1
    assert run_as(name, monkeypatch, lambda _: ExitStatus.DONE) == 0
    assert run_as(name, monkeypatch, raising(UserError("No."))) == 2
    assert capsys.readouterr().err == "deskq: No.\n"
    assert run_as(name, monkeypatch, raising(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_a_wrong_option_is_2(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*words_of(COMMANDS[name].examples[0]), "--no-such-option"])
    assert ended.value.code == ExitStatus.UNUSABLE
    assert "--no-such-option" in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_says_its_statuses(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([*name.split(), "--help"])
    said = re.findall(r"^  (\d+) +\S", capsys.readouterr().out.partition("exit status:")[2], re.MULTILINE)
    more = ["1"] * (name in MAY_FAIL | MAY_BE_UNKNOWN) + ["3"] * (name in MAY_BE_UNKNOWN)
    assert said == sorted(["0", "2", "130", *more], key=int)


def test_the_manual_and_the_help_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    table = re.findall(r"^\| (\d+) \| (.+) \|$", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert {ExitStatus(int(status)): meaning for status, meaning in table} == MEANINGS
    shown = re.findall(r"^  (\d+) +(.+)$", capsys.readouterr().out.partition("exit status:")[2], re.MULTILINE)
    assert shown == table


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-", "2>&-"])
def test_a_closed_stream_is_no_error(closed: str) -> None:
    command = f"{shlex.quote(sys.executable)} -m deskq profiles list {closed}"
    ran = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (ExitStatus.DONE, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is full")
@pytest.mark.parametrize("words", ["profiles list", "completion bash"])
def test_output_to_a_full_disk_is_told(words: str) -> None:
    command = f"{shlex.quote(sys.executable)} -m deskq {words} > /dev/full"
    ran = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert ran.returncode == ExitStatus.FAILED
    assert ran.stderr == "deskq: The output cannot be written: No space left on device. Free some space.\n"
