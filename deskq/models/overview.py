"""What the overview shows, read from one history in one question."""

from __future__ import annotations

from dataclasses import dataclass, field

from deskq.history.query import TaskFilter
from deskq.history.reader import HistoryReader
from deskq.history.rows import (
    FailureRow,
    Gap,
    PercentilePoint,
    QueueRow,
    RatePoint,
    SamplePoint,
    StateCounts,
    TaskRuntimes,
    WorkerRow,
)

_SHOWN_QUEUES = 6


@dataclass(frozen=True, slots=True)
class OverviewFacts:
    """One history over one span. ``depths``: samples of the fullest queues by name."""

    since: float
    until: float
    rates: list[RatePoint] = field(default_factory=list)
    percentiles: list[PercentilePoint] = field(default_factory=list)
    depths: dict[str, list[SamplePoint]] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    counts: StateCounts = field(default_factory=StateCounts)
    workers: list[WorkerRow] = field(default_factory=list)
    queues: list[QueueRow] = field(default_factory=list)
    failures: list[FailureRow] = field(default_factory=list)
    runtimes: list[TaskRuntimes] = field(default_factory=list)


def read_overview(reader: HistoryReader, since: float, until: float, points: int = 200) -> OverviewFacts:
    """Read it all; blocking, for the reader thread."""
    since = max(since, min(reader.created(), until - 60))
    queues = reader.queues()
    fullest = sorted(queues, key=lambda queue: -max((n or 0 for n in queue.spark), default=0))[:_SHOWN_QUEUES]
    return OverviewFacts(
        since,
        until,
        [point for point in reader.throughput(since, until, points) if point.at + point.seconds > reader.created()],
        reader.runtime_percentiles(since, until, points),
        {queue.name: reader.queue_samples(queue.name, since, until, points) for queue in fullest},
        reader.gaps(since, until),
        reader.counts(TaskFilter()),
        reader.workers(),
        queues,
        reader.top_failures(since, until, 20),
        reader.task_runtimes(since, until, 50),
    )
