"""Earlier retries of tasks, by anyone, from the own journal, the history and messages seen waiting.

A retry names the task that it retries in its header ``deskq-retry-of`` and as its parent, which events carry.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from deskq.actions.journal.journal import Journal, journal_path
from deskq.actions.plan import Item, Plan, Verb
from deskq.errors import UserError
from deskq.history.reading.reader import HistoryReader
from deskq.history.writing.message_cache import read_retries
from deskq.profiles import Profile


@dataclass(frozen=True, slots=True)
class Earlier:
    """One retry of a task. ``at``: epoch seconds; ``state``: how it stands, "" where the history does not know it."""

    id: str
    at: float
    state: str = ""


def earlier_retries(profiles: Sequence[Profile], sources: Sequence[str]) -> dict[str, dict[str, Earlier]]:
    """Return, for each task that was retried before, its retries by their ids, the oldest first.

    ``profiles``: whose histories are asked. Blocking; raises UserError where the journal cannot be read.
    """
    found: dict[str, dict[str, Earlier]] = {}
    if journal_path().exists():  # it is made when something is done: that syncs the disk nine times
        with contextlib.closing(Journal()) as journal:
            for source, items in journal.retries_of(sources).items():
                found.setdefault(source, {}).update({item.new_id: Earlier(item.new_id, item.at) for item in items})
    for profile in profiles:
        for source, retries in _seen(profile, sources).items():
            known = found.setdefault(source, {})
            for one in retries.values():
                known[one.id] = Earlier(one.id, known[one.id].at, one.state) if one.id in known else one
    return {source: dict(sorted(retries.items(), key=lambda item: item[1].at)) for source, retries in found.items()}


def refuse_overtaken(plan: Plan[Item], profile: Profile) -> None:
    """Raise UserError if someone else has retried some of its tasks since the plan was made. Blocking."""
    for words in overtaken(plan, plan.items, profile).values():
        raise UserError(words)


def overtaken(plan: Plan[Item], items: Sequence[Item], profile: Profile) -> dict[str, str]:
    """Return, by source, the words for each of these that somebody else retried since the plan was made. Blocking."""
    if plan.verb is not Verb.RETRY:
        return {}
    own = {item.id for item in plan.items}
    known = {item.source: item.earlier | own for item in items if item.source}
    found: dict[str, str] = {}
    for source, retries in _seen(profile, list(known)).items() if known else ():
        new = [one for one in retries if one not in known[source]]
        if new:
            found[source] = f"Someone else has already retried {source}, as {new[-1]}. Check the tasks again."
    return found


def _seen(profile: Profile, sources: Sequence[str]) -> dict[str, dict[str, Earlier]]:
    """What the event stream and the waiting messages told of retries."""
    found: dict[str, dict[str, Earlier]] = {}
    for source, kept in read_retries(profile.history_path(), sources).items():
        found[source] = {uuid: Earlier(uuid, at) for uuid, at in kept.items()}
    with contextlib.suppress(UserError), contextlib.closing(HistoryReader(profile.history_path())) as reader:
        for source, rows in reader.relatives.retries_of(sources).items():
            found.setdefault(source, {}).update({row.uuid: Earlier(row.uuid, row.seen, row.state) for row in rows})
    return found
