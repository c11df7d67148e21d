"""What the overview shows, read from one history in one question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from deskq.formats import plain
from deskq.history.reading.reader import HistoryReader
from deskq.history.reading.task_filter import TaskFilter
from deskq.history.rows import (
    Failures,
    Gap,
    PercentilePoint,
    QueueRow,
    RatePoint,
    SamplePoint,
    StateCounts,
    TaskRuntimes,
    WorkerRow,
)
from deskq.history.writing.counters import RATE_SECONDS

_SHOWN_QUEUES: Final = 6
_FEWEST_SECONDS: Final = 2.0
"""Of recording in a span: from fewer no rate is told."""


@dataclass(frozen=True, slots=True)
class OverviewFacts:
    """One history over one span.

    ``rates``: ``seconds`` are those that were recorded, without gaps and what is still to come.
    ``failures``: of tasks, from a whole ten seconds on, as the charts have it.
    ``depths``: samples of the fullest queues by name.
    """

    since: float
    until: float
    rates: list[RatePoint] = field(default_factory=list)
    percentiles: list[PercentilePoint] = field(default_factory=list)
    depths: dict[str, list[SamplePoint]] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    counts: StateCounts = field(default_factory=StateCounts)
    workers: list[WorkerRow] = field(default_factory=list)
    queues: list[QueueRow] = field(default_factory=list)
    failures: Failures = field(default_factory=Failures)
    runtimes: list[TaskRuntimes] = field(default_factory=list)


def read_overview(reader: HistoryReader, since: float, until: float, points: int = 200) -> OverviewFacts:
    """Read it all; blocking, for the reader thread."""
    since = max(since, min(reader.created(), until - 60))
    queues, gaps, created = reader.queues(), reader.gaps(since, until), reader.created()
    fullest = sorted(queues, key=lambda queue: -max((n or 0 for n in queue.spark), default=0))[:_SHOWN_QUEUES]
    return OverviewFacts(
        since,
        until,
        [
            replace(point, seconds=_recorded(point, gaps, created, until))
            for point in reader.charts.throughput(since, until, points)
            if point.at + point.seconds > created
        ],
        reader.charts.runtime_percentiles(since, until, points),
        {queue.name: reader.charts.queue_samples(queue.name, since, until, points) for queue in fullest},
        gaps,
        reader.counts(TaskFilter()),
        reader.workers(),
        queues,
        reader.charts.failures(since // RATE_SECONDS * RATE_SECONDS),
        reader.charts.task_runtimes(since, until, 50),
    )


def per_second(
    histories: Sequence[Sequence[RatePoint]], what: Callable[[RatePoint], int]
) -> list[tuple[float, float | None]]:
    """Return (time, rate) of all histories together; None where one of them recorded next to nothing."""
    rates: dict[float, float | None] = {}
    middle: dict[float, float] = {}
    for points in histories:
        for point in points:
            before = rates.get(point.at, 0.0)
            known = before is not None and point.seconds >= _FEWEST_SECONDS
            rates[point.at] = before + what(point) / point.seconds if known and before is not None else None
            middle[point.at] = max(middle.get(point.at, 0.0), point.at + point.seconds / 2)
    return [(middle[at], rates[at]) for at in sorted(rates)]


def _recorded(point: RatePoint, gaps: Sequence[Gap], created: float, until: float) -> float:
    """How many seconds of a point's span were recorded."""
    begin, end = max(point.at, created), min(point.at + point.seconds, until)
    seconds = end - begin
    for gap in gaps:  # each ends before the next begins
        seconds -= max(0.0, min(end, until if gap.ended is None else gap.ended) - max(begin, gap.started))
    return max(0.0, seconds)


def worker_words(workers: Sequence[WorkerRow]) -> str:
    """Number of online workers, of all, and of unknown ones, in words."""
    if not workers:
        return "No workers seen"
    unknown = sum(worker.unknown for worker in workers)
    more = f", {unknown:,} unknown" if unknown else ""
    return f"Workers {sum(worker.online for worker in workers)} of {len(workers)}{more}"


def consumer_words(queues: Sequence[QueueRow]) -> str:
    """Queues with messages and no consumer, in words; “every queue has one” only if that is known of all."""
    there = [queue for queue in queues if queue.exists]
    lonely = [queue.name for queue in there if queue.no_consumer and queue.ready]
    if lonely:
        return f"No consumer: {plain(', '.join(lonely[:3]))}"
    unknown = [queue.name for queue in there if queue.consumers is None and not queue.workers]
    if unknown:
        return f"Consumers unknown: {plain(', '.join(unknown[:3]))}"
    if any(queue.no_consumer for queue in there):
        return "Every queue with messages has a consumer"
    return "Every queue has a consumer" if there else "No queues"
