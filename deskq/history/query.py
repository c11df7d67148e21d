"""The filter language of the task table, and its translation to SQL.

``state:FAILURE task:mail.* queue:emails worker:w3 since:1h some text``; a value with blanks goes in double quotes,
the same field twice means either, different fields mean both.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from deskq.errors import UserError

STATES: Final = (
    "SENT",
    "RECEIVED",
    "STARTED",
    "SUCCESS",
    "FAILURE",
    "RETRY",
    "REJECTED",
    "REVOKED",
    "LOST",
    "ENDED",
    "UNSEEN",
    "IGNORED",
)
FIELDS: Final = {"state": "states", "task": "names", "name": "names", "queue": "queues", "worker": "workers"}
_UNITS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_TERM: Final = re.compile(r'(?:(\w+):)?("(?:[^"\\]|\\.)*"|\S+)')
_SPAN: Final = re.compile(r"(\d+)(s|min|m|h|d)")


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks. Values of one field are alternatives; ``*`` in names is a wildcard.

    ``text`` is searched in id, name, arguments and exception, without regard to ASCII case; each word must occur.
    ``since`` and ``until`` are epoch seconds of when the task was first seen.
    """

    states: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()
    text: str = ""
    since: float | None = None
    until: float | None = None

    @property
    def empty(self) -> bool:
        """True if it lets every task through."""
        return self == TaskFilter()


@dataclass(frozen=True, slots=True)
class Sort:
    """The order of the table; ``key`` is one of SORTS."""

    key: str = "seen"
    descending: bool = True


SORTS: Final = {
    "seen": "id",
    "runtime": "runtime",
    "state": "state_id",
    "name": "name_id",
}
"""What the table can sort by, and the indexed column that does it. States sort by their place in a task's life."""


@dataclass(slots=True)
class Where:
    """An SQL condition and its values."""

    terms: list[str] = field(default_factory=list)
    values: list[object] = field(default_factory=list)

    def add(self, term: str, *values: object) -> None:
        """Add a condition that must hold as well."""
        self.terms.append(term)
        self.values.extend(values)

    def __str__(self) -> str:
        return " AND ".join(f"({term})" for term in self.terms) or "1"


def parse(text: str, *, now: float | None = None) -> TaskFilter:
    """Read the filter language; raises UserError that names the word it does not understand."""
    found: dict[str, list[str]] = {"states": [], "names": [], "queues": [], "workers": []}
    words: list[str] = []
    since: float | None = None
    for key, value in _TERM.findall(text):
        value = _unquoted(value)
        if key in FIELDS:
            found[FIELDS[key]].append(value.upper() if key == "state" else value)
        elif key == "since":
            since = (time.time() if now is None else now) - seconds_of(value)
        else:
            words.append(f"{key}:{value}" if key else value)
    return TaskFilter(
        **{name: tuple(values) for name, values in found.items()},  # type: ignore[arg-type]
        text=" ".join(words),
        since=since,
    )


def unparse(chosen: TaskFilter) -> str:
    """Write a filter in the filter language, without its time span."""
    words = [
        f"{key}:{_quoted(value)}" for key, name in FIELDS.items() if key != "name" for value in getattr(chosen, name)
    ]
    return " ".join([*words, chosen.text] if chosen.text else words)


def seconds_of(span: str) -> float:
    """Return the seconds of "90s", "15m", "6h" or "7d"; raises UserError on anything else."""
    match = _SPAN.fullmatch(span)
    if match is None:
        raise UserError(f"“{span}” is no time span: write 90s, 15m, 6h or 7d.")
    return float(match[1]) * _UNITS[match[2]]


def without_states(chosen: TaskFilter) -> TaskFilter:
    """Return the filter for counting by state."""
    return replace(chosen, states=())


def where(chosen: TaskFilter, names_with: Callable[[str], Sequence[int] | None] | None = None) -> Where:
    """Translate all but the time span, which the reader turns into a range of ids.

    ``names_with`` looks up the ids of the texts that contain a word, None if they are many: what is asked in slices
    need not look through them for each slice.
    """
    result = Where()
    for column, values in (
        ("state_id", chosen.states),
        ("name_id", chosen.names),
        ("queue_id", chosen.queues),
        ("worker_id", chosen.workers),
    ):
        if values:
            _add_any_of(result, column, values)
    for word in chosen.text.split():
        _add_word(result, word, names_with(word) if names_with is not None else None)
    return result


def pattern(word: str) -> str:
    """Return what LIKE finds a word by, with backslash as its escape."""
    return "%" + re.sub(r"([\\%_])", r"\\\1", word) + "%"


def _add_word(result: Where, word: str, names: Sequence[int] | None) -> None:
    """Reading a row takes longer than LIKE, so each column is compared by itself; ESCAPE costs half as much again."""
    like = pattern(word)
    matches = "LIKE ? ESCAPE '\\'" if len(like) > len(word) + 2 else "LIKE ?"
    terms = [f"{column} {matches}" for column in ("args", "kwargs", "exception")]
    values: list[object] = [like, like, like]
    if names is None:
        terms.append(f"name_id IN (SELECT id FROM texts WHERE text {matches})")
        values.append(like)
    elif names:
        terms.append(f"name_id IN ({', '.join(str(int(number)) for number in names)})")
    digits = word.replace("-", "").lower()
    if re.fullmatch(r"[0-9a-fA-F-]{4,36}", word) and 4 <= len(digits) <= 32:  # perhaps the beginning of a UUID
        terms.append("uuid BETWEEN ? AND ?")
        values += [bytes.fromhex(digits.ljust(32, "0")), bytes.fromhex(digits.ljust(32, "f"))]
    else:  # an id that is none is kept as text, and searched as a whole
        terms.append("typeof(uuid) = 'text' AND instr(uuid, ?)")
        values.append(word)
    result.add(" OR ".join(terms), *values)


def _add_any_of(result: Where, column: str, values: Sequence[str]) -> None:
    exact = [value for value in values if "*" not in value]
    terms: list[str] = []
    parameters: list[str] = []
    if exact:
        terms.append(f"{column} IN (SELECT id FROM texts WHERE text IN ({', '.join('?' * len(exact))}))")
        parameters += exact
    for value in values:
        if "*" in value:
            terms.append(f"{column} IN (SELECT id FROM texts WHERE text GLOB ?)")
            parameters.append(re.sub(r"[\[?]", lambda special: f"[{special[0]}]", value))
    result.add(" OR ".join(terms), *parameters)


def _quoted(value: str) -> str:
    if value and not re.search(r'[\s"\\]', value):
        return value
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return re.sub(r"\\(.)", r"\1", value[1:-1])
    return value
