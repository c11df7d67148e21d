"""A task that somebody wants sent: as a plan, as the same call in Python, and as ``celery call``."""

from __future__ import annotations

import json
import platform
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from deskq.actions.messages.serializers import JSON_SERIALIZER, serialized, serializers
from deskq.actions.plan import Item, Plan, Policy, Verb, check_rate, plan_messages
from deskq.brokers.opening import check_can_send
from deskq.brokers.rabbitmq.delayed import CONSUMER_TIMEOUT
from deskq.brokers.routing import Route
from deskq.errors import UserError
from deskq.profiles import Profile
from deskq.protocol.message import RawMessage, new_message, short_repr

_LONGEST_NAME: Final = 255
"""Bytes of a name in AMQP (its short strings)."""
_MOST_TIMES: Final = 1_000_000
_HELD_TOO_LONG: Final = (
    "a worker holds it until its time, but RabbitMQ ends the worker that holds a message for longer than its "
    "consumer_timeout (30 min by default); raise that, or let a schedule send the task"
)
_LONGEST: Final = 1e10
"""Seconds, some 300 years: what is later has no date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call. ``eta``: epoch seconds; ``countdown``, ``expires`` (after the sending) and limits: seconds; None: not.

    ``exchange``: it goes there with ``routing_key``, and ``queue`` is ""; "" for a call that goes to a queue.
    ``id``: the new task's, "" for a random one; ``times``: how often it is sent, each with an id of its own.
    """

    task: str
    queue: str = "celery"
    exchange: str = ""
    routing_key: str = ""
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    countdown: float | None = None
    eta: float | None = None
    expires: float | None = None
    priority: int | None = None
    time_limit: float | None = None
    soft_time_limit: float | None = None
    ignore_result: bool = False
    serializer: str = JSON_SERIALIZER
    headers: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""
    times: int = 1


def plan_send(
    call: Call, profile: Profile, *, now: float, rate: float = 0.0, tries: int = 0, route: Route | None = None
) -> Plan[Item]:
    """Return the plan that sends it; raises UserError that says what is wrong.

    ``route``: where the call's exchange leads, looked up before (see brokers/routing.py); ``tries`` as in Policy.
    """
    check_can_send(profile)
    if not call.task.strip():
        raise UserError("Enter a task name.")
    check_place(call)
    if call.exchange and (route is None or (route.sent_to, route.routing_key) != (call.exchange, call.routing_key)):
        raise UserError(f"The target of the exchange “{call.exchange}” is still unknown.")
    if call.serializer not in serializers():
        raise UserError(f"The serializer “{call.serializer}” is not installed. Use one of: {', '.join(serializers())}.")
    if tries < 0:
        raise UserError("Enter the number of publish retries: 0 or more.")
    check_rate(rate)
    if not 1 <= call.times <= _MOST_TIMES:
        raise UserError(f"Enter 1 to {_MOST_TIMES:,} copies.")
    if call.countdown is not None and not 0 <= call.countdown <= _LONGEST:
        raise UserError("The countdown must be 0 seconds or more.")
    for what, seconds in (
        ("time until it expires", call.expires),
        ("hard limit", call.time_limit),
        ("soft limit", call.soft_time_limit),
    ):
        if seconds is not None and not 0 < seconds <= _LONGEST:
            raise UserError(f"The {what} must be more than 0 seconds. Leave it out for none.")
    if len(call.id.encode(errors="replace")) > _LONGEST_NAME or not call.id.isprintable():
        raise UserError(f"An id must have at most {_LONGEST_NAME} bytes and no control characters.")
    if call.id and call.times > 1:
        raise UserError("Several copies cannot share a task id. Leave the id out or send one copy.")
    if call.eta is not None and call.countdown is not None:
        raise UserError("Give a countdown or a time, not both.")
    if call.priority is not None and not 0 <= call.priority <= 255:
        raise UserError("The priority must be a whole number from 0 to 255; most brokers use 0 to 9.")
    if None not in (call.time_limit, call.soft_time_limit) and call.soft_time_limit > call.time_limit:  # type: ignore[operator]
        raise UserError("The soft limit must not be longer than the hard limit.")
    own = sorted(set(call.headers) & {"task", "id", "root_id", "lang", "argsrepr", "kwargsrepr"})
    if own:
        raise UserError(f"The header “{own[0]}” is reserved. Choose another name.")
    shown = ", ".join(
        [*map(short_repr, call.args), *(f"{key}={short_repr(value)}" for key, value in call.kwargs.items())]
    )
    route = route if call.exchange or (route is not None and route.leaves_to) else None
    losses: tuple[str, ...] = (route.doubt,) if route is not None and route.doubt else ()
    held = profile.transport.has_consumer_timeout and not (route and route.leaves_to)
    if held and seconds_until(call, now) > CONSUMER_TIMEOUT:
        losses += (_HELD_TOO_LONG,)
    if call.serializer != JSON_SERIALIZER:
        losses += (f"workers discard {call.serializer} unless their accept_content names it",)
    items = []
    for _ in range(call.times):
        new_id = call.id or str(uuid4())
        message = message_of(call, new_id, now=now)
        items.append(Item(new_id, call.task, call.queue, message, arguments=f"({shown})", losses=losses, route=route))
    return plan_messages(profile, Verb.SEND, items, policy=Policy(rate, tries=tries))


def seconds_until(call: Call, now: float) -> float:
    """Return how long the call has to wait for its time, 0 if it need not."""
    return max(0.0, call.eta - now) if call.eta is not None else call.countdown or 0.0


def check_place(call: Call) -> None:
    """Raise UserError where it is not said where the call goes, or in words that no broker takes."""
    if call.exchange:
        if call.queue:
            raise UserError("Give a queue, or an exchange and a routing key, not both.")
        for what, text in (("exchange", call.exchange), ("routing key", call.routing_key)):
            if not text.isprintable() or len(text.encode()) > _LONGEST_NAME:
                raise UserError(f"The {what} must have at most {_LONGEST_NAME} bytes and no control characters.")
    elif call.routing_key:
        raise UserError("A routing key needs an exchange. Enter its name, or only a queue.")
    elif not call.queue.strip():
        raise UserError("Enter a queue name.")


def message_of(call: Call, new_id: str, *, now: float) -> RawMessage:
    """Return the message that goes out for one id; raises UserError where it cannot be written."""
    eta = call.eta if call.eta is not None else now + call.countdown if call.countdown else None
    try:
        json.dumps([call.args, call.kwargs, dict(call.headers)], allow_nan=False)  # other languages read no NaN
        message = new_message(
            call.task,
            new_id,
            call.args,
            call.kwargs,
            origin=f"deskq@{platform.node()}",
            eta=eta,
            expires=now + call.expires if call.expires else None,
            priority=call.priority,
            time_limits=(_whole(call.time_limit), _whole(call.soft_time_limit)),
            ignore_result=call.ignore_result,
            headers=call.headers,
        )
        return serialized(message, call.args, call.kwargs, call.serializer)
    except (ValueError, TypeError) as error:
        raise UserError(f"The arguments cannot be sent as {call.serializer}: {error}.") from None
    except OverflowError:
        raise UserError("The time is out of range.") from None


def _whole(seconds: float | None) -> float | None:
    """Return whole seconds as an integer, as a caller of Celery gives them."""
    return int(seconds) if isinstance(seconds, float) and seconds.is_integer() else seconds


def as_python(call: Call) -> str:
    """Return the same call in Python."""
    parts = [repr(call.task)]
    parts += [f"{key}={value!r}" for key, value in _options(call).items()]
    line = f"app.send_task({', '.join(parts)})"
    return line if call.times == 1 else f"for _ in range({call.times}):\n    {line}"


def as_command(call: Call) -> tuple[str, tuple[str, ...]]:
    """Return the same as ``celery call``, and which options it has no words for."""
    words = ["celery", "-A", "PROJ", "call", call.task]
    names = {"args": "--args", "kwargs": "--kwargs", "eta": "--eta", "countdown": "--countdown"}
    names |= {"serializer": "--serializer"}
    names |= {"expires": "--expires", "queue": "--queue", "exchange": "--exchange", "routing_key": "--routing-key"}
    missing = []
    for key, value in _options(call).items():
        if key not in names:
            missing.append(key)
            continue
        words += [names[key], json.dumps(value, ensure_ascii=False) if key in ("args", "kwargs") else str(value)]
    return shlex.join(words), tuple(missing)


def _options(call: Call) -> dict[str, Any]:
    """What is given, by the names of ``send_task``."""
    given: dict[str, Any] = {
        "args": call.args or None,
        "kwargs": call.kwargs or None,
        "queue": call.queue or None,
        "exchange": call.exchange or None,
        "routing_key": call.routing_key if call.exchange else None,
        "countdown": call.countdown or None,
        "eta": datetime.fromtimestamp(call.eta, UTC).isoformat() if call.eta is not None else None,
        "expires": call.expires or None,
        "priority": call.priority,
        "time_limit": _whole(call.time_limit),
        "soft_time_limit": _whole(call.soft_time_limit),
        "ignore_result": call.ignore_result or None,
        "serializer": call.serializer if call.serializer != JSON_SERIALIZER else None,
        "headers": dict(call.headers) or None,
        "task_id": call.id or None,
    }
    return {key: value for key, value in given.items() if value is not None}
