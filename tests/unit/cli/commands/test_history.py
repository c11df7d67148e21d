"""`deskq history`: info, check, compact and export of files that tests write."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
import time
from pathlib import Path

import pytest

from deskq.cli import main
from deskq.errors import UserError
from deskq.files.locks import is_locked
from deskq.history.reading.reader import HistoryReader
from deskq.history.reading.task_filter import TaskFilter
from deskq.history.writing.database import VERSION
from deskq.history.writing.writer import History
from deskq.protocol.events import Event
from tests.unit.history.test_history import NOW, add_task, uuid_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed history of 300 tasks, every fifth failed, and one that is new."""
    history = History(tmp_path / "shop.sqlite")
    for number in range(1, 301):
        add_task(history, number, state="failed" if number % 5 == 0 else "succeeded", name=f"mod.task{number % 3}")
    now = time.time()
    history.record("new", now).add(Event(type="task-received", timestamp=now, uuid="new", hostname="w1", name="=now()"))
    history.commit(NOW)
    history.open_gap(NOW, "the broker restarted", NOW + 5, 12)
    history.put_malformed("no JSON", b"garbage", NOW)
    history.close()
    return history.path


def test_info(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "info", str(path)]) == 0
    out = capsys.readouterr().out
    for words in (
        "301: SUCCESS 240, FAILURE 60, RECEIVED 1",
        "the broker restarted (12 lost)",
        f"format {VERSION}",
        "1 kept",
    ):
        assert words in out
    assert "last seen never" in out
    recorder = History(path)
    assert main(["history", "info", str(path), "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    recorder.close()
    assert (told["tasks"], told["recorder_at_work"], told["oldest"]) == (301, True, NOW + 1)
    assert [gap["cause"] for gap in told["gaps"]] == ["the broker restarted"]


def test_check_finds_nothing_in_a_sound_history_even_at_work(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recorder = History(path)
    add_task(recorder, 1_000)
    recorder.commit(NOW)
    assert main(["history", "check", str(path)]) == 0
    recorder.close()
    assert "no damage found" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("UPDATE state_counts SET n = n + 1", "The counts by state ("),
        ("UPDATE tasks SET observations = x'c1' WHERE id < 4", "3 tasks cannot be read."),
        ("", "SQLite reports: "),
        ("header", "is damaged"),
    ],
)
def test_check_says_what_is_wrong_and_what_to_do(
    path: Path, damage: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if damage.startswith("UPDATE"):
        history = History(path)
        history.connection.execute(damage)
        history.close()
    else:
        with path.open("r+b") as file:
            file.seek(0 if damage == "header" else 40_960)
            file.write(b"\0" * 100)
    assert main(["history", "check", str(path)]) == 1
    out = capsys.readouterr().out
    assert says in out
    assert f"deskq history check --salvage {path}" in out
    assert main(["history", "check", "--salvage", str(path)]) == 0
    assert "tasks were salvaged" in capsys.readouterr().out
    assert main(["history", "check", str(path)]) == 0
    assert len(list(path.parent.glob("shop.sqlite.damaged-*.sqlite"))) == 1


def test_compact_makes_it_small_and_loses_nothing(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    history = History(path)
    for number in range(1_000, 5_000):
        add_task(history, number)
    history.commit(NOW)
    assert main(["history", "compact", str(path)]) == 2
    assert "Stop it first" in capsys.readouterr().err
    history.connection.execute("DELETE FROM tasks WHERE id > 301; UPDATE state_counts SET n = 240 WHERE state_id = 4")
    history.close()
    reader = HistoryReader(path)
    rows = [(task["uuid"], task["args"]) for task in reader.export(TaskFilter())]
    before = path.stat().st_size
    assert main(["history", "compact", str(path)]) == 0
    assert "before" in capsys.readouterr().out
    assert path.stat().st_size < before // 3
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert reader.replaced
    reader.close()
    reader = HistoryReader(path)
    assert [(task["uuid"], task["args"]) for task in reader.export(TaskFilter())] == rows
    reader.close()
    assert main(["history", "check", str(path)]) == 0
    history = History(path)
    assert history.connection.pragma("auto_vacuum") == 2
    assert history.connection.pragma("journal_mode") == "wal"
    history.close()
    assert sorted(place.name for place in path.parent.iterdir()) == ["shop.sqlite", "shop.sqlite.lock"]


def test_export_filters_and_writes_all_or_nothing(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["history", "export", str(path), "--state", "failure", "--name", "mod.*0"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["uuid"] for line in lines] == [uuid_of(number) for number in range(300, 0, -15)]
    assert lines[0]["traceback"] == "tb"
    place = tmp_path / "new.csv"
    assert main(["history", "export", str(path), "--since", "1h", "--format", "csv", "--output", str(place)]) == 0
    (row,) = csv.DictReader(io.StringIO(place.read_text()))
    assert (row["uuid"], row["name"]) == ("new", "'=now()")
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert "1 tasks written" in capsys.readouterr().err
    assert main(["history", "export", str(path), "--output", str(tmp_path / "no" / "where.json")]) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert main(["history", "export", str(path), "--since", "soon"]) == 2
    assert not list(tmp_path.glob("*.part"))
    assert main(["tasks", str(path), "--since", "1h"]) == 0
    assert capsys.readouterr().out.count("\n") == 2


@pytest.mark.parametrize("verb", ["info", "check", "compact", "export"])
def test_a_pipe_is_not_waited_for_and_never_set_aside(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe = tmp_path / "pipe.sqlite"
    os.mkfifo(pipe)
    salvage = ["--salvage"] if verb == "check" else []
    assert main(["history", verb, str(pipe), *salvage]) == 2
    assert "is not a regular file" in capsys.readouterr().err
    with pytest.raises(UserError, match="not a regular file"):
        History(pipe)
    assert [place.name for place in tmp_path.iterdir()] == ["pipe.sqlite"]


def test_a_folder_that_cannot_be_written_is_told(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (path.parent / "shop.sqlite.lock").unlink()
    (path.parent / "shop.sqlite.lock").mkdir()  # as root no folder is read-only
    assert main(["history", "compact", str(path)]) == 2
    assert "shop.sqlite.lock cannot be written (Is a directory)" in capsys.readouterr().err


def test_a_link_to_a_history_is_the_history(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link = tmp_path / "links" / "mine.sqlite"
    link.parent.mkdir()
    link.symlink_to(path)
    recorder = History(path)
    assert is_locked(link)
    assert main(["history", "compact", str(link)]) == 2
    assert "A recorder is writing to" in capsys.readouterr().err
    recorder.close()
    assert main(["history", "compact", str(link)]) == 0
    with path.open("r+b") as file:
        file.write(b"\0" * 100)
    assert main(["history", "check", str(link), "--salvage"]) == 0
    assert "301 tasks were salvaged" in capsys.readouterr().out
    assert link.is_symlink()
    assert [place.name for place in link.parent.iterdir()] == ["mine.sqlite"]
    assert main(["history", "info", str(path)]) == 0
    assert "301: SUCCESS 240" in capsys.readouterr().out


def listed(capsys: pytest.CaptureFixture[str], *command: str) -> tuple[int, int, str]:
    """Exit status, tasks, and what was said besides."""
    status = main([*command, "--format", "jsonl"])
    said = capsys.readouterr()
    return status, len(said.out.splitlines()), said.err


@pytest.mark.parametrize("command", [["tasks", "--limit", "0"], ["history", "export"]])
def test_a_filter_as_in_the_window(path: Path, command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    command = [*command, str(path)]
    assert listed(capsys, *command, "--filter", "state:FAILURE task:mod.*") == (0, 60, "")
    assert listed(capsys, *command, "--filter", "runtime:>29.85 state:SUCCESS") == (0, 1, "")
    assert listed(capsys, *command, "--filter", 'exception:"ValueError(5)"', "--state", "failure") == (0, 1, "")
    assert listed(capsys, *command, "--filter", "task:mod.task0 mod.", "--name", "mod.task1") == (0, 200, "")
    for text, says in {
        "color:red": "“color:” is not a filter field",
        "NOT state:SUCCESS": "no AND, OR, NOT",
        "since:yesterday": "90s, 15m, 6h or 7d",
        "state:FALURE": "Did you mean FAILURE?",
    }.items():
        status, count, said = listed(capsys, *command, "--filter", text)
        assert (status, count) == (2, 0)
        assert says in said


@pytest.mark.parametrize("command", [["tasks"], ["history", "export"]])
def test_options_that_can_find_nothing_say_so(
    path: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = [*command, str(path)]
    status, count, said = listed(capsys, *command, "--state", "FALURE")
    assert (status, count) == (2, 0)
    assert "“FALURE” is not a state. Did you mean FAILURE?" in said
    status, count, said = listed(capsys, *command, "--state", "progress")
    assert (status, count) == (0, 0)
    assert "No task is in the state “PROGRESS”." in said
    status, count, said = listed(capsys, *command, "--text", "state:FAILURE")
    assert (status, count) == (0, 0)
    assert "“state:FAILURE” is searched for as literal text. To filter by fields, use --filter." in said
    status, _, said = listed(capsys, *command, "--since", "yesterday")
    assert status == 2
    assert "“yesterday” is not a time span. Write it like 90s, 15m, 6h or 7d." in said
