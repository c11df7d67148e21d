"""Schedules in words, their checks, and crontabs from text."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deskq.errors import UserError
from deskq.schedules.model import Clocked, Crontab, Interval, RRule, Schedule, Solar, Unreadable
from deskq.schedules.text.descriptions import sentence
from deskq.schedules.timing.crontabs import PRESETS, parse_crontab
from deskq.schedules.timing.next_runs import next_runs
from deskq.schedules.timing.validation import check
from tests.unit.schedules.timing.test_next_runs import NEVER

AT = datetime(2026, 12, 1, 7, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("made", "zone", "words"),
    [
        (Crontab("30", "7", day_of_week="1-5"), "Europe/Berlin", "every weekday at 07:30, Europe/Berlin"),
        (Crontab("30", "7", day_of_week="mon-fri", zone="Asia/Tokyo"), "UTC", "every weekday at 07:30, Asia/Tokyo"),
        (Crontab("0", "8,20"), "", "every day at 08:00 and 20:00"),
        (Crontab("0", "9", day_of_week="sun,wed"), "", "every Wednesday and Sunday at 09:00"),
        (Crontab("*/5"), "", "every 5 minutes"),
        (Crontab(), "", "every minute"),
        (Crontab("0"), "", "every hour, on the hour"),
        (Crontab("17"), "", "every hour at minute 17"),
        (Crontab("5", "*/6"), "", "every day at 00:05, 06:05, 12:05 and 18:05"),
        (Crontab("5", "*/2"), "", "every 2 hours at minute 5"),
        (Crontab("*/7", "9-17"), "", "at minutes 0, 7, 14 … 56 of the hours 9 to 17"),
        (Crontab("0", "6", "1"), "", "at 06:00, on day 1 of the month"),
        (
            Crontab("0", "6", "13", day_of_week="5"),
            "",
            "at 06:00, on day 13 of the month, only on Friday; day of month and day of week must both match",
        ),
        (Crontab("61"), "UTC", "not understood: 61 * * * *, UTC"),
        (Crontab("0", "0", "31", "2"), "", "never: 0 0 31 2 *"),
        (Interval(300), "UTC", "every 5 minutes"),
        (Interval(86_400), "", "every day"),
        (Interval(5_400), "", "every 90 minutes"),
        (Interval(3_661.5), "", "every 1 hour 1 minute 1.5 seconds"),
        (Interval(0.5), "", "every 0.5 seconds"),
        (Interval(7_200, relative=True), "", "every 2 hours, on the hour"),
        (Clocked(AT), "Europe/Berlin", "once on 2026-12-01 08:00, Europe/Berlin"),
        (Clocked(AT + 5), "", "once on 2026-12-01 07:00:05 UTC"),
        (Solar("sunset", 52.5, 13.4), "UTC", "at sunset at 52.5°, 13.4°"),
        (Solar("dawn_civil", -33, 151), "UTC", "at civil dawn at -33°, 151°"),
        (
            RRule("weekly", 2, byweekday=((0, 0), (4, -1)), dtstart=AT, count=3),
            "",
            "every 2 weeks on Monday and the last Friday, from 2026-12-01 07:00 UTC, 3 times",
        ),
        (
            RRule("yearly", until=AT, until_offset=60, others=(("bymonth", (3, 5)), ("byhour", (7,)))),
            "",
            "every year in March and May in hour 7, until 2026-12-01 08:00 +0100",
        ),
        (Unreadable("{", "It is not JSON."), "", "not understood: {"),
    ],
)
def test_in_words(made: Schedule, zone: str, words: str) -> None:
    assert sentence(made, zone) == words


@pytest.mark.parametrize("made", NEVER, ids=repr)
def test_what_never_runs_is_told(made: Schedule) -> None:
    assert check(made).endswith(".")
    assert sentence(made, "UTC")


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (Crontab("61"), "Invalid minute “61”"),
        (Crontab(hour="24"), "Invalid hour “24”"),
        (Crontab(day_of_month="0"), "Invalid day of month “0”"),
        (Crontab(month_of_year="june-xyz"), "Invalid month “june-xyz”"),
        (Crontab(day_of_week="7"), "Invalid day of week “7”"),
        (Crontab(minute="*/0"), "Invalid minute “*/0”"),
        (Crontab(minute=""), "Invalid minute “”"),
        (Crontab(minute="-"), "Invalid minute “-”"),
        (Crontab("0", "0", "31", "2"), "The crontab never runs: no month 2 has a day 31."),
        (Crontab(zone="../etc"), "Unknown time zone “../etc”"),
        (Interval(0), "must be more than 0"),
        (Solar("teatime", 0, 0), "not a solar event"),
        (RRule("secondly", dtstart=0.0, others=(("bymonth", (2,)), ("bymonthday", (30,)))), "never runs"),
        (Unreadable("{", "It is not JSON."), "It is not JSON."),
    ],
)
def test_what_is_wrong(made: Schedule, says: str) -> None:
    assert says in check(made, "Europe/Berlin")


def test_what_is_right() -> None:
    for preset in PRESETS:
        assert check(preset.schedule) == ""
        assert len(next_runs(preset.schedule, "Europe/Berlin", after=AT)) == 10
    assert check(Crontab(), "Mars/Olympus").startswith("Unknown time zone")
    assert check(RRule("daily")) == ""


def test_crontabs_from_text() -> None:
    assert parse_crontab(" 30  7 * * 1-5 ", "Europe/Berlin") == Crontab("30", "7", "*", "*", "1-5", "Europe/Berlin")
    with pytest.raises(UserError, match=r"five fields .*, not 4"):
        parse_crontab("* * * *")
    with pytest.raises(UserError, match="Invalid hour “25”"):
        parse_crontab("0 25 * * *")
    with pytest.raises(UserError, match="Unknown time zone"):
        parse_crontab("0 5 * * *", "Mars/Olympus")


@given(st.text(max_size=30) | st.text("*/,-0123456789 abcmonfri", max_size=20))
@settings(max_examples=200)
def test_any_text_is_a_crontab_or_told(text: str) -> None:
    try:
        made = parse_crontab(text)
    except UserError:
        made = Crontab(text)
    problem = check(made)
    assert sentence(made)
    assert not (problem and next_runs(made, "UTC", after=AT))
