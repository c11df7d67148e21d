"""Salvaging beside the recording: resumed after a kill, nothing doubled, nothing older over something newer."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from deskq.history.reading.reader import HistoryReader
from deskq.history.reading.task_filter import TaskFilter
from deskq.history.recovery.quarantine import exchange, open_history, set_aside, to_be_salvaged
from deskq.history.recovery.relocate import move_history
from deskq.history.recovery.salvage import Salvage
from deskq.history.writing.writer import History
from tests.unit.history.test_damage import TASKS, fill, record_more, salvaged
from tests.unit.history.test_history import NOW, add_task, uuid_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A history of some thousand tasks, closed."""
    history = History(tmp_path / "history.sqlite")
    fill(history)
    history.close()
    return history.path


def exported(path: Path) -> list[dict[str, Any]]:
    reader = HistoryReader(path)
    try:
        return list(reader.export(TaskFilter()))
    finally:
        reader.close()


@pytest.mark.parametrize("slices", [1, 3, 10, 40])
def test_a_salvage_that_was_killed_goes_on_and_doubles_nothing(path: Path, tmp_path: Path, slices: int) -> None:
    """Copies of the files, taken in mid-salvage, are what a kill -9 leaves."""
    before = exported(path)
    reader = HistoryReader(path)
    throughput = reader.charts.throughput(NOW, NOW + 5_000)
    runtimes = reader.charts.runtime_percentiles(NOW, NOW + 5_000)
    reader.close()
    aside = set_aside(path)
    history = History(path, least_id=aside.least_id)
    salvage = Salvage(history)
    for _ in range(slices):
        salvage._seconds = 0.001
        assert salvage.step(NOW)
    killed = tmp_path / "killed"
    killed.mkdir()
    for place in tmp_path.glob("history.sqlite*"):
        shutil.copy(place, killed / place.name)
    salvage.close()
    history.close()
    history, again = open_history(killed / "history.sqlite")
    assert again is None  # it is not damaged; what was set aside before is found by its mark
    add_task(history, 900_000)
    history.commit(NOW)
    ended = salvaged(history)
    history.close()
    assert (ended.tasks, ended.missing) == (TASKS + 1, 0)
    assert exported(killed / "history.sqlite")[1:] == before
    after = HistoryReader(killed / "history.sqlite")
    assert [row.uuid for row in after.tasks(TaskFilter(), limit=1)] == [uuid_of(900_000)]
    assert after.charts.throughput(NOW, NOW + 5_000) == throughput
    assert after.charts.runtime_percentiles(NOW, NOW + 5_000) == runtimes
    assert [gap.cause for gap in after.gaps()].count("the history was damaged; 3,001 tasks were salvaged") == 1
    assert len(after.gaps()) == 2
    after.close()


def test_a_recorder_that_died_while_it_moved_the_file_leaves_nothing_behind(tmp_path: Path) -> None:
    """The file is renamed and its log is not yet."""
    history = History(tmp_path / "live.sqlite")
    fill(history, 300)
    killed = tmp_path / "killed"
    killed.mkdir()
    for name in ("live.sqlite", "live.sqlite-wal"):
        shutil.copy(tmp_path / name, killed / name)
    history.close()
    path = killed / "live.sqlite"
    aside = set_aside(path)
    aside.kept_as.with_name(aside.kept_as.name + "-wal").rename(killed / "live.sqlite-wal")
    again, found = open_history(path)
    assert found is None
    assert salvaged(again).tasks == 301
    again.close()


def test_tasks_that_came_anew_keep_what_they_are(path: Path) -> None:
    """A task is told of again, another one goes on, while the damaged file still holds their beginnings."""
    aside = set_aside(path)
    history = History(path, least_id=aside.least_id)
    for number in (2, 4):
        add_task(history, number, state="failed")  # 2 ran, 4 had failed
    history.commit(NOW)
    ended = salvaged(history)
    assert (ended.tasks, ended.missing) == (TASKS + 1, 0)
    reader = HistoryReader(path)
    assert reader.counts().total == TASKS + 1 == len(reader.task_ids(TaskFilter()))
    newest = reader.tasks(TaskFilter(), limit=2)
    assert [(row.uuid, row.state) for row in newest] == [(uuid_of(4), "FAILURE"), (uuid_of(2), "FAILURE")]
    row = reader.task_row(uuid_of(3))
    assert row is not None
    assert row.id == 3
    reader.close()
    history.close()


def test_a_second_damage_while_the_first_is_salvaged_loses_neither(path: Path) -> None:
    aside = set_aside(path)
    history = History(path, least_id=aside.least_id)
    record_more(history)
    salvage = Salvage(history)
    while salvage.part is not None and salvage.part < 0.6:  # half of it is what stands beside tasks
        salvage._seconds = 0.001
        assert salvage.step(NOW)
    exchange(history, history.next_id)
    salvage.begin()
    while salvage.step(NOW):
        pass
    assert len(salvage.ended) == 2
    reader = HistoryReader(path)
    assert reader.counts().total == TASKS + 1 + 50
    assert [row.uuid for row in reader.tasks(TaskFilter(), limit=1)] == [uuid_of(900_049)]
    reader.close()
    history.close()
    assert to_be_salvaged(path) == []


def test_what_is_to_be_salvaged_moves_along_with_the_history(path: Path, tmp_path: Path) -> None:
    aside = set_aside(path)
    History(path, least_id=aside.least_id).close()
    new = tmp_path / "renamed.sqlite"
    assert move_history(path, new)
    (moved,) = to_be_salvaged(new)
    assert moved.kept_as.name == aside.kept_as.name.replace("history.sqlite", "renamed.sqlite", 1)
    history, _ = open_history(new)
    assert salvaged(history).tasks == TASKS + 1
    history.close()
    assert to_be_salvaged(path) == []


def test_a_status_that_cannot_be_read_is_no_obstacle(path: Path) -> None:
    history = History(path)
    history.connection.execute("UPDATE status SET row = x'bbbb'")
    history.close()
    changed = path.stat().st_mtime
    assert set_aside(path).last_sign == changed


def test_a_salvage_waits_for_room(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aside = set_aside(path)
    history = History(path, least_id=aside.least_id)
    salvage = Salvage(history)
    monkeypatch.setattr("deskq.history.recovery.salvage.SPARE_BYTES", 1 << 62)
    assert not salvage.step(NOW)
    assert "waits until more than" in str(salvage)
    monkeypatch.setattr("deskq.history.recovery.salvage.SPARE_BYTES", 1)
    assert salvage.step(NOW + 2)
    assert salvage.at_work
    assert str(aside.kept_as) in str(salvage)
    salvage.close()
    history.close()
