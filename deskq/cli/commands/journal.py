"""``deskq journal``: what deskq changed, when, for whom, and how each item ended."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import asdict, fields, replace
from datetime import datetime
from typing import Final

from deskq.actions.journal.database import JournalUnwritable
from deskq.actions.journal.journal import ActionRow, ItemRow, Journal
from deskq.actions.resolving import resolve_unknown
from deskq.actions.undo import undo_plan
from deskq.cli.carry_out import carry_out, show_steps
from deskq.cli.common import profile_of
from deskq.cli.listing import Listing
from deskq.cli.options.acting import JournalOptions
from deskq.errors import UserError
from deskq.profiles import ProfileFile


def run(options: JournalOptions) -> int:
    """Print actions, or the items of one; check unknown items if asked to."""
    journal = Journal()
    try:
        with contextlib.suppress(JournalUnwritable):
            journal.recover()
        if options.resolve:
            profile = profile_of(options.resolve, options)
            found = resolve_unknown(journal, profile)
            left = len(journal.unknown(profile.name))
            print(f"{len(found):,} confirmed as done; {left:,} still unknown.")
            return 0
        if options.undo:
            return _undo(journal, options)
        actions = journal.actions(options.text, options.limit or -1)
        if len(actions) == 1 and actions[0].id == options.text:
            ITEMS.write(journal.items(actions[0].id), options.format, sys.stdout)
        else:
            empty = "The journal has no such action." if options.text else "The journal is empty."
            replace(ACTIONS, empty=empty).write(actions, options.format, sys.stdout)
    finally:
        journal.close()
    return 0


def _undo(journal: Journal, options: JournalOptions) -> int:
    """Take an action back, at the profile where it was done."""
    plan = undo_plan(journal, options.undo)
    profile = profile_of(options.on or _profile_named(plan.profile), options)
    show_steps(plan, options)
    return carry_out(plan, profile, options)


def _profile_named(name: str) -> str:
    if name in {profile.name for profile in ProfileFile().load()}:
        return name
    raise UserError(f"No saved profile “{name}”. Add --on URL.")


def _outcomes(action: ActionRow) -> str:
    words = ", ".join(f"{count:,} {outcome}" for outcome, count in action.outcomes.items())
    return f"running: {words}" if action.running else words


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S")


ACTIONS: Final = Listing[ActionRow](
    titles=["TIME", "PERSON", "PROFILE", "OUTCOME", "ID", "ACTION"],
    cells=lambda one: [_time(one.at), one.person, one.profile, _outcomes(one), one.id, one.title],
    values=asdict,
    keys=[field.name for field in fields(ActionRow)],
)
ITEMS: Final = Listing[ItemRow](
    titles=["OUTCOME", "GRADE", "TASK", "QUEUE", "NEW ID", "RETRY OF", "WORDS"],
    cells=lambda one: [one.outcome, one.grade or "new", one.task, one.queue, one.new_id, one.source, one.words],
    values=asdict,
    keys=[field.name for field in fields(ItemRow)],
)
