"""What is said of a time line: collisions, lanes, changes of the clock, and what is left out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from deskq.models.schedules.timeline import (
    ShownTimeline,
    about_words,
    collision_words,
    lane_words,
    later_words,
    nothing_words,
    planned_otherwise,
)
from deskq.profiles import Profile
from deskq.schedules.model import Crontab, Entry, StoreKind
from deskq.schedules.profile_reader import ScheduleRow
from deskq.schedules.timing.collisions import Band, Collision, Lane, Mark, Timeline
from deskq.services.schedules.following import day_time
from deskq.services.schedules.shown import ShownSchedule

SHOP = Profile.from_url("redis://127.0.0.1:1/0", name="shop")


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def row(name: str, sentence: str = "") -> ShownSchedule:
    entry = Entry(name=name, task="t", schedule=Crontab("0", "2"))
    return ShownSchedule(SHOP, ScheduleRow(entry, "redbeat:x", "redbeat", StoreKind.REDBEAT, "UTC", sentence))


def made(names: list[str], lanes: list[Lane], *collisions: Collision, **more: Any) -> ShownTimeline:
    start = time.time()
    order = tuple(range(len(names)))
    line = Timeline(start, start + 86_400, order, tuple(lanes), collisions, sum(lane.cut is not None for lane in lanes))
    given: dict[str, Any] = {"marks": (), "disabled": 0, "unusable": 0, "several": False} | more
    return ShownTimeline(line, tuple(map(row, names)), **given)


def test_a_collision_names_the_rarest_and_counts_the_rest() -> None:
    at = time.time() // 60 * 60
    clock = time.strftime("%H:%M", time.localtime(at))
    names = ["nightly", "backup\u202e", "<i>sync</i>", "d"]
    lanes = [Lane([at])] * 4
    two, five = Collision(at, 2, (0, 1)), Collision(at, 5, (0, 1, 2, 3))
    shown = made(names, lanes, two, five)
    assert collision_words(shown, two) == f"{clock}: nightly and backup⟨U+202E⟩"
    assert collision_words(shown, five) == f"{clock}: nightly, backup⟨U+202E⟩, <i>sync</i> and 2 more"
    assert collision_words(replace(shown, several=True), two) == f"{clock}: nightly (shop) and backup⟨U+202E⟩ (shop)"


def test_an_hour_that_happens_twice_is_told_apart() -> None:
    at = 1_792_888_200.0  # 2026-10-25 00:30 UTC: 02:30 CEST; an hour later it is 02:30 again
    moved = (Mark(1_792_890_000.0, 2, day=False, moved=-3_600),)
    first, second = Collision(at, 2, (0, 1)), Collision(at + 3_600, 2, (0, 1))
    shown = made(["a", "b"], [Lane([at, at + 3_600])] * 2, first, second, marks=moved)
    assert "02:30 CEST: a and b" in collision_words(shown, first)
    assert "02:30 CET: a and b" in collision_words(shown, second)
    assert "Clock change: back by 1 h 0 min to " in about_words(shown)
    assert "forward by 30 min 0 s" in about_words(replace(shown, marks=(Mark(at, 3, day=False, moved=1_800),)))


def test_a_lane_says_how_often_or_when() -> None:
    now = time.time()
    shown = made(["a", "b", "c"], [Lane([now]), Lane((), (Band(now, now + 600, 60.0),), None, now + 600), Lane()])
    clock = time.strftime("%H:%M", time.localtime(now))
    assert lane_words(shown, 0) == f"a · 1 run, the first {clock}"
    assert lane_words(shown, 0, now) == f"a · runs {clock}"
    assert lane_words(shown, 1).startswith(f"b · about 11 runs, the first {clock} · computed up to ")
    assert lane_words(shown, 2) == "c · has no further runs"
    assert later_words(Lane(later=now + 40 * 86_400)).startswith("runs next ")
    with_sentence = replace(shown, rows=(row("a", "every day at 02:00, UTC"),))
    assert lane_words(with_sentence, 0) == f"a: every day at 02:00, UTC · 1 run, the first {clock}"


def test_what_is_left_out_is_said() -> None:
    shown = made(["a"], [Lane([1.0], cut=5.0)], disabled=2, unusable=1)
    assert about_words(shown) == (
        "1 schedule from now on, by this machine's clock. No two start in the same minute. Left out: 2 disabled, "
        "1 invalid. 1 schedule is too frequent; only the first runs are shown."
    )
    nothing = made([], [], disabled=2, unusable=1)
    assert nothing_words(nothing) == (
        "Nothing will run",
        "2 schedules are disabled. 1 schedule cannot be used by beat.",
    )


def test_a_run_is_no_other_plan_and_an_edit_is() -> None:
    def edited(one: ShownSchedule, **more: Any) -> ShownSchedule:
        return replace(one, row=replace(one.row, entry=replace(one.entry, **more)))

    rows = [row("a"), row("b")]
    assert not planned_otherwise(rows, rows[::-1])
    assert not planned_otherwise(rows, [rows[0], edited(rows[1], last_run_at=5.0, total_run_count=3)])
    assert not planned_otherwise(rows, [replace(rows[0], seen=()), rows[1]])
    assert planned_otherwise(rows, [rows[0], edited(rows[1], enabled=False)])
    assert planned_otherwise(rows, [rows[0], edited(rows[1], schedule=Crontab("0", "3"))])
    assert planned_otherwise(rows, rows[:1])
    assert planned_otherwise(rows, [*rows, row("c")])


def test_a_date_of_another_year_says_so_and_fits() -> None:
    now = datetime.now(UTC)
    this, other = now.replace(month=3, day=2, hour=9, minute=0, second=0), now.year + 1
    assert day_time(this) == f"{this:%a %d %b} 09:00:00"
    assert day_time(this.replace(year=other)).endswith(f"02 Mar {other} 09:00")
    assert day_time(this.replace(year=other, second=5)).endswith(f"02 Mar {other} 09:00:05")
