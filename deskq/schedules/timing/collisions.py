"""What runs when: the runs of many entries over a span of time, and where several start together; no I/O.

Everything takes and returns epoch seconds UTC.
"""

from __future__ import annotations

import math
import time
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from deskq.schedules.model import Crontab, Entry, Interval, ScheduleStore
from deskq.schedules.timing.next_runs import entry_runs, next_runs
from deskq.schedules.timing.zones import changes, zone_of

DAY: Final = 86_400
_TICKS: Final = 250
"""Runs closer than a span's so many-th part are one band: about 4 of 1,000 pixels."""
_COUNTS: Final = (2, 8, 40, 300)
"""So many runs are computed, more and more, until they reach the end of the span."""
_EXACT: Final = 40
"""A crontab that runs more often than that is looked at in steps where it is dense."""
_CHUNK: Final = 16
_FEW: Final = 3
"""Fewer runs that are close are no band."""
_NAMED: Final = 12
"""Entries of a collision that are kept to be named."""
_CLOCK: Final = 3 * 3_600
"""So near to a change of the clock a crontab is walked through run by run."""
_QUARTER: Final = 900


@dataclass(frozen=True, slots=True)
class Band:
    """Runs too close to be told apart. ``every``: seconds between the first two."""

    first: float
    last: float
    every: float


@dataclass(frozen=True, slots=True)
class Lane:
    """The runs of one entry in a span. ``runs``: those that are in no band, in order; ``bands``: in order.

    ``later``: the first run after the span, where it is known; ``cut``: nothing is known after this time.
    """

    runs: Sequence[float] = ()
    bands: tuple[Band, ...] = ()
    later: float | None = None
    cut: float | None = None

    @property
    def weight(self) -> float:
        """About how often it runs, for sorting."""
        return len(self.runs) + sum((band.last - band.first) / max(band.every, 1e-6) + 1 for band in self.bands)

    @property
    def first(self) -> float | None:
        """When it runs first in the span."""
        starts = [*self.runs[:1], *(band.first for band in self.bands[:1])]
        return min(starts, default=None)


@dataclass(frozen=True, slots=True)
class Collision:
    """A minute, by its beginning, in which ``count`` entries start. ``lanes``: places of some of them, rarest first."""

    at: float
    count: int
    lanes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """What runs from ``start`` to ``end``. ``order``: numbers of the entries, the rarest first, those that do not run
    last; ``lanes`` and the places in ``collisions`` are in that order. ``cut``: entries not computed to the end."""

    start: float
    end: float
    order: tuple[int, ...] = ()
    lanes: tuple[Lane, ...] = ()
    collisions: tuple[Collision, ...] = ()
    cut: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """An hour that begins on a clock. ``day``: so does a day; ``moved``: seconds by which the clock was moved then."""

    at: float
    hour: int
    day: bool
    moved: int = 0


def timeline_of(
    entries: Sequence[tuple[Entry, ScheduleStore]],
    start: float,
    seconds: float,
    *,
    now: float,
    known: list[Lane | None] | None = None,
) -> Iterator[int | Timeline]:
    """Compute a time line step by step: yields how many entries are done, and at the end the time line.

    ``known``: for each entry the lane that was computed before for the same span, or None; filled on the way.
    """
    lanes: list[Lane] = []
    for number, (entry, store) in enumerate(entries):
        lane = None if known is None else known[number]
        if lane is None:
            lane = lane_of(entry, store, start, seconds, now=now)
            if known is not None:
                known[number] = lane
        lanes.append(lane)
        yield number + 1
    end = start + seconds

    def rarity(number: int) -> tuple[float, float, str]:
        lane = lanes[number]
        first = lane.first
        if first is None:
            return math.inf, math.inf if lane.later is None else lane.later, entries[number][0].name
        return lane.weight, first, entries[number][0].name

    order = sorted(range(len(entries)), key=rarity)
    together: dict[int, list[int]] = {}
    counts: dict[int, int] = {}
    for place, number in enumerate(order):
        for minute in {int(at // 60) for at in lanes[number].runs}:
            counts[minute] = counts.get(minute, 0) + 1
            named = together.setdefault(minute, [])
            if len(named) < _NAMED:
                named.append(place)
        yield len(entries)
    collisions = tuple(
        Collision(minute * 60.0, counts[minute], tuple(together[minute]))
        for minute in sorted(counts)
        if counts[minute] > 1
    )
    arranged = tuple(lanes[number] for number in order)
    yield Timeline(start, end, tuple(order), arranged, collisions, sum(lane.cut is not None for lane in arranged))


def lane_of(entry: Entry, store: ScheduleStore, start: float, seconds: float, *, now: float) -> Lane:
    """Return the runs of an entry from ``now`` to the end of the span from ``start``.

    A dense interval is its first run and its length; a dense crontab is looked at in steps, and run by run where it
    begins, ends, or a clock changes.
    """
    end, closest = start + seconds, seconds / _TICKS
    schedule = entry.schedule
    groups = _Groups(closest)
    if isinstance(schedule, Interval) and 0 < schedule.seconds < closest:
        return _interval(entry, store, end, now)
    times: list[float] = []
    for count in _COUNTS:
        times = [run.at for run in entry_runs(entry, store, after=now, count=count)]
        if len(times) < count or times[-1] >= end or (isinstance(schedule, Crontab) and count >= _EXACT):
            break
    for at in times:
        if at < end:
            groups.add(at)
    later = next((at for at in times if at >= end), None)
    whole = len(times) < count or later is not None
    if not whole and isinstance(schedule, Crontab):
        later = _walk(groups, entry, schedule, schedule.zone or store.zone, end)
        whole = True
    runs, bands = groups.close()
    return Lane(runs, bands, later, None if whole else times[-1])


def _interval(entry: Entry, store: ScheduleStore, end: float, now: float) -> Lane:
    assert isinstance(entry.schedule, Interval)
    times = [run.at for run in entry_runs(entry, store, after=now, count=2)]
    inside = array("d", (at for at in times if at < end))
    if len(inside) < 2:
        return Lane(inside, (), next((at for at in times if at >= end), None))
    every = entry.schedule.seconds
    until = end if entry.expires_at is None else min(end, entry.expires_at)
    number = max(0, math.ceil((until - times[1]) / every) - 1)
    return Lane((), (Band(times[0], times[1] + number * every, every),))


class _Groups:
    """Runs that come in order, told apart: bands of at least three close ones, and all others."""

    def __init__(self, closest: float) -> None:
        self._closest = closest
        self._group: list[float] = []
        self._last = -math.inf
        self._runs = array("d")
        self._bands: list[Band] = []

    @property
    def dense(self) -> bool:
        """Are the last ones a band?"""
        return len(self._group) >= _FEW

    def add(self, at: float) -> None:
        """Take the next run."""
        if at - self._last >= self._closest:
            self._flush()
        if len(self._group) < _FEW:
            self._group.append(at)
        self._last = at

    def reach(self, at: float) -> None:
        """The band goes on at least until this run."""
        self._last = at

    def close(self) -> tuple[Sequence[float], tuple[Band, ...]]:
        """Return the runs that are in no band, and the bands."""
        self._flush()
        return self._runs, tuple(self._bands)

    def _flush(self) -> None:
        if self.dense:
            first, second = self._group[:2]
            self._bands.append(Band(first, self._last, second - first))
        else:
            self._runs.extend(self._group)
        self._group = []


def _walk(groups: _Groups, entry: Entry, schedule: Crontab, zone: str, end: float) -> float | None:
    """Go on from the group's last run to the end; return the first run after it."""
    closest, last = groups._closest, groups._last
    day = datetime.fromtimestamp(last, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    moved = [change.at.timestamp() for change in changes(zone_of(zone), day, 10)]
    exact_until = -math.inf

    def following(after: float, count: int) -> list[float]:
        runs = next_runs(schedule, zone, after=after, count=count, last_run_at=after, expires_at=entry.expires_at)
        return [run.at for run in runs]

    while True:
        near = any(last - _CLOCK < at < last + closest + _CLOCK for at in moved)
        if groups.dense and last >= exact_until and not near:
            found = following(last + closest / 2, 1)
            if found and found[0] < end and found[0] - last < closest:  # so all between them are as close
                last = found[0]
                groups.reach(last)
                continue
            exact_until = found[0] if found else math.inf
        chunk = following(last, _CHUNK)
        for last in chunk:
            if last >= end:
                return last
            groups.add(last)
        if len(chunk) < _CHUNK:
            return None


def marks(start: float, end: float) -> list[Mark]:
    """Return the hours that begin on this machine's clock; an hour that happens twice is there twice."""
    found: list[Mark] = []
    at = math.floor(start / _QUARTER) * _QUARTER
    before = time.localtime(at)
    while (at := at + _QUARTER) < end:
        local = time.localtime(at)
        day, moved = local.tm_yday != before.tm_yday, local.tm_gmtoff - before.tm_gmtoff
        if local.tm_min == 0 or day or moved:
            found.append(Mark(float(at), local.tm_hour, day, moved))
        before = local
    return found
