"""What a sentence claims is what runs, over crontabs as people write them: read back from its words alone."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings

from deskq.errors import UserError
from deskq.schedules.model import Crontab
from deskq.schedules.text.descriptions import sentence
from deskq.schedules.timing.crontabs import crontab_problem, misread, parse_crontab
from deskq.schedules.timing.next_runs import next_runs
from tests.unit.schedules.timing.test_next_runs import crontabs

AFTER = datetime(2026, 11, 26, 0, 26, 40, tzinfo=UTC).timestamp()
COUNT = 40
DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
CRONTABS = [
    schedule
    for line in Path(__file__).with_name("crontabs.txt").read_text().splitlines()
    if len(line.split()) == 5 and not crontab_problem(schedule := Crontab(*line.split()))
]


class Claim:
    """The minutes of a day, and the dates, that a sentence names."""

    def __init__(self, words: str) -> None:
        self.days, self.months, self.weekdays = set(range(1, 32)), set(range(1, 13)), set(range(7))
        words = words.partition(";")[0]
        if found := re.search(r", only (?:in|from) ((?:{}).*)$".format("|".join(MONTHS)), words):
            words, self.months = words[: found.start()], {place + 1 for place in _named(found[1], MONTHS)}
        if found := re.search(r", only (?:on|from) (.*)$", words):
            words, self.weekdays = words[: found.start()], _named(found[1], DAYS)
        if found := re.search(r", on days? (.*) of the month$", words):
            words, self.days = words[: found.start()], _numbered(found[1])
        if found := re.match(r"every (day|weekday|[A-Z].*?) (?=at \d)", words):
            words = words[found.end() :]
            self.weekdays = {"day": set(range(7)), "weekday": {1, 2, 3, 4, 5}}.get(found[1]) or _named(found[1], DAYS)
        self.minutes = _minutes(words)

    def count(self, first: datetime, last: datetime) -> int:
        """How many claimed minutes there are after the first and up to the last."""
        day, found = first.date(), 0
        while day <= last.date():
            if self.on(day):
                begin = first.hour * 60 + first.minute if day == first.date() else -1
                end = last.hour * 60 + last.minute if day == last.date() else 1440
                found += sum(begin < minute <= end for minute in self.minutes)
            day += timedelta(days=1)
        return found

    def on(self, day: date) -> bool:
        return day.day in self.days and day.month in self.months and day.isoweekday() % 7 in self.weekdays


def _minutes(words: str) -> set[int]:
    if words == "every hour, on the hour":
        return set(range(0, 1440, 60))
    if found := re.fullmatch(r"every (?:(\d+) )?hours? at minute (\d+)", words):
        return set(range(int(found[2]), 1440, 60 * int(found[1] or 1)))
    if found := re.fullmatch(r"every (?:(\d+) )?(hour|minute)s?,? from (\d\d):(\d\d) to (\d\d):(\d\d)", words):
        step = int(found[1] or 1) * (60 if found[2] == "hour" else 1)
        first, last = int(found[3]) * 60 + int(found[4]), int(found[5]) * 60 + int(found[6])
        return {minute % 1440 for minute in range(first, last + 1 + (1440 if last < first else 0), step)}
    if found := re.fullmatch(r"every (?:(\d+) )?minutes?(?: from minute (\d+))?(?:, in the hours (.*))?", words):
        hours = set(range(24)) if found[3] is None else _numbered(found[3])
        return {hour * 60 + minute for hour in hours for minute in range(int(found[2] or 0), 60, int(found[1] or 1))}
    if found := re.fullmatch(r"at minutes? (.*) of (?:every hour|the hours? (.*))", words):
        hours = set(range(24)) if found[2] is None else _numbered(found[2])
        return {hour * 60 + minute for hour in hours for minute in _numbered(found[1])}
    assert re.fullmatch(r"at (\d\d:\d\d(, | and )?)+", words), words
    return {int(hour) * 60 + int(minute) for hour, minute in re.findall(r"(\d\d):(\d\d)", words)}


def _numbered(words: str) -> set[int]:
    if found := re.fullmatch(r"(\d+), (\d+), \d+ … (\d+)", words):
        return set(range(int(found[1]), int(found[3]) + 1, int(found[2]) - int(found[1])))
    numbers = set()
    for part in re.split(r", | and ", words):
        first, _, last = part.partition(" to ")
        numbers |= set(range(int(first), int(last or first) + 1))
    return numbers


def _named(words: str, names: tuple[str, ...]) -> set[int]:
    first, to, last = words.partition(" to ")
    if to:
        begin, end = names.index(first), names.index(last)
        return {place % len(names) for place in range(begin, end + 1 + (len(names) if end < begin else 0))}
    return {names.index(part) for part in re.split(r", | and ", words)}


def judge(schedule: Crontab) -> None:
    words = sentence(schedule)
    claim = Claim(words)
    runs = [datetime.fromtimestamp(run.at, UTC) for run in next_runs(schedule, "UTC", after=AFTER, count=COUNT)]
    assert runs, words
    for run in runs:
        assert claim.on(run.date()), (words, run)
        assert run.hour * 60 + run.minute in claim.minutes, (words, run)
    while runs[-1] - runs[0] > timedelta(days=4_000):
        runs.pop()
    assert claim.count(runs[0], runs[-1]) == len(runs) - 1, words
    both = len(claim.days) < 31 and len(claim.weekdays) < 7
    assert ("must both match" in words) == both


@pytest.mark.parametrize("schedule", CRONTABS, ids=lambda schedule: schedule.text)
def test_real_crontabs_run_as_their_sentences_say(schedule: Crontab) -> None:
    judge(schedule)


@settings(max_examples=300)
@given(crontabs)
def test_any_crontab_runs_as_its_sentence_says(schedule: Crontab) -> None:
    judge(schedule)


def test_there_are_enough_of_them() -> None:
    assert len(CRONTABS) > 250


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 9-17 * * 1-5", "every hour from 09:00 to 17:00, only from Monday to Friday"),
        ("0 20-3 * * *", "every hour from 20:00 to 03:00"),
        ("0 20-3 * * 1", "at minute 0 of the hours 0 to 3 and 20 to 23, only on Monday"),
        ("*/40 * * * *", "at minutes 0 and 40 of every hour"),
        ("*/7 9-17 * * *", "at minutes 0, 7, 14 … 56 of the hours 9 to 17"),
        ("*/20,5 1-23/2 * * *", "at minutes 0, 5, 20 and 40 of the hours 1, 3, 5 … 23"),
        ("2-59/5 * * * *", "every 5 minutes from minute 2"),
        ("*/5 8 * * mon", "every 5 minutes, from 08:00 to 08:55, only on Monday"),
        ("0 0 */2 * *", "at 00:00, on days 1, 3, 5 … 31 of the month"),
        ("0 0 */31 * *", "at 00:00, on day 1 of the month"),
        ("30 7 8-14 * thursday", "at 07:30, on days 8 to 14 of the month, only on Thursday"),
        ("30 14 * oct *", "every day at 14:30, only in October"),
        ("0 9 * * mon#3", "every Monday at 09:00; Celery ignores a part of “mon#3”"),
    ],
)
def test_words(text: str, words: str) -> None:
    assert sentence(parse_crontab(text)).removesuffix("; day of month and day of week must both match") == words


@pytest.mark.parametrize("text", ["* * * * mon#3", "* * * * 1-5#2", "* * * * sat/2", "mon * * * *", "* * * * monthly"])
def test_what_celery_reads_otherwise_is_told(text: str) -> None:
    assert misread(parse_crontab(text)).startswith("Celery ignores a part of “")


@pytest.mark.parametrize("text", ["*/5 1-5,7 1-9/2 jan,sept tues-FRI", "1,2 * * * sunday", "0 0 1 1-12/2 *"])
def test_what_celery_reads_to_the_end_is_not(text: str) -> None:
    assert misread(parse_crontab(text)) == ""


def test_a_step_after_one_number_is_told_in_words() -> None:
    with pytest.raises(UserError, match=r"no step after a single number: write 1-23/12\. "):
        parse_crontab("0 1/12 * * *")
    with pytest.raises(UserError, match="“noon”: Celery knows no such name or number"):
        parse_crontab("0 noon * * *")
