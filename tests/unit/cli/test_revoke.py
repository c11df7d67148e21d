"""`deskq revoke` by filter: which tasks of a history it would revoke; nothing is asked of a broker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deskq.cli import main
from deskq.history.writing.writer import History
from tests.unit.history.test_history import NOW, add_task, uuid_of


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    history = History(tmp_path / "shop.sqlite")
    for number in range(1, 31):
        add_task(history, number, state="failed" if number % 5 == 0 else "succeeded", name=f"mod.task{number % 3}")
    history.commit(NOW)
    history.close()
    where = ["redis://127.0.0.1:1/0", "--history", str(history.path)]
    return ["revoke", *where, "--dry-run", "--format", "json"]


def targets(capsys: pytest.CaptureFixture[str]) -> set[str]:
    return {item["target"] for item in json.loads(capsys.readouterr().out)["items"]}


def test_state_name_and_text_narrow_it_down(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--state", "failure"]) == 0
    assert targets(capsys) == {uuid_of(number) for number in range(5, 31, 5)}
    assert main([*command, "--state", "failure", "--name", "mod.*0"]) == 0
    assert targets(capsys) == {uuid_of(15), uuid_of(30)}
    assert main([*command, "--state", "failure", "--text", "task2"]) == 0
    assert targets(capsys) == {uuid_of(5), uuid_of(20)}


def test_what_matches_nothing_or_too_much_is_refused(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--state", "failure", "--from-queue", "nowhere"]) != 0
    assert "No task is selected" in capsys.readouterr().err
    assert main([*command, "--state", "failure", "--limit", "5"]) != 0
    assert "More than 5 tasks match" in capsys.readouterr().err
    assert main(command) != 0
    assert "Give task ids" in capsys.readouterr().err


def test_a_misspelt_state_revokes_nothing(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--state", "FALURE"]) == 2
    assert "Did you mean FAILURE?" in capsys.readouterr().err
    assert main([*command, "--state", "failure", "--text", "args:x"]) == 2
    assert "“args:x” is searched for as literal text." in capsys.readouterr().err
