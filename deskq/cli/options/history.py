"""Options of ``deskq history``."""

from __future__ import annotations

from deskq.cli.options.declaring import flag, positional, string
from deskq.cli.options.shared import FORMATS, AtHistory, ReportOptions, TaskFilterOptions, format_choice


class InfoOptions(ReportOptions, AtHistory):
    """See ``deskq history info --help``."""


class CheckOptions(AtHistory):
    """See ``deskq history check --help``."""

    salvage: bool = flag("--salvage", "if damaged, set it aside and salvage what is readable into a new file")


class CompactOptions(AtHistory):
    """See ``deskq history compact --help``."""


class CopyOptions(AtHistory):
    """See ``deskq history copy --help``."""

    target: str = positional("FILE", "file to create")


class HistoryExportOptions(TaskFilterOptions, AtHistory):
    """See ``deskq history export --help``."""

    format: str = format_choice(FORMATS, "jsonl")
    output: str = string("--output", "FILE", "output file; written completely or not at all")
