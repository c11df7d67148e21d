"""Entries for tests of stores."""

from __future__ import annotations

from typing import Any

from deskq.schedules.model import Entry, Interval, Schedule, ScheduleStore


def entry(name: str, schedule: Schedule | None = None, **given: Any) -> Entry:
    """An entry that a sample task can run."""
    return Entry(name=name, task="sample.add", schedule=schedule or Interval(3600.0), args=[1, 2], **given)


def names(store: ScheduleStore) -> dict[str, Entry]:
    """What the store holds, by name."""
    return {each.name: each for each in store.read().entries}


def added(store: ScheduleStore, new: Entry) -> Entry:
    """Add it; as it is stored."""
    stored = store.replace(None, new)
    assert stored is not None
    return stored
