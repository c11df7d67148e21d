"""``deskq journal``: what deskq changed, when, for whom, and how each item ended."""

from __future__ import annotations

import argparse
import csv
import sys
from dataclasses import asdict
from datetime import datetime

from deskq.actions.journal.journal import ActionRow, ItemRow, Journal
from deskq.actions.resolving import resolve_unknown
from deskq.actions.steps import undo_plan
from deskq.actions.undo import doer_of
from deskq.cli.common import profile_of, table
from deskq.cli.steps import carry_steps, show_steps
from deskq.errors import UserError
from deskq.history.cells import safe_cell
from deskq.plain_text import json_text
from deskq.profiles import ProfileFile


def run(options: argparse.Namespace) -> int:
    """Print actions, or the items of one; check unknown items if asked to."""
    journal = Journal()
    try:
        if not journal.read_only:
            journal.recover()
        if options.resolve:
            profile = profile_of(options.resolve, options)
            found = resolve_unknown(journal, profile)
            left = len(journal.unknown(profile.name))
            print(f"{len(found):,} confirmed as done; {left:,} still unknown.")
            return 0
        if options.undo:
            return _undo(journal, options)
        actions = journal.actions(options.text, options.limit)
        if len(actions) == 1 and actions[0].id == options.text:
            _print_items(journal.items(actions[0].id), options.format)
        else:
            _print_actions(actions, options.format, options.text)
    finally:
        journal.close()
    return 0


def _undo(journal: Journal, options: argparse.Namespace) -> int:
    """Take an action back, at the profile where it was done."""
    plan = undo_plan(journal, options.undo)
    profile = profile_of(options.on or _profile_named(plan.profile), options)
    show_steps(plan, options)
    return carry_steps(plan, profile, lambda: doer_of(plan, profile), options)


def _profile_named(name: str) -> str:
    if name in {profile.name for profile in ProfileFile().load()}:
        return name
    raise UserError(f"No saved profile “{name}”. Add --on URL.")


def _print_actions(actions: list[ActionRow], form: str, sought: str) -> None:
    if form == "json":
        for action in actions:
            print(json_text(asdict(action)))
    elif form == "csv":
        _csv([{**asdict(action), "outcomes": _outcomes(action)} for action in actions])
    elif actions:
        rows = [[_time(a.at), a.person, a.profile, _outcomes(a), a.id, a.title] for a in actions]
        print(table(["TIME", "PERSON", "PROFILE", "OUTCOME", "ID", "ACTION"], rows))
    else:
        print("The journal has no such action." if sought else "The journal is empty.")


def _print_items(items: list[ItemRow], form: str) -> None:
    if form == "json":
        for item in items:
            print(json_text(asdict(item)))
    elif form == "csv":
        _csv([asdict(item) for item in items])
    else:
        rows = [[i.outcome, i.grade or "new", i.task, i.queue, i.new_id, i.source, i.words] for i in items]
        print(table(["OUTCOME", "GRADE", "TASK", "QUEUE", "NEW ID", "RETRY OF", "WORDS"], rows))


def _csv(rows: list[dict[str, object]]) -> None:
    if rows:
        writer = csv.DictWriter(sys.stdout, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: safe_cell(value) for key, value in row.items()} for row in rows)


def _outcomes(action: ActionRow) -> str:
    words = ", ".join(f"{count:,} {outcome}" for outcome, count in action.outcomes.items())
    return f"running: {words}" if action.running else words


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S")
