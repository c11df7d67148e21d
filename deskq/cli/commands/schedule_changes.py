"""``deskq schedules`` add, edit, enable, disable, delete and import: preview, journal, and how each ended."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from deskq.actions.plan import Plan, Step
from deskq.actions.schedule_edit import ScheduleRunner, plan_changes
from deskq.cli.carry_out import carry_out
from deskq.cli.commands.schedules import Read, entries_named, read_stores
from deskq.cli.common import plain
from deskq.cli.options.schedules import (
    ChangeOptions,
    EntriesOptions,
    ScheduleAddOptions,
    ScheduleEditOptions,
    ScheduleImportOptions,
)
from deskq.cli.schedule_entry import entry_given
from deskq.errors import UserError
from deskq.plain_text import json_text
from deskq.profiles import Profile, Secret
from deskq.profiles.urls import split_password
from deskq.schedules.diff import FieldChange, as_stored, changes_to, misfit
from deskq.schedules.model import Entry, Owner, ScheduleStore, StoreError, Unsupported
from deskq.schedules.opening import open_store
from deskq.schedules.text.toml import store_from_toml
from deskq.schedules.timing.crontabs import misread
from deskq.schedules.timing.validation import check

_SHOWN = 50


def add(options: ScheduleAddOptions) -> int:
    """Add an entry."""

    def changes(reads: Sequence[Read]) -> tuple[Read, list[FieldChange]]:
        read = _editable(reads)
        new = entry_given(options, None, read.store.abilities.kinds)
        return read, [FieldChange(None, _checked(new, read.store))]

    return _change(options, changes)


def edit(options: ScheduleEditOptions) -> int:
    """Change what is given of an entry; ``--name`` renames it."""

    def changes(reads: Sequence[Read]) -> tuple[Read, list[FieldChange]]:
        read, (old,) = _found(reads, [options.entry])
        new = entry_given(options, old, read.store.abilities.kinds)
        if new == old:
            return read, []
        new = _checked(new, read.store, old)
        return read, [] if new == old else [FieldChange(old, new)]

    return _change(options, changes)


def enable(options: EntriesOptions) -> int:
    """Let beat send these again."""
    return _switch(options, enabled=True)


def disable(options: EntriesOptions) -> int:
    """Keep beat from sending these."""
    return _switch(options, enabled=False)


def delete(options: EntriesOptions) -> int:
    """Delete entries."""

    def changes(reads: Sequence[Read]) -> tuple[Read, list[FieldChange]]:
        read, entries = _found(reads, options.entries)
        return read, [FieldChange(entry, None) for entry in entries]

    return _change(options, changes)


def import_file(options: ScheduleImportOptions) -> int:
    """Bring a store to what a file says; entries that the file does not name stay, unless told otherwise."""
    try:
        text = sys.stdin.read() if options.file == "-" else Path(options.file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{options.file} cannot be read: {error}.") from None
    wanted = store_from_toml(text)

    def changes(reads: Sequence[Read]) -> tuple[Read, list[FieldChange]]:
        read = _editable(reads)
        present = {entry.name: entry for entry in read.content.entries}
        checked = [_checked(entry, read.store, present.get(entry.name)) for entry in wanted]
        return read, changes_to(read.content.entries, checked, delete_others=options.delete_others)

    return _change(options, changes)


def _switch(options: EntriesOptions, *, enabled: bool) -> int:
    def changes(reads: Sequence[Read]) -> tuple[Read, list[FieldChange]]:
        read, entries = _found(reads, options.entries)
        return read, [
            FieldChange(entry, replace(entry, enabled=enabled)) for entry in entries if entry.enabled != enabled
        ]

    return _change(options, changes)


def _change(options: ChangeOptions, changes: Callable[[Sequence[Read]], tuple[Read, list[FieldChange]]]) -> int:
    with read_stores(options.store) as reading:
        read, found = changes(reading.reads)
        _refuse_unfit(read, found)
    # A store that was named by its URL asks, as a new profile does.
    password = Secret(split_password(options.store)[1])
    profile = reading.profile or Profile(name=read.store.title, url=read.store.url, password=password)
    if not found:
        print("Nothing to change.", file=sys.stderr)
        return 0
    shared = isinstance(options, ScheduleEditOptions) and options.change_shared
    plan = plan_changes(read.store, profile, found, change_shared=shared)
    _show(plan, found, options)
    # Connected again: asking a person may take longer than a server waits.
    return carry_out(
        plan,
        profile,
        options,
        named="entry",
        runner=None if reading.profile is not None else lambda: ScheduleRunner(open_store(options.store)),
    )


def _refuse_unfit(read: Read, changes: Sequence[FieldChange]) -> None:
    """Raise what the store would raise because of an entry, before anything is planned; names of entries are unique."""
    taken = {entry.name for entry in read.content.entries} - {change.old.name for change in changes if change.old}
    for change in changes:
        if change.new is None:
            continue
        if change.new.name in taken:
            raise UserError(f"“{change.new.name}” already exists. Choose another name.")
        taken.add(change.new.name)
        try:
            read.store.check(change.old, change.new)
        except Unsupported as error:
            raise UserError(f"“{change.new.name}”: {error}") from None


def _editable(reads: Sequence[Read]) -> Read:
    """The one store that can be changed."""
    found = [read for read in reads if not read.store.abilities.why_not]
    if len(found) > 1:
        kinds = ", ".join(read.store.kind.value for read in found)
        raise UserError(f"Several stores are writable. Choose one as PROFILE/KIND ({kinds}).")
    if not found:
        raise StoreError(reads[0].store.abilities.why_not if reads else "No store could be read.")
    return found[0]


def _found(reads: Sequence[Read], names: Sequence[str]) -> tuple[Read, list[Entry]]:
    """The store that has these entries, if it can be changed."""
    read, entries = entries_named(reads, names)
    if read.store.abilities.why_not:
        raise StoreError(read.store.abilities.why_not)
    return read, entries


def _checked(entry: Entry, store: ScheduleStore, old: Entry | None = None) -> Entry:
    """The entry as the store will keep it; raises UserError for a schedule that beat cannot use."""
    stored = None if old is None else old.schedule
    problem = check(entry.schedule, store.zone) or ("" if entry.schedule == stored else misread(entry.schedule))
    wanted = as_stored(entry, store)
    if problem := problem or misfit(wanted, store):
        raise UserError(f"“{entry.name}”: {problem}")
    return wanted


def _show(plan: Plan[Step], changes: Sequence[FieldChange], options: ChangeOptions) -> None:
    if options.as_json:
        values = [{"id": step.id, "entry": step.target, "command": step.command} for step in plan.items]
        print(json_text({"plan": plan.id, "title": plan.title, "items": values}))
        return
    print(plain(plan.title))
    for change in changes[:_SHOWN]:
        print(plain(change.name))
        for line in change.lines:
            print(f"  {plain(line)}")
        if change.old is not None and change.old.owner is Owner.CODE:
            print("  Defined in the app's code: beat restores that at its next start.")
        if change.old is not None and change.old.shared_with:
            print(f"  Its timing is also used by {plain(', '.join(change.old.shared_with))}.")
    if len(changes) > _SHOWN:
        print(f"… and {len(changes) - _SHOWN:,} more")
