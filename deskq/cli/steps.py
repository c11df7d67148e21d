"""A plan of steps on the command line: asked, journalled, carried out, and how each step ended."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from deskq.actions.journal.journal import Journal
from deskq.actions.plan import StepPlan
from deskq.actions.steps import Doer, StepCarrier
from deskq.cli.common import plain
from deskq.cli.confirming import confirmed, interruptible, say_interrupted
from deskq.plain_text import json_text
from deskq.profiles import Profile

FAILED = 1
UNKNOWN = 3
_SHOWN = 50


def show_steps(plan: StepPlan, options: argparse.Namespace, *, note: str = "") -> None:
    """Print what is planned, each step as it will be sent."""
    if options.format == "json":
        values = [{"id": step.id, "target": step.target, "command": step.command} for step in plan.items]
        print(json_text({"plan": plan.id, "title": plan.title, "items": values}))
        return
    print(plain(plan.title))
    for step in plan.items[:_SHOWN]:
        print(f"  {plain(step.command)}")
    if len(plan.items) > _SHOWN:
        print(f"  … and {len(plan.items) - _SHOWN:,} more")
    if note:
        print(plain(note))


def carry_steps(
    plan: StepPlan, profile: Profile, doer: Callable[[], Doer], options: argparse.Namespace, *, named: str = "target"
) -> int:
    """Ask, carry out and tell; returns the exit status. ``doer`` is called when somebody has said yes.

    ``named``: what the thing that a step changes is called in JSON.
    """
    if options.dry_run:
        return 0
    confirmation = confirmed(plan, profile, options)
    journal = Journal()
    try:
        say_interrupted(journal)
        carrier = StepCarrier(plan, profile, journal, doer())
        with interruptible(carrier):
            result = carrier.run(confirmation)
        _tell_end(plan, journal, options, named)
    finally:
        journal.close()
    if result.unknown:
        return UNKNOWN
    return FAILED if result.failed or result.held_back else 0


def _tell_end(plan: StepPlan, journal: Journal, options: argparse.Namespace, named: str) -> None:
    rows = journal.items(plan.id)
    if options.format == "json":
        outcomes = [{"id": row.new_id, named: row.queue, "outcome": row.outcome, "words": row.words} for row in rows]
        print(json_text({"plan": plan.id, "outcomes": outcomes}))
        return
    for row in rows:
        if row.words:
            print(f"{plain(row.queue)}: {row.outcome}. {plain(row.words)}")
    done = sum(row.outcome in ("done", "gone") for row in rows)
    print(f"{done:,} of {len(rows):,} done. See: deskq journal {plan.id}")
