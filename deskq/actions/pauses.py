"""Queues that were paused by deskq, as the journal has it: by whom, since when, and on which workers."""

from __future__ import annotations

import json
from dataclasses import dataclass

from deskq.actions.journal import Journal
from deskq.actions.plan import Outcome, Verb


@dataclass(frozen=True, slots=True)
class Pause:
    """A queue that is paused until somebody resumes it. ``workers``: those that were told; ``at``: epoch seconds."""

    queue: str
    action: str
    person: str
    at: float
    workers: tuple[str, ...]


def pauses(journal: Journal, profile: str) -> list[Pause]:
    """Return the queues of a profile that are paused, the latest first; blocking. Raises UserError."""
    found: dict[str, Pause] = {}
    for action in journal.actions_of(profile, Verb.PAUSE):
        if journal.undone_by(action.id):
            continue
        items = [item for item in journal.items(action.id) if item.outcome in (Outcome.DONE, Outcome.UNKNOWN)]
        if not items:
            continue
        queue = _left_by(journal.message(action.id, items[0].number))
        if queue and queue not in found:
            workers = tuple(item.queue for item in items)
            found[queue] = Pause(queue, action.id, action.person, action.at, workers)
    return list(found.values())


def _left_by(detail: bytes) -> str:
    """The queue that a step says is no longer consumed; "" if it says another thing, as one that resumes does."""
    try:
        told = json.loads(detail)
        return str(told["arguments"]["queue"]) if told["method"] == "cancel_consumer" else ""
    except (ValueError, KeyError, TypeError):
        return ""
