"""The commands of ``deskq profiles`` that change, copy and import profiles."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from deskq.cli.parser.command_parser import add_profile_options

Command = Callable[[Any, str, str, str, str], argparse.ArgumentParser]


def add_profile_verbs(verbs: Any, command: Command) -> None:
    """Declare them; ``command`` is the parser's own way to make one."""
    editing = command(
        verbs,
        "edit",
        "Change fields of a saved profile.",
        "deskq profiles edit shop --safety read-only --watch-queue emails",
        "profiles:edit",
    )
    editing.add_argument("name", metavar="NAME")
    editing.add_argument("--url", metavar="URL", help="new broker URL; a password in it goes into the keyring")
    editing.add_argument("--yes", action="store_true", help="lower the safety level without asking")
    add_profile_options(editing)
    allow_password_file(editing)
    renaming = command(
        verbs,
        "rename",
        "Rename a profile; its passwords and history move with it.",
        "deskq profiles rename shop bookshop",
        "profiles:rename",
    )
    renaming.add_argument("name", metavar="OLD")
    renaming.add_argument("new", metavar="NEW")
    copying = command(
        verbs,
        "duplicate",
        "Save a copy of a profile under another name.",
        "deskq profiles duplicate shop shop-2",
        "profiles:duplicate",
    )
    copying.add_argument("name", metavar="NAME")
    copying.add_argument("new", metavar="NEW")
    moving = command(
        verbs, "move", "Change the order of profiles.", "deskq profiles move shop --before bank", "profiles:move"
    )
    moving.add_argument("name", metavar="NAME")
    place = moving.add_mutually_exclusive_group(required=True)
    place.add_argument("--before", metavar="OTHER", help="move it before this profile")
    place.add_argument("--last", action="store_true", help="put it at the end")
    _import(verbs, command)
    exporting = command(
        verbs,
        "export",
        "Export profiles, without passwords, to share them.",
        "deskq profiles export shop shop.toml",
        "profiles_import:export",
    )
    exporting.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="profiles (default: all), then FILE: a name ending in .toml, or - for stdout",
    )


def _import(verbs: Any, command: Command) -> None:
    parser = command(
        verbs,
        "import",
        "Import profiles from a Celery app, Django settings, the environment or a file.",
        "deskq profiles import --app proj --folder ~/src/proj",
        "profiles_import:run",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--app", metavar="APP", help="a Celery app, as in celery -A APP")
    source.add_argument("--django", metavar="SETTINGS", help="a settings module of Django, like proj.settings")
    source.add_argument("--env", action="store_true", help="variables like CELERY_BROKER_URL")
    source.add_argument("file", nargs="?", metavar="FILE", help="a file that deskq profiles export wrote")
    parser.add_argument("--folder", metavar="DIR", default=".", help="project folder (default: current folder)")
    parser.add_argument("--python", metavar="PATH", help="the project's Python (.venv/bin/python in its folder)")
    parser.add_argument(
        "--timeout", type=float, default=15.0, metavar="S", help="time limit for reading, in seconds (15)"
    )
    parser.add_argument("--name", metavar="N", help="name of the new profile")
    answer = parser.add_mutually_exclusive_group()
    answer.add_argument("--yes", action="store_true", help="overwrite profiles of the same name without asking")
    answer.add_argument("--dry-run", action="store_true", help="show what would be saved and save nothing")
    allow_password_file(parser)


def allow_password_file(parser: argparse.ArgumentParser) -> None:
    """Add the option by which a person agrees to a file of passwords."""
    parser.add_argument(
        "--password-file-ok",
        action="store_true",
        help="without a keyring, keep passwords in a file with mode 0600",
    )


def add_password_place(parser: argparse.ArgumentParser) -> None:
    """Add the option that says whose password is meant."""
    parser.add_argument(
        "--for",
        dest="place",
        default="broker",
        metavar="PLACE",
        help="broker (default), result-backend, management-url or a schedule store's URL",
    )
