"""What charts and tables of the overview show of a history: series over time, and what failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

from deskq.history.reading import charts
from deskq.history.reading.failures import Ask, Text, read_failures
from deskq.history.rows import Failures, PercentilePoint, RatePoint, SamplePoint, TaskRuntimes
from deskq.history.runtime_histogram import merged, percentile


class ChartReader:
    """Reads by ``series`` and ``ask`` of a HistoryReader; blocking, as that is."""

    def __init__(self, series: Callable[..., Any], ask: Ask, text: Text) -> None:
        self._series = series
        self._all = ask
        self._text = text

    def queue_samples(self, name: str | None, since: float, until: float, points: int = 300) -> list[SamplePoint]:
        """Return at most ``points`` depths of a queue, or of all together; times without a sample are holes."""
        found: list[SamplePoint] = self._series(charts.queue_samples, name, since, until, points)
        return found

    def throughput(self, since: float, until: float, points: int = 300) -> list[RatePoint]:
        """Return at most ``points`` counts of what happened, at least 10 s wide."""
        found: list[RatePoint] = self._series(charts.throughput, since, until, points)
        return found

    def runtime_percentiles(self, since: float, until: float, points: int = 300) -> list[PercentilePoint]:
        """Return at most ``points`` percentiles of runtimes, at least 10 s wide; spans without an ending are absent."""
        found: list[PercentilePoint] = self._series(charts.runtime_percentiles, since, until, points)
        return found

    def task_runtimes(self, since: float, until: float, limit: int = 50) -> list[TaskRuntimes]:
        """Return the tasks on which most time was spent in the hours that touch a span, the costliest first."""
        found = self._series(charts.task_runtimes, since, until, limit)
        return [
            TaskRuntimes(
                self._text(name),
                *_percentiles(reduce(merged, hours.values())),
                [_point(float(at), bins) for at, bins in sorted(hours.items())],
            )
            for name, hours in found
        ]

    def failures(self, since: float, limit: int = 20) -> Failures:
        """Return what failed since a moment, and its most frequent kinds."""
        return read_failures(self._all, self._text, since, limit)


def _percentiles(bins: Mapping[int, int]) -> tuple[int, float, float, float]:
    """How many, p50, p90, p99."""
    return sum(bins.values()), percentile(bins, 0.5), percentile(bins, 0.9), percentile(bins, 0.99)


def _point(at: float, bins: Mapping[int, int]) -> PercentilePoint:
    count, p50, p90, p99 = _percentiles(bins)
    return PercentilePoint(at, p50, p90, p99, count)
