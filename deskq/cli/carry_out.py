"""A plan on the command line: asked, journalled, carried out, and how each of its items ended."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Sequence

from deskq.actions.executor import Progress
from deskq.actions.journal.journal import ItemRow, Journal
from deskq.actions.plan import AnyPlan, Plan, Step, Verb
from deskq.actions.runners import AnyRunner, executor_for
from deskq.cli.common import plain
from deskq.cli.confirming import confirmed, interruptible, say_interrupted
from deskq.cli.exit_status import ExitStatus
from deskq.cli.options.shared import ActingOptions
from deskq.cli.terminal import say_progress
from deskq.plain_text import json_text
from deskq.profiles import Profile

_SHOWN = 50


def show_steps(plan: Plan[Step], options: ActingOptions, *, note: str = "") -> None:
    """Print what is planned, each step as it will be sent."""
    if options.as_json:
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


def carry_out(
    plan: AnyPlan,
    profile: Profile,
    options: ActingOptions,
    *,
    named: str = "target",
    runner: Callable[[], AnyRunner] | None = None,
) -> int:
    """Ask, carry out and tell; returns the exit status. ``runner`` is called when somebody has said yes.

    ``named``: what the thing that a step changes is called in JSON.
    """
    if options.dry_run:
        return ExitStatus.DONE
    confirmation = confirmed(plan, profile, options)
    sends = plan.verb in (Verb.SEND, Verb.RETRY)
    with contextlib.closing(Journal()) as journal:
        say_interrupted(journal)
        executor = executor_for(plan, profile, journal, _teller(shown=sends and not options.as_json), runner)
        with interruptible(executor):
            result = executor.run(confirmation)
        rows = journal.items(plan.id) if options.as_json or not sends else []
    if options.as_json:
        print(json_text({"plan": plan.id, "outcomes": [_as_values(row, "" if sends else named) for row in rows]}))
    elif sends:
        _tell_sent(plan, result)
    else:
        _tell_done(plan, rows)
    if result.unknown:
        return ExitStatus.UNKNOWN
    return ExitStatus.FAILED if result.failed or result.held_back else ExitStatus.DONE


def _teller(*, shown: bool) -> Callable[[Progress], None]:
    """Print how far it is, at most twice a second, where somebody looks."""
    last = [0.0]

    def tell(progress: Progress) -> None:
        if shown and sys.stderr.isatty() and time.monotonic() - last[0] > 0.5:
            last[0] = time.monotonic()
            say_progress(f"{progress.phase}: {progress.done:,} of {progress.total:,}   ")

    return tell


def _as_values(row: ItemRow, named: str) -> dict[str, str | None]:
    about = {named: row.queue} if named else {"retry_of": row.source or None}
    return {"id": row.new_id, **about, "outcome": row.outcome, "words": row.words}


def _tell_sent(plan: AnyPlan, result: Progress) -> None:
    parts = [f"{result.done:,} sent"]
    for count, word in ((result.failed, "failed"), (result.unknown, "unknown"), (result.held_back, "not sent")):
        if count:
            parts.append(f"{count:,} {word}")
    print(", ".join(parts) + (f". {plain(result.words)}" if result.words else "."))
    if result.failed or result.unknown:
        print(f"See each item with: deskq journal {plan.id}")


def _tell_done(plan: AnyPlan, rows: Sequence[ItemRow]) -> None:
    for row in rows:
        if row.words:
            print(f"{plain(row.queue)}: {row.outcome}. {plain(row.words)}")
    done = sum(row.outcome in ("done", "gone") for row in rows)
    print(f"{done:,} of {len(rows):,} done. See: deskq journal {plan.id}")
