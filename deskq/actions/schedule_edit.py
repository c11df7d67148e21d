"""Edits of schedules as plans: what is written, what takes it back, and what is known when the store goes away."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

from deskq.actions.executor import StepResult, StepRunner
from deskq.actions.plan import Outcome, Plan, Step, Verb, plan_at
from deskq.errors import UserError
from deskq.profiles import Profile
from deskq.schedules.diff import FieldChange, as_stored, difference
from deskq.schedules.model import Entry, NotEditable, Owner, ScheduleStore, StoreError, WriteUnknown
from deskq.schedules.opening import open_store, store_urls
from deskq.schedules.text.toml import entry_from_plain, entry_to_plain

_STATE: Final = ("key", "version", "last_run_at", "total_run_count")


def plan_changes(
    store: ScheduleStore, profile: Profile, changes: Sequence[FieldChange], *, change_shared: bool = False
) -> Plan[Step]:
    """Return the plan that makes these changes in a store; raises UserError where nothing would change."""
    if not changes:
        raise UserError("Nothing would change.")
    if store.abilities.why_not:
        raise NotEditable(store.abilities.why_not)
    changes = [
        change if change.new is None else replace(change, new=as_stored(change.new, store)) for change in changes
    ]
    return plan_at(
        profile,
        Verb.SCHEDULE,
        f"{_words(changes)} in {store.title}",
        (
            Step(target=change.name, command=command, detail=_detail(store, change, change_shared, command))
            for change in changes
            for command in (command_of(store, change),)
        ),
    )


def command_of(store: ScheduleStore, change: FieldChange) -> str:
    """Say literally what is written: the entry's name and each field that differs."""
    verb = "add" if change.old is None else "delete" if change.new is None else "change"
    return f"{verb} “{change.name}” in {store.url}: {'; '.join(difference(change.old, change.new))}"


def store_of(url: str, profile: Profile) -> ScheduleStore:
    """Return the store that a journalled URL, which has no password, names; raises StoreError."""
    for secret in store_urls(profile):
        store = open_store(secret, profile)
        if store.url == url:
            return store
        store.close()
    return open_store(url, profile)


def looked_for(detail: Mapping[str, Any], profile: Profile) -> Mapping[str, Any] | None:
    """Say whether a store holds now what a step wrote into it: what takes it back, {} for nothing, None if it does not.

    Also None where that cannot be looked up. Blocking; writes nothing. An added entry that is there may be somebody
    else's: it is not offered to be taken back, which deletes it.
    """
    old, new = _entry(detail.get("old")), _entry(detail.get("new"))
    try:
        with contextlib.closing(store_of(str(detail.get("store", "")), profile)) as store:
            entries = {entry.name: entry for entry in store.read().entries}
            stored = entries.get(new.name) if new is not None else None
            gone = old is None or (new is not None and new.name == old.name) or old.name not in entries
            if not gone or (new is not None and (stored is None or entry_to_plain(stored) != entry_to_plain(new))):
                return None
            return (_undo(store, old, stored) if old is not None else None) or {}
    except UserError:
        return None


def _undo(store: ScheduleStore, old: Entry | None, stored: Entry | None) -> Mapping[str, Any] | None:
    if old is not None and old.problem:
        return None  # what beat could not use is not put back
    back = FieldChange(stored, old)
    return _detail(store, back, False, command_of(store, back))


class ScheduleRunner(StepRunner[Step]):
    """Makes changes in one store, one after the other; see executor.StepRunner."""

    batch_size: ClassVar = 1

    def __init__(self, store: ScheduleStore) -> None:
        self._store = store

    def check(self) -> None:
        """See StepRunner."""
        if self._store.abilities.why_not:
            raise NotEditable(self._store.abilities.why_not)

    def run_steps(self, steps: Sequence[Step]) -> Sequence[StepResult]:
        """See StepRunner. One that somebody changed meanwhile fails and is not overwritten."""
        return [self._one(step) for step in steps]

    def close(self) -> None:
        """See StepRunner."""
        self._store.close()

    def _one(self, step: Step) -> StepResult:
        old, new = _entry(step.detail.get("old")), _entry(step.detail.get("new"))
        shared = bool(step.detail.get("change_shared"))
        try:
            stored = self._store.replace(old, new, change_shared=shared)
        except WriteUnknown as error:
            return StepResult(Outcome.UNKNOWN, str(error))
        except StoreError as error:
            return StepResult(Outcome.FAILED, str(error))
        return StepResult(Outcome.DONE, _warning(old), _undo(self._store, old, stored))


def _words(changes: Sequence[FieldChange]) -> str:
    """Verb and count: “Delete 2 schedules”, or the name where it is one."""
    kinds = {"add": 0, "delete": 0, "enable": 0, "disable": 0, "change": 0}
    for change in changes:
        old, new = change.old, change.new
        if old is None or new is None:
            kinds["add" if old is None else "delete"] += 1
        elif replace(old, enabled=new.enabled) == new:
            kinds["enable" if new.enabled else "disable"] += 1
        else:
            kinds["change"] += 1
    if len(changes) == 1:
        verb = next(kind for kind, count in kinds.items() if count)
        return f"{verb.capitalize()} “{changes[0].name}”"
    parts = [f"{kind} {count:,} schedule{'s' if count != 1 else ''}" for kind, count in kinds.items() if count]
    return ", ".join(parts).capitalize()


def _warning(old: Entry | None) -> str:
    if old is not None and old.owner is Owner.CODE:
        return "Defined in the app's code: beat restores that at its next start."
    return ""


def _detail(store: ScheduleStore, change: FieldChange, change_shared: bool, command: str) -> dict[str, Any]:
    return {
        "store": store.url,
        "old": _kept(change.old),
        "new": _kept(change.new),
        "change_shared": change_shared,
        "command": command,
    }


def _kept(entry: Entry | None) -> dict[str, Any] | None:
    """An entry as the journal keeps it: what a person defines, and what the store compares it by."""
    if entry is None:
        return None
    return {"entry": entry_to_plain(entry), "problem": entry.problem, "owner": entry.owner.value} | {
        key: getattr(entry, key) for key in _STATE
    }


def _entry(kept: Mapping[str, Any] | None) -> Entry | None:
    if kept is None:
        return None
    state = {key: kept.get(key) for key in _STATE}
    with contextlib.suppress(UserError):
        entry = entry_from_plain(kept["entry"])
        return replace(entry, problem=kept["problem"], owner=Owner(kept["owner"]), **state)  # type: ignore[arg-type]
    plain = kept["entry"]  # a broken entry, which can be named and taken away
    schedule = entry_from_plain({"name": "x", "task": "x", "schedule": plain["schedule"]}).schedule
    return Entry(name=str(plain["name"]), task=str(plain["task"]), schedule=schedule, problem=kept["problem"], **state)  # type: ignore[arg-type]
