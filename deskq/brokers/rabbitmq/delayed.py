"""Celery's delayed delivery on RabbitMQ: 28 queues whose messages expire after 1, 2, 4 … s; pure.

A message enters at the highest level, and its routing key tells by a bit for each whether it waits there; the queue's
own key follows (kombu/transport/native_delayed_delivery.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from deskq.brokers.routing import Route, topic_leads

BITS: Final = 28
ENTRY: Final = f"celery_delayed_{BITS - 1}"
"""The exchange that they are sent to."""
EXIT: Final = "celery_delayed_delivery"
"""The exchange that they leave to."""
LEVELS: Final = tuple(f"celery_delayed_{level}" for level in range(BITS))
"""Names of exchanges and of queues."""
CONSUMER_TIMEOUT: Final = 1_800.0
"""Seconds: RabbitMQ's ``consumer_timeout``, unless a server or a queue has another one (nobody but an operator may ask
for a server's)."""
_LEVEL: Final = re.compile(r"(?:.+_)?celery_delayed_\d+")
_PREFIX: Final = re.compile(rf"(?:[01]\.){{{BITS}}}")


@dataclass(frozen=True, slots=True)
class Link:
    """A binding of any kind; ``to_queue``: whether ``target`` is a queue, or another exchange."""

    source: str
    key: str
    target: str
    to_queue: bool


def is_delay(exchange: str) -> bool:
    """Is it an exchange of delayed delivery, of whatever prefix?"""
    return _LEVEL.fullmatch(exchange) is not None


def own_key(routing_key: str) -> str:
    """Return the key without the bits before it."""
    return _PREFIX.sub("", routing_key, count=1)


def delayed_key(seconds: int, routing_key: str) -> str:
    """Return the key with which a message waits for so many seconds, at most for eight years."""
    return ".".join(f"{min(seconds, 2**BITS - 1):0{BITS}b}") + f".{routing_key}"


def way_to(queue: str, links: Iterable[Link], kinds: Mapping[str, str]) -> Route | None:
    """Return the way through delayed delivery to a queue and to no other, None if there is none.

    ``links``: all bindings; ``kinds``: the types of exchanges. Celery binds the exchange of each queue, unless that is
    a direct one, to the exit with ``#.KEY``, and the queue to its exchange with the same.
    """
    by_source = _by_source(links)
    for link in by_source.get(EXIT, []):
        for last in by_source.get(link.target, []):
            key = last.key.removeprefix("#.")
            exact = bool(key) and not {"*", "#"} & set(key.split("."))
            if exact and last.target == queue and _reached(key, by_source, kinds) == {queue}:
                return Route(ENTRY, key, (queue,), leaves_to=link.target)
    return None


def way_through(route: Route, links: Iterable[Link], kinds: Mapping[str, str]) -> Route | None:
    """Return the way through delayed delivery to the queues that a route leads to, None if there is none."""
    by_source = _by_source(links)
    queues = _queues(route.exchange, route.routing_key, by_source, kinds)
    if not queues or not route.routing_key or _reached(route.routing_key, by_source, kinds) != queues:
        return None
    return Route(ENTRY, route.routing_key, tuple(sorted(queues)), leaves_to=route.exchange)


def timed(route: Route, seconds: float) -> Route:
    """Return the route as it is sent with so many seconds left: with their bits, or straight to its exchange."""
    if not route.leaves_to:
        return route
    if seconds < 1:
        return replace(route, exchange=route.leaves_to, leaves_to="")
    return replace(route, routing_key=delayed_key(int(seconds), route.routing_key))


def _by_source(links: Iterable[Link]) -> dict[str, list[Link]]:
    found: dict[str, list[Link]] = {}
    for link in links:
        found.setdefault(link.source, []).append(link)
    return found


def _reached(key: str, by_source: Mapping[str, list[Link]], kinds: Mapping[str, str]) -> set[str]:
    """The queues that get a message with this key when it leaves delayed delivery; none where there is no entry."""
    return _queues(EXIT, delayed_key(0, key), by_source, kinds) if ENTRY in by_source else set()


def _queues(exchange: str, key: str, by_source: Mapping[str, list[Link]], kinds: Mapping[str, str]) -> set[str]:
    found: set[str] = set()
    waiting, seen = [exchange], {exchange}
    while waiting:
        source = waiting.pop()
        kind = kinds.get(source, "")
        for link in by_source.get(source, []):
            if not (kind == "fanout" or (topic_leads(link.key, key) if kind == "topic" else link.key == key)):
                continue
            if link.to_queue:
                found.add(link.target)
            elif link.target not in seen:
                seen.add(link.target)
                waiting.append(link.target)
    return found
