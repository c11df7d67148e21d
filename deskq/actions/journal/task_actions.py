"""What the journal tells of tasks: what retried them, what they retry, who sent and who revoked them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deskq.actions.journal.journal import ItemRow, Journal
from deskq.actions.plan import Verb


@dataclass(frozen=True, slots=True)
class TaskAction:
    """One thing that deskq did about a task. ``other``: the task at the other end, "" if none.

    ``kind``: "retried as", "retry of", "sent", "revoked" or "abort asked"; ``outcome`` as in plan.Outcome.
    ``profile``: at which it was done, which may be another than the task's own.
    """

    kind: str
    at: float
    person: str
    outcome: str
    other: str = ""
    words: str = ""
    profile: str = ""


def actions_on_task(journal: Journal, uuid: str) -> list[TaskAction]:
    """Return what was done about a task, oldest first; blocking. What was planned and held back is left out."""
    return actions_on_tasks(journal, [uuid]).get(uuid, [])


def actions_on_tasks(journal: Journal, uuids: Sequence[str]) -> dict[str, list[TaskAction]]:
    """Return the same for many tasks; those about which nothing was done are left out."""
    asked = set(uuids)
    found: dict[str, list[TaskAction]] = {}
    for item, verb, person, profile in journal.items_about(uuids):
        for uuid in {item.source, item.new_id} & asked:
            trace = _trace(item, verb, person, profile, uuid)
            if trace is not None:
                found.setdefault(uuid, []).append(trace)
    return found


def _trace(item: ItemRow, verb: str, person: str, profile: str, uuid: str) -> TaskAction | None:
    kind, other = "", ""
    if verb == Verb.RETRY:
        retried = item.source == uuid
        kind, other = ("retried as", item.new_id) if retried else ("retry of", item.source)
    elif verb == Verb.REVOKE:
        kind = "revoked"
    elif verb == Verb.ABORT:
        kind = "abort asked"
    elif verb == Verb.SEND:
        kind = "sent"
    if not kind or item.outcome in ("planned", "not sent"):
        return None
    return TaskAction(kind, item.at, person, item.outcome, other, item.words, profile)
