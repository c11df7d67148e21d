"""What several commands need: the profile that was asked for, and tables for a terminal."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from deskq import paths
from deskq.cli.colour import Colour, in_columns, say
from deskq.cli.options.shared import ProfileOptions
from deskq.errors import UserError
from deskq.plain_text import plain as plain  # noqa: PLC0414 - whoever prints tables prints other texts too
from deskq.profiles import PasswordStore, Profile, ProfileFile, resolve
from deskq.profiles.fields import is_less_safe
from deskq.profiles.guarding import guarding, under_guard
from deskq.profiles.serialization import overridden


def profile_of(text: str, options: ProfileOptions) -> Profile:
    """Return the profile that a URL or a name stands for, with the options given; raises UserError."""
    saved = resolve(text, profiles=ProfileFile(), passwords=PasswordStore())
    profile = overridden(saved, options.overrides)
    guard = guarding(profile, ProfileFile().guards()) if "://" in text else saved
    if guard is not None and is_less_safe(guard, profile):
        level = guard.safety.value
        if guard is not saved and profile.safety is saved.safety:  # nobody asked for less
            profile = under_guard(profile, [guard])
        else:
            raise UserError(f"“{guard.name}” is {level}; options cannot lower that. Edit the profile instead.")
    asked = options.asked_password
    return profile if asked is None else replace(profile, password=asked)


def history_of(text: str, options: ProfileOptions) -> Path:
    """Return the history file that a path, a profile's name or a URL stands for; raises UserError."""
    path = paths.written(text)
    if "://" not in text and (paths.is_file(path) or path.suffix or "/" in text):
        return path
    return profile_of(text, options).history_path()


def moment_of(text: str) -> float:
    """Return the epoch seconds of an ISO time, UTC where it has no offset; raises UserError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"“{text}” is not a time: write it like 2027-03-28T02:30:00+02:00.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def table(titles: Sequence[str], rows: Iterable[Sequence[str]], stream: TextIO | None = None) -> str:
    """Return aligned columns; on a terminal each line is cut to fit, with a mark, elsewhere the last one is whole."""
    return "\n".join(_aligned(titles, rows, sys.stdout if stream is None else stream)[0])


def say_table(
    titles: Sequence[str], rows: Sequence[Sequence[str]], colours: Sequence[Mapping[int, Colour]], stream: TextIO
) -> None:
    """Print a table with a colour for some cells, by row and column."""
    lines, widths = _aligned(titles, rows, stream)
    for line, painted in zip(lines, [dict.fromkeys(range(len(titles)), Colour.BOLD), *colours], strict=True):
        say(*in_columns(line, widths, painted), stream=stream)


def _aligned(titles: Sequence[str], rows: Iterable[Sequence[str]], stream: TextIO) -> tuple[list[str], list[int]]:
    cells = [[plain(cell) for cell in row] for row in rows]
    widths = [min(max([len(title), *(len(row[n]) for row in cells)]), 60) for n, title in enumerate(titles)]
    widths[-1:] = [max([len(titles[-1]), *(len(row[-1]) for row in cells)])]
    columns = shutil.get_terminal_size().columns if stream.isatty() else sum(widths) + 2 * len(widths)
    lines = []
    for row in [list(titles), *cells]:
        parts = [_fitted(cell, width) for cell, width in zip(row, widths, strict=True)]
        lines.append(_fitted("  ".join(parts).rstrip(), columns).rstrip())
    return lines, widths


def _fitted(cell: str, width: int) -> str:
    return (cell[: width - 1] + "…" if len(cell) > width else cell).ljust(width)
