"""Series for charts, folded to as many points as a chart can show; where nothing was recorded there is a hole."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, Final

import apsw

from deskq.history.rows import PercentilePoint, RatePoint, SamplePoint
from deskq.history.runtime_histogram import middle_of, percentile
from deskq.history.writing.codec import are_numbers
from deskq.history.writing.counters import RATE_SECONDS, RUNTIME_SECONDS, TASK_RUNTIME_SECONDS

SAMPLE_AGE: Final = 75.0
"""A depth that did not change is written once a minute: one older than this many seconds is no longer known."""

SANE_BIN: Final = "bin BETWEEN -40000 AND 40000 AND n BETWEEN 1 AND 1000000000000"
"""Any runtime that is a number has such a bin; a damaged row may have another."""


def _width(since: float, until: float, points: int, least: int) -> int:
    return max(least, math.ceil((until - since) / max(points, 1) / least) * least)


def throughput(connection: apsw.Connection, since: float, until: float, points: int) -> list[RatePoint]:
    """Fold the counts of a span, a multiple of 10 s wide."""
    width = _width(since, until, points, RATE_SECONDS)
    start = int(since // width) * width
    rows = connection.execute(
        "SELECT at / ?1 * ?1 AS slot, sum(received), sum(succeeded), sum(failed), sum(retried) FROM rates "
        "WHERE at >= ?2 AND at < ?3 GROUP BY slot ORDER BY slot",
        (width, start, until),
    )
    found = {slot: counts for slot, *counts in rows}
    return [
        RatePoint(float(at), float(width), *found.get(at, (0, 0, 0, 0))) for at in range(start, math.ceil(until), width)
    ]


def runtime_percentiles(connection: apsw.Connection, since: float, until: float, points: int) -> list[PercentilePoint]:
    """Merge the bins of a span, a multiple of 10 s wide."""
    width = _width(since, until, points, RUNTIME_SECONDS)
    start = int(since // width) * width
    slots: dict[int, Counter[int]] = {}
    for slot, number, n in connection.execute(
        "SELECT at / ?1 * ?1 AS slot, bin, sum(n) FROM runtimes WHERE at >= ?2 AND at < ?3 "
        f"AND {SANE_BIN} GROUP BY slot, bin",
        (width, start, until),
    ):
        slots.setdefault(slot, Counter())[number] += n
    return [
        PercentilePoint(
            float(slot), percentile(bins, 0.5), percentile(bins, 0.9), percentile(bins, 0.99), sum(bins.values())
        )
        for slot, bins in sorted(slots.items())
    ]


def task_runtimes(
    connection: apsw.Connection, since: float, until: float, limit: int
) -> list[tuple[int, dict[int, dict[int, int]]]]:
    """Return (name_id, hour -> bins) of the ``limit`` tasks on which most time was spent in the hours of a span."""
    start, end = int(since // TASK_RUNTIME_SECONDS) * TASK_RUNTIME_SECONDS, math.ceil(until)
    found: dict[int, dict[int, dict[int, int]]] = {}
    spent: dict[int, float] = {}
    for at, name, number, n in connection.execute(
        f"SELECT at, name_id, bin, n FROM task_runtimes WHERE at >= ? AND at < ? AND {SANE_BIN}", (start, end)
    ):
        found.setdefault(name, {}).setdefault(at, {})[number] = n
        spent[name] = spent.get(name, 0.0) + n * middle_of(number)
    return [(name, found[name]) for name in sorted(spent, key=lambda name: -spent[name])[:limit]]


def queue_samples(
    connection: apsw.Connection, name: str | None, since: float, until: float, points: int
) -> list[SamplePoint]:
    """Return the last depth known at each point of a span; a point that has none is a hole."""
    if name is None:
        queue: Any = 0
    else:
        row = connection.execute("SELECT id FROM texts WHERE text = ?", (name,)).fetchone()
        queue = row[0] if row is not None else None
    if queue is None:
        return []
    step = max((until - since) / max(points, 1), 1.0)
    rows: list[Any] = connection.execute(
        "SELECT at, ready, unacked, consumers FROM queue_samples WHERE queue_id = ? AND at BETWEEN ? AND ? ORDER BY at",
        (queue, since - SAMPLE_AGE, until),
    ).fetchall()
    samples = (row for row in rows if are_numbers(*row))
    result: list[SamplePoint] = []
    latest: tuple[float, int | None, int | None, int | None] | None = None
    following = next(samples, None)
    for number in range(math.ceil((until - since) / step) + 1):
        at = min(since + number * step, until)
        highest: int | None = None
        while following is not None and following[0] <= at:
            latest = following
            if latest[1] is not None:
                highest = max(highest or 0, latest[1])
            following = next(samples, None)
        if latest is None or at - latest[0] > max(SAMPLE_AGE, step):
            result.append(SamplePoint(at, None))
        else:  # the highest depth of the span: a short peak must not vanish from a long chart
            result.append(SamplePoint(at, latest[1] if highest is None else highest, latest[2], latest[3]))
    while result and result[0].ready is None:
        result.pop(0)
    return result
