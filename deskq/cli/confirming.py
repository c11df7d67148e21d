"""Asking on the terminal before anything is changed."""

from __future__ import annotations

import contextlib
import shlex
import signal
import sys
from collections.abc import Iterator
from typing import Any

from deskq.actions.executor import PlanExecutor
from deskq.actions.journal.journal import Journal
from deskq.actions.plan import AnyPlan
from deskq.actions.safety import Confirmation, guard_of
from deskq.cli.common import plain
from deskq.cli.options.shared import ActingOptions
from deskq.cli.terminal import ask
from deskq.errors import UserError
from deskq.profiles import Profile
from deskq.services.journal_recovery import look_after


def confirmed(plan: AnyPlan, profile: Profile, options: ActingOptions) -> Confirmation | None:
    """Ask on the terminal, unless it was said beforehand; raises UserError where nobody can be asked."""
    guard = guard_of(plan, profile)
    if guard.forbids or not guard.asks(plan):
        return None  # what is not allowed is refused where it would be carried out
    if guard.note:
        print(f"deskq: {plain(guard.note)}", file=sys.stderr)
    if guard.typed:
        if options.confirm_name:
            return Confirmation(plan.id, options.confirm_name)
        if options.yes or not sys.stdin.isatty():
            wanted = f"“{guard.name}” wants its name typed" if guard.change is None else guard.change.words.rstrip(".")
            raise UserError(f"{wanted}: say --confirm-name {shlex.quote(guard.typed)}.")
        return Confirmation(plan.id, ask(f"Type {guard.typed} to {plan.title.lower()}: "))
    if options.yes:
        return Confirmation(plan.id)
    if not sys.stdin.isatty():
        raise UserError("No terminal to confirm on. Check with --dry-run, then add --yes.")
    if ask(f"{plan.title}? [y/N] ").strip().lower() not in ("y", "yes"):
        raise UserError("Cancelled; nothing was changed.")
    return Confirmation(plan.id)


@contextlib.contextmanager
def interruptible(executor: PlanExecutor[Any]) -> Iterator[None]:
    """Ctrl+C holds back what is not begun, instead of leaving something unknown; before that it ends all at once."""

    def interrupt(*_: object) -> None:
        if not executor.begun:
            raise KeyboardInterrupt
        executor.stop()

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handling in before.items():
            signal.signal(number, handling)


def say_interrupted(journal: Journal) -> None:
    """Close what an earlier run did not, and say so; forget what is too old."""
    for action in look_after(journal):
        print(f"deskq: an earlier action was interrupted. See: deskq journal {action}", file=sys.stderr)
