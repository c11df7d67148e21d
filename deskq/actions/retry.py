"""Where a retry gets its arguments, and how faithful they are; nothing is guessed in silence.

The ladder: **exact** from the raw message, **stored** from the result record (result_extended), **rebuilt** from the
event's repr if it is whole and a literal, **manual** otherwise: a person fills it in.
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final
from uuid import uuid4

from deskq.actions.plan import Item, Plan, Verb, check_rate
from deskq.errors import UserError
from deskq.history.rows import TaskRow
from deskq.profiles import Profile
from deskq.protocol.message import Body, RawMessage, new_message, read_body, retry_of, short_repr
from deskq.protocol.reprs import parse_repr

_MASK: Final = re.compile(r"(?i)[*•xX]{3,}|[<\[({]?(redacted|filtered|hidden|masked|sensitive|secret)[>\])}]?")


_AMBIGUOUS: Final = re.compile(r"\\[^']|\\$")
"""Celery's saferepr escapes quotes but no backslashes: a backslash and an n may be two characters or a line's end."""


class Grade(StrEnum):
    """How faithful a retry's arguments are, best first."""

    EXACT = "exact"
    STORED = "stored"
    REBUILT = "rebuilt"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Stored:
    """What a result record holds of a task's call."""

    name: str
    args: list[Any]
    kwargs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One task that may be retried. ``body`` is None where it must stay as it is (not JSON), or is not known (manual).

    ``edited``: a person changed or filled in the arguments. ``losses``: what will not happen this time.
    ``retried``: how often it was retried before.
    """

    row: TaskRow
    grade: Grade
    queue: str
    body: Body | None = None
    message: RawMessage | None = None
    losses: tuple[str, ...] = ()
    edited: bool = False
    retried: int = 0

    @property
    def sendable(self) -> bool:
        """False for a manual one that nobody has filled in, and for one without a queue or a name."""
        known = self.message is not None or self.body is not None
        return known and bool(self.queue) and bool(self.row.name or (self.message is not None and self.message.task))

    @property
    def arguments(self) -> str:
        """The arguments for people; "" where they are not known."""
        if self.body is None:
            return "" if self.message is None else f"{len(self.message.body):,} bytes of {self.message.content_type}"
        shown = [short_repr(arg) for arg in self.body.args]
        shown += [f"{key}={short_repr(value)}" for key, value in self.body.kwargs.items()]
        return f"({', '.join(shown)})"


def candidate(
    row: TaskRow, *, message: RawMessage | None = None, stored: Stored | None = None, queue: str = ""
) -> Candidate:
    """Choose the best source for a task's arguments. ``queue``: where to, else where it came from."""
    target = queue or row.queue
    losses = list(_losses(row))
    if message is not None and (message.id == row.uuid or not message.id):
        body = read_body(message)
        if body is not None and body.canvas:
            losses.append(f"its {', '.join(body.canvas)} will not run again")
        elif body is None:
            losses.append("its callbacks, if it has any, run again: its body is not JSON and is left as it is")
        return Candidate(row, Grade.EXACT, target, body, message, tuple(losses))
    unseen = (*losses, "its callbacks, priority, time limits and own headers are not known and left out")
    if stored is not None:
        body = Body(stored.args, stored.kwargs)
        named = row if row.name else replace(row, name=stored.name)
        return Candidate(named, Grade.STORED, target, body, losses=unseen)
    rebuilt = _rebuilt(row)
    if rebuilt is not None and row.name:
        return Candidate(row, Grade.REBUILT, target, rebuilt, losses=unseen)
    return Candidate(row, Grade.MANUAL, target, losses=unseen)


def edited(old: Candidate, args: str, kwargs: str) -> Candidate:
    """Return the candidate with arguments that a person wrote, as JSON; raises UserError with line and column."""
    return replace(old, body=Body(read_json("args", args, list), read_json("kwargs", kwargs, dict)), edited=True)


def retargeted(old: Candidate, queue: str) -> Candidate:
    """Return the candidate for another queue; "" means where it came from."""
    return replace(old, queue=queue or old.row.queue)


def texts_of(one: Candidate) -> tuple[str, str]:
    """Return args and kwargs as JSON for a person to edit, the event's texts where they are not known, "" if none."""
    if one.body is not None:
        return json.dumps(one.body.args, ensure_ascii=False), json.dumps(one.body.kwargs, ensure_ascii=False)
    return ("", "") if one.message is not None else (one.row.args, one.row.kwargs)


def plan_retry(
    candidates: Sequence[Candidate],
    profile: Profile,
    *,
    now: float,
    rate: float = 0.0,
    canary: bool = False,
    crosses: bool = False,
    keep_root: bool = False,
) -> Plan:
    """Freeze a retry; raises UserError if some candidate cannot be sent as it is."""
    unready = [one for one in candidates if not one.sendable]
    if unready:
        first = unready[0]
        reason = "its queue is not known" if not first.queue else "its arguments are not known: fill them in"
        raise UserError(f"{first.row.name or first.row.uuid} cannot be retried: {reason}.")
    if not candidates:
        raise UserError("There is nothing to retry.")
    check_rate(rate)
    items = tuple(_item(one, now, keep_root) for one in candidates)
    return Plan(
        verb=Verb.RETRY,
        profile=profile.name,
        environment=profile.environment.value,
        items=items,
        rate=rate,
        canary=canary,
        crosses=crosses,
    )


def grades(candidates: Sequence[Candidate]) -> str:
    """Return "10 exact · 1 stored · 1 rebuilt"."""
    counts = {grade: sum(one.grade is grade for one in candidates) for grade in Grade}
    return " · ".join(f"{count:,} {grade.value}" for grade, count in counts.items() if count)


def candidates_of(
    rows: Sequence[TaskRow],
    *,
    messages: Mapping[str, RawMessage],
    stored: Callable[[str], Stored | None] | None = None,
    queue: str = "",
) -> list[Candidate]:
    """Return a candidate for each task; the result backend is asked only for those whose message is not known."""
    found = []
    for row in rows:
        message = messages.get(row.uuid)
        record = stored(row.uuid) if message is None and stored is not None else None
        found.append(candidate(row, message=message, stored=record, queue=queue))
    return found


def _item(one: Candidate, now: float, keep_root: bool) -> Item:
    new_id = str(uuid4())
    root = one.row.root_id if keep_root else ""
    if one.message is not None:
        message = retry_of(one.message, new_id, now=now, body=one.body if one.edited else None, keep_root=keep_root)
    else:
        assert one.body is not None
        message = new_message(
            one.row.name,
            new_id,
            one.body.args,
            one.body.kwargs,
            origin=f"deskq@{platform.node()}",
            expires=one.row.expires if one.row.expires is not None and one.row.expires > now else None,
            headers=_reprs(one),
            retry_of=one.row.uuid,
            root_id=root,
        )
    return Item(
        new_id=new_id,
        task=message.task,
        queue=one.queue,
        message=message,
        source=one.row.uuid,
        grade=one.grade.value,
        arguments=one.arguments,
        losses=one.losses,
        retried=one.retried,
    )


def _reprs(one: Candidate) -> dict[str, str]:
    """What the task's own events show of its arguments: an app may hide a secret so, and the record holds it."""
    known = {"argsrepr": one.row.args, "kwargsrepr": one.row.kwargs}
    return {} if one.edited else {key: text for key, text in known.items() if text}


def _losses(row: TaskRow) -> list[str]:
    losses = []
    if row.state in ("SENT", "RECEIVED", "STARTED", "RETRY"):
        losses.append("it has not ended yet: it may run twice")
    elif row.state in ("LOST", "ENDED", "UNSEEN"):
        losses.append("how it ended is not known: it may have done its work")
    if row.parent_id:
        losses.append("it was started by another task, which does not wait for the new one")
    elif row.root_id and row.root_id != row.uuid:
        losses.append("it belongs to a canvas, which does not wait for the new one")
    return losses


def _rebuilt(row: TaskRow) -> Body | None:
    """The event's reprs as JSON values; None where one is cut, masked, no literal, or cannot be JSON."""
    args, kwargs = parse_repr(row.args or "()"), parse_repr(row.kwargs or "{}")
    if _AMBIGUOUS.search(row.args) or _AMBIGUOUS.search(row.kwargs):
        return None
    if not row.args or args is None or kwargs is None or args.cut or kwargs.cut:
        return None
    if not isinstance(args.value, list | tuple) or not isinstance(kwargs.value, dict):
        return None
    if any(not isinstance(key, str) for key in kwargs.value) or is_masked(args.value) or is_masked(kwargs.value):
        return None
    try:
        text = json.dumps([list(args.value), kwargs.value], allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return None  # sets, bytes: the message had another serializer than JSON
    plain = json.loads(text)
    return Body(plain[0], plain[1])


def is_masked(value: Any) -> bool:
    """Does it hold what people put in the place of a secret?"""
    if isinstance(value, str):
        return _MASK.fullmatch(value.strip()) is not None
    if isinstance(value, dict):
        return any(is_masked(key) or is_masked(item) for key, item in value.items())
    return isinstance(value, list | tuple) and any(map(is_masked, value))


def read_json(what: str, text: str, kind: type[Any]) -> Any:
    """Return the JSON list or object that a person wrote; raises UserError with line and column."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{what} is not JSON: {error.msg} (line {error.lineno}, column {error.colno}).") from None
    except RecursionError:
        raise UserError(f"{what} is nested too deeply.") from None
    if not isinstance(value, kind):
        wanted = "a list, like [1, 2]" if kind is list else 'an object, like {"key": 1}'
        raise UserError(f"{what} is {wanted}.")
    return value
