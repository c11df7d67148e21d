"""The filter language of the task table: ``state:FAILURE task:mail.* runtime:>1 since:1h some text "a phrase"``.

- A word of letters with a colon behind it is a field. Values of one field are alternatives, but limits, such as
  ``runtime:>1 runtime:<5``, must all hold; different fields must all hold. ``*`` in state, task, queue and worker is a
  wildcard.
- Any other word is text. Every word of text must occur in the id, the name, the arguments or the exception.
- Double quotes keep blanks together, and make anything text: ``"note: x"``, ``"NOT"``. Within them ``\\`` stands before
  ``"`` and ``\\``. They count at the beginning of a word and behind a field's colon only.
- ``""`` behind task, queue, worker or raised is one that is not known.
- A colon behind anything but letters (``12:30``, ``{'a':1}``), or before ``//`` (a URL), is text.

There is no NOT, AND, OR, exclusion or bracket: they are refused, as are unknown fields, and never searched as text.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, Final

from deskq.errors import UserError
from deskq.history.reading.task_filter import Bound, Moment, TaskFilter
from deskq.protocol.task_states import STATES

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_SPAN: Final = re.compile(r"(\d+)(s|min|m|h|d)")
_LIMIT: Final = re.compile(r"(<=|>=|<|>|=|)(\d+(?:\.\d*)?|\.\d+)(ms|s|min|m|h|d|)")
_MOMENT: Final = re.compile(r"(<=|>=|<|>)(\d{4}-\d\d-\d\d\S*)")
_TOKEN: Final = re.compile(
    r"""(?P<field>[^\W\d]+):(?!//)(?P<value>"(?:[^"\\]|\\.)*"(?!\S)|"?\S*)"""
    r"""|(?P<phrase>"(?:[^"\\]|\\.)*"(?!\S))"""
    r"""|(?P<word>\S+)"""
)
_OPERATOR: Final = re.compile(r"AND|OR|NOT|&&?|\|\|?|!|[(\[]|[)\]]")
_LOWER_OPERATOR: Final = re.compile(r"and|or|not")
_OTHER_STATES: Final = {
    "DONE": "SUCCESS",
    "ERROR": "FAILURE",
    "FAILED": "FAILURE",
    "FINISHED": "SUCCESS",
    "OK": "SUCCESS",
    "PENDING": "RECEIVED",
    "RUNNING": "STARTED",
    "SUCCEEDED": "SUCCESS",
    "WAITING": "RECEIVED",
}
"""What people call states, some of them in the table itself."""
_SLIP: Final = 0.8
"""How alike two names of states are if one is the other misspelt; "FAILED" and "FAILURE" are less so."""


class FilterError(UserError):
    """A filter that is not understood. ``incomplete``: what is typed next may complete it."""

    def __init__(self, message: str, *, incomplete: bool = False) -> None:
        super().__init__(message)
        self.incomplete = incomplete


@dataclass(frozen=True, slots=True)
class FilterField:
    """A field: the attribute of TaskFilter that it fills, how a value is read, an example of a value, what it means.

    ``nothing``: may the value be "", which stands for what is not known?
    """

    attribute: str
    read: Callable[[str, str], Any]
    example: str
    tip: str
    nothing: bool = False


def _plain(_: str, value: str) -> str:
    return value


def _id(field: str, value: str) -> str:
    if len(value) < 4:
        raise FilterError(f"{field}: needs at least the first 4 characters of an id.", incomplete=True)
    return value


def _runtime(field: str, value: str) -> Bound:
    found = _LIMIT.fullmatch(value)
    if found is None or found[1] in ("", "="):
        raise FilterError(
            f"“{field}:{value}” is not a limit. Write {field}:>1 (seconds), {field}:<200ms or {field}:>=5m.",
            incomplete=value in ("<", ">", "<=", ">="),
        )
    return Bound(found[1], float(found[2]) * _UNITS[found[3] or "s"])


def _count(field: str, value: str) -> Bound:
    found = _LIMIT.fullmatch(value)
    if found is None or found[3] or not found[2].isdigit():
        raise FilterError(
            f"“{field}:{value}” is not a count. Write {field}:2, {field}:>0 or {field}:<=5.",
            incomplete=value in ("<", ">", "<=", ">=", "="),
        )
    return Bound(found[1] or "=", float(found[2]))


def _moment(field: str, value: str) -> Moment:
    found = _MOMENT.fullmatch(value)
    try:
        if found is not None:
            return Moment(found[1], datetime.fromisoformat(found[2]).timestamp())
    except (ValueError, OverflowError):
        pass
    raise FilterError(
        f"“{field}:{value}” is not a time. Write {field}:>=2026-11-30T21:30 or {field}:<2026-12-01.", incomplete=True
    )


FIELDS: Final[Mapping[str, FilterField]] = {
    "state": FilterField("states", _plain, "FAILURE", "state"),
    "task": FilterField("names", _plain, "mail.*", "task name", nothing=True),
    "queue": FilterField("queues", _plain, "emails", "queue it was sent to", nothing=True),
    "worker": FilterField("workers", _plain, "w1@host", "last worker that received it", nothing=True),
    "args": FilterField("args", _plain, "8812", "text in the positional arguments"),
    "kwargs": FilterField("kwargs", _plain, "anna", "text in the keyword arguments"),
    "result": FilterField("results", _plain, "ok", "text in the return value"),
    "exception": FilterField("exceptions", _plain, "ValueError", "text in the exception"),
    "raised": FilterField("kinds", _plain, "ValueError", "type of the exception", nothing=True),
    "runtime": FilterField("runtime", _runtime, ">1", "runtime: >1 (seconds), <200ms, >=5m"),
    "retries": FilterField("retries", _count, ">0", "number of retries"),
    "ended": FilterField("ended", _moment, ">=2026-11-30T21:30", "time of the end: >=2026-11-30T21:30, <2026-12-01"),
    "id": FilterField("ids", _id, "5b2c9d1e", "beginning of the id"),
    "root": FilterField("roots", _plain, "5b2c9d1e-…", "id of the first task of its canvas"),
    "parent": FilterField("parents", _plain, "5b2c9d1e-…", "id of the task that sent it"),
}
"""In the order in which a filter is written. ``since:15m``, which is no alternative to anything, comes besides."""
_ALIASES: Final = {"name": "task", "uuid": "id"}
_NAMES: Final = f"{', '.join(FIELDS)} and since"
_MISTAKEN: Final = re.compile(
    rf"(?P<before>[-!(]*)(?P<field>{'|'.join([*FIELDS, *_ALIASES, 'since'])})(?P<sign>[:=<>!~]+)(?P<value>\S*)",
    re.IGNORECASE,
)
"""A field in a notation of other languages: ``-state:X``, ``runtime>1``, ``state!=X``, ``(state:X``."""


def parse(text: str, *, now: float | None = None, states: Iterable[str] = ()) -> TaskFilter:
    """Read the filter language; raises FilterError, which names what is not understood.

    ``states``: those that occur besides Celery's own, which is what a custom state is known by.
    """
    found: dict[str, list[Any]] = {}
    words: list[str] = []
    phrases: list[str] = []
    since: float | None = None
    for key, value, is_phrase in _tokens(text):
        field = FIELDS.get(key)
        if key == "since":
            since = (time.time() if now is None else now) - seconds_of(value)
        elif field is not None:
            found.setdefault(field.attribute, []).append(field.read(key, value))
        elif value:
            (phrases if is_phrase else words).append(value)
    found["states"] = [known_state(state, states) for state in found.get("states", ())]
    fields: dict[str, Any] = {name: tuple(values) for name, values in found.items()}
    return TaskFilter(text=" ".join(words), phrases=tuple(phrases), since=since, **fields)


def unparse(task_filter: TaskFilter, written: str = "") -> str:
    """Write a filter in the filter language; its ``since`` as it stands in what was ``written``, if anything was."""
    spans = [f"since:{value}" for key, value, _ in _tokens(written) if key == "since"]
    words = [
        f"{key}:{_quoted(str(value))}"
        for key, field in FIELDS.items()
        for value in getattr(task_filter, field.attribute)
    ]
    words += [word if _is_text(word) else _in_quotes(word) for word in task_filter.text.split()]
    return " ".join([*words, *map(_in_quotes, task_filter.phrases), *spans[-1:]])


def filter_text(**fields: Any) -> str:
    """Write a filter by these attributes of TaskFilter."""
    return unparse(TaskFilter(**fields))


def seconds_of(span: str) -> float:
    """Return the seconds of "90s", "15m", "6h" or "7d"; raises UserError on anything else."""
    match = _SPAN.fullmatch(span)
    if match is None:
        incomplete = not span or span.isdigit()
        raise FilterError(f"“{span}” is not a time span. Write it like 90s, 15m, 6h or 7d.", incomplete=incomplete)
    return float(match[1]) * _UNITS[match[2]]


def known_state(state: str, others: Iterable[str] = ()) -> str:
    """Return a state in capitals; raises FilterError if it is one of Celery's misspelt, and no task has it."""
    state = state.upper()
    if "*" in state or state in STATES or state in others:
        return state
    if "," in state or "|" in state:
        either = " ".join(f"state:{part}" for part in re.split(r"[,|]+", state) if part)
        raise FilterError(f"“{state}” is not a state. For any of several, write {either}.", incomplete=True)
    meant = [known for known in STATES if known.startswith(state)] or get_close_matches(state, STATES, 1, _SLIP)
    if meant:
        incomplete = meant[0].startswith(state)
        raise FilterError(f"“{state}” is not a state. Did you mean {' or '.join(meant)}?", incomplete=incomplete)
    return state


def doubts_about_states(task_filter: TaskFilter, others: Iterable[str]) -> str:
    """Say which states of a filter no task is in and Celery does not know, "" if there are none."""
    there = {*STATES, *others}
    missing = [state for state in task_filter.states if not any(fnmatchcase(one, state) for one in there)]
    said = []
    for state in missing:
        meant = _OTHER_STATES.get(state)
        said.append(f"No task is in the state “{state}”" + (f". Did you mean {meant}?" if meant else "."))
    return " ".join(said)


def doubts_about_text(text: str) -> str:
    """Say what of a text that is searched as it stands looks like the filter language, "" if nothing does."""
    looks = [word for word in text.split() if not _is_text(word)]
    return f"“{' '.join(looks)}” is searched for as literal text." if looks else ""


def _tokens(text: str) -> Iterator[tuple[str, str, bool]]:
    """Yield (field or "", value, whether it was in quotes); raises FilterError."""
    found = list(_TOKEN.finditer(text))
    for number, token in enumerate(found):
        key = (token["field"] or "").lower()
        key = _ALIASES.get(key, key)
        if token["field"] is not None:
            if key not in FIELDS and key != "since":
                raise _unknown_field(token[0], token["field"])
            value = _unquoted(token["value"], token[0])
            nothing = token["value"] == '""' and key in FIELDS and FIELDS[key].nothing
            if not value and not nothing:
                example = FIELDS[key].example if key in FIELDS else "15m"
                raise FilterError(f"{key}: needs a value, such as {key}:{example}.", incomplete=True)
            yield key, value, False
        elif token["phrase"] is not None:
            yield "", _unquoted(token["phrase"], token[0]), True
        else:
            before_field = number + 1 < len(found) and found[number + 1]["field"] is not None
            _refuse_operator(token["word"], before_field=before_field)
            yield "", token["word"], False


def _refuse_operator(word: str, *, before_field: bool) -> None:
    mistaken = _MISTAKEN.fullmatch(word)
    if mistaken is not None and (mistaken["before"] or mistaken["sign"] != ":"):
        raise FilterError(f"“{word}” is not understood: {_what_to_write(mistaken)} {_literally(word)}")
    if _OPERATOR.fullmatch(word) or (before_field and _LOWER_OPERATOR.fullmatch(word)):
        raise FilterError(
            f"“{word}” is not understood: filters have no AND, OR, NOT or brackets. Values of one field are "
            f"alternatives (state:FAILURE state:RETRY); different fields must all match. {_literally(word)}",
        )
    if word.startswith('"'):
        raise _unclosed(word, word)


def _what_to_write(mistaken: re.Match[str]) -> str:
    if "(" in mistaken["before"]:
        return "filters have no brackets."
    if mistaken["before"] or "!" in mistaken["sign"]:
        return "filters cannot exclude tasks."
    key = mistaken["field"].lower()
    limit = mistaken["sign"].replace("==", "=") if mistaken["sign"][0] in "<>" else ""
    return f"write {key}:{limit}{mistaken['value']}."


def _unclosed(value: str, token: str) -> FilterError:
    """``value`` begins with a quotation mark, and is not a quoted whole."""
    if re.match(r'"(?:[^"\\]|\\.)*"', value):
        return FilterError(f"“{token}” is not understood. Put a space after the closing quotation mark.")
    return FilterError(f"“{token}” has no closing quotation mark. Add one.", incomplete=True)


def _unknown_field(token: str, field: str) -> FilterError:
    near = get_close_matches(field.lower(), [*FIELDS, *_ALIASES, "since"], 1, 0.75)
    hint = f" Did you mean {near[0]}:?" if near else f" The fields are {_NAMES}."
    return FilterError(f"“{field}:” is not a filter field.{hint} {_literally(token)}")


def _literally(word: str) -> str:
    return f"To search for it as text, write {_in_quotes(word)}."


def _is_text(word: str) -> bool:
    """Would this word, without quotes, be read as text that it is?"""
    try:
        return list(_tokens(word)) == [("", word, False)] and not _LOWER_OPERATOR.fullmatch(word)
    except FilterError:
        return False


def _quoted(value: str) -> str:
    return value if value and not re.search(r'[\s"\\]|^//', value) else _in_quotes(value)


def _in_quotes(value: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def _unquoted(value: str, token: str) -> str:
    if not value.startswith('"'):
        return value
    if not re.fullmatch(r'"(?:[^"\\]|\\.)*"', value):
        raise _unclosed(value, token)
    return re.sub(r"\\(.)", r"\1", value[1:-1])
