"""``deskq schedules`` and its options."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

_STORE = "a profile's name, PROFILE/KIND for one of its stores, or a store's URL"


def add_schedules(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the commands about periodic tasks."""
    text = "Show and change the schedules in beat's stores."
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
        "Show everything a store holds about one schedule.",
        "deskq schedules show shop nightly --format json",
        "schedules:show",
    )
    following = command(
        verbs,
        "next",
        "Show the next runs of a schedule as ISO times.",
        "deskq schedules next shop nightly --count 10",
        "schedules:print_next",
    )
    following.add_argument("--count", type=int, default=10, metavar="N", help="number of runs (10)")
    exporting = command(
        verbs,
        "export",
        "Write a store's periodic tasks as TOML.",
        "deskq schedules export shop --output shop-schedules.toml",
        "schedules:export",
    )
    exporting.add_argument("--output", metavar="FILE", help="output file (default: stdout)")
    for verb in (listing, showing, following, exporting):
        verb.add_argument("store", metavar="STORE", help=_STORE)
    for verb in (showing, following):
        verb.add_argument("name", metavar="NAME", help="the entry's name")
    for verb in (listing, showing, following):
        verb.add_argument("--format", choices=("table", "json"), default="table")
    _add_changes(verbs, command)


def _add_changes(verbs: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    adding = command(
        verbs,
        "add",
        "Add a periodic task: shows what will be written, and asks.",
        "deskq schedules add shop --name nightly --task report.build --cron '30 2 * * *'",
        "schedule_changes:add",
    )
    editing = command(
        verbs,
        "edit",
        "Change the given fields of a schedule; --name renames it.",
        "deskq schedules edit shop nightly --cron '0 3 * * mon-fri' --dry-run",
        "schedule_changes:edit",
    )
    enabling = command(
        verbs,
        "enable",
        "Let beat send periodic tasks again.",
        "deskq schedules enable shop nightly",
        "schedule_changes:enable",
    )
    disabling = command(
        verbs,
        "disable",
        "Keep beat from sending periodic tasks.",
        "deskq schedules disable shop nightly",
        "schedule_changes:disable",
    )
    deleting = command(
        verbs,
        "delete",
        "Delete periodic tasks.",
        "deskq schedules delete shop nightly",
        "schedule_changes:delete",
    )
    importing = command(
        verbs,
        "import",
        "Apply an exported file to a store. Shows the differences and asks.",
        "deskq schedules import shop shop-schedules.toml --dry-run",
        "schedule_changes:import_file",
    )
    for verb in (adding, editing, enabling, disabling, deleting, importing):
        verb.add_argument("store", metavar="STORE", help=_STORE)
        verb.add_argument("--dry-run", action="store_true", help="show the plan and write nothing")
        verb.add_argument("--yes", action="store_true", help="skip the confirmation")
        verb.add_argument(
            "--confirm-name",
            metavar="NAME",
            help="what must be typed to confirm: the profile's name, or the code of another broker",
        )
        verb.add_argument("--format", choices=("table", "json"), default="table")
    editing.add_argument("entry", metavar="NAME", help="the entry's name")
    for verb in (enabling, disabling, deleting):
        verb.add_argument("entries", nargs="+", metavar="NAME", help="names of entries")
    importing.add_argument("file", metavar="FILE", help="a TOML file, - for standard input")
    importing.add_argument("--delete-others", action="store_true", help="delete schedules that are not in the file")
    for verb in (adding, editing):
        add_entry_options(verb)
    editing.add_argument(
        "--change-shared", action="store_true", help="also change the timing of schedules that share it"
    )


def add_entry_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that ``add`` and ``edit`` share; each is None where it is not given."""
    parser.add_argument("--name", metavar="NAME", help="the entry's name")
    parser.add_argument("--task", metavar="TASK", help="the task's name")
    when = parser.add_mutually_exclusive_group()
    when.add_argument("--every", metavar="SPAN", help="an interval: 10s, 5m, 2h or 1d")
    when.add_argument("--cron", metavar="CRON", help='a crontab: "minute hour day-of-month month day-of-week"')
    when.add_argument("--at", metavar="ISO", help="once, at this time; UTC unless it has an offset")
    parser.add_argument("--timezone", metavar="ZONE", help="time zone of the crontab, if the store supports it")
    parser.add_argument("--args", metavar="JSON", help="a list")
    parser.add_argument("--kwargs", metavar="JSON", help="JSON object of keyword arguments")
    parser.add_argument("--queue", metavar="Q", help="queue; leave empty for the app's routing")
    parser.add_argument("--priority", type=int, metavar="N", help="0 to 9")
    parser.add_argument("--expires", type=float, metavar="S", help="messages expire after this many seconds")
    parser.add_argument(
        "--one-off", action=argparse.BooleanOptionalAction, default=None, help="one-off: disable after the run"
    )
