"""The options that several commands share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final

from deskq.cli.options.declaring import (
    Options,
    choice,
    flag,
    integer,
    positional,
    string,
    string_or_none,
    strings,
    unparsed,
)
from deskq.protocol.task_states import STATES

if TYPE_CHECKING:
    from deskq.profiles import Secret

FORMATS: Final = ("table", "json", "jsonl", "csv")
"""Of every listing: aligned columns, one JSON array, one JSON object a line, or CSV with a line of titles."""
REPORT_FORMATS: Final = ("table", "json")
"""Of what is one thing, or a plan and its outcome."""
NONE: Final[Mapping[str, str]] = MappingProxyType({})


def format_choice(formats: Sequence[str], default: str) -> str:
    """Return a field for the format of what is printed."""
    return choice(
        "--format", f"output format: {', '.join(formats)} (default: {default})", choices=formats, default=default
    )


class ProfileOptions(Options):
    """The fields of a profile that were given as options."""

    aliases: ClassVar[Mapping[str, str]] = NONE
    """Further flags for fields of a profile, by their place."""
    overrides: Mapping[str, Any] = unparsed(NONE)
    asked_password: Secret | None = unparsed(None)
    """What was typed at the terminal after the broker refused the login; see deskq/cli/asking.py."""


class AtProfile(ProfileOptions):
    """A broker, and the options of its profile."""

    profile: str = positional("URL|PROFILE", "a broker's URL or a profile's name")


class AtHistory(ProfileOptions):
    """A history, and the options of the profile that it may be named by."""

    history: str = positional("HISTORY|PROFILE", "a history file, a profile's name, or its URL")


class ListingOptions(Options):
    """How a listing is printed."""

    format: str = format_choice(FORMATS, "table")


class ReportOptions(Options):
    """How a report is printed."""

    format: str = format_choice(REPORT_FORMATS, "table")


class TaskFilterOptions(Options):
    """Which tasks of a history."""

    state: tuple[str, ...] = strings("--state", "S", f"one of {' '.join(STATES)}, or a custom state")
    name: tuple[str, ...] = strings("--name", "N", "task name; * is a wildcard")
    queue: tuple[str, ...] = strings("--queue", "Q", "queue name; * is a wildcard")
    worker: tuple[str, ...] = strings("--worker", "W", "worker name; * is a wildcard")
    text: str = string("--text", "T", "text in id, name, arguments or exception")
    filter: str = string("--filter", "F", 'filter as in the window, like "state:FAILURE runtime:>1 args:8812 since:1h"')
    since: str = string("--since", "SPAN", "first seen within this time span: 90s, 15m, 6h or 7d")


class Limited(Options):
    """How many rows of a listing."""

    limit: int = integer("--limit", "N", "most rows to list (100); 0 for all", default=100)


class ActingOptions(ReportOptions):
    """What every command takes that changes something."""

    dry_run: bool = flag("--dry-run", "show the plan and change nothing")
    yes: bool = flag("--yes", "skip the confirmation")
    confirm_name: str | None = string_or_none(
        "--confirm-name",
        "NAME",
        "what must be typed to confirm: the profile's name, or the code of another broker",
    )

    @property
    def as_json(self) -> bool:
        """Whether the plan and its outcome are printed for programs, a JSON object a line."""
        return self.format in ("json", "jsonl")
