"""``deskq schedules``: list, show, next and export, for every kind of store; schedule_changes.py has the others."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deskq.cli.common import plain, table
from deskq.errors import UserError
from deskq.profiles import PasswordStore, Profile, ProfileFile, resolve
from deskq.profiles.writing import write_private
from deskq.schedules.base import Content, Entry, ScheduleStore, StoreError, StoreKind, Unreadable
from deskq.schedules.opening import kind_of, open_store, store_urls
from deskq.schedules.plain import entry_to_plain, store_to_toml
from deskq.schedules.preview import Run, next_runs, sentence
from deskq.schedules.zones import zone_of

_FAILED = 1


@dataclass(frozen=True, slots=True)
class Read:
    """A store and what was in it."""

    store: ScheduleStore
    content: Content


def list_entries(options: argparse.Namespace) -> int:
    """Print a line for each entry of each store; exit status 1 if a store could not be read."""
    with read_stores(options.store) as (stores, failed):
        now = time.time()
        if options.format == "json":
            values = [_as_values(read, entry, now) for read in stores for entry in read.content.entries]
            print(json.dumps(values, ensure_ascii=False, indent=2))
        else:
            rows = [_row(read, entry, now) for read in stores for entry in read.content.entries]
            print(table(["ON", "NAME", "TASK", "SCHEDULE", "NEXT RUN", "LAST RUN", "OWNER", "STORE", "PROBLEM"], rows))
        for read in stores:
            for words in (read.content.beat.words, *read.content.warnings):
                if words:
                    print(f"deskq: {plain(read.store.title)}: {plain(words)}", file=sys.stderr)
    return _FAILED if failed else 0


def show(options: argparse.Namespace) -> int:
    """Print one entry."""
    with read_stores(options.store) as (stores, _):
        read, entry = _entry(stores, options.name)
        values = _as_values(read, entry, time.time())
        if options.format == "json":
            print(json.dumps(values, ensure_ascii=False, indent=2))
            return 0
        for key, value in values.items():
            if value not in (None, "", [], {}):
                shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                print(f"{key.replace('_', ' '):<16}{plain(shown)}")
    return 0


def print_next(options: argparse.Namespace) -> int:
    """Print the next runs in the schedule's zone; exit status 1 if there are none."""
    if options.count < 1:
        raise UserError("--count is at least 1.")
    with read_stores(options.store) as (stores, _):
        read, entry = _entry(stores, options.name)
        runs = _runs(read, entry, time.time(), options.count)
        zone = getattr(entry.schedule, "zone", "") or read.store.zone
        if options.format == "json":
            print(json.dumps([{"at": _iso(run.at, zone), "mark": run.mark} for run in runs]))
        else:
            for run in runs:
                print(_iso(run.at, zone) + (f"  {run.mark} by the change of the clock" if run.mark else ""))
    if runs:
        return 0
    reason = entry.problem or ("it is disabled" if not entry.enabled else "its schedule has ended")
    print(f"deskq: “{plain(entry.name)}” will not run: {plain(reason)}", file=sys.stderr)
    return _FAILED


def export(options: argparse.Namespace) -> int:
    """Write entries as TOML; those that cannot be read are left out, and named."""
    with read_stores(options.store) as (stores, failed):
        entries: dict[str, Entry] = {}
        for read in stores:
            for entry in read.content.entries:
                if isinstance(entry.schedule, Unreadable):
                    words = f"left out “{entry.name}”: {entry.schedule.reason}"
                elif entry.name in entries:
                    words = f"left out “{entry.name}” of {read.store.title}: another store has one of that name"
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
    return _FAILED if failed else 0


def stores_of(text: str) -> tuple[list[ScheduleStore], Profile | None]:
    """Return the stores that a profile's name, PROFILE/KIND or a URL stands for; raises UserError."""
    if _means_a_store(text):
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
            f"“{profile.name}” has no schedule store{wanted}: name one with deskq profiles edit --schedule-store URL."
        )
    return [open_store(url, profile) for url in urls], profile


def _means_a_store(text: str) -> bool:
    try:
        kind_of(text)
    except StoreError:
        return False
    return True


@contextlib.contextmanager
def read_stores(text: str) -> Iterator[tuple[list[Read], bool]]:
    """Read all stores; one that cannot be read is told, and is an error only if it is the only one."""
    stores, _ = stores_of(text)
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
        yield found, failed
    finally:
        for store in stores:
            store.close()


def _entry(stores: list[Read], name: str) -> tuple[Read, Entry]:
    found = [(read, entry) for read in stores for entry in read.content.entries if entry.name == name]
    if not found:
        raise UserError(f"No store has an entry “{name}”: see deskq schedules list.")
    if len(found) > 1:
        kinds = ", ".join(read.store.kind.value for read, _ in found)
        raise UserError(f"“{name}” is in several stores: name one as PROFILE/KIND ({kinds}).")
    return found[0]


def _runs(read: Read, entry: Entry, now: float, count: int) -> list[Run]:
    if not entry.enabled or entry.problem:
        return []
    last = entry.last_run_at
    if last is None and read.store.kind is StoreKind.REDBEAT:
        last = 0.0  # redbeat runs at once what has never run
    runs = next_runs(
        entry.schedule,
        read.store.zone,
        after=now,
        count=count,
        last_run_at=last,
        start_time=entry.start_time,
        expires_at=entry.expires_at,
    )
    return runs[:1] if entry.one_off else runs


def _row(read: Read, entry: Entry, now: float) -> list[str]:
    runs = _runs(read, entry, now, 1)
    zone = getattr(entry.schedule, "zone", "") or read.store.zone
    return [
        "yes" if entry.enabled else "no",
        entry.name,
        entry.task,
        _sentence(read, entry),
        _iso(runs[0].at, zone) if runs else "-",
        _iso(entry.last_run_at, zone) if entry.last_run_at is not None else "-",
        entry.owner.value,
        read.store.kind.value,
        entry.problem,
    ]


def _as_values(read: Read, entry: Entry, now: float) -> dict[str, Any]:
    runs = _runs(read, entry, now, 1)
    zone = getattr(entry.schedule, "zone", "") or read.store.zone
    return {
        **entry_to_plain(entry),
        "enabled": entry.enabled,
        "sentence": _sentence(read, entry),
        "zone": zone,
        "next_run": _iso(runs[0].at, zone) if runs else None,
        "last_run": None if entry.last_run_at is None else _iso(entry.last_run_at, zone),
        "runs": entry.total_run_count,
        "owner": entry.owner.value,
        "origin": entry.origin,
        "shared_with": list(entry.shared_with),
        "problem": entry.problem,
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
