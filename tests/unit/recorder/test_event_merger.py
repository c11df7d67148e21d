"""The pipeline: a batch that is taken twice, since the history proved to be damaged in its middle, counts once."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import apsw
import pytest

from deskq.history.writing.writer import History
from deskq.protocol.events import decode_redis_envelope
from deskq.protocol.task_record import TaskRecord
from deskq.recorder import event_merger as module
from deskq.recorder.event_merger import Pipeline
from deskq.recorder.tracking.queue_tracker import QueueWatch
from deskq.recorder.tracking.worker_tracker import WorkerWatch
from tests.support.flood import envelope, task_events

NOW = 1_795_000_000.0


def payloads(count: int) -> list[bytes]:
    return [envelope(task_events(f"{n:08x}-0000-4000-8000-000000000000", 3 * n + 1)) for n in range(count)]


def test_what_was_merged_before_the_damage_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(History(tmp_path / "h.sqlite")) as history:
        workers = WorkerWatch()
        pipeline = Pipeline(history, workers, QueueWatch())
        asked = 0

        def damaged(uuid: str, now: float) -> TaskRecord:
            nonlocal asked
            asked += 1
            if asked == 14:  # the second event of the fifth task
                raise apsw.CorruptError("found now")
            return History.record(history, uuid, now)

        monkeypatch.setattr(history, "record", damaged)
        batch, before = payloads(10), pipeline.counts()
        with pytest.raises(apsw.CorruptError):
            pipeline.take(batch, decode_redis_envelope, NOW)
        pipeline.restore(before)
        pipeline.take(batch, decode_redis_envelope, NOW)
        (worker,) = workers.workers.values()
        assert worker.started == 10
        assert pipeline.events == 30
        assert history.commit(NOW) == 10


def test_the_bytes_that_are_held_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = payloads(10)
    monkeypatch.setattr(module, "HELD_BYTES", sum(map(len, batch)) * 2)
    with closing(History(tmp_path / "h.sqlite")) as history:
        pipeline = Pipeline(history, WorkerWatch(), QueueWatch())
        for number in range(3):
            assert pipeline.dropped == 0, number
            pipeline.take(batch, decode_redis_envelope, NOW)
        assert pipeline.pending == 60
        assert pipeline.dropped == 30
