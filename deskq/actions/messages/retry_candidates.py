"""Where a retry gets its arguments, and how faithful they are; nothing is guessed in silence.

The ladder: **exact** from the raw message, **stored** from the result record (result_extended), **rebuilt** from the
event's repr if it is whole and a literal, **manual** otherwise: a person fills it in.
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final
from uuid import uuid4

from deskq.actions.messages.places import QueueSource
from deskq.actions.plan import Item, Plan, Policy, Verb, check_rate, plan_messages
from deskq.brokers.opening import check_can_send
from deskq.brokers.routing import Route
from deskq.errors import UserError
from deskq.history.rows import TaskRow
from deskq.profiles import Profile
from deskq.protocol.encoding import compression
from deskq.protocol.encoding.kombu_envelope import JSON
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
    """What a result record holds of a task: its call where it was extended, else ``args`` is None.

    ``name``: the task's own, where events may show a shadow; ``queue``: the routing key that it came with.
    """

    name: str = ""
    args: list[Any] | None = None
    kwargs: dict[str, Any] = field(default_factory=dict)
    queue: str = ""
    in_group: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """One task that may be retried. ``body`` is None where it must stay as it is (not JSON), or is not known (manual).

    ``name``: the task's own, as far as it is known. ``queue`` or ``route``: where it is sent, from where it came unless
    another queue was chosen; ``origin``: these two as they were, or why there is neither. ``edited``: a person changed
    or filled in the arguments. ``losses``: what will not happen this time. ``earlier``: ids of its earlier retries.
    """

    row: TaskRow
    grade: Grade
    name: str
    queue: str = ""
    route: Route | None = None
    origin: str | Route = ""
    problem: str = ""
    body: Body | None = None
    message: RawMessage | None = None
    losses: tuple[str, ...] = ()
    edited: bool = False
    earlier: frozenset[str] = frozenset()

    @property
    def sendable(self) -> bool:
        """False for a manual one that nobody has filled in, and for one without a queue or a name."""
        return not self.why_not

    @property
    def why_not(self) -> str:
        """Why it cannot be sent, as part of a sentence; "" if it can."""
        if not self.queue and self.route is None:
            return self.problem or "its queue is unknown"
        if self.message is None and self.body is None:
            return "its arguments are uncertain"
        return "" if self.name else "its name is unknown"

    @property
    def remedy(self) -> str:
        """What makes it sendable, as a sentence, "" if nothing does."""
        if not self.queue and self.route is None:
            return "Choose a queue."
        return "Enter them." if self.message is None and self.body is None else ""

    @property
    def target(self) -> str:
        """Where it is sent, for people; "" where that is not known."""
        if self.route is None:
            return self.queue
        return ", ".join(self.route.queues) or f"{self.route.exchange} ({self.route.routing_key})"

    @property
    def arguments(self) -> str:
        """The arguments for people; "" where they are not known."""
        if self.body is None:
            return "" if self.message is None else f"{len(self.message.body):,} bytes of {self.message.content_type}"
        shown = [short_repr(arg) for arg in self.body.args]
        shown += [f"{key}={short_repr(value)}" for key, value in self.body.kwargs.items()]
        return f"({', '.join(shown)})"


def candidate(
    row: TaskRow,
    *,
    message: RawMessage | None = None,
    stored: Stored | None = None,
    origin: str | Route | QueueSource | None = None,
    queue: str = "",
) -> Candidate:
    """Choose the best source for a task's arguments.

    ``origin``: where it came from (a Place tells why that is not known), the row's queue if left out; ``queue``: where
    to send it instead.
    """
    whence = origin if isinstance(origin, str | Route) else "" if origin is not None else row.queue
    problem = origin.problem if isinstance(origin, QueueSource) else ""
    found = Candidate(row, Grade.MANUAL, row.name, origin=whence, problem=problem, losses=tuple(_losses(row)))
    found = retargeted(found, queue)
    own = message if message is not None and (message.id == row.uuid or not message.id) else None
    if own.in_group if own is not None else stored is not None and stored.in_group:
        found = with_loss(found, "it belongs to a group, which does not wait for the new task")
    if own is not None:
        body = read_body(own)
        if body is not None and body.canvas:
            found = with_loss(found, f"its {', '.join(body.canvas)} will not run again")
        elif body is None:
            found = with_loss(found, f"{_unread(own)} and is sent unchanged; callbacks in it run again")
        name = own.task or (body.task if body is not None else "") or row.name
        return replace(found, grade=Grade.EXACT, name=name, body=body, message=own)
    found = with_loss(found, "its callbacks, priority, time limits and own headers are unknown and left out")
    name = (stored.name if stored is not None else "") or row.name  # events show a shadow, records the task itself
    found = replace(found, name=name)
    if stored is not None and stored.args is not None:
        return replace(found, grade=Grade.STORED, body=Body(stored.args, stored.kwargs))
    rebuilt = _rebuilt(row)
    return replace(found, grade=Grade.REBUILT, body=rebuilt) if rebuilt is not None and name else found


def with_loss(old: Candidate, loss: str) -> Candidate:
    """Return the candidate with one more thing that a person should know."""
    return replace(old, losses=(*old.losses, loss))


def _unread(message: RawMessage) -> str:
    method = message.headers.get(compression.HEADER)
    if message.content_type != JSON:
        return "its body is not JSON"
    if method and not compression.known(method):
        return f"its body is compressed as {method}, which deskq cannot read,"
    return "its body cannot be read"


def edited(old: Candidate, args: str, kwargs: str) -> Candidate:
    """Return the candidate with arguments that a person wrote, as JSON; raises UserError with line and column."""
    return replace(old, body=Body(read_json("args", args, list), read_json("kwargs", kwargs, dict)), edited=True)


def retargeted(old: Candidate, queue: str) -> Candidate:
    """Return the candidate for another queue; "" means where it came from."""
    if queue or isinstance(old.origin, str):
        return replace(old, queue=queue or str(old.origin), route=None)
    return replace(old, queue="", route=old.origin)


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
) -> Plan[Item]:
    """Freeze a retry; raises UserError if some candidate cannot be sent as it is."""
    check_can_send(profile)
    unready = [one for one in candidates if not one.sendable]
    if unready:
        first = unready[0]
        raise UserError(f"{first.name or first.row.uuid} cannot be retried: {first.why_not}. {first.remedy}".rstrip())
    if not candidates:
        raise UserError("There is nothing to retry.")
    check_rate(rate)
    items = tuple(_item(one, now, keep_root) for one in candidates)
    return plan_messages(profile, Verb.RETRY, items, policy=Policy(rate, canary), crosses=crosses)


def to_send(candidates: Sequence[Candidate], *, again: bool) -> list[Candidate]:
    """Return those that a retry sends; ``again``: also those that have been retried before, by anyone."""
    return [one for one in candidates if one.sendable and (again or not one.earlier)]


def grades(candidates: Sequence[Candidate]) -> str:
    """Return "10 exact · 1 stored · 1 rebuilt"."""
    counts = {grade: sum(one.grade is grade for one in candidates) for grade in Grade}
    return " · ".join(f"{count:,} {grade.value}" for grade, count in counts.items() if count)


def _item(one: Candidate, now: float, keep_root: bool) -> Item:
    new_id = str(uuid4())
    root = one.row.root_id if keep_root else ""
    if one.message is not None:
        message = retry_of(one.message, new_id, now=now, body=one.body if one.edited else None, keep_root=keep_root)
    else:
        assert one.body is not None
        message = new_message(
            one.name,
            new_id,
            one.body.args,
            one.body.kwargs,
            origin=f"deskq@{platform.node()}",
            expires=one.row.expires if one.row.expires is not None and one.row.expires > now else None,
            headers={**_reprs(one), "shadow": one.row.name if one.row.name != one.name else None},
            retry_of=one.row.uuid,
            root_id=root,
        )
    return Item(
        id=new_id,
        task=message.task,
        queue=one.queue,
        message=message,
        source=one.row.uuid,
        grade=one.grade.value,
        arguments=one.arguments,
        losses=one.losses,
        route=one.route,
        earlier=one.earlier,
        written=one.message is None or message.body is not one.message.body,
        succeeded=one.row.state == "SUCCESS",
    )


def _reprs(one: Candidate) -> dict[str, str]:
    """What the task's own events show of its arguments: an app may hide a secret so, and the record holds it."""
    known = {"argsrepr": one.row.args, "kwargsrepr": one.row.kwargs}
    return {} if one.edited else {key: text for key, text in known.items() if text}


def _losses(row: TaskRow) -> list[str]:
    losses = []
    if not row.ended:
        losses.append("it has not ended yet and may run twice")
    elif row.state in ("LOST", "ENDED", "UNSEEN"):
        losses.append("its outcome is unknown: it may have succeeded")
    if row.parent and not row.retries_parent:
        losses.append("it was sent by another task, which does not wait for the new task")
    elif row.root_id and row.root_id != row.uuid:
        losses.append("it belongs to a canvas, which does not wait for the new task")
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
