"""Listings: the same formats for every command that lists, and the same rows in each of them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from deskq.actions.journal.journal import Journal
from deskq.cli import main
from deskq.cli.listing import Listing
from deskq.cli.options.shared import FORMATS
from deskq.cli.parser.parser import COMMANDS
from deskq.history.writing.writer import History
from tests.unit.history.test_history import NOW, add_task, uuid_of

LISTING: Final = Listing[int](
    titles=["N", "SQUARE"],
    cells=lambda n: [str(n), str(n * n)],
    values=lambda n: {"n": n, "squares": [n * n], "text": "=1"},
    empty="Nothing.",
    keys=("n", "squares", "text"),
)


def written(form: str, rows: list[int], listing: Listing[int] = LISTING) -> str:
    stream = io.StringIO()
    assert listing.write(iter(rows), form, stream) == len(rows)
    return stream.getvalue()


def test_each_format() -> None:
    assert written("table", [2, 3]) == "N  SQUARE\n2  4\n3  9\n"
    assert written("json", [2, 3]).splitlines()[0] == "["
    assert json.loads(written("json", [2, 3])) == [{"n": n, "squares": [n * n], "text": "=1"} for n in (2, 3)]
    assert [json.loads(line)["n"] for line in written("jsonl", [2, 3]).splitlines()] == [2, 3]
    assert written("csv", [2]) == "n,squares,text\n2,[4],'=1\n"


def test_no_rows() -> None:
    assert [written(form, []) for form in FORMATS] == ["Nothing.\n", "[]\n", "", "n,squares,text\n"]


def test_rows_are_not_held_back() -> None:
    stream = io.StringIO()

    def rows() -> Iterator[int]:
        yield 1
        assert '"n": 1' in stream.getvalue()
        yield 2

    LISTING.write(rows(), "jsonl", stream)
    stream = io.StringIO()
    LISTING.write(rows(), "json", stream)


@pytest.mark.parametrize(
    "name", ["tasks", "history export", "journal", "profiles list", "schedules list", "schedules next"]
)
def test_every_command_that_lists_takes_every_format(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert name in COMMANDS
    with pytest.raises(SystemExit):
        main([*name.split(), "--help"])
    assert f"{{{','.join(FORMATS)}}}" in capsys.readouterr().out


@pytest.fixture
def history(tmp_path: Path) -> Path:
    history = History(tmp_path / "shop.sqlite")
    add_task(history, 1, state="failed", name="mail.send", kwargs="{}", queue="emails")
    history.commit(NOW)
    history.close()
    return history.path


@pytest.mark.parametrize("command", ["tasks", "history export"])
def test_tasks(command: str, history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = listed([*command.split(), str(history)], capsys)
    assert [rows[0]["uuid"] for rows in said] == [uuid_of(1)] * 3


def test_profiles_and_the_journal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profiles", "add", "shop", "redis://h/0", "--result-backend", "redis://h/1"]) == 0
    capsys.readouterr()
    said = listed(["profiles", "list"], capsys)
    wanted = ["shop", "redis://h/0", "redis://h/1", "ask"]
    assert [[rows[0][key] for key in ("name", "url", "result_backend", "safety")] for rows in said] == [wanted] * 3
    Journal().close()
    assert listed(["journal"], capsys) == [[], [], []]


def listed(command: list[str], capsys: pytest.CaptureFixture[str]) -> list[list[dict[str, Any]]]:
    """The rows of a command as JSON, JSON lines and CSV."""
    texts = []
    for form in ("json", "jsonl", "csv"):
        assert main([*command, "--format", form]) == 0
        texts.append(capsys.readouterr().out)
    array, lines, table = texts
    return [
        json.loads(array),
        [json.loads(line) for line in lines.splitlines()],
        list(csv.DictReader(io.StringIO(table))),
    ]
