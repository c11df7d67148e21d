"""The columns of the Journal view: actions, and the items of one."""

from __future__ import annotations

from typing import Final

from deskq import formats
from deskq.actions.journal.journal import ActionRow, ItemRow
from deskq.models.table.columns import Column
from deskq.views.widgets.theme import outcome_group


def outcomes_text(action: ActionRow) -> str:
    """Return how many items ended how; what is worth a look first."""
    order = ("unknown", "failed", "sending", "planned", "not sent", "done", "gone")
    parts = [f"{action.outcomes[word]:,} {word}" for word in order if action.outcomes.get(word)]
    return f"running: {', '.join(parts)}" if action.running else ", ".join(parts)


def outcome_state(action: ActionRow) -> str | None:
    """Return the group whose colour an action has: its worst item's."""
    worst = next((word for word in ("unknown", "failed", "sending") if action.outcomes.get(word)), "done")
    return outcome_group(worst)


ACTION_COLUMNS: Final[tuple[Column[ActionRow], ...]] = (
    Column(
        "at",
        "Time",
        "Start of the action",
        lambda row: formats.clock_time(row.at),
        lambda row: row.at,
        True,
        exact=lambda row: formats.exact_time(row.at),
        width=120,
    ),
    Column("person", "User", "System user who confirmed the action", lambda row: formats.plain(row.person), width=90),
    Column("profile", "Profile", "Profile it was carried out on", lambda row: formats.plain(row.profile), width=120),
    Column(
        "environment", "Environment", "Environment of the profile", lambda row: row.environment, width=100, shown=False
    ),
    Column("title", "Action", "Title of the action", lambda row: formats.plain(row.title), width=430),
    Column("outcome", "Outcome", "Outcomes of its items", outcomes_text, state=outcome_state, width=200),
    Column(
        "undone",
        "Undoes",
        "Action that this one undid",
        lambda row: row.undoes[:8],
        exact=lambda row: row.undoes,
        width=80,
    ),
    Column(
        "place", "Broker", "Broker URL without password", lambda row: formats.plain(row.place), width=180, shown=False
    ),
    Column("id", "Id", "Id of the action", lambda row: row.id, mono=True, width=260, shown=False),
)

ITEM_COLUMNS: Final[tuple[Column[ItemRow], ...]] = (
    Column(
        "number", "#", "Position in the plan", lambda row: f"{row.number + 1:,}", lambda row: row.number, True, width=45
    ),
    Column(
        "outcome",
        "Outcome",
        "Outcome of the item",
        lambda row: row.outcome,
        state=lambda row: outcome_group(row.outcome),
        width=90,
    ),
    Column("target", "Target", "Queue, worker, task or schedule", lambda row: formats.plain(row.queue), width=140),
    Column("task", "Task", "Task name", lambda row: formats.plain(row.task), width=140),
    Column("words", "Reply", "Reply of the worker, broker or store", lambda row: formats.plain(row.words), width=220),
    Column("command", "Command", "Command exactly as sent", lambda row: formats.plain(row.command), width=420),
    Column("new_id", "Id", "Id of the new task or of the item", lambda row: row.new_id, mono=True, width=260),
    Column("source", "Source task", "Id of the task acted on", lambda row: row.source, mono=True, width=260),
)
