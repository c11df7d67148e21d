"""Copies of a history that is being written: whole, never over anything, and nothing is left of one that failed."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path
from types import SimpleNamespace

import apsw
import pytest

from deskq.cli import main
from deskq.errors import UserError
from deskq.history.reading.inspection import copy_history
from deskq.history.reading.reader import HistoryReader
from deskq.history.reading.task_filter import TaskFilter
from deskq.history.writing import checkpoints
from deskq.history.writing.message_cache import MessageKeep, read_messages
from deskq.history.writing.writer import History
from tests.support.soundness import assert_sound
from tests.support.waiting import wait_until
from tests.unit.history.test_history import NOW, add_task, uuid_of


def tasks_in(path: Path) -> int:
    try:
        reader = HistoryReader(path)
    except UserError:
        return 0
    try:
        return reader.counts().total
    finally:
        reader.close()


def test_a_copy_of_the_file_alone_holds_what_was_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many people copy just the file; the log beside it may be small for days."""
    monkeypatch.setattr(checkpoints, "MERGE_SECONDS", 0.2)
    history = History(tmp_path / "history.sqlite")
    for number in range(1, 51):
        add_task(history, number)
    history.commit(NOW)
    copy = tmp_path / "copy.sqlite"

    def copied() -> bool:
        history.put_malformed("no JSON", b"garbage", NOW)  # a recorder commits its status every second
        shutil.copy(history.path, copy)
        return tasks_in(copy) == 50

    wait_until(copied, 20, "the tasks in a copy of the file alone")
    history.close()


def test_a_copy_of_a_history_that_is_being_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    history = History(tmp_path / "history.sqlite")
    keep = MessageKeep(history.path)
    keep.keep([(uuid_of(1), b"the message")], NOW)
    for number in range(1, 3_001):
        add_task(history, number)
    history.commit(NOW)
    seen: list[tuple[int, int]] = []

    def write_on(done_pages: int, all_pages: int) -> None:
        """Between two steps of the copy a recorder commits, here in the same thread."""
        add_task(history, 3_001 + len(seen))
        history.commit(NOW)
        seen.append((done_pages, all_pages))

    target = tmp_path / "copy.sqlite"
    assert copy_history(history.path, target, write_on)[0] == 3_000
    assert seen
    assert seen[-1][0] == seen[-1][1]
    assert sorted(place.name for place in tmp_path.iterdir() if place.name.startswith("copy")) == [
        "copy.sqlite",
        "copy.sqlite.messages",
    ]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert read_messages(target, [uuid_of(1)]) == {uuid_of(1): b"the message"}
    reader, original = HistoryReader(target), HistoryReader(history.path)
    rows = list(original.export(TaskFilter()))
    assert list(reader.export(TaskFilter())) == rows[len(seen) :]
    reader.close()
    original.close()
    keep.close()
    history.close()
    before = target.read_bytes()
    assert main(["history", "copy", str(history.path), str(target)]) == 2
    assert "already exists and is not overwritten" in capsys.readouterr().err
    assert target.read_bytes() == before
    assert assert_sound(target) == 3_000
    assert main(["history", "copy", str(history.path), str(tmp_path / "other.sqlite")]) == 0
    assert f"{3_000 + len(seen):,} tasks copied to" in capsys.readouterr().out
    copy = History(target)  # it can be recorded into
    add_task(copy, 9_000)
    copy.commit(NOW)
    copy.close()
    assert assert_sound(target) == 3_001


@pytest.mark.parametrize("beside", ["copy.sqlite-wal", "copy.sqlite.messages"])
def test_nothing_beside_the_copy_is_overwritten_either(tmp_path: Path, beside: str) -> None:
    History(tmp_path / "history.sqlite").close()
    (tmp_path / beside).write_text("somebody else's")
    with pytest.raises(UserError, match="is not overwritten"):
        copy_history(tmp_path / "history.sqlite", tmp_path / "copy.sqlite")
    assert (tmp_path / beside).read_text() == "somebody else's"
    assert not (tmp_path / "copy.sqlite").exists()


def test_a_copy_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history = History(tmp_path / "history.sqlite")
    for number in range(1, 1_001):
        add_task(history, number)
    history.commit(NOW)
    folder = tmp_path / "copies"
    folder.mkdir()

    def full(_done: int, _all: int) -> None:
        raise apsw.FullError("database or disk is full")

    with pytest.raises(UserError, match="cannot be copied: database or disk is full"):
        copy_history(history.path, folder / "copy.sqlite", full)
    with pytest.raises(UserError, match="No such file"):
        copy_history(history.path, tmp_path / "nowhere" / "copy.sqlite")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(UserError, match=r"needs .* MB; 0 MB are free"):
        copy_history(history.path, folder / "copy.sqlite")
    assert not list(folder.iterdir())
    history.close()


def test_the_copy_that_an_upgrade_makes_holds_what_a_reader_keeps_out_of_the_file(tmp_path: Path) -> None:
    """A window that reads an old snapshot keeps SQLite from merging the log; the copy must be whole all the same."""
    path = tmp_path / "history.sqlite"
    history = History(path)
    add_task(history, 1)
    history.commit(NOW)
    reader = HistoryReader(path)
    with reader.snapshot():
        assert reader.counts().total == 1
        for number in range(2, 101):
            add_task(history, number)
        history.commit(NOW)
        history.close()
        writer = apsw.Connection(str(path))
        writer.execute("PRAGMA user_version = 2")
        writer.execute("ALTER TABLE tasks DROP COLUMN counted")
        writer.close()
        History(path).close()
    reader.close()
    backup = apsw.Connection(str(path.with_name("history.sqlite.v2.backup")))
    assert backup.execute("SELECT count(*) FROM tasks").get == 100
    backup.close()
