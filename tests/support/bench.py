"""The way of an event through a recorder and back out of a reader, in one thread and without a broker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from deskq.history.reading.reader import HistoryReader
from deskq.history.reading.task_filter import Sort, TaskFilter
from deskq.history.writing.writer import History
from deskq.profiles import Profile
from deskq.protocol.events import Event, decode_redis_envelope
from deskq.protocol.task_summary import derive
from deskq.recorder.event_merger import Pipeline
from deskq.recorder.tracking.queue_tracker import QueueWatch
from deskq.recorder.tracking.worker_tracker import WorkerWatch
from deskq.recorder.unfinished.lost_tasks import LostTaskDetector

NOW: Final = 1_795_000_000.0


class Bench:
    """Decode, merge, commit and read, as a recorder and a window do."""

    def __init__(self, path: Path) -> None:
        self.history = History(path)
        self.workers = WorkerWatch()
        self.pipeline = Pipeline(self.history, self.workers, QueueWatch())
        self.endings = LostTaskDetector(
            Profile.from_url("redis://127.0.0.1:1", silent=True), self.history, self.workers
        )
        self.reader = HistoryReader(path)
        self.now = NOW

    def take(self, payloads: Sequence[Any], decode: Callable[[Any], list[Event]] = decode_redis_envelope) -> None:
        """One batch, as the recorder does it each tenth of a second."""
        self.now += 1.0
        self.pipeline.take(payloads, decode, self.now)
        self.history.commit(self.now)
        for reason, raw, size in self.pipeline.committed():
            self.history.put_malformed(reason, raw, self.now, size)
        self.workers.check(self.now)
        self.endings.check(self.now, None)
        self.workers.take_missed()
        self.history.put_workers(self.workers.take_changed())
        self.history.drop_workers(self.workers.take_forgotten())

    def read(self) -> None:
        """Everything that a window asks for."""
        reader = self.reader
        rows = reader.tasks(TaskFilter(), limit=200)
        for key in ("runtime", "state", "name"):
            reader.tasks(TaskFilter(), Sort(key), limit=200)
        for row in rows[:20]:
            record = reader.task(row.uuid)
            assert record is not None
            assert derive(record).state == row.state
            reader.relatives.related(row.uuid)
        reader.counts(), reader.facets(), reader.workers(), reader.queues(), reader.malformed()
        for since, until in ((0.0, NOW * 2), (NOW - 3_600, NOW + 3_600)):
            reader.charts.throughput(since, until)
            reader.charts.runtime_percentiles(since, until)
            reader.charts.failures(since)

    def close(self) -> None:
        self.reader.close()
        self.history.close()
