"""Stores that are read bit by bit: what there is so far, what stays in sight, and when next runs are computed."""

from __future__ import annotations

import math
import time
from contextlib import closing

import pytest

from deskq.profiles import Profile
from deskq.schedules.model import Crontab, Interval, whole
from deskq.schedules.opening import open_store
from deskq.schedules.profile_reader import ScheduleReader
from tests.support.schedule_entries import added, entry, names


def filled(url: str, count: int) -> None:
    with closing(open_store(url)) as store:
        for number in range(count):
            added(store, entry(f"e{number:04}", Crontab(str(number % 60), "3"), last_run_at=time.time()))


def test_parts_are_what_the_whole_is(redis_url: str) -> None:
    filled(redis_url, 130)
    with closing(open_store(redis_url)) as store, closing(open_store(redis_url)) as other:
        parts = list(store.read_in_parts())
        assert [len(part.entries) for part in parts] == [100, 30]
        assert {part.expected for part in parts} == {130}
        due = [one.due_at for part in parts for one in part.entries]
        assert due == sorted(due, key=lambda at: at or 0.0)  # what runs soonest comes first
        content = whole(other.read_in_parts())
        assert sorted(one.name for part in parts for one in part.entries) == [one.name for one in content.entries]


def test_rows_come_bit_by_bit_and_stay_while_they_are_read_again(redis_url: str) -> None:
    filled(redis_url, 130)
    with closing(ScheduleReader(Profile.from_url(redis_url))) as reader, closing(open_store(redis_url)) as store:
        reader.begin()
        assert reader.read_on(0.0)
        (state,) = reader.states()
        assert (state.count, state.expected, state.read_at) == (100, 130, None)
        first = reader.rows()[:5]
        assert all(row.looked_at is None and not row.sentence for row in first)
        assert reader.look_ahead([row.key for row in first], math.inf)  # those alone, since not all is read
        looked = [row for row in reader.rows() if row.looked_at is not None]
        assert [row.key for row in looked] == [row.key for row in first]
        assert all("03:" in row.sentence and row.next_run is not None for row in looked)
        assert reader.read_on(0.0)
        assert not reader.read_on(0.0)  # only its end was left
        (state,) = reader.states()
        assert (state.count, state.expected) == (130, None)
        assert not reader.look_ahead((), math.inf)
        assert all(row.looked_at is not None for row in reader.rows())

        store.replace(names(store)["e0000"], None)
        known = {row.key: row for row in reader.rows()}
        reader.begin()
        assert reader.read_on(0.0)
        assert len(reader.rows()) == 130
        assert reader.states()[0].expected is None
        while reader.read_on(0.0):
            pass
        assert len(reader.rows()) == 129
        assert all(known[row.key] is row for row in reader.rows())  # nothing is made anew, nor computed again


def test_what_is_begun_again_loses_nothing(redis_url: str) -> None:
    filled(redis_url, 120)
    profile = Profile.from_url(
        redis_url, schedule_stores=(f"redbeat:{redis_url}", f"redbeat:{redis_url}?prefix=other:", "nonsense")
    )
    with closing(ScheduleReader(profile)) as reader:
        reader.begin()
        reader.read_on(0.0)
        states = reader.read()
        assert [state.count for state in states] == [120, 0, 0]
        assert [bool(state.problem) for state in states] == [False, False, True]
        assert not reader.read_on(math.inf)


def test_what_is_overdue_is_computed_once(redis_url: str) -> None:
    with closing(open_store(redis_url)) as store:
        added(store, entry("late", Interval(10.0), last_run_at=time.time() - 100))
        added(store, entry("soon", Interval(0.5), last_run_at=time.time()))
    with closing(ScheduleReader(Profile.from_url(redis_url))) as reader:
        reader.read()
        assert not reader.look_ahead()
        late, soon = reader.rows()
        assert late.overdue
        assert not soon.overdue
        assert soon.next_run is not None
        later = soon.next_run.at + 1
        assert soon.due(later)
        assert not late.due(later)  # beat has to run it: until then there is nothing new to be said
        reader.read()
        assert not reader.look_ahead()
        assert reader.rows()[0] is late


@pytest.mark.parametrize("count", [0, 1])
def test_a_store_of_few_is_whole_at_once(redis_url: str, count: int) -> None:
    filled(redis_url, count)
    with closing(ScheduleReader(Profile.from_url(redis_url))) as reader:
        assert [state.count for state in reader.read()] == [count]
        assert len(reader.rows()) == count
