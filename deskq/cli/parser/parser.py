"""The parser of the whole command line, and what it understood."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from deskq import __version__
from deskq.cli.exit_status import MEANINGS
from deskq.cli.parser import acting, profiles, reading, schedules
from deskq.cli.parser.command import CliCommand, statuses
from deskq.cli.parser.command_parser import CommandParser

GROUPS: Final = {
    "history": "Inspect and maintain history files.",
    "profiles": "List, add, change, import, export and test saved profiles.",
    "schedules": "Show and change the schedules in beat's stores.",
}
COMMANDS: Final = {
    command.name: command for command in (*reading.COMMANDS, *acting.COMMANDS, *profiles.COMMANDS, *schedules.COMMANDS)
}
FIRST_WORDS: Final = tuple(dict.fromkeys(name.split()[0] for name in COMMANDS))
_OF_EVERY_COMMAND: Final = ("--color", "--log")
"""Options that may stand before the command, too."""
_EXAMPLES: Final = """deskq [URL|PROFILE ...] opens the window.

examples:
  deskq redis://localhost:6379/0
  deskq demo
  deskq tasks shop --state FAILURE
  deskq COMMAND --help"""


class Given(NamedTuple):
    """A command line that was understood."""

    command: CliCommand
    options: object
    """Of the command's own class."""
    log: str
    color: str


def with_default_command(arguments: Sequence[str]) -> list[str]:
    """``deskq [URL|PROFILE ...]`` means ``deskq window [URL|PROFILE ...]``."""
    given = list(arguments)
    first = 0
    while first < len(given) and given[first].partition("=")[0] in _OF_EVERY_COMMAND:
        first += 1 if "=" in given[first] else 2
    if first < len(given) and (given[first] in FIRST_WORDS or given[first] in ("-h", "--help", "--version")):
        return given
    return ["window", *given]


def parse(arguments: Sequence[str]) -> Given:
    """Return what was asked for; exits as argparse does for a help, and for what cannot be understood."""
    namespace: Any = build_parser().parse_args(with_default_command(arguments))
    command: CliCommand = namespace.command
    from deskq.cli.options.declaring import made

    options, more = command.options_class(), {}
    if _takes_profile(options):
        from deskq.cli.options.profile_fields import given_fields

        more = {"overrides": given_fields(namespace)}
    return Given(
        command, made(options, namespace, **more), getattr(namespace, "log", ""), getattr(namespace, "color", "auto")
    )


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line; that of a command has its options once it is used."""
    parser = CommandParser(
        prog="deskq",
        description="The desktop queue manager for Celery.",
        epilog=f"{_EXAMPLES}\n\n{statuses(MEANINGS)}",
    )
    parser.add_argument("--version", action="version", version=f"deskq {__version__}")
    _add_commands(parser, FIRST_WORDS)
    return parser


def _add_commands(parser: CommandParser, names: Iterable[str]) -> None:
    below = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=CommandParser)
    for name in names:
        if name in GROUPS:
            group = below.add_parser(name, help=GROUPS[name], description=GROUPS[name])
            group.declares(partial(_declare_group, f"{name} "))
        else:
            command = COMMANDS[name]
            last = name.rpartition(" ")[2]
            one = below.add_parser(last, help=command.text, description=command.description, epilog=command.epilog)
            one.set_defaults(command=command)
            one.mixes = command.mixes
            one.declares(partial(_declare, command))


def _declare_group(prefix: str, parser: CommandParser) -> None:
    _add_commands(parser, [name for name in COMMANDS if name.startswith(prefix)])


def _declare(command: CliCommand, parser: CommandParser) -> None:
    from deskq.cli.options.declaring import declare

    options = command.options_class()
    declare(parser, options)
    if _takes_profile(options):
        from deskq.cli.options.profile_fields import add_profile_options

        add_profile_options(parser, options.aliases)


def _takes_profile(options: type[Any]) -> bool:
    from deskq.cli.options.shared import ProfileOptions

    return issubclass(options, ProfileOptions)
