"""An entry as it is given on the command line."""

from __future__ import annotations

import argparse

import pytest

from deskq.cli.options.declaring import declare, made
from deskq.cli.options.schedules import EntryOptions
from deskq.cli.schedule_entry import entry_given
from deskq.errors import UserError
from deskq.schedules.model import Clocked, Crontab, Entry, Interval, RRule

ALL = {Interval, Crontab, Clocked}
NEW = ["--name", "a", "--task", "t"]


def given(arguments: list[str], before: Entry | None = None, kinds: set[type] = ALL) -> Entry:
    parser = argparse.ArgumentParser()
    declare(parser, EntryOptions)
    return entry_given(made(EntryOptions, parser.parse_args(["store", *arguments])), before, kinds)


def test_a_new_entry() -> None:
    assert given([*NEW, "--every", "1.5m", "--args", "[1]", "--queue", "q", "--priority", "0"]) == Entry(
        name="a", task="t", schedule=Interval(90.0), args=[1], options={"queue": "q", "priority": 0}
    )
    assert given([*NEW, "--cron", "30 7 * * mon-fri", "--timezone", "Europe/Berlin"]).schedule == Crontab(
        "30", "7", day_of_week="mon-fri", zone="Europe/Berlin"
    )
    once = given([*NEW, "--at", "2026-03-01T07:30:00+01:00"])
    assert (once.schedule, once.one_off) == (Clocked(1772346600.0), True)
    redbeats = given([*NEW, "--at", "2026-03-01T06:30:00"], kinds={Interval, Crontab, RRule})
    assert (redbeats.schedule, redbeats.one_off) == (RRule("daily", dtstart=1772346600.0, count=1), False)


def test_an_edit_changes_what_is_given_and_nothing_else() -> None:
    before = Entry(
        name="a",
        task="t",
        schedule=Crontab("5"),
        kwargs={"x": 1},
        options={"queue": "q", "odd": 1},
        key="k",
        version="v",
    )
    assert given([], before) == before
    assert given(["--queue", "", "--expires", "60"], before).options == {"odd": 1, "expires": 60.0}
    edited = given(["--name", "b", "--timezone", "Asia/Tokyo", "--kwargs", "{}", "--one-off"], before)
    assert (edited.name, edited.schedule, edited.kwargs, edited.one_off) == (
        "b",
        Crontab("5", zone="Asia/Tokyo"),
        {},
        True,
    )
    assert (edited.key, edited.version, edited.args) == ("k", "v", [])


def test_an_edit_keeps_what_belongs_to_the_same_kind_of_schedule() -> None:
    kolkata = Entry(name="a", task="t", schedule=Crontab("0", "9", zone="Asia/Kolkata"))
    assert given(["--cron", "15 9 * * *"], kolkata).schedule == Crontab("15", "9", zone="Asia/Kolkata")
    moved = given(["--cron", "15 9 * * *", "--timezone", "Asia/Tokyo"], kolkata)
    assert moved.schedule == Crontab("15", "9", zone="Asia/Tokyo")
    assert given(["--cron", "15 9 * * *", "--timezone", ""], kolkata).schedule == Crontab("15", "9")
    rounded = Entry(name="a", task="t", schedule=Interval(60.0, relative=True))
    assert given(["--every", "5m"], rounded).schedule == Interval(300.0, relative=True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--task", "t", "--every", "1s"], "--name"),
        (NEW, "--every"),
        ([*NEW, "--every", "soon"], "span"),
        ([*NEW, "--at", "soon"], "not a time"),
        ([*NEW, "--every", "1s", "--args", "{}"], "--args"),
        ([*NEW, "--timezone", "Asia/Tokyo"], "--cron"),
        ([*NEW, "--timezone", "Asia/Tokyo", "--every", "1s"], "--cron"),
    ],
)
def test_what_is_wrong_is_told(arguments: list[str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        given(arguments)
