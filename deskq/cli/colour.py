"""Colours on a terminal: only deskq's own escape sequences get there, around texts that were made plain."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TextIO

from deskq.cli.terminal import PlainStream, coloured
from deskq.plain_text import plain
from deskq.protocol.task_states import GROUP_OF_STATE, RUNNING


class Colour(StrEnum):
    """The parameters of an escape sequence; the terminal's own sixteen, which its user has chosen."""

    BOLD = "1"
    RED = "31"
    GREEN = "32"
    YELLOW = "33"
    BLUE = "34"
    MAGENTA = "35"


OF_GROUP: Final = {
    RUNNING: Colour.BLUE,
    "success": Colour.GREEN,
    "failure": Colour.RED,
    "retry": Colour.YELLOW,
    "revoked": Colour.YELLOW,
    "lost": Colour.MAGENTA,
}
OF_STATE: Final = {state: OF_GROUP[group] for state, group in GROUP_OF_STATE.items() if group in OF_GROUP}


@dataclass(frozen=True, slots=True)
class Painted:
    """A text with a colour."""

    text: str
    colour: Colour


def say(*parts: str | Painted, stream: TextIO | None = None) -> None:
    """Print a line of plain and painted texts."""
    place = sys.stdout if stream is None else stream
    paint = coloured(place)
    # The terminal's gate lets no escape sequence through: these texts go by it, and are plain.
    target = place.stream if isinstance(place, PlainStream) else place
    target.write("".join(_written(part, paint=paint) for part in parts) + "\n")


def in_columns(line: str, widths: list[int], colours: Mapping[int, Colour]) -> Iterator[str | Painted]:
    """Yield the parts of a table's line, two spaces between its columns, some with a colour."""
    start = 0
    for column, width in enumerate(widths):
        end = len(line) if column == len(widths) - 1 else start + width
        cell = line[start:end]
        yield Painted(cell, colours[column]) if column in colours and cell.strip() else cell
        yield line[end : end + 2]
        start = end + 2


def _written(part: str | Painted, *, paint: bool) -> str:
    if isinstance(part, str):
        return plain(part)
    return f"\x1b[{part.colour}m{plain(part.text)}\x1b[0m" if paint else plain(part.text)
