"""Options of the commands that only read."""

from __future__ import annotations

from deskq.cli.options.declaring import positional
from deskq.cli.options.shared import (
    AtHistory,
    AtProfile,
    Limited,
    ListingOptions,
    ReportOptions,
    TaskFilterOptions,
)


class TasksOptions(ListingOptions, Limited, TaskFilterOptions, AtHistory):
    """See ``deskq tasks --help``."""


class ResultOptions(ReportOptions, AtProfile):
    """See ``deskq result --help``."""

    id: str = positional("UUID", "the task's id")


class DoctorOptions(ReportOptions, AtProfile):
    """See ``deskq doctor --help`` and ``deskq profiles test --help``."""
