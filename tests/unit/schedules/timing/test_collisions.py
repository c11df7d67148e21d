"""The runs of many entries over a span: exactly what beat runs, as ticks or bands, and what starts together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from deskq.schedules.model import Clocked, Crontab, Entry, Interval, RRule, Solar
from deskq.schedules.opening import open_store
from deskq.schedules.timing.collisions import DAY, Band, Lane, Timeline, lane_of, marks, timeline_of
from deskq.schedules.timing.next_runs import entry_runs

HOUR = 3_600
WEEK = 7 * DAY
START = datetime(2026, 11, 23, 10, 10, 20, tzinfo=UTC).timestamp()  # a Monday
SPRING = datetime(2027, 3, 27, 12, 0, 5, tzinfo=UTC).timestamp()  # the clocks of Berlin go forward next night
AUTUMN = datetime(2026, 10, 24, 12, 0, 5, tzinfo=UTC).timestamp()
HALF_AN_HOUR = datetime(2027, 4, 3, 3, 0, 5, tzinfo=UTC).timestamp()  # by which Lord Howe's go back, at 15:00 UTC
STORE: Any = open_store("redbeat:redis://127.0.0.1:1/0")


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Sets this machine's zone."""

    def set_zone(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield set_zone
    monkeypatch.undo()
    time.tzset()


def made(name: str, schedule: Any, start: float = START, **more: Any) -> Entry:
    return Entry(name=name, task="t", schedule=schedule, last_run_at=start - 1, **more)


def plainly(entry: Entry, start: float, seconds: float) -> tuple[list[float], list[tuple[float, float]]]:
    """Ticks and bands from every single run that beat makes."""
    runs = [run.at for run in entry_runs(entry, STORE, after=start, count=12_000) if run.at < start + seconds]
    groups: list[list[float]] = []
    for at in runs:
        if groups and at - groups[-1][-1] < seconds / 250:
            groups[-1].append(at)
        else:
            groups.append([at])
    ticks = [at for group in groups if len(group) < 3 for at in group]
    return ticks, [(group[0], group[-1]) for group in groups if len(group) >= 3]


@pytest.mark.parametrize("seconds", [DAY, WEEK])
@pytest.mark.parametrize("start", [START, SPRING, AUTUMN, HALF_AN_HOUR])
@pytest.mark.parametrize(
    "schedule",
    [
        Crontab("30", "2", day_of_week="mon-fri", zone="Europe/Berlin"),
        Crontab("*", "*"),
        Crontab("*", "*", zone="Europe/Berlin"),
        Crontab("*/3", "9-17", day_of_week="1,3,6,0"),
        Crontab("*/10", "1-4", zone="Europe/Berlin"),
        Crontab("0-9,30", "*"),
        Crontab("0,1", "*"),
        Crontab("0-5", "*"),
        Crontab("*/2", "*/2", zone="Australia/Lord_Howe"),
        Crontab("0", "*", zone="Asia/Kolkata"),
        Interval(6 * 3_600.0),
        Interval(10.0),
        Interval(700.0),
        Interval(2_700.0),
    ],
)
def test_a_lane_is_what_beat_runs(schedule: Any, start: float, seconds: float) -> None:
    entry = made("a", schedule, start)
    lane = lane_of(entry, STORE, start, seconds, now=start)
    if schedule == Interval(10.0):
        ends = (lane.bands[0].first, lane.bands[0].last)
        assert (list(lane.runs), len(lane.bands)) == ([], 1)
        assert start <= ends[0] < start + 10
        assert start + seconds - 10 <= ends[1] < start + seconds
        return
    ticks, bands = plainly(entry, start, seconds)
    assert list(lane.runs) == pytest.approx(ticks, abs=0.001)
    found = [(band.first, band.last) for band in lane.bands]
    assert len(found) == len(bands)
    assert [edge for band in found for edge in band] == pytest.approx([e for band in bands for e in band], abs=0.001)


def test_the_end_of_an_entry_and_what_comes_later() -> None:
    over = lane_of(made("a", Interval(60.0), expires_at=START + HOUR), STORE, START, DAY, now=START)
    assert over.bands[0].last == START - 1 + 60 * 60
    ends = lane_of(made("a", Crontab("*", "*"), expires_at=START + 5 * HOUR), STORE, START, DAY, now=START)
    assert START + 5 * HOUR - 60 <= ends.bands[-1].last < START + 5 * HOUR
    once = lane_of(made("a", Clocked(START + 9 * DAY)), STORE, START, WEEK, now=START)
    assert (list(once.runs), once.bands, once.later) == ([], (), START + 9 * DAY)
    assert once.first is None
    one_off = lane_of(made("a", Interval(3_600.0), one_off=True), STORE, START, DAY, now=START)
    assert list(one_off.runs) == [START - 1 + 3_600]
    solar = lane_of(made("a", Solar("sunrise", 52.5, 13.4)), STORE, START, WEEK, now=START)
    assert len(solar.runs) == 7
    for silent in (made("a", Crontab("61")), made("a", Interval(0.0)), made("a", Interval(5.0), enabled=False)):
        assert (
            lane_of(silent, STORE, START, DAY, now=START) == Lane(later=None)
            or not lane_of(silent, STORE, START, DAY, now=START).weight
        )


def test_what_is_too_dense_for_its_kind_says_how_far_it_is_known() -> None:
    rule = RRule("secondly", dtstart=START - 100, others=(("bysecond", tuple(range(0, 60, 5))),))
    lane = lane_of(made("a", rule), STORE, START, DAY, now=START)
    assert lane.cut is not None
    assert lane.bands[-1].last == lane.cut < START + DAY
    assert whole([made("a", rule)], START).cut == 1


def whole(entries: list[Entry], start: float, seconds: float = DAY, **more: Any) -> Timeline:
    *done, line = timeline_of([(entry, STORE) for entry in entries], start, seconds, now=start, **more)
    assert all(isinstance(each, int) for each in done)
    assert isinstance(line, Timeline)
    return line


def test_the_rarest_is_first_and_bands_collide_with_nothing() -> None:
    entries = [
        made("each minute", Crontab("*", "*")),
        made("hourly", Crontab("0", "*")),
        made("nightly", Crontab("0", "2")),
        made("never", Clocked(START - 5)),
        made("seconds", Interval(15.0)),
        made("backup", Crontab("0", "2,14")),
    ]
    line = whole(entries, START)
    assert [entries[number].name for number in line.order] == [
        "nightly",
        "backup",
        "hourly",
        "each minute",
        "seconds",
        "never",
    ]
    two, fourteen = (datetime(2026, 11, day, hour, tzinfo=UTC).timestamp() for day, hour in ((24, 2), (23, 14)))
    assert [(one.at, one.count, one.lanes) for one in line.collisions] == [
        (fourteen, 2, (1, 2)),
        (two, 3, (0, 1, 2)),
    ]


def test_seconds_of_the_same_minute_collide_and_neighbours_do_not() -> None:
    at = START + 5 * HOUR - START % 60
    line = whole([made(str(n), Clocked(at + offset)) for n, offset in enumerate((-1, 0, 59, 60))], START)
    assert [(one.at, one.count) for one in line.collisions] == [(at, 2)]


def test_of_many_that_collide_all_are_counted_and_some_are_kept() -> None:
    line = whole([made(f"e{n:03}", Crontab("0", "2")) for n in range(500)], START)
    (one,) = line.collisions
    assert one.count == 500
    assert one.lanes == tuple(range(12))


def test_what_is_known_is_not_computed_again() -> None:
    known = Lane([START + 5], (Band(START + 10, START + 20, 1.0),))
    line = whole([made("a", Crontab("0", "2")), made("b", Crontab("0", "2"))], START, known=[known, None])
    assert line.lanes[line.order.index(0)] is known
    assert len(line.lanes[line.order.index(1)].runs) == 1


def test_hours_fall_where_the_clock_puts_them(zone: Callable[[str], None]) -> None:
    zone("Europe/Berlin")
    berlin = ZoneInfo("Europe/Berlin")
    spring = marks(SPRING, SPRING + DAY)
    assert [mark.hour for mark in spring[8:16]] == [22, 23, 0, 1, 3, 4, 5, 6]
    (moved,) = [mark for mark in spring if mark.moved]
    assert moved.moved == HOUR
    assert datetime.fromtimestamp(moved.at, berlin).hour == 3
    autumn = marks(AUTUMN, AUTUMN + DAY)
    assert [mark.hour for mark in autumn[9:16]] == [0, 1, 2, 2, 3, 4, 5]
    assert [mark.moved for mark in autumn if mark.moved] == [-HOUR]
    assert len([mark for mark in marks(AUTUMN, AUTUMN + WEEK) if mark.day]) == 7
    zone("Asia/Kolkata")
    assert {mark.at % HOUR for mark in marks(START, START + DAY)} == {1_800.0}
    zone("Africa/Cairo")  # there the first hour of a day is left out
    cairo = datetime(2026, 4, 23, 12, tzinfo=UTC).timestamp()
    assert [mark.hour for mark in marks(cairo, cairo + DAY) if mark.day] == [1]
