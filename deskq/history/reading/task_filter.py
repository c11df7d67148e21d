"""Which tasks are asked for, in which order, and how that is said in SQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from deskq.history.writing.codec import pack_uuid


@dataclass(frozen=True, slots=True)
class Bound:
    """A limit of a number: ``operator`` is one of < <= = >= >."""

    operator: str
    value: float

    def __str__(self) -> str:
        return f"{self.operator}{self.value:.15g}"


@dataclass(frozen=True, slots=True)
class Moment(Bound):
    """A limit of a time, in epoch seconds, which people read as their own clock shows it."""

    def __str__(self) -> str:
        local = datetime.fromtimestamp(self.value).astimezone()
        plain = local.replace(tzinfo=None)
        told = plain if plain.timestamp() == self.value else local  # an hour comes twice as summer time ends
        return f"{self.operator}{told.isoformat()}"


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks. Values of one field are alternatives, limits must all hold; ``*`` in names is a wildcard.

    "" is an unknown name, queue or worker. ``kinds`` are types of exceptions, as a whole; "" is a task without one.

    ``text`` and ``phrases`` are searched in id, name, arguments and exception, without regard to ASCII case; each word
    of the one, and each of the other as a whole, must occur. ``args``, ``kwargs``, ``results`` and ``exceptions`` are
    searched for where they say. ``ids`` are beginnings, ``roots`` and ``parents`` whole ids. ``runtime`` is in seconds.
    ``since`` and ``until`` are epoch seconds of when the task was first seen.
    """

    states: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()
    text: str = ""
    phrases: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    kwargs: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    exceptions: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    runtime: tuple[Bound, ...] = ()
    retries: tuple[Bound, ...] = ()
    ended: tuple[Moment, ...] = ()
    since: float | None = None
    until: float | None = None

    @property
    def empty(self) -> bool:
        """True if it lets every task through."""
        return self == TaskFilter()

    @property
    def reads_every_row(self) -> bool:
        """No index finds these: they are searched for in slices, with a bar that says so."""
        if self.ids or self.roots or self.parents:
            return False
        return self.searches_text or bool(self.queues or self.workers or self.runtime or self.retries or self.ended)

    @property
    def searches_text(self) -> bool:
        """Texts have to be compared, which takes longer than numbers."""
        texts = (self.text, self.phrases, self.args, self.kwargs, self.results, self.exceptions, self.kinds)
        return any(texts)


@dataclass(frozen=True, slots=True)
class Sort:
    """The order of the table; ``key`` is one of SORTS."""

    key: str = "seen"
    descending: bool = True


KIND: Final = "substr(coalesce(exception, ''), 1, instr(coalesce(exception, '') || '(', '(') - 1)"
"""The type of a task's exception, which stands before its arguments."""
_OPERATORS: Final = {"<": "<", "<=": "<=", "=": "=", ">=": ">=", ">": ">"}
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


def without_states(task_filter: TaskFilter) -> TaskFilter:
    """Return the filter for counting by state."""
    return replace(task_filter, states=())


def where(task_filter: TaskFilter, names_with: Callable[[str], Sequence[int] | None] | None = None) -> Where:
    """Translate all but the time span, which the reader turns into a range of ids.

    ``names_with`` looks up the ids of the texts that contain a word, None if they are many: what is asked in slices
    need not look through them for each slice.
    """
    result = Where()
    for column, values in (
        ("state_id", task_filter.states),
        ("name_id", task_filter.names),
        ("queue_id", task_filter.queues),
        ("worker_id", task_filter.workers),
    ):
        if values:
            _add_any_of(result, column, values)
    if task_filter.ids:
        _add_ids(result, task_filter.ids)
    if task_filter.roots:  # the first task itself has no root in the file
        _add_related(result, ("root", "uuid"), task_filter.roots)
    if task_filter.parents:
        _add_related(result, ("parent",), task_filter.parents)
    for column, limits in (
        ("runtime", task_filter.runtime),
        ("retries", task_filter.retries),
        ("finished", task_filter.ended),
    ):
        for limit in limits:  # without the index on runtimes, by which half of all tasks would have to be sorted
            result.add(f"+{column} {_OPERATORS[limit.operator]} ?", limit.value)
    for column, texts in (
        ("args", task_filter.args),
        ("kwargs", task_filter.kwargs),
        ("exception", task_filter.exceptions),
    ):
        if texts:
            _add_text(result, column, texts)
    if task_filter.kinds:
        result.add(f"{KIND} IN ({', '.join('?' * len(task_filter.kinds))})", *task_filter.kinds)
    if task_filter.results:
        _add_text(result, "result", task_filter.results)
        _add_any_of(result, "state_id", ("SUCCESS",))  # that of another attempt is kept, and not shown
    for word in (*task_filter.text.split(), *task_filter.phrases):
        _add_word(result, word, names_with(word) if names_with is not None else None)
    return result


def pattern(word: str) -> str:
    """Return what LIKE finds a word by, with backslash as its escape."""
    return "%" + re.sub(r"([\\%_])", r"\\\1", word) + "%"


def _matches(word: str) -> tuple[str, str]:
    """What finds a word in a column, and its value; ESCAPE costs half as much again."""
    like = pattern(word)
    return ("LIKE ? ESCAPE '\\'" if len(like) > len(word) + 2 else "LIKE ?"), like


def _add_word(result: Where, word: str, names: Sequence[int] | None) -> None:
    """Reading a row takes longer than LIKE, so each column is compared by itself."""
    matches, like = _matches(word)
    terms = [f"{column} {matches}" for column in ("args", "kwargs", "exception")]
    values: list[object] = [like, like, like]
    if names is None:
        terms.append(f"name_id IN (SELECT id FROM texts WHERE text {matches})")
        values.append(like)
    elif names:
        terms.append(f"name_id IN ({', '.join(str(int(name_id)) for name_id in names)})")
    range_of_ids = _uuids_from(word)
    if range_of_ids is not None:
        terms.append("uuid BETWEEN ? AND ?")
        values += range_of_ids
    else:  # an id that is none is kept as text, and searched as a whole
        terms.append("typeof(uuid) = 'text' AND instr(uuid, ?)")
        values.append(word)
    result.add(" OR ".join(terms), *values)


def _uuids_from(word: str) -> tuple[bytes, bytes] | None:
    """The first and the last UUID that begin with a word, None if none can."""
    digits = word.replace("-", "").lower()
    if not re.fullmatch(r"[0-9a-fA-F-]{4,36}", word) or not 4 <= len(digits) <= 32:
        return None
    return bytes.fromhex(digits.ljust(32, "0")), bytes.fromhex(digits.ljust(32, "f"))


def _add_ids(result: Where, beginnings: Sequence[str]) -> None:
    """The index on ids finds them, however many tasks there are; one that is no UUID is kept as text."""
    parts: list[str] = []
    values: list[object] = []
    for beginning in beginnings:
        parts.append("SELECT id FROM tasks WHERE uuid >= ? AND uuid < ?")
        values += [beginning, beginning + "\U0010ffff"]
        uuids = _uuids_from(beginning)
        if uuids is not None:
            parts.append("SELECT id FROM tasks WHERE uuid BETWEEN ? AND ?")
            values += uuids
    result.add(f"id IN ({' UNION '.join(parts)})", *values)


def _add_related(result: Where, columns: Sequence[str], ids: Sequence[str]) -> None:
    marks = ", ".join("?" * len(ids))
    parts = [f"SELECT id FROM tasks WHERE {column} IN ({marks})" for column in columns]
    result.add(f"id IN ({' UNION '.join(parts)})", *[pack_uuid(one) for one in ids] * len(columns))


def _add_text(result: Where, column: str, texts: Sequence[str]) -> None:
    found = [_matches(text) for text in texts]
    result.add(" OR ".join(f"{column} {matches}" for matches, _ in found), *[like for _, like in found])


def _add_any_of(result: Where, column: str, values: Sequence[str]) -> None:
    exact = [value for value in values if value and "*" not in value]
    terms: list[str] = []
    parameters: list[str] = []
    if exact:
        terms.append(f"{column} IN (SELECT id FROM texts WHERE text IN ({', '.join('?' * len(exact))}))")
        parameters += exact
    if "" in values:
        terms.append(f"{column} IS NULL")
    for value in values:
        if "*" in value:
            terms.append(f"{column} IN (SELECT id FROM texts WHERE text GLOB ?)")
            parameters.append(re.sub(r"[\[?]", lambda special: f"[{special[0]}]", value))
    result.add(" OR ".join(terms), *parameters)
