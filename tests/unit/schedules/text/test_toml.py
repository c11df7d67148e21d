"""Entries as plain values, TOML, JSON and Python, and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from celery.schedules import crontab, solar
from hypothesis import given, settings
from hypothesis import strategies as st

from deskq.errors import UserError
from deskq.schedules.model import Clocked, Crontab, Entry, Interval, RRule, Solar, Unreadable
from deskq.schedules.stores.redbeat.entry_json import definition_text
from deskq.schedules.text.python_source import to_python
from deskq.schedules.text.toml import (
    FREQUENCIES,
    RULES,
    entry_from_plain,
    entry_to_plain,
    store_from_toml,
    store_to_toml,
)

_TIMES = st.floats(0, 4e9)
_TEXTS = st.text(max_size=12)
_NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=6,
)
_OFFSETS = st.integers(-14 * 60, 14 * 60).map(float)
_WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
INTERVALS = st.builds(Interval, st.floats(0.001, 1e8), st.booleans())
CRONTABS = st.builds(
    Crontab,
    *(st.sampled_from(["*", "0", "*/5", "1,7"]), st.sampled_from(["*", "7", "0-6", "*/2"])),
    *(st.sampled_from(["*", "1", "15-20"]), st.sampled_from(["*", "1,6", "*/3"]), st.sampled_from(["*", "mon-fri"])),
)
RRULES = st.builds(
    RRule,
    st.sampled_from(FREQUENCIES),
    st.integers(1, 50),
    st.integers(0, 2_000_000_000).map(float),
    _OFFSETS,
    st.none() | st.integers(2_000_000_000, 3_000_000_000).map(float),
    st.just(0.0),
    st.none() | st.integers(1, 9),
    st.none() | st.integers(0, 6),
    st.lists(st.tuples(st.integers(0, 6), st.just(0)), max_size=3, unique=True).map(tuple),
    st.sets(st.sampled_from(RULES[1:4])).map(lambda keys: tuple((key, (1, 2)) for key in RULES if key in keys)),
)
_SCHEDULES = st.one_of(
    INTERVALS,
    CRONTABS,
    CRONTABS.map(lambda made: Crontab(made.minute, zone="Europe/Berlin")),
    st.builds(Clocked, _TIMES),
    st.builds(Solar, st.just("sunset"), st.floats(-90, 90), st.floats(-180, 180)),
    RRULES,
    st.builds(Unreadable, _WORDS, _WORDS),
)
_ENTRIES = st.builds(
    Entry,
    name=_NAMES,
    task=_NAMES,
    schedule=_SCHEDULES,
    args=st.lists(_JSON, max_size=3),
    kwargs=st.dictionaries(_TEXTS, _JSON, max_size=3),
    options=st.dictionaries(_TEXTS, _JSON, max_size=3),
    enabled=st.booleans(),
    one_off=st.booleans(),
    start_time=st.none() | _TIMES,
    expires_at=st.none() | _TIMES,
    description=_WORDS,
)


@given(_ENTRIES)
def test_an_entry_survives_plain_values_and_json(entry: Entry) -> None:
    assert entry_from_plain(entry_to_plain(entry)) == entry
    assert entry_from_plain(json.loads(json.dumps(entry_to_plain(entry), sort_keys=True))) == entry


@settings(max_examples=60)
@given(st.lists(_ENTRIES, max_size=3, unique_by=lambda entry: entry.name))
def test_a_store_survives_toml(entries: list[Entry]) -> None:
    assert store_from_toml(store_to_toml(entries)) == entries


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"task": 5}, "task"),
        ({"args": {}}, "args"),
        ({"kwargs": {"a": float("nan")}}, "kwargs"),
        ({"enabled": "yes"}, "enabled"),
        ({"start_time": "soon"}, "start_time"),
        ({"start_time": "2026-03-01T07:30:00"}, "start_time"),
        ({"nmae": "a"}, "nmae"),
        ({"schedule": {"kind": "weekly"}}, "schedule.kind"),
        ({"schedule": {"kind": "interval"}}, "schedule.seconds"),
        ({"schedule": {"kind": "crontab", "minute": 5}}, "schedule.minute"),
        ({"schedule": {"kind": "rrule", "freq": "often"}}, "schedule.freq"),
        ({"schedule": {"kind": "rrule", "freq": "daily", "byweekday": [1]}}, "schedule.byweekday"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], field: str) -> None:
    right = {"name": "a", "task": "t", "schedule": {"kind": "interval", "seconds": 5}}
    assert entry_from_plain(right).schedule == Interval(5.0)
    with pytest.raises(UserError, match=f"“{field}”"):
        entry_from_plain({**right, **change})


def test_a_person_may_write_tables_and_times_into_the_file() -> None:
    (entry,) = store_from_toml(
        'version = 1\n[[entry]]\nname = "a"\ntask = "t"\nstart_time = 2026-03-01T07:30:00+01:00\nargs = [1]\n'
        'schedule = {kind = "clocked", at = 2026-03-01T06:30:00Z}\n[entry.options]\nqueue = "q"\n'
    )
    assert entry.start_time == 1772346600.0
    assert entry.schedule == Clocked(1772346600.0)
    assert (entry.args, entry.queue) == ([1], "q")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version = 2", "newer deskq"),
        ("version = 'a'", "whole number"),
        ("[[entry", "not TOML"),
        ("[[entry]\n", "not TOML"),  # some versions of tomlkit take it for the other
        (f"version = {'1' * 5_000}", "not TOML"),
        ("entry = 5", "no schedules"),
        ('[[entry]]\nname = "a"\ntask = "t"\nargs = "[1"\nschedule = {kind = "interval", seconds = 1}', "Entry 1"),
    ],
)
def test_a_broken_file_is_told(text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        store_from_toml(text)


@settings(max_examples=50)
@given(CRONTABS, st.lists(_JSON, max_size=2))
def test_the_python_is_python(schedule: Crontab, args: list[Any]) -> None:
    made = eval(  # noqa: S307 - the point of it
        "{" + to_python(Entry(name="it's", task="t", schedule=schedule, args=args)) + "}", {"crontab": crontab}
    )["it's"]
    wanted = {key: getattr(schedule, key) for key in ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")}
    assert made["schedule"] == crontab(**wanted)
    assert list(made.get("args", ())) == args


def test_the_python_of_other_kinds() -> None:
    assert "'schedule': 10.0," in to_python(Entry(name="a", task="t", schedule=Interval(10.0)))
    assert "'relative': True" in to_python(Entry(name="a", task="t", schedule=Interval(10.0, True)))
    text = to_python(Entry(name="a", task="t", schedule=Solar("sunset", 52.5, 13.4), enabled=False))
    assert "Disabled" in text
    assert eval("{" + text + "}", {"solar": solar})["a"]["schedule"] == solar("sunset", 52.5, 13.4)  # noqa: S307
    assert "fromisoformat('2026-03-01T06:30:00+00:00')" in to_python(
        Entry(name="a", task="t", schedule=Clocked(1772346600.0))
    )


def test_redbeat_gets_its_own_form() -> None:
    text = definition_text(Entry(name="a", task="t", schedule=Interval(5.0), options={"queue": "q"}))
    assert json.loads(text) == {
        "name": "a",
        "task": "t",
        "args": [],
        "kwargs": {},
        "options": {"queue": "q"},
        "schedule": {"__type__": "interval", "every": 5.0, "relative": False},
        "enabled": True,
    }
    with pytest.raises(UserError, match="count of 1"):
        definition_text(Entry(name="a", task="t", schedule=Clocked(5.0)))


def test_a_file_with_entries_of_another_name_is_told() -> None:
    with pytest.raises(UserError, match="Start each entry"):
        store_from_toml('[[schedule]]\nname = "a"\n')
    assert store_from_toml("version = 1\n") == []
