"""``deskq schedules``: list, show, next and export, for every kind of store; schedule_changes.py has the others."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from deskq.cli.colour import Colour
from deskq.cli.common import plain
from deskq.cli.exit_status import ExitStatus
from deskq.cli.listing import Listing
from deskq.cli.options.schedules import NextOptions, ScheduleExportOptions, ScheduleListOptions, ShowOptions
from deskq.cli.schedule_warnings import Warnings, warnings_for
from deskq.errors import UserError
from deskq.files.private_files import write_private
from deskq.plain_text import json_text
from deskq.profiles import PasswordStore, Profile, ProfileFile, resolve
from deskq.profiles.storage.confirmed_code import confirm
from deskq.schedules.model import Entry, ScheduleStore, StoreContent, StoreError, StoreKind, Unreadable
from deskq.schedules.opening import kind_of, open_store, store_urls
from deskq.schedules.text.descriptions import sentence
from deskq.schedules.text.toml import entry_to_plain, store_to_toml
from deskq.schedules.timing.lateness import last_run, late_since
from deskq.schedules.timing.next_runs import Run, due_since, entry_runs
from deskq.schedules.timing.zones import zone_of

_KEYS: Final = (
    *("name", "task", "schedule", "args", "kwargs", "options", "enabled", "sentence", "zone", "next_run", "last_run"),
    *("late_since", "runs", "owner", "origin", "shared_with", "problem", "warnings", "store"),
)


@dataclass(frozen=True, slots=True)
class Read:
    """A store and what was in it."""

    store: ScheduleStore
    content: StoreContent

    def zone_of(self, entry: Entry) -> str:
        """Return the zone that the entry's times are in."""
        return getattr(entry.schedule, "zone", "") or self.store.zone

    def late_since(self, entry: Entry, now: float) -> float | None:
        """Return since when it should have run, None unless that is long enough to say that nobody ran it."""
        return late_since(entry, self.store.kind, due_since(entry, self.store, now=now), now)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read. ``failed``: some store could not be; ``profile``: whose stores they are, None for a URL."""

    reads: list[Read]
    failed: bool
    profile: Profile | None


def list_entries(options: ScheduleListOptions) -> int:
    """Print a line for each entry of each store; exit status 1 if a store could not be read."""
    with read_stores(options.store) as found:
        now = time.time()
        entries = [(read, entry) for read in found.reads for entry in read.content.entries]
        warnings = warnings_for(found.profile, [entry for _, entry in entries])
        listing = Listing[tuple[Read, Entry]](
            titles=["ON", "NAME", "TASK", "SCHEDULE", "NEXT RUN", "LAST RUN", "OWNER", "STORE", "PROBLEM"],
            cells=lambda one: _row(*one, now, warnings),
            values=lambda one: _as_values(*one, now, warnings),
            keys=_KEYS,
            colours=lambda one: {4: Colour.RED} if one[0].late_since(one[1], now) is not None else {},
        )
        listing.write(entries, options.format, sys.stdout)
        for read in found.reads:
            for words in (read.content.beat.words, *read.content.warnings):
                if words:
                    print(f"deskq: {plain(read.store.title)}: {plain(words)}", file=sys.stderr)
    return ExitStatus.FAILED if found.failed else ExitStatus.DONE


def show(options: ShowOptions) -> int:
    """Print one entry."""
    with read_stores(options.store) as found:
        read, (entry,) = entries_named(found.reads, [options.name])
        values = _as_values(read, entry, time.time(), warnings_for(found.profile, [entry]))
        if options.format == "json":
            print(json_text(values, indent=2))
            return 0
        for key, value in values.items():
            if value not in (None, "", [], {}):
                shown = value if isinstance(value, str) else json_text(value)
                print(f"{key.replace('_', ' '):<16}{plain(shown)}")
    return 0


def print_next(options: NextOptions) -> int:
    """Print the next runs in the schedule's zone; exit status 1 if there are none."""
    if options.count < 1:
        raise UserError("--count must be at least 1.")
    with read_stores(options.store) as found:
        read, (entry,) = entries_named(found.reads, [options.name])
        runs = entry_runs(entry, read.store, after=time.time(), count=options.count)
        zone = read.zone_of(entry)
        if options.format == "table":
            for run in runs:
                print(_iso(run.at, zone) + (f"  {run.mark} by the change of the clock" if run.mark else ""))
        else:
            listing = Listing[Run]((), lambda _: (), lambda run: {"at": _iso(run.at, zone), "mark": run.mark})
            listing.write(runs, options.format, sys.stdout)
    if runs:
        return 0
    reason = entry.problem or ("it is disabled" if not entry.enabled else "its schedule has ended")
    print(f"deskq: “{plain(entry.name)}” will not run: {plain(reason)}", file=sys.stderr)
    return ExitStatus.FAILED


def export(options: ScheduleExportOptions) -> int:
    """Write entries as TOML; those that cannot be read are left out, and named."""
    with read_stores(options.store) as found:
        entries: dict[str, Entry] = {}
        failed = found.failed
        for read in found.reads:
            for entry in read.content.entries:
                if isinstance(entry.schedule, Unreadable):
                    words = f"left out “{entry.name}”: {entry.schedule.reason}"
                elif entry.name in entries:
                    words = f"left out “{entry.name}” of {read.store.title}: duplicate name"
                else:
                    entries[entry.name] = entry
                    continue
                failed = True
                print(f"deskq: {plain(words)}", file=sys.stderr)
    text = store_to_toml(entries.values())
    if options.output:
        write_private(Path(options.output), text, "The schedules")
        print(f"{len(entries):,} written to {options.output}.", file=sys.stderr)
    else:
        print(text, end="")
    return ExitStatus.FAILED if failed else ExitStatus.DONE


def stores_of(text: str) -> tuple[list[ScheduleStore], Profile | None]:
    """Return the stores that a profile's name, PROFILE/KIND or a URL stands for; raises UserError."""
    if _means_a_store(text):
        confirm([text])  # whoever types it means it
        return [open_store(text)], None
    name, kind = text, ""
    profiles = ProfileFile()
    if text not in [profile.name for profile in profiles.load()]:
        head, slash, last = text.rpartition("/")
        if slash and last in {each.value for each in StoreKind}:
            name, kind = head, last
    profile = resolve(name, profiles=profiles, passwords=PasswordStore())
    urls = [url for url in store_urls(profile) if not kind or kind_of(url).value == kind]
    if not urls:
        wanted = f" of {kind}" if kind else ""
        raise UserError(
            f"“{profile.name}” has no schedule store{wanted}. Add one: deskq profiles edit --schedule-store URL"
        )
    return [open_store(url, profile) for url in urls], profile


def _means_a_store(text: str) -> bool:
    try:
        kind_of(text)
    except StoreError:
        return False
    return True


@contextlib.contextmanager
def read_stores(text: str) -> Iterator[Reading]:
    """Read all stores; one that cannot be read is told, and is an error only if it is the only one."""
    stores, profile = stores_of(text)
    try:
        found, failed = [], False
        for store in stores:
            try:
                found.append(Read(store, store.read()))
            except StoreError as error:
                if len(stores) == 1:
                    raise
                failed = True
                print(f"deskq: {plain(store.title)}: {plain(str(error))}", file=sys.stderr)
        yield Reading(found, failed, profile)
    finally:
        for store in stores:
            store.close()


def entries_named(reads: Sequence[Read], names: Sequence[str]) -> tuple[Read, list[Entry]]:
    """Return the store that has these entries, and them; raises UserError for one that none or several stores have."""
    for name in names:
        having = [read for read in reads if any(entry.name == name for entry in read.content.entries)]
        if not having:
            raise UserError(f"No schedule “{name}”. List them with: deskq schedules list")
        if len(having) > 1:
            kinds = ", ".join(read.store.kind.value for read in having)
            raise UserError(f"“{name}” is in several stores. Choose one as PROFILE/KIND ({kinds}).")
    for read in reads:
        entries = {entry.name: entry for entry in read.content.entries}
        if all(name in entries for name in names):
            return read, [entries[name] for name in dict.fromkeys(names)]
    raise UserError("These entries are in different stores: change one store at a time.")


def _row(read: Read, entry: Entry, now: float, warnings: Warnings) -> list[str]:
    runs = entry_runs(entry, read.store, after=now, count=1)
    zone = read.zone_of(entry)
    last, late = last_run(entry, read.store.kind), read.late_since(entry, now)
    return [
        "yes" if entry.enabled else "no",
        entry.name,
        entry.task,
        _sentence(read, entry),
        "overdue" if late is not None else _iso(runs[0].at, zone) if runs else "-",
        _iso(last, zone) if last is not None else "-",
        entry.owner.value,
        read.store.kind.value,
        entry.problem or " ".join(warnings.of(entry, read.store, now, lambda at, _: _iso(at, zone))),
    ]


def _as_values(read: Read, entry: Entry, now: float, warnings: Warnings) -> dict[str, Any]:
    runs = entry_runs(entry, read.store, after=now, count=1)
    zone = read.zone_of(entry)
    last, late = last_run(entry, read.store.kind), read.late_since(entry, now)
    return {
        **entry_to_plain(entry),
        "enabled": entry.enabled,
        "sentence": _sentence(read, entry),
        "zone": zone,
        "next_run": _iso(runs[0].at, zone) if runs else None,
        "last_run": None if last is None else _iso(last, zone),
        "late_since": None if late is None else _iso(late, zone),
        "runs": entry.total_run_count,
        "owner": entry.owner.value,
        "origin": entry.origin,
        "shared_with": list(entry.shared_with),
        "problem": entry.problem,
        "warnings": list(warnings.of(entry, read.store, now, lambda at, _: _iso(at, zone))),
        "store": read.store.url,
    }


def _sentence(read: Read, entry: Entry) -> str:
    return "cannot be read" if isinstance(entry.schedule, Unreadable) else sentence(entry.schedule, read.store.zone)


def _iso(at: float, zone: str) -> str:
    try:
        tz: Any = zone_of(zone)
    except UserError:
        tz = UTC
    try:
        return datetime.fromtimestamp(at, tz).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return str(at)
