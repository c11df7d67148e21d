"""A record comes back from its row as it went in, with all that few records have."""

from __future__ import annotations

from pathlib import Path
from random import Random

from deskq.history.reading.reader import HistoryReader
from deskq.history.writing.writer import History
from deskq.protocol.events import Event
from deskq.protocol.task_record import MOST_COUNTED, TaskRecord
from deskq.protocol.task_summary import derive
from tests.support.wires import UUID, Wire


def kept(path: Path, record: TaskRecord) -> TaskRecord:
    """The record as a new writer reads it from the file."""
    history = History(path)
    history.record(UUID, 1.0).merge(record)
    history.commit(1.0)
    history.close()
    history = History(path)
    try:
        return history.peek(UUID, 2.0)
    finally:
        history.close()


def test_records_of_possible_wires_come_back(tmp_path: Path) -> None:
    several = 0
    for seed in range(300):
        record = Wire(Random(seed)).record()
        if record.more is None and seed > 20:
            continue
        several += record.more is not None
        path = tmp_path / f"{seed}.sqlite"
        assert kept(path, record) == record, seed
        reader = HistoryReader(path)
        row, told = reader.task_row(UUID), derive(record)
        reader.close()
        assert row is not None
        assert (row.state, row.name, row.args, row.result) == (told.state, told.name, told.args, told.result), seed
        path.unlink()
    assert several > 50


def received(n: int) -> Event:
    return Event(type="task-received", timestamp=n / 8, clock=n, hostname="w", pid=1, uuid=UUID, name="a", retries=0)


def test_deliveries_are_counted_beyond_what_is_kept(tmp_path: Path) -> None:
    record = TaskRecord(UUID)
    for n in (*range(1_500), *range(700)):
        record.add(received(n))
    assert derive(record).deliveries == 1_500
    assert len(record.observations) == 512
    assert kept(tmp_path / "history.sqlite", record) == record
    for n in range(6_000):
        record.add(received(n))
    assert derive(record).deliveries == 512 + MOST_COUNTED
