"""What the journal tells of one task: what retried it, what it retries, who sent and who revoked it."""

from __future__ import annotations

from dataclasses import dataclass

from deskq.actions.journal import Journal
from deskq.actions.plan import Verb


@dataclass(frozen=True, slots=True)
class Trace:
    """One thing that deskq did about a task. ``other``: the task at the other end, "" if none.

    ``kind``: "retried as", "retry of", "sent", "revoked" or "abort asked"; ``outcome`` as in plan.Outcome.
    """

    kind: str
    at: float
    person: str
    outcome: str
    other: str = ""
    words: str = ""


def traces_of(journal: Journal, uuid: str) -> list[Trace]:
    """Return what was done about a task, oldest first; blocking. What was planned and held back is left out."""
    found = []
    for item, verb, person in journal.items_about(uuid):
        if item.outcome in ("planned", "not sent"):
            continue
        if verb == Verb.REVOKE:
            found.append(Trace("revoked", item.at, person, item.outcome, words=item.words))
        elif verb == Verb.ABORT:
            found.append(Trace("abort asked", item.at, person, item.outcome, words=item.words))
        elif verb == Verb.RETRY:
            retried = item.source == uuid
            other = item.new_id if retried else item.source
            found.append(Trace("retried as" if retried else "retry of", item.at, person, item.outcome, other))
        elif verb == Verb.SEND:
            found.append(Trace("sent", item.at, person, item.outcome))
    return found
