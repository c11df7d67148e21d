"""The history: what is committed is found again, by state, name, text, time and relation, and nothing is lost."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from deskq.errors import UserError
from deskq.history.reading.reader import HistoryReader
from deskq.history.reading.task_filter import Sort, TaskFilter
from deskq.history.rows import QueueRow, RecorderStatus, WorkerRow
from deskq.history.writing import database as history_file
from deskq.history.writing import upgrades
from deskq.history.writing.writer import History, HistoryLocked
from deskq.protocol.events import Event
from deskq.protocol.task_summary import derive

NOW = 1_795_000_000.0


def uuid_of(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def add_task(history: History, number: int, *, state: str = "succeeded", name: str = "mail.send", **fields: Any) -> str:
    uuid = uuid_of(number)
    at = NOW + number
    common: dict[str, Any] = {"hostname": "w1", "pid": 1, "uuid": uuid}
    events = [
        Event(type="task-sent", timestamp=at, queue=fields.pop("queue", "emails"), name=name, retries=0, **common),
        Event(
            type="task-received", timestamp=at, clock=1, name=name, retries=0, args=f"({number},)", **common, **fields
        ),
        Event(type="task-started", timestamp=at + 0.1, clock=2, **common),
    ]
    if state == "succeeded":
        events.append(
            Event(type="task-succeeded", timestamp=at + 1, clock=3, result="1", runtime=number / 10, **common)
        )
    elif state == "failed":
        events.append(
            Event(
                type="task-failed",
                timestamp=at + 1,
                clock=3,
                exception=f"ValueError({number})",
                traceback="tb",
                **common,
            )
        )
    for event in events:
        history.record(uuid, at).add(event)
    return uuid


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    opened = History(tmp_path / "history.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def reader(history: History) -> Iterator[HistoryReader]:
    for number in range(1, 21):
        add_task(history, number, state="failed" if number % 5 == 0 else "succeeded", name=f"mod.task{number % 3}")
    history.commit(NOW)
    opened = HistoryReader(history.path)
    yield opened
    opened.close()


def test_a_task_is_found_as_it_was_committed(history: History, reader: HistoryReader) -> None:
    row = reader.task_row(uuid_of(5))
    assert row is not None
    assert (row.state, row.name, row.queue, row.worker, row.args) == ("FAILURE", "mod.task2", "emails", "w1", "(5,)")
    assert (row.exception, row.result, row.deliveries, row.received) == ("ValueError(5)", "", 1, NOW + 5)
    record = reader.task(uuid_of(5))
    assert record == history.record(uuid_of(5), NOW)


def test_records_survive_being_evicted_and_read_again(history: History, reader: HistoryReader) -> None:
    before = reader.task(uuid_of(7))
    history._kept.clear()
    assert history.record(uuid_of(7), NOW) == before
    assert add_task(history, 7, name="mod.task1") == uuid_of(7)
    history.commit(NOW)
    assert reader.task(uuid_of(7)) == before
    assert reader.counts().total == 20


def test_filters_sorts_and_counts(reader: HistoryReader) -> None:
    assert [row.uuid for row in reader.tasks(TaskFilter(), limit=2)] == [uuid_of(20), uuid_of(19)]
    failed = TaskFilter(states=("FAILURE",))
    assert [row.uuid for row in reader.tasks(failed)] == [uuid_of(n) for n in (20, 15, 10, 5)]
    assert list(reader.task_ids(failed)) == [row.id for row in reader.tasks(failed)]
    everything = list(reader.task_ids(TaskFilter()))
    for chosen in (failed, TaskFilter(names=("mod.task0",)), TaskFilter(text="task1"), TaskFilter(until=0)):
        assert reader.matching(chosen, everything[3:]) == set(everything[3:]) & set(reader.task_ids(chosen))
    assert reader.matching(failed, []) == set()
    assert reader.counts().by_state == {"SUCCESS": 16, "FAILURE": 4}
    assert reader.counts(TaskFilter(names=("mod.task0",))).by_state == {"SUCCESS": 5, "FAILURE": 1}
    assert reader.counts(TaskFilter(names=("mod.*",))).total == 20
    assert [row.uuid for row in reader.tasks(TaskFilter(), Sort("runtime", True), limit=2)] == [
        uuid_of(19),
        uuid_of(18),
    ]
    by_name = reader.tasks(TaskFilter(), Sort("name", descending=False), limit=20)
    assert [row.name for row in by_name] == sorted(row.name for row in by_name)
    assert [row.id for row in by_name] == list(reader.task_ids(TaskFilter(), Sort("name", descending=False)))
    assert len(reader.tasks(TaskFilter(states=("FAILURE",)), Sort("name"), limit=3)) == 3
    by_state = reader.tasks(TaskFilter(), Sort("state"), limit=5)
    assert [row.state for row in by_state] == ["FAILURE"] * 4 + ["SUCCESS"]
    assert len(reader.tasks(TaskFilter(since=NOW + 11, until=NOW + 16))) == 5
    assert [row.uuid for row in reader.tasks(TaskFilter(text="valueerror(15)"))] == [uuid_of(15)]
    assert len(reader.tasks(TaskFilter(text=uuid_of(3)))) == 1
    assert len(reader.tasks(TaskFilter(workers=("w1",), queues=("emails",)))) == 20
    assert reader.tasks(TaskFilter(text="100%_nothing")) == []
    assert reader.newer(failed, reader.tasks(failed)[1].id) == 1


def test_related_tasks(history: History) -> None:
    root = add_task(history, 1, root_id=uuid_of(1))
    child = add_task(history, 2, root_id=root, parent_id=root)
    grandchild = add_task(history, 3, root_id=root, parent_id=child)
    add_task(history, 4)
    history.commit(NOW)
    reader = HistoryReader(history.path)
    assert [row.uuid for row in reader.relatives.related(child)] == [root, grandchild]
    assert [row.uuid for row in reader.relatives.related(root)] == [child, grandchild]
    assert reader.relatives.related(uuid_of(4)) == []
    reader.close()


def test_ids_that_are_no_uuid_are_kept_as_they_are(history: History) -> None:
    names = ["my-id", uuid_of(1).upper().replace("0", "A"), "x" * 300, ""]
    for name in names:
        history.record(name, NOW).add(Event(type="task-started", timestamp=NOW, uuid=name, hostname="w"))
    history.commit(NOW)
    reader = HistoryReader(history.path)
    assert {row.uuid for row in reader.tasks(TaskFilter())} == set(names)
    reader.close()


def test_charts(history: History, reader: HistoryReader) -> None:
    points = reader.charts.throughput(NOW, NOW + 40)
    assert sum(point.received for point in points) == 20
    assert sum(point.succeeded for point in points) == 16
    assert sum(point.failed for point in points) == 4
    percentiles = reader.charts.runtime_percentiles(NOW, NOW + 60, points=1)
    assert percentiles[0].count + percentiles[-1].count >= 16
    history.put_queues([], [("emails", NOW, 5, 1, 2), ("emails", NOW + 30, 9, 1, 2)])
    samples = reader.charts.queue_samples("emails", NOW, NOW + 200, points=20)
    assert [sample.ready for sample in samples[:4]] == [5, 5, 5, 9]
    assert samples[-1].ready is None  # nothing is known of it any more
    assert reader.charts.queue_samples("unheard", NOW, NOW + 10) == []


def test_workers_queues_status_and_gaps(history: History, reader: HistoryReader) -> None:
    worker = WorkerRow("w1", True, NOW, NOW, load=(0.1, 0.2, 0.3), queues=("a", "b"))
    queue = QueueRow("emails", 1, None, 0, {0: 1, 3: 0}, None, 1.5, None, NOW, True, (1, None, 2))
    history.put_workers([worker])
    history.put_queues([queue], [])
    history.put_status(RecorderStatus(state="recording", events=7))
    history.open_gap(NOW, "the broker restarted", NOW + 5, 12)
    assert reader.workers() == [worker]
    assert reader.queues() == [queue]
    assert reader.status().events == 7
    assert reader.status().writer_alive
    assert [(g.cause, g.ended, g.estimate) for g in reader.gaps(NOW + 1, NOW + 2)] == [
        ("the broker restarted", NOW + 5, 12)
    ]
    assert reader.gaps(NOW + 6) == []


def test_revision_moves_with_a_commit(history: History, reader: HistoryReader) -> None:
    before = reader.revision()
    assert reader.revision() == before
    add_task(history, 50)
    history.commit(NOW)
    assert reader.revision() != before


def test_one_writer(history: History) -> None:
    with pytest.raises(HistoryLocked, match="Another recorder"):
        History(history.path)


def test_a_reader_cannot_write(reader: HistoryReader) -> None:
    with pytest.raises(apsw.ReadOnlyError):
        reader._connection.execute("DELETE FROM tasks")


def test_what_is_no_history_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No history"):
        HistoryReader(tmp_path / "absent.sqlite")
    text = tmp_path / "text.sqlite"
    text.write_text("hello " * 1000)
    with pytest.raises(UserError, match="is not a deskq history"):
        HistoryReader(text)
    with pytest.raises(UserError, match="is not a deskq history"):
        History(text)
    assert text.read_text().startswith("hello")


def test_a_newer_history_is_refused_and_an_older_one_upgraded_after_a_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "history.sqlite"
    History(path).close()
    version = history_file.VERSION
    monkeypatch.setattr(history_file, "VERSION", version + 1)
    monkeypatch.setitem(
        upgrades.UPGRADES, version, lambda connection: connection.execute("CREATE TABLE added (x)") and None
    )
    History(path).close()
    assert path.with_name(f"history.sqlite.v{version}.backup").exists()
    shutil.copy(path, tmp_path / "newer.sqlite")
    monkeypatch.setattr(history_file, "VERSION", version)
    with pytest.raises(UserError, match="newer deskq"):
        HistoryReader(tmp_path / "newer.sqlite")


def test_a_failed_commit_loses_nothing(history: History) -> None:
    add_task(history, 1)
    history._connection.execute("CREATE TRIGGER full BEFORE INSERT ON tasks BEGIN SELECT raise(ABORT, 'full'); END")
    with pytest.raises(apsw.ConstraintError):
        history.commit(NOW)
    history._connection.execute("DROP TRIGGER full")
    assert history.commit(NOW) == 1
    reader = HistoryReader(history.path)
    row = reader.task_row(uuid_of(1))
    assert row is not None
    assert row.state == "SUCCESS"
    assert reader.counts().by_state == {"SUCCESS": 1}
    record = reader.task(uuid_of(1))
    assert record is not None
    assert derive(record).queue == "emails"
    reader.close()
