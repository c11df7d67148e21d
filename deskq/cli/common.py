"""What several commands need: the profile that was asked for, and tables for a terminal."""

from __future__ import annotations

import argparse
import shutil
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from deskq.cli.profile_options import given_fields
from deskq.profiles import PasswordStore, Profile, ProfileFile, resolve
from deskq.profiles.wire import overridden

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def profile_of(text: str, options: argparse.Namespace) -> Profile:
    """Return the profile that a URL or a name stands for, with the options given; raises UserError."""
    profile = resolve(text, profiles=ProfileFile(), passwords=PasswordStore())
    return overridden(profile, given_fields(options))


def plain(text: str) -> str:
    """Return text that does nothing to a terminal: control and formatting characters become tokens."""
    return "".join(
        character if unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co") else f"<U+{ord(character):04X}>"
        for character in text
    )


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return aligned columns that fit the terminal; the last one is cut."""
    cells = [[plain(cell) for cell in row] for row in rows]
    widths = [min(max([len(title), *(len(row[n]) for row in cells)]), 60) for n, title in enumerate(titles)]
    columns = shutil.get_terminal_size((160, 24)).columns
    lines = []
    for row in [list(titles), *cells]:
        parts = [_fitted(cell, width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(parts).rstrip()[:columns])
    return "\n".join(lines)


def csv_cell(cell: object) -> object:
    """Text that a spreadsheet would take for a formula gets an apostrophe; numbers stay numbers."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _fitted(cell: str, width: int) -> str:
    return (cell[: width - 1] + "…" if len(cell) > width else cell).ljust(width)
