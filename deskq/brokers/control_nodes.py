"""Which nodes a broker knows that it would hand a control message to, whether they answer or not."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from deskq.brokers.ports import BrokerError
from deskq.brokers.redis.broker import BINDING_KEYS
from deskq.brokers.redis.connection import database_of
from deskq.brokers.redis.link import linked
from deskq.profiles import Profile
from deskq.profiles.transport import RABBITMQ, REDIS
from deskq.protocol.encoding.kombu_envelope import write_envelope

_MOST: Final = 100_000
"""Bindings that are read, at most: those of nodes that were killed remain for an hour, or for ever before kombu 5.7."""


@dataclass(frozen=True, slots=True)
class ControlNodes:
    """Names that have a control queue. ``connected``: how many nodes are there now, where names may be outdated."""

    names: frozenset[str]
    connected: int | None = None


def control_nodes(profile: Profile) -> ControlNodes | None:
    """Return the nodes, None where this broker cannot tell. Blocking.

    On Redis a control message goes out that is addressed to nobody: the number of its receivers is the answer.
    """
    with contextlib.suppress(BrokerError):
        if profile.transport is REDIS:
            return _on_redis(profile)
        if profile.transport is RABBITMQ:
            return _on_rabbitmq(profile)
    return None


def _on_redis(profile: Profile) -> ControlNodes:
    options, exchange = profile.redis, f"{profile.control_exchange}.pidbox"
    bindings = f"{options.global_keyprefix}{BINDING_KEYS}{exchange}"
    channel = f"{options.fanout_prefix.replace('{db}', str(database_of(profile)))}{exchange}"
    with linked(profile) as server:
        members: list[bytes] = []
        for member in server.sscan_iter(bindings, count=1_000):
            members.append(member)
            if len(members) == _MOST:
                break
        connected = server.publish(f"{options.global_keyprefix}{channel}", _to_nobody(exchange))
    queues = (member.decode("utf-8", "backslashreplace").split(options.sep)[-1] for member in members)
    return ControlNodes(_nodes_of(queues, exchange), int(connected))


def _on_rabbitmq(profile: Profile) -> ControlNodes:
    """A control queue there ends with its node's connection, or 10 s later."""
    from deskq.brokers.rabbitmq.management import Management

    queues = (str(queue.get("name", "")) for queue in Management(profile).queues())
    return ControlNodes(_nodes_of(queues, f"{profile.control_exchange}.pidbox"))


def _nodes_of(queues: Iterable[str], exchange: str) -> frozenset[str]:
    """A node's queue is ``<node>.<exchange>`` (kombu/pidbox.py); queues for replies are named otherwise."""
    suffix, replies = f".{exchange}", f".reply.{exchange}"
    return frozenset(
        name.removesuffix(suffix) for name in queues if name.endswith(suffix) and not name.endswith(replies)
    )


def _to_nobody(exchange: str) -> bytes:
    """A control message that every node drops unread, as Celery sends it (kombu/pidbox.py, handle_message)."""
    told: dict[str, Any] = {"method": "ping", "arguments": {}, "destination": [f"nobody@{uuid4()}"]}
    return write_envelope(
        json.dumps(told).encode(),
        str(uuid4()),
        exchange=exchange,
        routing_key="",
        headers={"clock": 0, "expires": 0},
        properties={"delivery_mode": 1, "priority": 0},
    )
