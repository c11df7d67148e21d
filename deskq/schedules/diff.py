"""What differs between entries, and what a store needs to become like a file; writes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from deskq.schedules.model import Crontab, Entry, Owner, ScheduleStore
from deskq.schedules.text.toml import entry_to_plain

_OPTIONAL: Final = ("one_off", "start_time", "expires_at", "description")


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One call of a store's ``replace``."""

    old: Entry | None
    new: Entry | None

    @property
    def name(self) -> str:
        """The entry's name, as it is now if there is one."""
        entry = self.old or self.new
        return entry.name if entry else ""

    @property
    def lines(self) -> list[str]:
        """The difference field by field, as :func:`difference`."""
        return difference(self.old, self.new)


def as_stored(entry: Entry, store: ScheduleStore) -> Entry:
    """Return the entry as the store keeps its zone: with each crontab, or with none of them.

    A crontab gets the store's zone where each has one, and loses it where that zone is everybody's. Without this a
    difference would leave out a field that changes, and what was written would not equal what is stored.
    """
    schedule = entry.schedule
    if not isinstance(schedule, Crontab):
        return entry
    if store.abilities.zoned and not schedule.zone:
        return replace(entry, schedule=replace(schedule, zone=store.zone))
    if not store.abilities.zoned and schedule.zone == (store.zone or "UTC"):
        return replace(entry, schedule=replace(schedule, zone=""))
    return entry


def misfit(entry: Entry, store: ScheduleStore) -> str:
    """Return "" or what of an entry the store cannot keep by its abilities, a sentence; see also ``replace``."""
    able, schedule = store.abilities, entry.schedule
    if type(schedule) not in able.kinds:
        return f"{store.title} does not support {type(schedule).__name__.lower()} schedules."
    if isinstance(schedule, Crontab) and not able.zoned and schedule.zone not in ("", store.zone):
        return f"{store.title} stores no time zone with a crontab. Leave out “{schedule.zone}”."
    empty = Entry(name="", task="", schedule=schedule)
    for field in _OPTIONAL:
        if field not in able.fields and getattr(entry, field) != getattr(empty, field):
            return f"{store.title} has no field “{field}”. Leave it out."
    return ""


def changes_to(stored: Iterable[Entry], wanted: Iterable[Entry], *, delete_others: bool = False) -> list[FieldChange]:
    """Return what makes a store hold the wanted entries, by name; those that are alike need nothing.

    What has run stays with the stored entry. ``delete_others``: also take away what is not wanted.
    """
    present = {entry.name: entry for entry in stored}
    found, names = [], set()
    for entry in wanted:
        names.add(entry.name)
        old = present.get(entry.name)
        if old is None:
            found.append(FieldChange(None, entry))
        elif old.problem or entry_to_plain(old) != entry_to_plain(entry):
            found.append(FieldChange(old, with_definition(old, entry)))
    if delete_others:
        found += [FieldChange(entry, None) for name, entry in present.items() if name not in names]
    return found


def with_definition(old: Entry, wanted: Entry) -> Entry:
    """Return the stored entry with everything that a person defines taken from the wanted one."""
    return replace(
        old,
        name=wanted.name,
        task=wanted.task,
        schedule=wanted.schedule,
        args=wanted.args,
        kwargs=wanted.kwargs,
        options=wanted.options,
        enabled=wanted.enabled,
        one_off=wanted.one_off,
        start_time=wanted.start_time,
        expires_at=wanted.expires_at,
        description=wanted.description,
        problem="",
    )


def difference(old: Entry | None, new: Entry | None) -> list[str]:
    """Return a line for each field that differs, "- field: JSON" and "+ field: JSON"; hostile text."""
    before = {} if old is None else entry_to_plain(old)
    after = {} if new is None else entry_to_plain(new)
    if before:
        before.setdefault("enabled", True)
    if after:
        after.setdefault("enabled", True)
    lines = []
    for key in dict.fromkeys([*before, *after]):
        if key in before and key in after and before[key] == after[key]:
            continue
        lines += [
            f"{mark} {key}: {json.dumps(values[key], ensure_ascii=False)}"
            for mark, values in (("-", before), ("+", after))
            if key in values
        ]
    return lines


def free_name(name: str, taken: Iterable[str]) -> str:
    """Return a name like this one that no other entry has."""
    names = set(taken)
    return next(found for n in range(2, len(names) + 3) if (found := f"{name} ({n})") not in names)


def copy_of(entry: Entry, taken: set[str]) -> Entry:
    """Return an entry as it is added elsewhere, under a name that is free there; what has run stays behind."""
    return replace(
        entry,
        name=free_name(entry.name, taken) if entry.name in taken else entry.name,
        key="",
        version="",
        last_run_at=None,
        total_run_count=None,
        due_at=None,
        shared_with=(),
        owner=Owner.EDITABLE,
        problem="",
    )
