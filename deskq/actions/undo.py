"""What takes an action of the journal back, as a plan."""

from __future__ import annotations

import json
from typing import Final

from deskq.actions.journal.journal import Journal
from deskq.actions.journal.pauses import pauses
from deskq.actions.plan import Plan, Step, Verb
from deskq.errors import UserError

_NO_WAY_BACK: Final = {
    Verb.SEND.value: "A message that was sent cannot be recalled; revoke the task instead.",
    Verb.RETRY.value: "A message that was sent cannot be recalled; revoke the task instead.",
    Verb.REVOKE.value: "Workers forget a revoked id only when they restart.",
    Verb.ABORT.value: "A task that was asked to abort cannot be asked to go on.",
}
"""Why nothing of a verb can be undone, and what to do instead."""


def undo_plan(journal: Journal, action: str) -> Plan[Step]:
    """Return the plan that takes an action back, as far as its items were done; raises UserError where nothing can."""
    rows = [row for row in journal.actions(action) if row.id == action]
    undos = journal.undos(action)
    if journal.undone_by(action):
        raise UserError("The action has already been undone.")
    if not rows:
        raise UserError("The journal has no such action.")
    row = rows[0]
    if not undos:
        raise UserError(f"Nothing in “{row.title}” can be undone. {_NO_WAY_BACK.get(row.verb, '')}".rstrip())
    steps = tuple(
        Step(
            target=item.queue,
            command=str(undo.get("command", "")),
            detail=undo,
            undo={"command": item.command, **json.loads(journal.message(action, item.number))},
            source=item.source,
            task=item.task,
        )
        for item, undo in undos
    )
    return Plan(
        verb=Verb(row.verb),
        profile=row.profile,
        environment=row.environment,
        title=f"Undo “{row.title}”",
        items=steps,
        undoes=action,
    )


def resume_plans(journal: Journal, queue: str, profile: str) -> list[Plan[Step]]:
    """Return the plans that resume a queue, the latest pause first; raises UserError where it is not paused.

    One that was paused several times, as workers joined, is resumed as often.
    """
    found = [pause for pause in pauses(journal, profile) if pause.queue == queue]
    if not found:
        raise not_paused(queue)
    return [undo_plan(journal, pause.action) for pause in found]


def not_paused(queue: str) -> UserError:
    """Return what is raised where there is nothing to resume."""
    return UserError(f"“{queue}” is not paused, according to the journal.")
