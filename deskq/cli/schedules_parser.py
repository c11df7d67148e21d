"""``deskq schedules`` and its options."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

_STORE = "a profile's name, PROFILE/KIND for one of its stores, or a store's URL"


def add_schedules(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the commands about periodic tasks."""
    text = "Look at periodic tasks: what beat's stores keep and when it will run."
    parser: argparse.ArgumentParser = commands.add_parser("schedules", help=text, description=text)
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    listing = command(
        verbs,
        "list",
        "List periodic tasks, their next runs, and what is wrong with them.",
        "deskq schedules list redbeat:redis://localhost:6379/0",
        "schedules:list_entries",
    )
    showing = command(
        verbs,
        "show",
        "Show all that a store keeps of one periodic task.",
        "deskq schedules show shop nightly --format json",
        "schedules:show",
    )
    following = command(
        verbs,
        "next",
        "Say when a periodic task will run next, as ISO times.",
        "deskq schedules next shop nightly --count 10",
        "schedules:print_next",
    )
    following.add_argument("--count", type=int, default=10, metavar="N", help="so many runs (10)")
    exporting = command(
        verbs,
        "export",
        "Write a store's periodic tasks as TOML.",
        "deskq schedules export shop --output shop-schedules.toml",
        "schedules:export",
    )
    exporting.add_argument("--output", metavar="FILE", help="write there instead of to the terminal")
    for verb in (listing, showing, following, exporting):
        verb.add_argument("store", metavar="STORE", help=_STORE)
    for verb in (showing, following):
        verb.add_argument("name", metavar="NAME", help="the entry's name")
    for verb in (listing, showing, following):
        verb.add_argument("--format", choices=("table", "json"), default="table")
