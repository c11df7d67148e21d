"""What the doctor takes from a history: only a recorder at work tells of the present."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deskq.doctor.advice.facts import HistoryFacts, read_history
from deskq.doctor.advice.workers import stalled
from deskq.files.locks import lock_path
from deskq.history.rows import QueueRow, RecorderStatus, WorkerRow
from deskq.history.writing.writer import History
from deskq.protocol.events import Event

Sample = tuple[str, float, int | None, int | None, int | None]


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    opened = History(tmp_path / "h.sqlite")
    yield opened
    opened.close()


def write(history: History, now: float, depths: list[int]) -> None:
    """A worker that has been idle for an hour, on a queue with these depths, one every 5 s, the last of them now."""
    history.put_workers([WorkerRow("w", True, now - 3_600, now - 3_600, now, active=0, queues=("q",))])
    samples: list[Sample] = [("q", now - 5.0 * n, depth, 0, 1) for n, depth in enumerate(reversed(depths))]
    history.put_queues([QueueRow("q", depths[-1], 0, 1, None, None, None, None, now, False)], samples)
    history.put_status(RecorderStatus("recording", now, updated=now))
    record = history.record("00000000-0000-4000-8000-000000000001", now)
    for clock, kind in enumerate(("task-received", "task-started", "task-succeeded")):
        runtime = 7.5 if kind == "task-succeeded" else None
        at = now - 600 + clock
        record.add(Event(type=kind, uuid=record.uuid, hostname="w", timestamp=at, clock=clock, pid=1, runtime=runtime))
    history.commit(now)


def test_no_history_tells_nothing(tmp_path: Path) -> None:
    assert read_history(None) == HistoryFacts()
    assert read_history(tmp_path / "none.sqlite") == HistoryFacts()
    (tmp_path / "odd.sqlite").write_bytes(b"garbage" * 500)
    assert read_history(tmp_path / "odd.sqlite") == HistoryFacts()


def test_without_a_recorder_only_the_past_is_known(history: History, tmp_path: Path) -> None:
    now = time.time()
    write(history, now, [9] * 15)
    history.close()
    facts = read_history(tmp_path / "h.sqlite", now)
    assert facts.workers == []
    assert facts.idlers == []
    assert facts.longest == 7.5


@pytest.mark.parametrize(
    ("depths", "ready", "level"),
    [([9, 8, 7] * 5, 7, "error"), ([9] * 7 + [0] + [9] * 7, 0, "ok"), ([9] * 3, 0, "ok")],
)
def test_a_worker_that_takes_nothing(
    depths: list[int], ready: int, level: str, history: History, tmp_path: Path
) -> None:
    now = time.time()
    write(history, now, depths)
    assert lock_path(tmp_path / "h.sqlite").exists()
    facts = read_history(tmp_path / "h.sqlite", now)
    (idler,) = facts.idlers
    assert (idler.hostname, idler.queue, idler.ready, idler.active) == ("w", "q", ready, 0)
    assert idler.last_received == pytest.approx(now - 600)
    (finding,) = stalled(facts.idlers, now)
    assert finding.level == level


def test_a_damaged_history_tells_nothing_and_stops_nothing(history: History, tmp_path: Path) -> None:
    write(history, time.time(), [1] * 12)
    history.close()
    path = tmp_path / "h.sqlite"
    raw = path.read_bytes()
    for number in range(1, len(raw) // 4096):  # the header stays
        damaged = bytearray(raw)
        damaged[number * 4096 : (number + 1) * 4096] = b"\xff" * 4096
        path.write_bytes(damaged)
        assert read_history(path).workers == []
