"""Task messages as Celery sends them: read without executing anything, and written anew for a retry.

Protocol 2: headers describe the task, the body is ``[args, kwargs, embed]`` (celery/app/amqp.py, as_task_v2).
Protocol 1: everything is in the body (as_task_v1). Other languages send partial headers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from deskq.protocol.encoding import compression
from deskq.protocol.encoding.kombu_envelope import JSON, read_envelope, write_envelope
from deskq.protocol.task_record import epoch

RETRY_OF: Final = "deskq-retry-of"
EMBED: Final[dict[str, Any]] = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
_LONGEST_REPR: Final = 1_024
_MOST_BYTES: Final = 64 * 1024 * 1024
_DROPPED: Final = ("x-death", "x-delivery-count", "x-acquired-count", "CC", "BCC")
"""Headers that belong to a delivery and not to the task: RabbitMQ sets them, or would act on them."""
_DROPPED_BEGINNINGS: Final = ("x-first-death-", "x-last-death-")


@dataclass(frozen=True, slots=True)
class RawMessage:
    """A message as it lies in a broker: ``body`` is what the serializer made, not base64.

    ``properties`` are kombu's: correlation_id, reply_to, priority, delivery_mode …
    """

    body: bytes
    content_type: str
    content_encoding: str
    headers: Mapping[str, Any] = field(default_factory=dict)
    properties: Mapping[str, Any] = field(default_factory=dict)

    @property
    def task(self) -> str:
        """The name of the task, "" if the headers do not say."""
        name = self.headers.get("task")
        return name if isinstance(name, str) else ""

    @property
    def id(self) -> str:
        """The task's id, "" if the headers do not say."""
        found = self.headers.get("id")
        return found if isinstance(found, str) else ""

    @property
    def retry_of(self) -> str:
        """The id of the task that this one retries for deskq, "" if the headers do not say."""
        found = self.headers.get(RETRY_OF)
        return found if isinstance(found, str) else ""

    @property
    def in_group(self) -> bool:
        """Is the task a member of a group?"""
        return bool(self.headers.get("group"))

    @property
    def place(self) -> tuple[str, str] | None:
        """Exchange and routing key that it was sent with, None where it does not say."""
        told = self.properties.get("delivery_info")
        exchange, key = (told.get("exchange"), told.get("routing_key")) if isinstance(told, dict) else (None, None)
        return (exchange or "", key) if isinstance(exchange, str | None) and isinstance(key, str) else None


@dataclass(frozen=True, slots=True)
class Body:
    """What the body says; ``embed``: callbacks, errbacks, chain, chord. ``task`` and ``id``: of protocol 1, else ""."""

    args: list[Any]
    kwargs: dict[str, Any]
    embed: dict[str, Any] = field(default_factory=dict)
    task: str = ""
    id: str = ""

    @property
    def canvas(self) -> tuple[str, ...]:
        """The parts of a canvas that hang on the task: they would run when it ends."""
        return tuple(key for key in EMBED if self.embed.get(key))


def read_redis_message(raw: bytes) -> RawMessage | None:
    """Return the message in one element of a list of kombu's Redis transport, None if it is something else."""
    if len(raw) > _MOST_BYTES:
        return None
    try:
        envelope = read_envelope(raw)
        body = envelope.decoded()
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    headers, properties = envelope.headers or {}, envelope.properties or {}
    if envelope.properties is None or not isinstance(headers, dict) or not isinstance(properties, dict):
        return None
    return RawMessage(body, envelope.content_type or "", envelope.content_encoding or "", headers, properties)


def write_redis_message(message: RawMessage, routing_key: str, delivery_tag: str, exchange: str = "") -> bytes:
    """Return the element to push to a list, with the exchange and the routing key that led there."""
    return write_envelope(
        message.body,
        delivery_tag,
        exchange=exchange,
        routing_key=routing_key,
        content_type=message.content_type,
        content_encoding=message.content_encoding,
        headers=message.headers,
        properties=message.properties,
    )


def read_body(message: RawMessage) -> Body | None:
    """Return args and kwargs of a JSON body of either protocol; None for every other serializer (pickle above all).

    A compressed body is read as far as its method and its size are those that deskq knows.
    """
    if message.content_type != JSON or len(message.body) > _MOST_BYTES:
        return None
    body: bytes | None = message.body
    if method := message.headers.get(compression.HEADER):
        body = compression.decompressed(message.body, method, _MOST_BYTES)
    if body is None:
        return None
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    task = task_id = ""
    if isinstance(found, list) and len(found) == 3:
        args, kwargs, embed = found
    elif isinstance(found, dict) and isinstance(found.get("task"), str):  # protocol 1
        args, kwargs = found.get("args") or [], found.get("kwargs") or {}
        embed = {key: found.get(key) for key in ("callbacks", "errbacks", "chord")}
        task, task_id = found["task"], str(found.get("id") or "")
    else:
        return None
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        return None
    return Body(args, kwargs, embed if isinstance(embed, dict) else {}, task, task_id)


def retry_of(
    message: RawMessage, new_id: str, *, now: float, body: Body | None = None, keep_root: bool = False
) -> RawMessage:
    """Return the message that runs this task anew as another task.

    Kept: args, kwargs, name, priority, time limits, headers (of tracing too), reprs, serializer, compression, and an
    expiry that still lies ahead. Left out: the canvas (callbacks, chord, group), the ETA, and what a broker added. A
    body that cannot be read (another serializer than JSON) stays byte for byte, its canvas in it. ``body``: other
    arguments than the message's. Its parent is the task that it retries: events and result records carry that.
    Raises ValueError for a message of no task.
    """
    old = message.headers
    known = read_body(message)
    if not message.task:
        if known is None or not known.task:
            raise ValueError("the message has no task name")
        given = body or known
        priority = message.properties.get("priority")
        return new_message(
            known.task,
            new_id,
            given.args,
            given.kwargs,
            origin="deskq",
            priority=priority if isinstance(priority, int) else None,
            retry_of=known.id,
        )
    headers: dict[str, Any] = {
        key: value for key, value in old.items() if key not in _DROPPED and not key.startswith(_DROPPED_BEGINNINGS)
    }
    root = old.get("root_id") if keep_root and isinstance(old.get("root_id"), str) else None
    headers |= {"id": new_id, "root_id": root or new_id, "parent_id": message.id or None, "retries": 0, "eta": None}
    headers |= {"group": None, "group_index": None, "replaced_task_nesting": 0, RETRY_OF: message.id}
    expires = old.get("expires")
    headers["expires"] = expires if isinstance(expires, str) and epoch(expires) > now else None
    properties = {key: message.properties[key] for key in ("priority", "delivery_mode") if key in message.properties}
    properties |= {"correlation_id": new_id, "reply_to": message.properties.get("reply_to") or ""}
    if body is not None:
        headers["argsrepr"], headers["kwargsrepr"] = short_repr(tuple(body.args)), short_repr(body.kwargs)
    elif known is not None and known.canvas:
        body = known
    if body is None:
        return replace(message, headers=headers, properties=properties)
    content = encode_body(body.args, body.kwargs)
    if method := headers.pop(compression.HEADER, None):  # one that is not known here is left out with its header
        packed = compression.compressed(content, method)
        content, headers = (content, headers) if packed is None else (packed, {**headers, compression.HEADER: method})
    return RawMessage(content, JSON, "utf-8", headers, properties)


def new_message(
    task: str,
    task_id: str,
    args: list[Any],
    kwargs: dict[str, Any],
    *,
    origin: str,
    eta: float | None = None,
    expires: float | None = None,
    priority: int | None = None,
    time_limits: tuple[float | None, float | None] = (None, None),
    ignore_result: bool = False,
    headers: Mapping[str, Any] | None = None,
    retry_of: str = "",
    root_id: str = "",
) -> RawMessage:
    """Return a message of protocol 2 in JSON. ``eta`` and ``expires``: epoch s; ``time_limits``: hard, soft, in s.

    Raises TypeError or ValueError where the arguments are not JSON.
    """
    own: dict[str, Any] = {
        "lang": "py",
        "task": task,
        "id": task_id,
        "shadow": None,
        "eta": _iso(eta),
        "expires": _iso(expires),
        "group": None,
        "group_index": None,
        "retries": 0,
        "timelimit": list(time_limits),
        "root_id": root_id or task_id,
        "parent_id": None,
        "argsrepr": short_repr(tuple(args)),
        "kwargsrepr": short_repr(kwargs),
        "origin": origin,
        "ignore_result": ignore_result,
        "replaced_task_nesting": 0,
        "stamped_headers": None,
        "stamps": {},
    }
    if retry_of:
        own |= {RETRY_OF: retry_of, "parent_id": retry_of}
    properties: dict[str, Any] = {"correlation_id": task_id, "reply_to": "", "delivery_mode": 2}
    properties["priority"] = 0 if priority is None else priority
    return RawMessage(encode_body(args, kwargs), JSON, "utf-8", {**own, **(headers or {})}, properties)


def encode_body(args: list[Any], kwargs: dict[str, Any]) -> bytes:
    """Return the body of protocol 2 without a canvas; raises TypeError or ValueError where it is not JSON."""
    return json.dumps([args, kwargs, EMBED]).encode()


def short_repr(value: Any) -> str:
    """Return what events and monitors show of arguments, cut as Celery cuts it."""
    text = repr(value)
    return text if len(text) <= _LONGEST_REPR else text[: _LONGEST_REPR - 3] + "..."


def _iso(moment: float | None) -> str | None:
    return None if moment is None else datetime.fromtimestamp(moment, UTC).isoformat()
