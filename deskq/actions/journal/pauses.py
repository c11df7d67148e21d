"""Queues that were paused by deskq, as the journal has it: by whom, since when, and on which workers."""

from __future__ import annotations

import json
from dataclasses import dataclass

from deskq.actions.journal.journal import Journal
from deskq.actions.plan import Verb


@dataclass(frozen=True, slots=True)
class Pause:
    """A queue that is paused until somebody resumes it. ``at``: epoch seconds; ``confirmed``: of the last answer.

    ``workers``: those that were told, and of which it is not known that they consume it again.
    """

    queue: str
    action: str
    person: str
    at: float
    workers: tuple[str, ...]
    confirmed: float


def pauses(journal: Journal, profile: str) -> list[Pause]:
    """Return the pauses of a profile that were not resumed, the latest first; blocking. Raises UserError.

    A queue that was paused again, on workers that had joined, has several.
    """
    found: list[Pause] = []
    for action in journal.actions_of(profile, Verb.PAUSE):
        items = [item for item, _ in reversed(journal.undos(action.id))]
        if not items:
            continue
        queue = _left_by(journal.message(action.id, items[0].number))
        if queue:
            workers = tuple(item.queue for item in items)
            confirmed = max(item.at for item in items)
            found.append(Pause(queue, action.id, action.person, action.at, workers, confirmed))
    return found


def _left_by(detail: bytes) -> str:
    """The queue that a step says is no longer consumed; "" if it says another thing, as one that resumes does."""
    try:
        told = json.loads(detail)
        return str(told["arguments"]["queue"]) if told["method"] == "cancel_consumer" else ""
    except (ValueError, KeyError, TypeError):
        return ""
