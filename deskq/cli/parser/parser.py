"""Commands and their options, declared in one place."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final

from deskq import __version__
from deskq.cli.parser.acting_options import add_acting
from deskq.cli.parser.command_parser import CommandParser, add_profile_options
from deskq.cli.parser.profiles_parser import add_password_place, add_profile_verbs, allow_password_file
from deskq.cli.parser.schedules_parser import add_schedules
from deskq.protocol.task_states import STATES

COMMANDS: Final = (
    *("window", "demo", "record", "tasks", "result", "history", "doctor"),
    *("send", "retry", "revoke", "abort", "control", "journal", "profiles", "schedules"),
)
_STATES: Final = " ".join(STATES)


def with_default_command(arguments: Sequence[str]) -> list[str]:
    """``deskq [URL|PROFILE ...]`` means ``deskq window [URL|PROFILE ...]``."""
    given = list(arguments)
    if given and (given[0] in COMMANDS or given[0] in ("-h", "--help", "--version")):
        return given
    return ["window", *given]


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="deskq",
        description="The desktop queue manager for Celery.",
        epilog="deskq [URL|PROFILE ...] opens the window. Examples: deskq redis://localhost:6379/0 · deskq demo",
    )
    parser.add_argument("--version", action="version", version=f"deskq {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=CommandParser)
    _window(commands)
    _demo(commands)
    _record(commands)
    _tasks(commands)
    _result(commands)
    _history(commands)
    _doctor(commands)
    add_acting(commands, _command)
    _profiles(commands)
    add_schedules(commands, _command)
    return parser


def _command(commands: Any, name: str, text: str, example: str, run: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text, epilog=f"Example: {example}"
    )
    parser.set_defaults(run=_lazily(run))
    return parser


def _lazily(place: str) -> Callable[[argparse.Namespace], int]:
    """Import the module of a command when it runs, not before."""

    def run(options: argparse.Namespace) -> int:
        module, _, function = place.partition(":")
        return int(getattr(import_module(f"deskq.cli.commands.{module}"), function)(options))

    return run


def _window(commands: Any) -> None:
    parser = _command(
        commands, "window", "Open the window (the default).", "deskq redis://localhost:6379/0", "window:run_window"
    )
    parser.add_argument(
        "profiles",
        nargs="*",
        metavar="URL|PROFILE|PATH",
        help="what to show besides saved profiles",
    )
    add_profile_options(parser)


def _demo(commands: Any) -> None:
    parser = _command(
        commands,
        "demo",
        "Show deskq at work on an embedded broker with real workers.",
        "deskq demo --headless --seconds 20 --pictures pictures",
        "window:run_demo",
    )
    parser.add_argument(
        "--headless", action="store_true", help="run without a window: save pictures, print a summary, exit"
    )
    parser.add_argument("--seconds", type=float, default=20.0, metavar="N", help="seconds of traffic (headless)")
    parser.add_argument("--pictures", metavar="DIR", help="where to save a picture of every view (headless)")
    parser.add_argument("--broker", metavar="URL", help="use this empty Redis database instead of the embedded server")
    parser.add_argument("--rate", type=float, default=25.0, metavar="N", help="tasks a second")


def _record(commands: Any) -> None:
    parser = _command(
        commands,
        "record",
        "Record a broker's event stream into a history until interrupted.",
        "deskq record redis://localhost:6379/0 --history shop.sqlite",
        "record:run",
    )
    parser.add_argument("profile", nargs="?", metavar="URL|PROFILE")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    add_profile_options(parser)


def _tasks(commands: Any) -> None:
    parser = _command(
        commands,
        "tasks",
        "List tasks of a history, newest first.",
        "deskq tasks shop.sqlite --state FAILURE --format json",
        "tasks:run",
    )
    parser.add_argument("history", metavar="HISTORY|PROFILE", help="a history file, a profile's name, or its URL")
    _add_task_filter(parser)
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="most tasks to list (100); 0 for all")
    parser.add_argument("--format", choices=("table", "json", "csv"), default="table")
    add_profile_options(parser)


def _add_task_filter(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--state", action="append", default=[], metavar="S", help=f"one of {_STATES}, or a custom state"
    )
    parser.add_argument("--name", action="append", default=[], metavar="N", help="task name; * is a wildcard")
    parser.add_argument("--queue", action="append", default=[], metavar="Q", help="queue name; * is a wildcard")
    parser.add_argument("--worker", action="append", default=[], metavar="W", help="worker name; * is a wildcard")
    parser.add_argument("--text", default="", metavar="T", help="text in id, name, arguments or exception")
    parser.add_argument(
        "--filter",
        default="",
        metavar="F",
        help='filter as in the window, like "state:FAILURE runtime:>1 args:8812 since:1h"',
    )
    parser.add_argument(
        "--since", default="", metavar="SPAN", help="first seen within this time span: 90s, 15m, 6h or 7d"
    )


def _history(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "history", help="Inspect and maintain history files.", description="Inspect and maintain history files."
    )
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    about = _command(
        verbs, "info", "Show what a history contains.", "deskq history info shop.sqlite", "history:print_description"
    )
    about.add_argument("--format", choices=("table", "json"), default="table")
    checking = _command(
        verbs,
        "check",
        "Check a whole history for damage; exits with 1 if there is any.",
        "deskq history check shop.sqlite",
        "history:check",
    )
    checking.add_argument(
        "--salvage", action="store_true", help="if damaged, set it aside and salvage what is readable into a new file"
    )
    compacting = _command(
        verbs,
        "compact",
        "Compact a history file. Stop its recorder first.",
        "deskq history compact shop.sqlite",
        "history:compact_file",
    )
    copying = _command(
        verbs,
        "copy",
        "Copy a history into one complete file, even while a recorder runs; existing files are not overwritten.",
        "deskq history copy shop shop-before-the-release.sqlite",
        "history:copy_file",
    )
    exporting = _command(
        verbs,
        "export",
        "Export all or matching tasks, newest first.",
        "deskq history export shop.sqlite --state FAILURE --since 7d --format csv --output failures.csv",
        "history:export",
    )
    _add_task_filter(exporting)
    exporting.add_argument("--format", choices=("json", "csv"), default="json")
    exporting.add_argument("--output", metavar="FILE", help="output file; written completely or not at all")
    for verb in (about, checking, compacting, copying, exporting):
        verb.add_argument("history", metavar="HISTORY|PROFILE", help="a history file, a profile's name, or its URL")
        add_profile_options(verb)
    copying.add_argument("target", metavar="FILE", help="file to create")


def _result(commands: Any) -> None:
    parser = _command(
        commands,
        "result",
        "Show what the result backend keeps of a task; nothing is unpickled.",
        "deskq result shop 5b2c… --result-backend redis://localhost:6379/1",
        "result:run",
    )
    parser.add_argument("profile", metavar="URL|PROFILE")
    parser.add_argument("id", metavar="UUID")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    add_profile_options(parser)


def _doctor(commands: Any) -> None:
    parser = _command(
        commands,
        "doctor",
        "Check a broker and its workers, and suggest changes.",
        "deskq doctor redis://localhost:6379/0",
        "doctor:run",
    )
    parser.add_argument("profile", metavar="URL|PROFILE")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    add_profile_options(parser)


def _profiles(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "profiles",
        help="List, add, change, import and test saved profiles.",
        description="List, add, change, import, export and test saved profiles.",
    )
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    listing = _command(verbs, "list", "List the saved profiles.", "deskq profiles list", "profiles:list_profiles")
    listing.add_argument("--format", choices=("table", "json"), default="table")
    adding = _command(
        verbs,
        "add",
        "Save a profile; its password goes into the system's keyring.",
        "deskq profiles add shop rediss://user@host:6380/0 --environment production",
        "profiles:add",
    )
    adding.add_argument("name", metavar="NAME")
    adding.add_argument("url", metavar="URL")
    adding.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    adding.add_argument("--yes", action="store_true", help="save it with a lower level of safety than its broker has")
    add_profile_options(adding)
    allow_password_file(adding)
    testing = _command(verbs, "test", "Test a connection in steps.", "deskq profiles test shop", "doctor:test")
    testing.add_argument("profile", metavar="NAME|URL")
    testing.add_argument("--format", choices=("table", "json"), default="table")
    add_profile_options(testing)
    removing = _command(verbs, "remove", "Remove a saved profile.", "deskq profiles remove shop", "profiles:remove")
    removing.add_argument("name", metavar="NAME")
    setting = _command(
        verbs,
        "set-password",
        "Put a profile's password into the system's keyring.",
        "deskq profiles set-password shop",
        "profiles:set_password",
    )
    setting.add_argument("name", metavar="NAME")
    setting.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    add_password_place(setting)
    allow_password_file(setting)
    add_profile_verbs(verbs, _command)
