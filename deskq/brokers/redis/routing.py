"""kombu's exchanges on Redis: which queues a routing key leads to (kombu/transport/virtual/exchange.py).

Redis keeps the bindings of an exchange and not its type: each client knows that for itself. A topic's bindings have a
pattern; those of direct and fanout exchanges look the same, and a fanout's queues are no lists: nobody reads them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from deskq.brokers.ports import BrokerError
from deskq.brokers.redis.broker import BINDING_KEYS
from deskq.brokers.redis.link import linked
from deskq.brokers.routing import Route, sentence
from deskq.profiles import Profile

_MOST_BINDINGS: Final = 10_000
_NAMED: Final = 8


class QueueBinding(NamedTuple):
    """One binding. ``pattern``: the regular expression that kombu made of the key, of a topic only; never compiled."""

    key: str
    pattern: str
    queue: str


def find_route(profile: Profile, exchange: str, routing_key: str, kinds: frozenset[str]) -> Route:
    """Return the queues that kombu would put it on; raises BrokerError where there are none, or it is not certain."""
    name = profile.redis.global_keyprefix + BINDING_KEYS + exchange
    with linked(profile) as server:
        count: Any = server.scard(name)
        members: Any = server.smembers(name) if count <= _MOST_BINDINGS else ()
    if count > _MOST_BINDINGS:
        raise BrokerError(f"The exchange “{exchange}” has {count:,} bindings, too many to resolve. Choose a queue.")
    parts = [member.decode("utf-8", "backslashreplace").split(profile.redis.sep) for member in members]
    bindings = [QueueBinding(*part) for part in parts if len(part) == 3]
    if not bindings:
        raise BrokerError(
            f"No queue is bound to the exchange “{exchange}” at {profile.name}. Start a worker that consumes from one."
        )
    return route_of(bindings, exchange, routing_key, kinds)


def route_of(
    bindings: Iterable[QueueBinding], exchange: str, routing_key: str, kinds: frozenset[str] = frozenset()
) -> Route:
    """Return the route by these bindings; pure. ``kinds``: the types that workers say it has. Raises BrokerError."""
    bound = sorted(set(bindings))
    kind, doubt = _kind_of(bound, exchange, kinds)
    odd = next((one for one in bound if kind == "topic" and _is_odd(one.key)), None)
    if odd is not None:
        raise BrokerError(f"Cannot parse the topic binding “{odd.key}” of “{exchange}”. Choose a queue instead.")
    matches = topic_matches if kind == "topic" else str.__eq__
    queues = sorted({one.queue for one in bound if one.queue and matches(one.key, routing_key)})
    route = Route(exchange, routing_key, tuple(queues), doubt)
    if not queues:
        known = [f"“{one.key}” to “{one.queue}”" for one in bound[:_NAMED]]
        more = f" and {len(bound) - _NAMED:,} more" if len(bound) > _NAMED else ""
        raise BrokerError(f"{sentence(route.unroutable)} Its bindings: {', '.join(known)}{more}.")
    return route


def topic_matches(binding: str, key: str) -> bool:
    """Does kombu's topic exchange send this key there? ``*``: one word; ``#``: anything, also nothing.

    Unlike RabbitMQ it wants the dot beside a ``#``. The time grows with the lengths alone, whatever is bound.
    """
    places = {0}
    for number, word in enumerate(binding.split(".")):
        if number:
            places = {place + 1 for place in places if key.startswith(".", place)}
        if word == "#":
            places = set(range(min(places), len(key) + 1)) if places else set()
        elif word == "*":
            places = {end for place in places for end in range(place + 1, _word_end(key, place) + 1)}
        else:
            places = {place + len(word) for place in places if key.startswith(word, place)}
    return len(key) in places


def _kind_of(bound: list[QueueBinding], exchange: str, kinds: frozenset[str]) -> tuple[str, str]:
    """The type, and what is taken for granted about it; raises BrokerError where it is none that deskq can send to."""
    patterns = {bool(one.pattern) for one in bound}
    if len(kinds) > 1 or len(patterns) > 1:
        ways = ", ".join(sorted(kinds)) if len(kinds) > 1 else "as a topic and as another type"
        raise BrokerError(
            f"The exchange “{exchange}” is declared as different types: {ways}. The route depends on the sender. "
            "Choose a queue."
        )
    kind = next(iter(kinds), "topic" if patterns == {True} else "direct")
    without_keys = not kinds and kind == "direct" and not any(one.key for one in bound)
    if kind == "fanout" or without_keys:
        why = "" if kind == "fanout" else ", by its bindings without a key"
        raise BrokerError(
            f"“{exchange}” is a fanout exchange{why}: on Redis, only consumers connected at that moment get the "
            "message, and delivery cannot be confirmed. Choose a queue."
        )
    if kind not in ("direct", "topic") or (kind == "topic") not in patterns:
        raise BrokerError(
            f"Workers declare “{exchange}” as a {kind} exchange, but its bindings are of another type. Choose a queue."
        )
    if kinds or kind == "topic":
        return kind, ""
    return kind, f"no worker reported the type of the exchange “{exchange}”: assuming direct, as kombu does"


def _is_odd(binding: str) -> bool:
    """kombu makes a regular expression of a wildcard inside a word: such a key is not read."""
    return any(("*" in word or "#" in word) and len(word) > 1 for word in binding.split("."))


def _word_end(key: str, place: int) -> int:
    end = key.find(".", place)
    return len(key) if end < 0 else end
