"""Which rows a table shows, in which order, and how one such list becomes another; no Qt, so for any thread."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, Generic, TypeVar

R = TypeVar("R")
_RANGES: Final = 64
"""Ranges of rows that are removed one by one; of more, all that go are brought to the end first."""


@dataclass(frozen=True, slots=True)
class RowOrder(Generic[R]):
    """Rows as they are shown, what tells them apart, and at which line each is. Nothing of it is ever changed."""

    rows: list[R]
    keys: list[Hashable]
    places: dict[Hashable, int]


@dataclass(frozen=True, slots=True)
class SortFilter(Generic[R]):
    """How rows are chosen and sorted. ``value``: what is sorted by, None for the order in which they are given."""

    key: Callable[[R], Hashable]
    keep: Callable[[R], bool] | None = None
    value: Callable[[R], Any] | None = None
    descending: bool = False

    def lines(self, rows: Sequence[R]) -> RowOrder[R]:
        """Return the rows that are kept, in order."""
        keep, value = self.keep, self.value
        wanted = list(rows) if keep is None else [row for row in rows if keep(row)]
        if value is not None:
            wanted.sort(key=lambda row: _orderable(value(row)), reverse=self.descending)
        return row_order_of(wanted, [self.key(row) for row in wanted])


@dataclass(frozen=True, slots=True)
class RowDiff(Generic[R]):
    """The steps from ``before`` to ``after``, each as the model announces it; None: that step is not needed.

    ``gathered``: what stays, and behind it what goes. ``removed``: ranges of lines with both ends, from the bottom up;
    ``rest``: what is there then. ``added``: with what is new at the end.
    """

    before: RowOrder[R]
    gathered: RowOrder[R] | None
    removed: tuple[tuple[int, int], ...]
    rest: RowOrder[R]
    added: RowOrder[R] | None
    after: RowOrder[R]

    @property
    def reordered(self) -> bool:
        """Does the order change once all rows are there?"""
        return self.after.places is not (self.added or self.rest).places


def row_order_of(rows: list[R], keys: list[Hashable]) -> RowOrder[R]:
    """Return rows with their keys as lines."""
    return RowOrder(rows, keys, {key: line for line, key in enumerate(keys)})


def change(before: RowOrder[R], after: RowOrder[R]) -> RowDiff[R]:
    """Find the steps from some lines to others."""
    if before.keys == after.keys:
        same = RowOrder(after.rows, before.keys, before.places)
        return RowDiff(before, None, (), same, None, same)
    gone = [line for line, key in enumerate(before.keys) if key not in after.places]
    removed = tuple(_ranges(gone))
    gathered = None
    rest = before
    if gone:
        going = set(gone)
        stays = [line for line in range(len(before.keys)) if line not in going]
        rest = row_order_of([before.rows[line] for line in stays], [before.keys[line] for line in stays])
        if len(removed) > _RANGES:
            order = list(chain(stays, gone))
            gathered = row_order_of([before.rows[line] for line in order], [before.keys[line] for line in order])
            removed = ((len(stays), len(order) - 1),)
    added = None
    new = [line for line, key in enumerate(after.keys) if key not in before.places]
    if new:
        rows = rest.rows + [after.rows[line] for line in new]
        added = row_order_of(rows, rest.keys + [after.keys[line] for line in new])
    last = added or rest
    if last.keys == after.keys:
        after = RowOrder(after.rows, last.keys, last.places)
    return RowDiff(before, gathered, removed, rest, added, after)


def _ranges(lines: list[int]) -> list[tuple[int, int]]:
    """Neighbours together, from the bottom up."""
    found: list[tuple[int, int]] = []
    for line in reversed(lines):
        if found and found[-1][0] == line + 1:
            found[-1] = (line, found[-1][1])
        else:
            found.append((line, line))
    return found


def _orderable(value: Any) -> tuple[bool, Any]:
    """None sorts below everything."""
    return (value is not None, value if value is not None else 0)
