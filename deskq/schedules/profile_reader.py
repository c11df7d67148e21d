"""All schedule stores of one profile, kept open and read again and again; what has not changed is not built anew."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from deskq.profiles import Profile
from deskq.profiles.urls import shown
from deskq.schedules.model import (
    BeatEvidence,
    Entry,
    Reading,
    ScheduleStore,
    StoreContent,
    StoreError,
    StoreKind,
    Unreadable,
)
from deskq.schedules.opening import open_store, store_urls
from deskq.schedules.text.descriptions import sentence
from deskq.schedules.timing.next_runs import Run, due_since, entry_runs

Key = tuple[str, str]
"""The store's URL without password, and what the store knows the entry by."""

_AGAIN_SECONDS: Final = {StoreKind.REDBEAT: 0.0, StoreKind.DJANGO: 0.0, StoreKind.FILE: 30.0}
"""How old what was read may be. What code says is read once and when somebody asks: it takes a process."""
_SAME: Final = 0.001
"""Times that differ by less are the same: a date has microseconds, a float has more."""


@dataclass(frozen=True, slots=True)
class StoreState:
    """A store as it was last read. ``store``: None if its URL means none; used elsewhere for its attributes only.

    ``problem``: why it could not be read, a sentence; the entries are then those that were read last.
    ``expected``: how many entries it has, None if all of them are there.
    """

    url: str
    title: str
    store: ScheduleStore | None
    count: int = 0
    beat: BeatEvidence = field(default_factory=BeatEvidence)
    warnings: tuple[str, ...] = ()
    problem: str = ""
    read_at: float | None = None
    expected: int | None = None


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """One entry of one store. ``why_not``: why it cannot be edited, "" if it can.

    ``next_run``: None if there is none; ``looked_at``: when that was computed, None if it was not yet: then there is
    no ``sentence`` either. ``due_since``: when it should have run, None unless it is overdue.
    """

    entry: Entry
    url: str
    title: str
    kind: StoreKind
    zone: str
    sentence: str = ""
    why_not: str = ""
    next_run: Run | None = None
    looked_at: float | None = None
    due_since: float | None = None

    @property
    def key(self) -> Key:
        """What tells it from all others."""
        return self.url, self.entry.key or self.entry.name

    @property
    def overdue(self) -> bool:
        """Should it have run already when that was computed? Then it stays so until the store says that it ran."""
        return self.next_run is not None and self.next_run.at < (self.looked_at or 0.0) + _SAME

    def due(self, now: float) -> bool:
        """Must the next run be computed (again)?"""
        return self.looked_at is None or (self.next_run is not None and self.next_run.at <= now and not self.overdue)


class ScheduleReader:
    """Reads the stores of a profile; blocking, one thread at a time. Changes nothing there."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._stores: dict[str, ScheduleStore] = {}
        self._states: dict[str, StoreState] = {}
        self._rows: dict[str, dict[str, ScheduleRow]] = {}
        self._unread: deque[str] = deque()
        self._reading: Reading | None = None
        self._to_look_at: deque[tuple[str, str]] | None = None

    def read(self, *, everything: bool = False) -> list[StoreState]:
        """Read the stores again; ``everything``: also those that change rarely and cost much. Never raises."""
        self.begin(everything=everything)
        while self.read_on(math.inf):
            pass
        return self.states()

    def states(self) -> list[StoreState]:
        """Return the stores, as they were last read."""
        return list(self._states.values())

    @property
    def unknown_stores(self) -> int:
        """How many stores are still to be read for the first time."""
        return sum(url not in self._states for url in self._unread)

    def begin(self, *, everything: bool = False) -> None:
        """Read the stores again, by ``read_on``; what was begun before is begun anew."""
        left = set(self._unread)
        self._reading = None
        self._to_look_at = None
        self._unread.clear()
        for url in store_urls(self._profile):
            state = self._states.get(url)
            if state is None or everything or url in left or self._old(state):
                self._unread.append(url)

    def read_on(self, seconds: float) -> bool:
        """Go on reading for about so long; is there something left? Never raises."""
        until = time.perf_counter() + seconds
        while self._unread:
            self._read_part(self._unread[0])
            if time.perf_counter() >= until:
                break
        return bool(self._unread)

    def rows(self) -> list[ScheduleRow]:
        """Return all entries, as they were last read."""
        return [row for rows in self._rows.values() for row in rows.values()]

    def look_ahead(self, first: Iterable[Key] = (), seconds: float = 0.05) -> bool:
        """Compute next runs where they are not known, for about so long; is there something left?

        Those of ``first`` are computed at once, the others when all stores are read.
        """
        until = time.perf_counter() + seconds
        now = time.time()
        urls = {state.store.url: url for url, state in self._states.items() if state.store is not None}
        for named, key in first:
            self._look_at(urls.get(named, ""), key, now)
        if self._unread:
            return True
        if self._to_look_at is None:
            waiting = ((url, key) for url, rows in self._rows.items() for key, row in rows.items() if row.due(now))
            self._to_look_at = deque(waiting)
        while self._to_look_at and time.perf_counter() < until:
            self._look_at(*self._to_look_at.popleft(), now)
        if self._to_look_at:
            return True
        self._to_look_at = None
        return False

    def close(self) -> None:
        """Close the stores; never raises."""
        for store in self._stores.values():
            store.close()
        self._stores.clear()

    def _look_at(self, url: str, key: str, now: float) -> None:
        row = self._rows.get(url, {}).get(key)
        state = self._states.get(url)
        if row is None or state is None or state.store is None or not row.due(now):
            return
        runs = entry_runs(row.entry, state.store, after=now, count=1)
        unreadable = isinstance(row.entry.schedule, Unreadable)
        made = self._rows[url][key] = replace(
            row,
            sentence="cannot be read" if unreadable else sentence(row.entry.schedule, state.store.zone),
            next_run=runs[0] if runs else None,
            looked_at=now,
        )
        if made.overdue:
            self._rows[url][key] = replace(made, due_since=due_since(row.entry, state.store, now=now))

    def _old(self, state: StoreState) -> bool:
        if state.store is None or state.read_at is None:
            return True
        limit = _AGAIN_SECONDS.get(state.store.kind)
        return limit is not None and time.time() - state.read_at >= limit

    def _read_part(self, url: str) -> None:
        """Read one more part of the first store that is unread, or end with it."""
        store = self._stores.get(url)
        try:
            if store is None:
                store = self._stores[url] = open_store(url, self._profile)
        except StoreError as error:
            self._states[url] = StoreState(shown(url), shown(url), None, problem=str(error))
            self._unread.popleft()
            return
        before = self._states.get(url)
        if before is None or before.store is None:
            before = StoreState(store.url, store.title, store)
        if self._reading is None:
            self._reading = store.read_in_parts()
            if before.read_at is None:
                self._rows[url] = {}
        try:
            part = next(self._reading)
            if before.read_at is None:  # what was read before stays in sight until all is read again
                rows = self._rows[url]
                rows.update(_rows_of(part.entries, store, rows))
                self._states[url] = replace(before, count=len(rows), expected=part.expected)
            return
        except StoreError as error:
            self._states[url] = replace(before, problem=str(error))
        except StopIteration as end:
            content: StoreContent = end.value
            self._rows[url] = rows = _rows_of(content.entries, store, self._rows.get(url, {}))
            self._states[url] = replace(
                before,
                store=store,
                count=len(rows),
                expected=None,
                beat=content.beat,
                warnings=content.warnings,
                problem="",
                read_at=content.read_at,
            )
        self._reading = None
        self._unread.popleft()


def _rows_of(entries: Iterable[Entry], store: ScheduleStore, known: dict[str, ScheduleRow]) -> dict[str, ScheduleRow]:
    """Return the rows of entries by their keys; of an entry that has not changed the row stays."""
    rows = {}
    for entry in entries:
        key = entry.key or entry.name
        row = known.get(key)
        if row is None or (row.entry is not entry and row.entry != entry):
            row = _row(entry, store)
        rows[key] = row
    return rows


def _row(entry: Entry, store: ScheduleStore) -> ScheduleRow:
    return ScheduleRow(
        entry=entry,
        url=store.url,
        title=store.title,
        kind=store.kind,
        zone=getattr(entry.schedule, "zone", "") or store.zone,
        why_not=store.abilities.why_not,
    )
