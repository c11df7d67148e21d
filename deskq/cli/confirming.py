"""Asking on the terminal before anything is changed."""

from __future__ import annotations

import argparse
import sys

from deskq.actions.plan import AnyPlan
from deskq.actions.safety import Confirmation, needs_confirmation, needs_name
from deskq.cli.common import plain
from deskq.errors import UserError
from deskq.profiles import Profile


def confirmed(plan: AnyPlan, profile: Profile, options: argparse.Namespace) -> Confirmation | None:
    """Ask on the terminal, unless it was said beforehand; raises UserError where nobody can be asked."""
    if profile.read_only or not needs_confirmation(plan, profile):
        return None  # what is not allowed is refused where it would be carried out
    if needs_name(profile):
        if options.confirm_name:
            return Confirmation(plan.id, options.confirm_name)
        if options.yes or not sys.stdin.isatty():
            raise UserError(f"“{profile.name}” wants its name typed: say --confirm-name {profile.name}.")
        return Confirmation(plan.id, _ask(f"Type {profile.name} to {plan.title.lower()}: "))
    if options.yes:
        return Confirmation(plan.id)
    if not sys.stdin.isatty():
        raise UserError("Nobody can be asked here: look at it with --dry-run, then say --yes.")
    if _ask(f"{plan.title}? [y/N] ").strip().lower() not in ("y", "yes"):
        raise UserError("Nothing was done.")
    return Confirmation(plan.id)


def _ask(question: str) -> str:
    try:
        return input(plain(question))
    except EOFError:
        return ""
