"""Options of ``deskq profiles``."""

from __future__ import annotations

from typing import Final

from deskq.cli.options.declaring import (
    Exclusive,
    Options,
    flag,
    number,
    optional_positional,
    positional,
    positionals,
    string,
    string_or_none,
)
from deskq.cli.options.shared import ListingOptions, ProfileOptions

_PLACE: Final = Exclusive("place", required=True)
_SOURCE: Final = Exclusive("source", required=True)
_ANSWER: Final = Exclusive("answer")


class ProfileListOptions(ListingOptions):
    """See ``deskq profiles list --help``."""

    names: bool = flag("--names", "print the names alone, one a line")


class PasswordFileOptions(Options):
    """Whether a person agrees to a file of passwords."""

    password_file_ok: bool = flag("--password-file-ok", "without a keyring, keep passwords in a file with mode 0600")


class ProfileAddOptions(PasswordFileOptions, ProfileOptions):
    """See ``deskq profiles add --help``."""

    name: str = positional("NAME", "name of the new profile")
    url: str = positional("URL", "the broker's URL")
    password_stdin: bool = flag("--password-stdin", "read the password from standard input")
    yes: bool = flag("--yes", "save it with a lower level of safety than its broker has")


class ProfileEditOptions(PasswordFileOptions, ProfileOptions):
    """See ``deskq profiles edit --help``."""

    name: str = positional("PROFILE", "the profile's name")
    url: str | None = string_or_none("--url", "URL", "new broker URL; a password in it goes into the keyring")
    yes: bool = flag("--yes", "lower the safety level without asking")


class NameOptions(Options):
    """Which saved profile is meant."""

    name: str = positional("PROFILE", "the profile's name")


class RemoveOptions(NameOptions):
    """See ``deskq profiles remove --help``."""

    yes: bool = flag("--yes", "remove the guard of a broker without asking")


class NewNameOptions(NameOptions):
    """See ``deskq profiles rename --help`` and ``deskq profiles duplicate --help``."""

    new: str = positional("NEW", "the new name")


class SetPasswordOptions(PasswordFileOptions, NameOptions):
    """See ``deskq profiles set-password --help``."""

    password_stdin: bool = flag("--password-stdin", "read the password from standard input")
    place: str = string(
        "--for",
        "PLACE",
        "broker (default), result-backend, management-url or a schedule store's URL",
        default="broker",
    )


class MoveOptions(NameOptions):
    """See ``deskq profiles move --help``."""

    before: str | None = string_or_none("--before", "PROFILE", "move it before this profile", exclusive=_PLACE)
    last: bool = flag("--last", "put it at the end", exclusive=_PLACE)


class ProfileImportOptions(PasswordFileOptions):
    """See ``deskq profiles import --help``."""

    app: str = string("--app", "APP", "a Celery app, as in celery -A APP", exclusive=_SOURCE)
    django: str = string("--django", "SETTINGS", "a settings module of Django, like proj.settings", exclusive=_SOURCE)
    env: bool = flag("--env", "variables like CELERY_BROKER_URL", exclusive=_SOURCE)
    file: str = optional_positional("FILE", "a file that deskq profiles export wrote", exclusive=_SOURCE)
    folder: str = string("--folder", "DIR", "project folder (default: current folder)", default=".")
    python: str = string("--python", "PATH", "the project's Python (.venv/bin/python in its folder)")
    timeout: float = number("--timeout", "S", "time limit for reading, in seconds (15)", default=15.0)
    name: str = string("--name", "N", "name of the new profile")
    yes: bool = flag("--yes", "save without asking, over profiles of the same name too", exclusive=_ANSWER)
    dry_run: bool = flag("--dry-run", "show what would be saved and save nothing", exclusive=_ANSWER)


class ProfileExportOptions(Options):
    """See ``deskq profiles export --help``."""

    names: tuple[str, ...] = positionals(
        "PROFILE", "profiles (default: all), then FILE: a name ending in .toml, or - for stdout"
    )
