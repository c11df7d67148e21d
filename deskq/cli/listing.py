"""A listing in each of its formats, the same for every command; rows go out as they come in, but those of a table."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Generic, TextIO, TypeVar

from deskq.cli.colour import Colour
from deskq.cli.common import say_table
from deskq.history.cells import safe_cell
from deskq.plain_text import json_text

Row = TypeVar("Row")


@dataclass(frozen=True)
class Listing(Generic[Row]):
    """How rows of one kind are printed.

    Attributes:
        titles: heads of the table's columns
        cells: the texts of a row in them
        values: a row for programs
        empty: what is printed instead of a table without rows
        keys: the columns of CSV; () for the keys of the first row
        colours: the colours of a row by the number of the column
    """

    titles: Sequence[str]
    cells: Callable[[Row], Sequence[str]]
    values: Callable[[Row], Mapping[str, Any]]
    empty: str = ""
    keys: Sequence[str] = ()
    colours: Callable[[Row], Mapping[int, Colour]] = lambda _: {}

    def write(self, rows: Iterable[Row], form: str, stream: TextIO) -> int:
        """Write rows as one of FORMATS; returns how many."""
        if form == "table":
            return self._write_table(rows, stream)
        values = (self.values(row) for row in rows)
        if form == "csv":
            return _write_csv(values, self.keys, stream)
        return _write_array(values, stream) if form == "json" else _write_lines(values, stream)

    def _write_table(self, rows: Iterable[Row], stream: TextIO) -> int:
        shown = [(self.cells(row), self.colours(row)) for row in rows]
        if shown or not self.empty:
            say_table(self.titles, [cells for cells, _ in shown], [colours for _, colours in shown], stream)
        else:
            print(self.empty, file=stream)
        return len(shown)


def _write_array(rows: Iterator[Mapping[str, Any]], stream: TextIO) -> int:
    """One JSON array, an object a line."""
    count = 0
    stream.write("[")
    for row in rows:
        stream.write((",\n" if count else "\n") + json_text(row))
        count += 1
    stream.write("\n]\n" if count else "]\n")
    return count


def _write_lines(rows: Iterator[Mapping[str, Any]], stream: TextIO) -> int:
    count = 0
    for row in rows:
        stream.write(json_text(row) + "\n")
        count += 1
    return count


def _write_csv(rows: Iterator[Mapping[str, Any]], keys: Sequence[str], stream: TextIO) -> int:
    """CSV with a line of titles; what is no text or number is JSON in its cell."""
    first = next(rows, None)
    columns = list(keys if first is None or keys else first)
    writer = csv.writer(stream, lineterminator="\n")
    if columns:
        writer.writerow(columns)
    count = 0
    for row in chain([] if first is None else [first], rows):
        writer.writerow([_cell(row.get(key)) for key in columns])
        count += 1
    return count


def _cell(value: object) -> object:
    return safe_cell(json_text(value) if isinstance(value, dict | list | tuple) else value)
