"""The lines of the overview's charts: of one broker one for each figure, of several one for each broker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from deskq.history.rows import PercentilePoint, RatePoint
from deskq.models.overview.overview import OverviewFacts, per_second
from deskq.views.widgets.charts.plot import LINE_COLOURS, Series

Figure = tuple[str, str, Callable[[RatePoint], int]]
THROUGHPUT: Final[tuple[Figure, ...]] = (
    ("succeeded", "success", lambda point: point.succeeded),
    ("received", "running", lambda point: point.received),
)
FAILURES: Final[tuple[Figure, ...]] = (
    ("failed", "failure", lambda point: point.failed),
    ("retried", "retry", lambda point: point.retried),
)
_PERCENTILES: Final[tuple[tuple[str, str, Callable[[PercentilePoint], float]], ...]] = (
    ("p90", "retry", lambda point: point.p90),
    ("p50", "success", lambda point: point.p50),
    ("p99", "failure", lambda point: point.p99),
)
"""Of each tuple the first figure is the one that several brokers are compared by."""


def rate_lines(all_facts: Mapping[str, OverviewFacts], figures: tuple[Figure, ...], *, several: bool) -> list[Series]:
    """Return counts a second."""
    lines = []
    for profile, facts, colour in _coloured(all_facts, several):
        for name, own, count in figures[:1] if colour else figures:
            points = per_second([facts.rates], count)
            times, values = [at for at, _ in points], [rate for _, rate in points]
            lines.append(Series(_name(name, profile, colour), colour or own, times, values))
    return lines


def runtime_lines(all_facts: Mapping[str, OverviewFacts], *, several: bool) -> list[Series]:
    """Return percentiles of runtimes, in seconds."""
    lines = []
    for profile, facts, colour in _coloured(all_facts, several):
        times = [point.at for point in facts.percentiles]
        for name, own, value in _PERCENTILES[:1] if colour else _PERCENTILES:
            values = [value(point) for point in facts.percentiles]
            lines.append(Series(_name(name, profile, colour), colour or own, times, values))
    return lines


def depth_lines(all_facts: Mapping[str, OverviewFacts], *, several: bool) -> list[Series]:
    """Return depths of the fullest queues, of several brokers the fullest of each first."""
    ranked = [
        (place, f"{queue} ({profile})" if several else queue, points)
        for profile, facts in all_facts.items()
        for place, (queue, points) in enumerate(facts.depths.items())
    ]
    ranked.sort(key=lambda found: found[0])
    return [
        Series(name, colour, [point.at for point in points], [point.ready for point in points])
        for (_, name, points), colour in zip(ranked, LINE_COLOURS, strict=False)
    ]


def _coloured(all_facts: Mapping[str, OverviewFacts], several: bool) -> list[tuple[str, OverviewFacts, str]]:
    """Profiles with their facts and a colour of their own, "" where there is one profile alone."""
    return [
        (profile, facts, LINE_COLOURS[number % len(LINE_COLOURS)] if several else "")
        for number, (profile, facts) in enumerate(all_facts.items())
    ]


def _name(figure: str, profile: str, colour: str) -> str:
    return f"{figure} ({profile})" if colour else figure
