"""Options of ``deskq schedules``."""

from __future__ import annotations

from typing import Final

from deskq.cli.options.declaring import (
    Exclusive,
    Options,
    either_flag,
    flag,
    integer,
    integer_or_none,
    number_or_none,
    positional,
    positionals,
    string,
    string_or_none,
)
from deskq.cli.options.shared import ActingOptions, ListingOptions, ReportOptions

_TIMING: Final = Exclusive("timing")


class StoreOptions(Options):
    """Which stores."""

    store: str = positional("STORE", "a profile's name, PROFILE/KIND for one of its stores, or a store's URL")


class ScheduleListOptions(ListingOptions, StoreOptions):
    """See ``deskq schedules list --help``."""


class ShowOptions(ReportOptions, StoreOptions):
    """See ``deskq schedules show --help``."""

    name: str = positional("NAME", "the entry's name")


class NextOptions(ListingOptions, StoreOptions):
    """See ``deskq schedules next --help``."""

    name: str = positional("NAME", "the entry's name")
    count: int = integer("--count", "N", "number of runs (10)", default=10)


class ScheduleExportOptions(StoreOptions):
    """See ``deskq schedules export --help``."""

    output: str = string("--output", "FILE", "output file (default: stdout)")


class ChangeOptions(ActingOptions, StoreOptions):
    """What every command takes that changes schedules."""


class EntryOptions(ChangeOptions):
    """The fields of an entry; each is None where it is not given."""

    name: str | None = string_or_none("--name", "NAME", "the entry's name")
    task: str | None = string_or_none("--task", "TASK", "the task's name")
    every: str | None = string_or_none("--every", "SPAN", "an interval: 10s, 5m, 2h or 1d", exclusive=_TIMING)
    cron: str | None = string_or_none(
        "--cron", "CRON", 'a crontab: "minute hour day-of-month month day-of-week"', exclusive=_TIMING
    )
    at: str | None = string_or_none("--at", "ISO", "once, at this time; UTC unless it has an offset", exclusive=_TIMING)
    timezone: str | None = string_or_none("--timezone", "ZONE", "time zone of the crontab, if the store supports it")
    args: str | None = string_or_none("--args", "JSON", "positional arguments (JSON list)")
    kwargs: str | None = string_or_none("--kwargs", "JSON", "keyword arguments (JSON object)")
    queue: str | None = string_or_none("--queue", "Q", "queue; leave empty for the app's routing")
    priority: int | None = integer_or_none("--priority", "N", "priority of the messages, 0 to 9")
    expires: float | None = number_or_none("--expires", "S", "messages expire after this many seconds")
    one_off: bool | None = either_flag("--one-off", "one-off: disable after the run")


class ScheduleAddOptions(EntryOptions):
    """See ``deskq schedules add --help``."""


class ScheduleEditOptions(EntryOptions):
    """See ``deskq schedules edit --help``."""

    entry: str = positional("NAME", "the entry's name")
    change_shared: bool = flag("--change-shared", "also change the timing of schedules that share it")


class EntriesOptions(ChangeOptions):
    """See ``deskq schedules enable --help``, and likewise ``disable`` and ``delete``."""

    entries: tuple[str, ...] = positionals("NAME", "names of entries", least=1)


class ScheduleImportOptions(ChangeOptions):
    """See ``deskq schedules import --help``."""

    file: str = positional("FILE", "a TOML file, - for standard input")
    delete_others: bool = flag("--delete-others", "delete schedules that are not in the file")
