"""A schedule as a line of text, both ways."""

from __future__ import annotations

import pytest
from hypothesis import given

from deskq.errors import UserError
from deskq.schedules.model import Clocked, Crontab, Interval, Schedule, Solar
from deskq.schedules.text.compact import schedule_from_text, schedule_to_text, span_of
from deskq.schedules.text.toml import schedule_to_plain
from tests.unit.schedules.text.test_toml import CRONTABS, INTERVALS, RRULES


@given(CRONTABS | INTERVALS | RRULES)
def test_what_is_written_is_read_again(schedule: Schedule) -> None:
    kind = schedule_to_plain(schedule)["kind"]
    again = schedule_from_text(schedule_to_text(schedule), kind)
    if isinstance(schedule, Interval):
        assert isinstance(again, Interval)
        assert again.relative == schedule.relative
        assert again.seconds == pytest.approx(schedule.seconds, rel=1e-12)
    else:
        assert again == schedule


def test_texts_that_people_write() -> None:
    assert schedule_from_text("30 2 * * mon-fri", "crontab", "Asia/Tokyo") == Crontab(
        "30", "2", day_of_week="mon-fri", zone="Asia/Tokyo"
    )
    assert schedule_from_text(" 90 ", "interval") == Interval(90.0)
    assert schedule_from_text("10m relative", "interval") == Interval(600.0, relative=True)
    assert schedule_to_text(Interval(7_200.0)) == "2h"
    assert schedule_to_text(Interval(0.25)) == "0.25s"
    assert span_of(86_400.0 * 3) == (3.0, "d")
    assert schedule_from_text('{"at": "2026-12-01T07:30:00+00:00"}', "clocked") == Clocked(1_796_110_200.0)
    assert schedule_from_text(schedule_to_text(Solar("sunset", 52.5, 13.4)), "solar") == Solar("sunset", 52.5, 13.4)


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("30 2 * *", "crontab", "five fields"),
        ("61 * * * *", "crontab", "61"),
        ("soon", "interval", "not a time span"),
        ("{", "rrule", "Invalid JSON"),
        ("[" * 100_000, "rrule", "Invalid JSON"),
        ("[1]", "solar", "not a JSON object"),
        ('{"freq": "often"}', "rrule", "freq"),
        ('{"freq": "daily", "more": 1}', "rrule", "more"),
    ],
)
def test_mistakes_are_told(text: str, kind: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        schedule_from_text(text, kind)
