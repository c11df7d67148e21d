"""The log is moved into the file beside the writer, and the writer does it where nobody else can."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from deskq.history.writing import checkpoints
from deskq.history.writing.writer import History
from tests.support.soundness import assert_sound
from tests.support.waiting import wait_until
from tests.unit.history.test_history import NOW, add_task


def record(history: History, first: int, count: int) -> None:
    for number in range(first, first + count):
        add_task(history, number)
        if number % 100 == 0:
            history.commit(NOW)
    history.commit(NOW)


def test_what_was_committed_reaches_the_file_while_it_is_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "PAGES", 50)
    history = History(tmp_path / "h.sqlite")
    record(history, 1, 2_000)
    wait_until(lambda: history.path.stat().st_size > 300_000, 20, "the file to grow")
    assert any(thread.name == "checkpoints" for thread in threading.enumerate())
    record(history, 2_001, 2_000)
    wait_until(lambda: history.path.stat().st_size > 600_000, 20, "the file to grow on")
    history.close()
    assert not any(thread.name == "checkpoints" for thread in threading.enumerate())
    assert assert_sound(history.path) == 4_000


def test_the_writer_does_it_where_nobody_else_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "PAGES", 50)
    monkeypatch.setattr(checkpoints, "MOST_PAGES", 50)
    monkeypatch.setattr(checkpoints.Checkpoints, "_run", lambda _: None)  # a thread that never gets to it
    history = History(tmp_path / "h.sqlite")
    record(history, 1, 2_000)
    assert history.path.stat().st_size > 300_000
    history.close()
    assert assert_sound(history.path) == 2_000
