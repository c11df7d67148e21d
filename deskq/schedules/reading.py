"""All schedule stores of one profile, kept open and read again and again; what has not changed is not built anew."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from deskq.profiles import Profile
from deskq.profiles.urls import shown
from deskq.schedules.base import BeatEvidence, Entry, ScheduleStore, StoreError, StoreKind, Unreadable
from deskq.schedules.opening import open_store, store_urls
from deskq.schedules.preview import Run, entry_runs
from deskq.schedules.sentences import sentence

Key = tuple[str, str]
"""The store's URL without password, and what the store knows the entry by."""

_AGAIN_SECONDS: Final = {StoreKind.REDBEAT: 0.0, StoreKind.DJANGO: 0.0, StoreKind.FILE: 30.0}
"""How old what was read may be. What code says is read once and when somebody asks: it takes a process."""


@dataclass(frozen=True, slots=True)
class StoreState:
    """A store as it was last read. ``store``: None if its URL means none; used elsewhere for its attributes only.

    ``problem``: why it could not be read, a sentence; the entries are then those that were read last.
    """

    url: str
    title: str
    store: ScheduleStore | None
    count: int = 0
    beat: BeatEvidence = field(default_factory=BeatEvidence)
    warnings: tuple[str, ...] = ()
    problem: str = ""
    read_at: float | None = None


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """One entry of one store. ``why_not``: why it cannot be edited, "" if it can.

    ``next_run``: None if there is none; ``looked_at``: when that was computed, None if it was not yet.
    """

    entry: Entry
    url: str
    title: str
    kind: StoreKind
    zone: str
    sentence: str
    why_not: str = ""
    next_run: Run | None = None
    looked_at: float | None = None

    @property
    def key(self) -> Key:
        """What tells it from all others."""
        return self.url, self.entry.key or self.entry.name

    def due(self, now: float) -> bool:
        """Must the next run be computed (again)?"""
        return self.looked_at is None or (self.next_run is not None and self.next_run.at <= now)


class ScheduleReader:
    """Reads the stores of a profile; blocking, one thread at a time. Changes nothing there."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._stores: dict[str, ScheduleStore] = {}
        self._states: dict[str, StoreState] = {}
        self._rows: dict[str, dict[str, ScheduleRow]] = {}

    def read(self, *, everything: bool = False) -> list[StoreState]:
        """Read the stores again; ``everything``: also those that change rarely and cost much. Never raises."""
        for place, url in enumerate(store_urls(self._profile)):
            state = self._states.get(url)
            if state is None or everything or self._old(state):
                self._states[url] = self._read(url, place)
        return list(self._states.values())

    def rows(self) -> list[ScheduleRow]:
        """Return all entries, as they were last read."""
        return [row for rows in self._rows.values() for row in rows.values()]

    def look_ahead(self, first: Iterable[Key] = (), seconds: float = 0.05) -> bool:
        """Compute next runs where they are not known, ``first`` first, for about so long; is there something left?"""
        until = time.perf_counter() + seconds
        now = time.time()
        for url, key in self._waiting(first, now):
            row = self._rows[url][key]
            store = self._states[url].store
            if store is not None:
                runs = entry_runs(row.entry, store, after=now, count=1)
                self._rows[url][key] = replace(row, next_run=runs[0] if runs else None, looked_at=now)
            if time.perf_counter() >= until:
                return True
        return False

    def close(self) -> None:
        """Close the stores; never raises."""
        for store in self._stores.values():
            store.close()
        self._stores.clear()

    def _waiting(self, first: Iterable[Key], now: float) -> Iterator[tuple[str, str]]:
        urls = {state.store.url: url for url, state in self._states.items() if state.store is not None}
        for named, key in first:
            url = urls.get(named, "")
            row = self._rows.get(url, {}).get(key)
            if row is not None and row.due(now):
                yield url, key
        for url, rows in self._rows.items():
            for key in deque(key for key, row in rows.items() if row.due(now)):
                if rows[key].due(now):
                    yield url, key

    def _old(self, state: StoreState) -> bool:
        if state.store is None or state.read_at is None:
            return True
        limit = _AGAIN_SECONDS.get(state.store.kind)
        return limit is not None and time.time() - state.read_at >= limit

    def _read(self, url: str, place: int) -> StoreState:
        try:
            store = self._stores.get(url)
            if store is None:
                store = self._stores[url] = open_store(url, self._profile)
        except StoreError as error:
            return StoreState(shown(url), shown(url), None, problem=str(error))
        before = self._states.get(url) or StoreState(store.url, store.title, store)
        try:
            content = store.read()
        except StoreError as error:
            return replace(before, problem=str(error))
        known = self._rows.get(url, {})
        rows: dict[str, ScheduleRow] = {}
        for entry in content.entries:
            key = entry.key or entry.name
            row = known.get(key)
            if row is None or (row.entry is not entry and row.entry != entry):
                row = _row(entry, store)
            rows[key] = row
        self._rows[url] = rows
        return replace(
            before,
            store=store,
            count=len(rows),
            beat=content.beat,
            warnings=content.warnings,
            problem="",
            read_at=content.read_at,
        )


def _row(entry: Entry, store: ScheduleStore) -> ScheduleRow:
    unreadable = isinstance(entry.schedule, Unreadable)
    return ScheduleRow(
        entry=entry,
        url=store.url,
        title=store.title,
        kind=store.kind,
        zone=getattr(entry.schedule, "zone", "") or store.zone,
        sentence="cannot be read" if unreadable else sentence(entry.schedule, store.zone),
        why_not=store.abilities.why_not,
    )
