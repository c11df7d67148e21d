"""What is known of a task's arguments: Celery tells no signatures, so only what was seen, and in how many runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from deskq.actions.messages.retry_candidates import is_masked
from deskq.history.rows import TaskRow
from deskq.protocol.reprs import parse_repr

_MOST_POSITIONS: Final = 20
_MOST_NAMES: Final = 40
_LONGEST_NAME: Final = 100


@dataclass(frozen=True, slots=True)
class SeenArgument:
    """One argument. ``name``: "" where it was given by its place; ``runs``: in how many it was given.

    ``kind``: of the last value that was seen and not masked, in JSON's words, "" if none.
    """

    name: str
    runs: int
    kind: str


@dataclass(frozen=True, slots=True)
class SeenArguments:
    """Arguments of one task. ``runs``: those that were read; ``unread``: cut, hidden, or no literals; not used."""

    runs: int = 0
    unread: int = 0
    positional: tuple[SeenArgument, ...] = ()
    named: tuple[SeenArgument, ...] = ()

    @property
    def any(self) -> bool:
        """Is any argument known?"""
        return bool(self.positional or self.named)


def seen_arguments(rows: Iterable[TaskRow]) -> SeenArguments:
    """Read the reprs of these runs of one task, the newest first. Pure; takes a while for many."""
    positions: Counter[int] = Counter()
    names: Counter[str] = Counter()
    kinds: dict[int | str, str] = {}
    runs = unread = 0
    for row in rows:
        if not row.args and not row.kwargs:
            continue  # no event told them
        args, kwargs = parse_repr(row.args or "()"), parse_repr(row.kwargs or "{}")
        if args is None or kwargs is None or args.cut or kwargs.cut:
            unread += 1
            continue
        if not isinstance(args.value, list | tuple) or not _are_names(kwargs.value):
            unread += 1
            continue
        runs += 1
        given = [*enumerate(args.value), *kwargs.value.items()]
        positions.update(range(len(args.value)))
        names.update(list(kwargs.value))  # a mapping would be taken for counts
        for key, value in given:
            if key not in kinds and not is_masked(value):
                kinds[key] = _kind(value)
    return SeenArguments(
        runs,
        unread,
        tuple(
            SeenArgument("", positions[place], kinds.get(place, "")) for place in sorted(positions)[:_MOST_POSITIONS]
        ),
        tuple(SeenArgument(name, count, kinds.get(name, "")) for name, count in names.most_common(_MOST_NAMES)),
    )


def _are_names(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(key, str) and len(key) <= _LONGEST_NAME for key in value)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return 'a "text"'
    if isinstance(value, list | tuple):
        return "a [list]"
    return "an {object}" if isinstance(value, dict) else ""
