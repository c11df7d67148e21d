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
    editing.add_argument("--url", metavar="URL", help="another broker; a password in it is kept in the keyring")
    editing.add_argument("--yes", action="store_true", help="lower the level of safety without asking")
    add_profile_options(editing)
    allow_password_file(editing)
    renaming = command(
        verbs,
        "rename",
        "Give a profile another name; passwords and history go along.",
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
    place.add_argument("--before", metavar="OTHER", help="put it before this one")
    place.add_argument("--last", action="store_true", help="put it at the end")
    _import(verbs, command)
    exporting = command(
        verbs,
        "export",
        "Write profiles without passwords, for somebody else.",
        "deskq profiles export shop shop.toml",
        "profiles_import:export",
    )
    exporting.add_argument(
        "names", nargs="*", metavar="NAME", help="which ones (all); a last one that ends in .toml, or -, is the FILE"
    )


def _import(verbs: Any, command: Command) -> None:
    parser = command(
        verbs,
        "import",
        "Make profiles of a Celery app, of Django settings, of the environment, or of an exported file.",
        "deskq profiles import --app proj --folder ~/src/proj",
        "profiles_import:run",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--app", metavar="APP", help="a Celery app, as in celery -A APP")
    source.add_argument("--django", metavar="SETTINGS", help="a settings module of Django, like proj.settings")
    source.add_argument("--env", action="store_true", help="variables like CELERY_BROKER_URL")
    source.add_argument("file", nargs="?", metavar="FILE", help="a file that deskq profiles export wrote")
    parser.add_argument("--folder", metavar="DIR", default=".", help="where the app or the project is (here)")
    parser.add_argument("--python", metavar="PATH", help="the project's Python (.venv/bin/python in its folder)")
    parser.add_argument("--timeout", type=float, default=15.0, metavar="S", help="seconds that reading may take (15)")
    parser.add_argument("--name", metavar="N", help="call the profile so")
    answer = parser.add_mutually_exclusive_group()
    answer.add_argument("--yes", action="store_true", help="overwrite profiles of the same name without asking")
    answer.add_argument("--dry-run", action="store_true", help="say what would be saved, and save nothing")
    allow_password_file(parser)


def allow_password_file(parser: argparse.ArgumentParser) -> None:
    """Add the option by which a person agrees to a file of passwords."""
    parser.add_argument(
        "--password-file-ok",
        action="store_true",
        help="where there is no keyring, keep passwords in a file that only you can read",
    )


def add_password_place(parser: argparse.ArgumentParser) -> None:
    """Add the option that says whose password is meant."""
    parser.add_argument(
        "--for",
        dest="place",
        default="broker",
        metavar="PLACE",
        help="broker (unless told otherwise), result-backend, management-url, or a schedule store's URL",
    )
