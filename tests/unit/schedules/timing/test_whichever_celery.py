"""Next runs are the same whichever Celery is installed beside deskq."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from deskq.schedules.model import Interval, Solar
from deskq.schedules.timing.next_runs import next_runs
from deskq.schedules.timing.validation import check
from deskq.schedules.timing.zones import zone_of


@pytest.mark.parametrize(
    ("minutes", "zone", "after", "walls"),
    [
        # 02:00 happens twice; 5.5 leaves the second one out.
        (60, "Europe/Berlin", (2026, 10, 24, 23, 10), "25 02:00+0200, 25 02:00+0100, 25 03:00+0100"),
        # An hour and a half, rounded down to the hour; 5.5 says 03:30 after the change.
        (90, "Europe/Berlin", (2026, 3, 28, 23, 10), "29 01:00+0100, 29 03:00+0200, 29 04:00+0200"),
        # 6 September has no midnight.
        (1440, "America/Santiago", (2026, 9, 4, 12, 5), "05 00:00-0400, 06 01:00-0300, 07 00:00-0300"),
        # The clock is put back by half an hour.
        (30, "Australia/Lord_Howe", (2026, 4, 4, 14, 10), "05 01:40+1100, 05 01:40+1030, 05 02:10+1030"),
        (60, "Australia/Lord_Howe", (2026, 4, 4, 13, 45), "05 01:00+1100, 05 02:00+1030, 05 03:00+1030"),
        (60, "UTC", (2026, 4, 4, 13, 45), "04 14:00+0000, 04 15:00+0000, 04 16:00+0000"),
    ],
)
def test_relative_intervals(minutes: int, zone: str, after: tuple[int, ...], walls: str) -> None:
    start = datetime(*after, tzinfo=UTC).timestamp()  # type: ignore[misc,arg-type]
    runs = next_runs(Interval(60 * minutes, relative=True), zone, after=start, count=3)
    assert ", ".join(f"{datetime.fromtimestamp(run.at, zone_of(zone)):%d %H:%M%z}" for run in runs) == walls


@pytest.mark.parametrize(
    ("event", "place", "after", "times"),
    [
        # 5.5 and 5.6 say 14:26, with the sun 18 degrees above the horizon.
        ("dusk_astronomical", (52.5, 13.4), (2026, 3, 1), "2026-03-01 18:38, 2026-03-02 18:40"),
        # Not at all from May to July in Berlin: 5.5 raises TypeError.
        ("dawn_astronomical", (52.5, 13.4), (2026, 6, 1), "2026-07-25 23:21, 2026-07-26 23:40"),
        ("sunrise", (69.65, 18.96), (2026, 11, 20), "2026-11-20 08:58, 2026-11-21 09:06"),
        ("solar_noon", (-33.9, 151.2), (2026, 1, 1), "2026-01-01 01:58, 2026-01-02 01:59"),
        ("sunset", (59.9, 10.7), (2026, 6, 21), "2026-06-21 20:43, 2026-06-22 20:43"),
    ],
)
def test_events_of_the_sun(event: str, place: tuple[float, float], after: tuple[int, int, int], times: str) -> None:
    start = datetime(*after, tzinfo=UTC).timestamp()
    runs = next_runs(Solar(event, *place), "Europe/Berlin", after=start, count=2)
    assert ", ".join(f"{datetime.fromtimestamp(run.at, UTC):%Y-%m-%d %H:%M}" for run in runs) == times


def test_what_the_sun_does_not_do() -> None:
    for made in (Solar("moonrise", 0, 0), Solar("sunset", 91, 0), Solar("sunset", 0, float("nan"))):
        assert check(made)
        assert next_runs(made, "UTC", after=0) == []
