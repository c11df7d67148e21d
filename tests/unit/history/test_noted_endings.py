"""Endings that a recorder noted, in the file: what older versions wrote of them, and what is shown and exported."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import apsw

from deskq.history.reading.reader import HistoryReader
from deskq.history.reading.task_filter import TaskFilter
from deskq.history.writing.database import VERSION
from deskq.history.writing.writer import History
from deskq.protocol import task_record as kinds
from deskq.protocol.events import Event
from deskq.protocol.task_record import Observation
from deskq.protocol.task_summary import derive

UUID = "00000000-0000-4000-8000-000000000001"
NOW = 1_795_000_000.0


def noted(path: Path, *notes: Observation) -> None:
    """A history with one task, started an hour ahead of the recorder's clock."""
    with contextlib.closing(History(path)) as history:
        record = history.record(UUID, NOW)
        start: dict[str, Any] = {"hostname": "w1", "pid": 1, "uuid": UUID}
        record.add(Event(type="task-received", clock=1, timestamp=NOW + 3_600, retries=0, name="t", **start))
        record.add(Event(type="task-started", clock=2, timestamp=NOW + 3_601, **start))
        for note in notes:
            record.observe(note)
        history.commit(NOW)


def test_what_version_2_called_ignored_has_ended_without_an_event(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    noted(path, Observation(kinds.ENDED, NOW + 16, 2, "w1", 1))
    connection = apsw.Connection(str(path))
    connection.execute("DELETE FROM texts WHERE text = 'IGNORED'")
    connection.execute("UPDATE texts SET text = 'IGNORED' WHERE text = 'ENDED'")
    connection.execute("ALTER TABLE tasks DROP COLUMN counted")
    connection.execute("UPDATE tasks SET finished = ?; PRAGMA user_version = 2", (NOW + 16,))
    connection.close()
    with contextlib.closing(HistoryReader(path)) as reader:  # read as it is
        row = reader.task_row(UUID)
        assert row is not None
        assert row.finished == NOW + 16
    History(path).close()
    with contextlib.closing(HistoryReader(path)) as reader:
        assert reader.number("PRAGMA user_version") == VERSION
        row = reader.task_row(UUID)
        assert row is not None
        assert (row.state, row.finished) == ("ENDED", NOW + 3_601)
        assert reader.counts().by_state == {"ENDED": 1}
        assert [found.uuid for found in reader.tasks(TaskFilter(states=("ENDED",)), limit=5)] == [UUID]
        assert reader.tasks(TaskFilter(states=("IGNORED",)), limit=5) == []


def test_what_the_result_backend_told_is_kept_and_exported(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    noted(path, Observation(kinds.STORED_SUCCESS, NOW + 5, 0, "w1", 1, NOW + 3_602, "'done'"))
    with contextlib.closing(HistoryReader(path)) as reader:
        row, record = reader.task_row(UUID), reader.task(UUID)
        assert row is not None
        assert record is not None
        assert (row.state, row.result, row.finished) == ("SUCCESS", "'done'", NOW + 3_602)
        assert derive(record).result == "'done'"
        (exported,) = reader.export(TaskFilter())
        assert (exported["state"], exported["result"], exported["noticed"]) == ("SUCCESS", "'done'", NOW + 5)
    with contextlib.closing(History(path)) as history:  # written again from what was read
        history.record(UUID, NOW)
        history.commit(NOW)
    with contextlib.closing(HistoryReader(path)) as reader:
        again = reader.task_row(UUID)
        assert again == row


def test_what_expired_says_so(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    with contextlib.closing(History(path)) as history:
        record = history.record(UUID, NOW)
        record.add(Event(type="task-sent", hostname="c", timestamp=NOW, uuid=UUID, name="t", retries=0, queue="q"))
        record.observe(Observation(kinds.EXPIRED, NOW + 20, 0, "", -1, NOW + 10))
        history.commit(NOW)
    with contextlib.closing(HistoryReader(path)) as reader:
        row = reader.task_row(UUID)
        assert row is not None
        assert (row.state, row.revoked, row.finished) == ("REVOKED", "expired, never received", NOW + 10)
        (exported,) = reader.export(TaskFilter())
        assert exported["revoked"] == "expired, never received"
