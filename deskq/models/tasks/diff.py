"""How to turn one sorted list of ids into another by removing and inserting runs of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ListChange:
    """Remove or insert ``ids`` (in table order) so that the first of them stands, or stood, at ``row``."""

    insert: bool
    row: int
    ids: Sequence[int]


def changes(current: Sequence[int], wanted: Sequence[int]) -> list[ListChange]:
    """Return the changes in the order in which to carry them out; both lists are sorted alike, without repeats.

    Removals come first, from the bottom up, then insertions from the top down: each row number is right when its
    turn comes.
    """
    old, new = set(current), set(wanted)
    removals = _runs([(row, number) for row, number in enumerate(current) if number not in new])
    insertions = _runs([(row, number) for row, number in enumerate(wanted) if number not in old])
    return [ListChange(False, row, ids) for row, ids in reversed(removals)] + [
        ListChange(True, row, ids) for row, ids in insertions
    ]


def _runs(numbered: Sequence[tuple[int, int]]) -> list[tuple[int, list[int]]]:
    """Group neighbouring rows."""
    runs: list[tuple[int, list[int]]] = []
    for row, number in numbered:
        if runs and runs[-1][0] + len(runs[-1][1]) == row:
            runs[-1][1].append(number)
        else:
            runs.append((row, [number]))
    return runs


def runs(rows: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield (first, last) of the adjoining rows in a sorted list."""
    start = 0
    for at in range(1, len(rows) + 1):
        if at == len(rows) or rows[at] != rows[at - 1] + 1:
            yield rows[start], rows[at - 1]
            start = at
