"""What runs in each hour of a week: exactly where it is sparse, by its pattern where it is dense."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from deskq.schedules.base import Crontab, Entry, Interval
from deskq.schedules.load import HOUR, hours_of
from deskq.schedules.opening import open_store
from deskq.schedules.preview import entry_runs

START = datetime(2026, 11, 23, tzinfo=UTC).timestamp()  # a Monday
NOW = START + 10 * HOUR + 600
STORE: Any = open_store("redbeat:redis://127.0.0.1:1/0")


def made(name: str, schedule: Any, **more: Any) -> Entry:
    return Entry(name=name, task="t", schedule=schedule, last_run_at=NOW - 1, **more)


@pytest.mark.parametrize(
    "schedule",
    [
        Crontab("30", "2", day_of_week="mon-fri"),
        Crontab("*/10", "9-17", day_of_week="1,3"),
        Crontab("*/7", "*"),
        Crontab("0", "*", zone="Asia/Kolkata"),
        Interval(6 * 3_600.0),
    ],
)
def test_it_is_what_beat_runs(schedule: Any) -> None:
    entry = made("a", schedule)
    runs = [run.at for run in entry_runs(entry, STORE, after=NOW, count=2_000) if run.at < START + 168 * HOUR]
    expected = Counter(int((at - START) // HOUR) for at in runs)
    hours = hours_of([(entry, STORE)], START, 168, now=NOW)
    found = {place: load.total for place, load in enumerate(hours) if load.total}
    first = int((NOW - START) // HOUR)
    assert {k: v for k, v in found.items() if k > first} == {k: v for k, v in expected.items() if k > first}


def test_dense_intervals_are_spread_and_others_are_silent() -> None:
    entries = [made("often", Interval(10.0)), made("off", Interval(10.0), enabled=False), made("broken", Crontab("61"))]
    hours = hours_of([(each, STORE) for each in entries], START, 168, now=NOW)
    assert hours[9].total == 0
    assert hours[10].runs == {"often": 300}
    assert hours[11].runs == {"often": 360}
    assert {load.total for load in hours[11:]} == {360}
