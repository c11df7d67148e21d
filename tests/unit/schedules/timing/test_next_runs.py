"""Next runs are those that beat's own loop yields, over years with changes of the clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import celery
import pytest
from celery import Celery
from celery.schedules import crontab, schedule, solar
from dateutil.rrule import rrulestr
from django_celery_beat.clockedschedule import clocked
from django_celery_beat.tzcrontab import TzAwareCrontab
from hypothesis import example, given, settings
from hypothesis import strategies as st
from redbeat.schedules import rrule as redbeat_rrule

from deskq.schedules.model import Clocked, Crontab, Interval, RRule, Schedule, Solar, Unreadable
from deskq.schedules.timing.next_runs import HORIZON, Run, clock_changes, next_runs, shortest_pause
from deskq.schedules.timing.zones import zone_of

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "America/Sao_Paulo",
    "Africa/Casablanca",
    "America/St_Johns",
    "America/Santiago",  # at midnight
    "Asia/Beirut",  # at midnight
    "UTC",
)
# Earlier ones mix wall times across changes of the clock; what deskq says beside them: test_whichever_celery.py.
as_this_celery_does = pytest.mark.skipif(celery.VERSION < (5, 7), reason="this Celery counts differently")
_apps = {zone: Celery("preview", set_as_current=False, timezone=zone) for zone in ZONES}


def epoch(*when: int, zone: str = "UTC") -> float:
    return datetime(*when, tzinfo=zone_of(zone)).timestamp()  # type: ignore[arg-type,misc]


def beat(make: Callable[..., Any], zone: str, after: float, until: float, count: int, last: float | None = None) -> Any:
    """What a beat does that looks exactly when it is told to: the times of its first runs."""
    tz = zone_of(zone)
    now = datetime.fromtimestamp(after, UTC).astimezone(tz)
    due = make(nowfun=lambda: now, app=_apps[zone])
    last_run_at = now if last is None else datetime.fromtimestamp(last, UTC).astimezone(tz)
    runs: list[float] = []
    while len(runs) < count and now.timestamp() < until:
        is_due, wait = due.is_due(last_run_at)
        if is_due:
            runs.append(now.timestamp())
            last_run_at = now
        if wait is None:
            break
        now = (now.astimezone(UTC) + timedelta(seconds=wait)).astimezone(tz)
    return runs


def crontab_of(made: Crontab) -> Callable[..., Any]:
    return lambda **more: crontab(
        made.minute, made.hour, made.day_of_week, made.day_of_month, made.month_of_year, **more
    )


def numbers(first: int, last: int) -> st.SearchStrategy[str]:
    """A field as people write it: *, a list, a range, steps."""
    number = st.integers(first, last)
    return st.one_of(
        st.just("*"),
        st.lists(number, min_size=1, max_size=4, unique=True).map(lambda some: ",".join(map(str, sorted(some)))),
        st.tuples(number, number).map(lambda two: f"{min(two)}-{max(two)}"),
        st.integers(2, 12).map(lambda step: f"*/{step}"),
    )


crontabs = st.builds(
    Crontab,
    numbers(0, 59),
    st.one_of(numbers(0, 23), numbers(0, 3)),
    st.one_of(st.just("*"), numbers(1, 28)),
    st.one_of(st.just("*"), numbers(1, 12)),
    st.one_of(st.just("*"), numbers(0, 6)),
)
# Two years with the days before, on and after every kind of change of the clock.
moments = st.integers(int(epoch(2025, 1, 1)), int(epoch(2027, 1, 1)))


@as_this_celery_does
@settings(max_examples=250)
@given(made=crontabs, zone=st.sampled_from(ZONES), after=moments)
@example(Crontab("30", "2"), "Europe/Berlin", int(epoch(2026, 3, 27)))
@example(Crontab("*/15", "*"), "Europe/Berlin", int(epoch(2026, 10, 25)))
@example(Crontab("15,45", "1,2"), "Australia/Lord_Howe", int(epoch(2026, 4, 4)))
@example(Crontab("15,45", "2"), "Australia/Lord_Howe", int(epoch(2026, 10, 2)))
@example(Crontab("0,30", "0", "*", "*", "0"), "America/Santiago", int(epoch(2026, 9, 1)))
@example(Crontab("30", "0", "29", "3"), "Asia/Beirut", int(epoch(2025, 9, 1)))
@example(Crontab("0", "*"), "Africa/Casablanca", int(epoch(2026, 2, 14)))
@example(Crontab("0", "0-0", "12", "2", "1"), "Europe/Berlin", int(epoch(2025, 1, 1)))
def test_crontabs_run_when_beat_runs_them(made: Crontab, zone: str, after: int) -> None:
    runs = [run.at for run in next_runs(made, zone, after=after, count=30)]
    assert runs == beat(crontab_of(made), zone, after, after + HORIZON.total_seconds() + 1, 30)


@as_this_celery_does
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("text", ["30 2 * * *", "0,30 1-3 * * 0-3", "5 0 1 * *"])
def test_two_years_at_a_stretch(zone: str, text: str) -> None:
    minute, hour, day, month, weekday = text.split()
    made = Crontab(minute, hour, day, month, weekday)
    after, until = epoch(2025, 1, 1), epoch(2027, 1, 1)
    runs = [run.at for run in next_runs(made, zone, after=after, count=20_000, expires_at=until)]
    assert runs == beat(crontab_of(made), zone, after, until, 20_000)
    assert len(runs) > 20


@as_this_celery_does
@given(zone=st.sampled_from(ZONES), after=moments, made=crontabs)
@settings(max_examples=50)
def test_a_crontab_s_own_zone_is_that_of_django_celery_beat(zone: str, after: int, made: Crontab) -> None:
    """TzAwareCrontab in a beat whose app is in UTC."""
    own = Crontab(made.minute, made.hour, made.day_of_month, made.month_of_year, made.day_of_week, zone=zone)
    runs = [run.at for run in next_runs(own, "UTC", after=after, count=5)]

    def aware(*, nowfun: Callable[[], datetime], app: Celery) -> TzAwareCrontab:
        schedule = TzAwareCrontab(
            made.minute, made.hour, made.day_of_week, made.day_of_month, made.month_of_year, zone_of(zone), app
        )
        schedule.nowfun = lambda: nowfun().astimezone(zone_of(zone))
        return schedule

    assert runs == beat(aware, "UTC", after, after + HORIZON.total_seconds() + 1, 5)


@as_this_celery_does
@settings(max_examples=100)
@given(
    seconds=st.sampled_from([1, 7, 30, 60, 90, 300, 3600, 5400, 86_400, 200_000, 604_800]),
    relative=st.booleans(),
    zone=st.sampled_from(ZONES),
    after=moments,
    late=st.none() | st.integers(0, 100_000),
)
def test_intervals(seconds: int, relative: bool, zone: str, after: int, late: int | None) -> None:
    last = None if late is None else after - late
    runs = next_runs(Interval(seconds, relative), zone, after=after, count=20, last_run_at=last)
    expected = beat(
        lambda **more: schedule(timedelta(seconds=seconds), relative, **more), zone, after, 1e11, 20, last=last
    )
    assert [run.at for run in runs] == expected


@as_this_celery_does
@settings(max_examples=30)
@given(
    event=st.sampled_from(sorted(solar._all_events)),
    place=st.tuples(st.floats(-60, 60), st.floats(-180, 180)),
    zone=st.sampled_from(ZONES),
    after=moments,
)
def test_the_sun(event: str, place: tuple[float, float], zone: str, after: int) -> None:
    runs = next_runs(Solar(event, *place), zone, after=after, count=5)
    expected = beat(lambda **more: solar(event, *place, **more), zone, after, 1e11, 5)
    # Beat waits from its own now, so the last digits of ephem's answer may differ.
    assert [run.at for run in runs] == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (RRule("daily", 3), "RRULE:FREQ=DAILY;INTERVAL=3"),
        (RRule("weekly", 2, byweekday=((0, 0), (4, 0))), "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR"),
        (RRule("monthly", byweekday=((4, -1),)), "RRULE:FREQ=MONTHLY;BYDAY=-1FR"),
        (
            RRule("yearly", others=(("bymonth", (2,)), ("bymonthday", (29,)))),
            "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
        ),
        (
            RRule("daily", byweekday=((0, 0),), others=(("bymonth", (2,)), ("bymonthday", (29,)))),
            "RRULE:FREQ=DAILY;BYDAY=MO;BYMONTH=2;BYMONTHDAY=29",
        ),
        (RRule("yearly", 12), "RRULE:FREQ=YEARLY;INTERVAL=12"),
        (RRule("monthly", 7, others=(("bymonthday", (31,)),)), "RRULE:FREQ=MONTHLY;INTERVAL=7;BYMONTHDAY=31"),
        (RRule("hourly", 5, others=(("byhour", (3, 8, 13)),)), "RRULE:FREQ=HOURLY;INTERVAL=5;BYHOUR=3,8,13"),
        (RRule("minutely", 45), "RRULE:FREQ=MINUTELY;INTERVAL=45"),
        (RRule("secondly", 5407), "RRULE:FREQ=SECONDLY;INTERVAL=5407"),
        (RRule("daily", count=400), "RRULE:FREQ=DAILY;COUNT=400"),
        (RRule("weekly", wkst=6, others=(("byweekno", (1, 20, 53)),)), "RRULE:FREQ=WEEKLY;WKST=SU;BYWEEKNO=1,20,53"),
        (RRule("daily", others=(("byeaster", (-2,)),)), "RRULE:FREQ=DAILY;BYEASTER=-2"),
        (RRule("weekly", until=epoch(2026, 2, 1)), "RRULE:FREQ=WEEKLY;UNTIL=20260201T000000Z"),
    ],
)
def test_rrules_yield_what_dateutil_yields(made: RRule, text: str) -> None:
    start, after = datetime(2025, 6, 4, 8, 30, tzinfo=UTC), epoch(2025, 12, 30, 3)
    made = RRule(**{**{name: getattr(made, name) for name in made.__slots__}, "dtstart": start.timestamp()})
    runs = [run.at for run in next_runs(made, "Europe/Berlin", after=after, count=9)]
    rule: Any = rrulestr(text, dtstart=start)
    expected: list[float] = []
    moment = rule.after(datetime.fromtimestamp(after, UTC))
    while moment is not None and len(expected) < 9 and moment.year <= 2085:
        expected.append(moment.timestamp())
        moment = rule.after(moment)
    assert runs == expected
    assert runs


def test_rrules_run_when_redbeat_runs_them() -> None:
    start = datetime(2020, 1, 31, 23, 15, tzinfo=UTC)
    made = RRule("monthly", dtstart=start.timestamp(), others=(("bymonthday", (-1,)), ("bysetpos", (1,))))
    runs = [run.at for run in next_runs(made, "Europe/Berlin", after=epoch(2026, 1, 1), count=12)]
    expected = beat(
        lambda **more: redbeat_rrule("MONTHLY", start, bymonthday=(-1,), bysetpos=(1,), **more),
        "Europe/Berlin",
        epoch(2026, 1, 1),
        1e11,
        12,
    )
    assert runs == expected


def test_what_redbeat_has_never_run_runs_at_once() -> None:
    """Without counting the seconds since 1999."""
    after = epoch(2026, 1, 1)
    runs = next_runs(RRule("secondly", 7, dtstart=epoch(1999, 1, 1)), "UTC", after=after, last_run_at=0.0, count=3)
    first = after + (-int(after - epoch(1999, 1, 1)) % 7 or 7)
    assert runs == [Run(after), Run(first), Run(first + 7)]
    assert next_runs(Interval(60), "UTC", after=after, last_run_at=0.0, count=2) == [Run(after), Run(after + 60)]


def test_a_time_runs_once() -> None:
    at = epoch(2026, 12, 1, 8)
    assert next_runs(Clocked(at), "UTC", after=at - 5) == [Run(at)]
    assert beat(lambda **more: clocked(datetime.fromtimestamp(at, UTC), **more), "UTC", at - 5, at + 9, 1) == [at]
    assert next_runs(Clocked(at), "UTC", after=at + 5, last_run_at=at) == []
    assert next_runs(Clocked(at), "UTC", after=at + 5, last_run_at=at - 60) == [Run(at + 5)]  # late, and at once


def test_what_is_overdue_runs_at_once_and_once() -> None:
    after = epoch(2026, 5, 5, 12, 10)
    runs = next_runs(Crontab("0"), "UTC", after=after, last_run_at=epoch(2026, 5, 5, 9), count=2)
    assert runs == [Run(after), Run(epoch(2026, 5, 5, 13))]
    assert runs[0].at == beat(crontab_of(Crontab("0")), "UTC", after, 1e11, 1, last=epoch(2026, 5, 5, 9))[0]


def test_start_and_end() -> None:
    after = epoch(2026, 5, 5, 12, 10)
    start = epoch(2026, 5, 7, 6, 30)
    runs = next_runs(Crontab("0", "7"), "UTC", after=after, start_time=start, expires_at=epoch(2026, 5, 9, 7))
    assert [run.at for run in runs] == [epoch(2026, 5, 7, 7), epoch(2026, 5, 8, 7)]
    assert [run.at for run in next_runs(Interval(60), "UTC", after=after, start_time=start, count=2)] == [
        start,
        start + 60,
    ]
    ran = next_runs(Interval(86_400), "UTC", after=after, start_time=start, last_run_at=start - 60, count=1)
    assert ran == [Run(start + 86_340)]
    assert next_runs(Interval(60), "UTC", after=after, start_time=after - 9, count=1) == [Run(after)]  # never ran


@pytest.mark.parametrize(
    ("text", "after", "walls"),
    [
        ("* * * * *", (2026, 1, 1), ["2026-01-01 00:01", "2026-01-01 00:02", "2026-01-01 00:03"]),
        ("*/7 9-17 * * *", (2026, 1, 1, 9, 50), ["2026-01-01 09:56", "2026-01-01 10:00", "2026-01-01 10:07"]),
        ("0 0 29 2 mon", (2026, 1, 1), ["2044-02-29 00:00", "2072-02-29 00:00"]),
        ("0 0 29 2 mon", (2073, 1, 1), ["2112-02-29 00:00"]),  # 2100 has none
        ("30 6 31 * *", (2026, 1, 31, 6, 30), ["2026-03-31 06:30", "2026-05-31 06:30"]),
        ("5 4 * 1 0", (2026, 12, 30), ["2027-01-03 04:05", "2027-01-10 04:05"]),
    ],
)
def test_times_of_crontabs_whichever_celery_is_installed(text: str, after: tuple[int, ...], walls: list[str]) -> None:
    minute, hour, day, month, weekday = text.split()
    runs = next_runs(Crontab(minute, hour, day, month, weekday), "UTC", after=epoch(*after), count=len(walls))
    assert [f"{datetime.fromtimestamp(run.at, UTC):%Y-%m-%d %H:%M}" for run in runs] == walls


def test_marks() -> None:
    spring = next_runs(Crontab("30", "2"), "Europe/Berlin", after=epoch(2026, 3, 28, 12), count=2)
    assert spring == [
        Run(epoch(2026, 3, 29, 3, 30, zone="Europe/Berlin"), "skipped"),
        Run(epoch(2026, 3, 30, 2, 30, zone="Europe/Berlin")),
    ]
    autumn = next_runs(Crontab("30", "2"), "Europe/Berlin", after=epoch(2026, 10, 24, 12), count=2)
    assert autumn == [Run(epoch(2026, 10, 25, 0, 30), "doubled"), Run(epoch(2026, 10, 26, 1, 30))]
    hourly = next_runs(Crontab("0"), "Europe/Berlin", after=epoch(2026, 3, 28, 23, 30), count=4)
    assert [run.mark for run in hourly] == [""] * 4


@pytest.mark.parametrize(
    ("text", "zone", "says"),
    [
        (
            "30 2 * * *",
            "Europe/Berlin",
            [
                (
                    "2026-10-25: 02:30 happens twice: the clocks in Europe/Berlin go from 03:00 to 02:00; "
                    "it runs the first time only."
                ),
                (
                    "2027-03-28: 02:30 does not exist: the clocks in Europe/Berlin go from 02:00 to 03:00; "
                    "it runs at 03:30."
                ),
            ],
        ),
        (
            "*/30 * * * *",
            "America/New_York",
            [
                (
                    "2026-11-01: 01:00, 01:30 happen twice: the clocks in America/New_York go from 02:00 to 01:00; "
                    "it runs the first time only, so that nothing runs for 90 minutes."
                ),
            ],
        ),
        (
            "15,45 2 * * *",
            "Australia/Lord_Howe",
            [
                (
                    "2026-10-04: 02:15 does not exist: the clocks in Australia/Lord_Howe go from 02:00 to 02:30; "
                    "it runs at 02:45."
                ),
            ],
        ),
        ("0 7 * * *", "Europe/Berlin", []),
        ("30 2 * * *", "Asia/Kolkata", []),
        ("30 2 1 * *", "Europe/Berlin", []),
        ("30 2 31 2 *", "Europe/Berlin", []),
        ("30 2 * * *", "Mars/Olympus", []),
    ],
)
def test_what_changes_of_the_clock_do(text: str, zone: str, says: list[str]) -> None:
    minute, hour, day, month, weekday = text.split()
    found = clock_changes(Crontab(minute, hour, day, month, weekday), zone, after=epoch(2026, 6, 1, 13))
    assert [change.sentence for change in found] == says


def test_what_a_change_of_the_clock_says_is_what_the_runs_are() -> None:
    after = epoch(2026, 6, 1)
    [autumn, spring] = clock_changes(Crontab("0,30", "2"), "Europe/Berlin", after=after)
    assert (autumn.effect, autumn.times, str(autumn.day)) == ("doubled", ("02:00", "02:30"), "2026-10-25")
    assert (spring.effect, spring.wall) == ("skipped", "02:00")
    runs = next_runs(Crontab("0,30", "2"), "Europe/Berlin", after=after, count=700)
    marked = [run for run in runs if run.mark and run.at < epoch(2027, 6, 1)]
    assert [run.mark for run in marked] == ["doubled", "doubled", "skipped"]


NEVER: list[Schedule] = [
    Crontab("0", "0", "31", "2"),
    Crontab("61"),
    Crontab(zone="Mars/Olympus"),
    Interval(0),
    Interval(-5),
    Interval(float("inf")),
    Interval(float("nan")),
    Clocked(1e30),
    Solar("teatime", 0, 0),
    Solar("sunset", 91, 0),
    RRule("fortnightly"),
    RRule("daily", 0),
    RRule("secondly", dtstart=0.0, others=(("bymonth", (2,)), ("bymonthday", (30,)))),
    RRule("daily", dtstart=0.0, count=5, others=(("bymonth", (2,)), ("bymonthday", (30,)))),
    RRule("daily", others=(("bynonsense", (2,)),)),
    RRule("daily", dtstart=1e30),
    Unreadable("?", "It is not JSON."),
]


@pytest.mark.parametrize("made", NEVER, ids=repr)
def test_what_never_runs_has_no_runs(made: Schedule) -> None:
    assert next_runs(made, "Europe/Berlin", after=epoch(2026, 1, 1)) == []


@pytest.mark.parametrize(
    ("schedule", "now", "seconds"),
    [
        (Interval(7.0), epoch(2026, 7, 1), 7.0),
        (Crontab("*/7"), epoch(2026, 7, 1), 240.0),  # from :56 to :00
        (Crontab("0", "0-22/2,23"), epoch(2026, 7, 1, 12), 3_600.0),
        (Crontab("0", "1,3", zone="Europe/Berlin"), epoch(2026, 7, 1), 7_200.0),
        (Crontab("0", "1,3", zone="Europe/Berlin"), epoch(2026, 3, 28), 3_600.0),  # 2 o'clock is left out
        (RRule("daily", dtstart=epoch(2026, 7, 1), count=1), epoch(2026, 7, 1), None),
        (Clocked(epoch(2026, 7, 2)), epoch(2026, 7, 1), None),
        (Unreadable("", "odd"), epoch(2026, 7, 1), None),
    ],
)
def test_the_shortest_pause(schedule: Schedule, now: float, seconds: float | None) -> None:
    assert shortest_pause(schedule, "UTC", now=now) == seconds
