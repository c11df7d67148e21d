"""Whatever stands in a store, each entry is told for itself: reading, next runs and sentences never raise."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deskq.schedules.model import Entry, StoreKind
from deskq.schedules.stores.redbeat.entries import entry_of
from deskq.schedules.stores.redbeat.entry_json import FREQUENCIES, RULES
from deskq.schedules.text.descriptions import sentence
from deskq.schedules.timing.next_runs import clock_changes, due_since, entry_runs

STORE: Any = SimpleNamespace(kind=StoreKind.REDBEAT, zone="Europe/Berlin")
NOW = 1_795_000_000.0
NUMBERS = st.integers(-(10**6), 10**6) | st.sampled_from([0, 1, -1, 366, 10**12, 2**63, 10**400])
ANY = st.none() | st.booleans() | NUMBERS | st.floats(allow_nan=True) | st.text(max_size=5)
SOME = st.recursive(
    ANY, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner), max_leaves=4
)
SMALL = st.integers(-400, 400)
RRULES = st.fixed_dictionaries(
    {"__type__": st.just("rrule"), "freq": st.integers(0, 6) | ANY},
    optional={
        "interval": st.integers(1, 500) | ANY,
        "dtstart": st.sampled_from([0, 1_790_000_000, 4e9, -1e9]) | NUMBERS,
        "dtstart_tz": SMALL | ANY,
        "until": NUMBERS,
        "count": st.integers(0, 9) | ANY,
        "wkst": st.integers(-1, 8),
        "byweekday": st.lists(st.integers(-1, 8) | SOME, max_size=3),
        **{key: st.lists(SMALL, max_size=3) | SMALL for key in RULES},
    },
)
CRONTABS = st.fixed_dictionaries(
    {"__type__": st.just("crontab")},
    optional={
        key: st.text("0123456789*/,-monfriL", max_size=8) | ANY
        for key in ("minute", "hour", "day_of_week", "day_of_month", "month_of_year")
    },
)
INTERVALS = st.fixed_dictionaries({"__type__": st.just("interval"), "every": ANY, "relative": ANY})
SCHEDULES = RRULES | CRONTABS | INTERVALS | SOME
DEFINITIONS = st.fixed_dictionaries(
    {"name": st.just("a") | ANY, "task": st.just("t") | ANY, "schedule": SCHEDULES},
    optional={"args": SOME, "kwargs": SOME, "options": SOME, "enabled": ANY, "total_run_count": ANY},
)
METAS = st.fixed_dictionaries(
    {"last_run_at": st.fixed_dictionaries({"__type__": st.just("datetime"), "year": NUMBERS, "month": NUMBERS}) | SOME}
)


def looked_at(entry: Entry) -> None:
    """All that the window does with an entry that was read."""
    assert isinstance(sentence(entry.schedule, STORE.zone), str)
    entry_runs(entry, STORE, after=NOW, count=3)
    due_since(entry, STORE, now=NOW)
    clock_changes(entry.schedule, STORE.zone, after=NOW)
    assert isinstance(entry.queue, str)


@settings(max_examples=300)
@given(DEFINITIONS, st.none() | METAS)
def test_whatever_redbeat_holds(definition: dict[str, Any], meta: Any) -> None:
    text = json.dumps(definition).encode()
    told = None if meta is None else json.dumps(meta).encode()
    looked_at(entry_of("redbeat:a", "redbeat:", text, told, due_at=NOW, zone=STORE.zone))


@pytest.mark.parametrize("freq", ["secondly", "minutely", "hourly"])
@pytest.mark.parametrize("position", [-129, 3])
def test_positions_that_no_set_has_are_not_looked_for(freq: str, position: int) -> None:
    """dateutil looks for them second by second, until the year 9999."""
    rule = {"__type__": "rrule", "freq": FREQUENCIES.index(freq), "dtstart": 0, "bysetpos": position}
    text = json.dumps({"name": "a", "task": "t", "schedule": rule}).encode()
    entry = entry_of("redbeat:a", "redbeat:", text, None, due_at=NOW, zone=STORE.zone)
    looked_at(entry)
    assert "never runs" in entry.problem
    enough = {**rule, "bysetpos": [-1, position], "bysecond": [1, 2], "byminute": [0, 30]}
    text = json.dumps({"name": "a", "task": "t", "schedule": enough}).encode()
    entry = entry_of("redbeat:a", "redbeat:", text, None, due_at=NOW, zone=STORE.zone)
    assert not entry.problem
    assert len(entry_runs(entry, STORE, after=NOW, count=3)) == 3


@pytest.mark.parametrize("freq", range(len(FREQUENCIES)))
@pytest.mark.parametrize("days", [300, -300, 0])
def test_easter_that_is_far_away(freq: int, days: int) -> None:
    rule = {"__type__": "rrule", "freq": freq, "dtstart": 0, "byeaster": [days]}
    text = json.dumps({"name": "a", "task": "t", "schedule": rule}).encode()
    entry = entry_of("redbeat:a", "redbeat:", text, None, due_at=NOW, zone=STORE.zone)
    looked_at(entry)
    assert ("dateutil cannot handle" in entry.problem) is (days == 300)
