"""A recorder whose history is damaged at work: it exchanges the file, and what it has read is in the new one."""

from __future__ import annotations

import contextlib
from pathlib import Path

import apsw
import pytest

from deskq.errors import UserError
from deskq.history.reading.reader import HistoryReader
from deskq.history.reading.task_filter import TaskFilter
from deskq.history.rows import WorkerRow
from deskq.history.writing.writer import History
from deskq.profiles import Profile
from deskq.protocol.events import Event
from deskq.recorder.maintenance import REPAIRS, Maintenance
from deskq.recorder.recorder import Recorder
from deskq.recorder.stopping import Stop
from deskq.recorder.tracking.worker_tracker import WorkerWatch
from tests.support.waiting import wait_until
from tests.unit.history.test_history import NOW, add_task, uuid_of

DAY = 86_400.0


def filled(path: Path) -> History:
    history = History(path)
    for number in range(1, 2_001):
        add_task(history, number)
    history.commit(NOW)
    # The history's own thread may be at it: then this one is refused, and the file stays nearly empty.
    checkpoint = "PRAGMA wal_checkpoint(truncate)"
    wait_until(lambda: not next(history.connection.execute(checkpoint))[0], 10, "the log to be merged")
    return history


def destroy(history: History) -> None:
    """The middle of the file, of which the connection remembers nothing.

    Of random bytes one page in 64 would begin as a page of SQLite's does, and be taken for an empty one.
    """
    history.connection.pragma("shrink_memory")
    history._kept.clear()
    with history.path.open("r+b") as file:
        file.seek(8_192)
        file.write(b"\xff" * (history.path.stat().st_size // 2))


def test_what_was_read_is_in_the_new_history(tmp_path: Path) -> None:
    history = filled(tmp_path / "history.sqlite")
    said: list[str] = []
    recorder = Recorder(Profile.from_url("redis://127.0.0.1:1/0", name="shop"), history, Stop(), said.append)
    recorder._gaps.begin(NOW, "the broker restarted")
    destroy(history)
    events = [
        Event(type="task-received", timestamp=NOW, clock=number, uuid=uuid_of(number), hostname="w1", name="again")
        for number in range(1, 3_001)
    ]
    recorder._source.decode = lambda payload: [payload]  # type: ignore[method-assign]
    recorder._take(events)
    recorder._commit()
    recorder._gaps.end(NOW + 5)
    while recorder._upkeep.busy:
        recorder._salvage()
    (kept,) = tmp_path.glob("history.sqlite.damaged-*.sqlite")
    assert any(str(kept) in text for text in said)
    assert str(kept) in recorder.status_line()
    reader = HistoryReader(history.path)
    assert all(reader.task_row(uuid_of(number)) is not None for number in range(1, 3_001))
    causes = {found.cause: found.ended for found in reader.gaps()}
    assert any(cause.startswith("the history was damaged; ") for cause in causes)
    assert causes["the broker restarted"] == NOW + 5
    assert len(causes) == recorder.summary().gaps == 2
    assert any("tasks were salvaged" in text for text in said)
    assert reader.counts().total == len(reader.task_ids(TaskFilter())) == 3_000
    assert recorder.summary().events == 3_000
    reader.close()
    history.close()


def test_a_full_disk_is_no_damage_and_a_disk_that_fails_is_an_end(tmp_path: Path) -> None:
    history = filled(tmp_path / "history.sqlite")
    upkeep = Maintenance(Profile.from_url("redis://127.0.0.1:1/0", name="shop"), history, lambda _: None)
    assert not upkeep.repaired(apsw.FullError("database or disk is full"))
    assert not upkeep.repaired(apsw.ConstraintError("UNIQUE"))
    for _ in range(REPAIRS):
        assert upkeep.repaired(apsw.CorruptError("database disk image is malformed"))
    with pytest.raises(UserError, match="Check the disk"):
        upkeep.repaired(apsw.CorruptError("database disk image is malformed"))
    assert len(list(tmp_path.glob("*.damaged-*.sqlite"))) == REPAIRS
    history.close()


@pytest.mark.parametrize("told", [True, False])
def test_a_clock_that_is_400_days_ahead_deletes_nothing(tmp_path: Path, told: bool) -> None:
    """A flat battery, and a recorder that is started: the clock is ahead of the last recorder's status."""
    history = filled(tmp_path / "history.sqlite")
    steady = [1_000.0]
    said: list[str] = []

    def run(seconds: float) -> None:
        for _ in range(int(seconds / 10)):
            steady[0] += 10
            upkeep.round(wrong + steady[0], workers)
            workers.forget_long_gone(upkeep.trusted)
            if told:
                upkeep.witness(-400 * DAY)
        upkeep._next_retention = 0.0
        for _ in range(100):
            upkeep.retain(busy=False)

    wrong = NOW + 400 * DAY
    profile = Profile.from_url("redis://127.0.0.1:1/0", name="shop", retention_days=30, retention_failed_days=30)
    workers = WorkerWatch([WorkerRow("w1", online=False, since=NOW, first_seen=NOW)])
    upkeep = Maintenance(profile, history, said.append, lambda: steady[0])
    upkeep.begin(wrong, NOW)
    assert len(said) == 1
    assert "no recorder ran for 400 days" in upkeep.notice
    for hour in range(7):
        run(3_600)
        with contextlib.closing(HistoryReader(history.path)) as reader:
            assert reader.counts().total == 2_000, hour
    assert set(workers.workers) == {"w1"}
    upkeep.close()
    upkeep = Maintenance(profile, history, said.append, lambda: steady[0])  # the next run, by the same clock
    upkeep.begin(wrong + steady[0], wrong + steady[0])
    assert "no recorder ran for 400 days" in upkeep.notice
    run(4_000)
    reader = HistoryReader(history.path)
    assert reader.counts().total == (2_000 if told else 0)
    assert set(workers.workers) == ({"w1"} if told else set())
    assert ("ahead of the broker's or the workers'" in upkeep.notice) == told
    reader.close()
    history.close()
