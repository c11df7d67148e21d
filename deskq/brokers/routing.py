"""Exchange and routing key: where a message that is sent to them goes, found before it is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from deskq.brokers.ports import Binding


@dataclass(frozen=True, slots=True)
class Route:
    """A way through an exchange. ``queues``: those it leads to, () where the broker alone decides (RabbitMQ).

    ``doubt``: what is taken for granted about the exchange, "" if nothing. ``leaves_to``: the exchange to which it
    goes at the ETA, where ``exchange`` is that of Celery's delayed delivery (see rabbitmq/delayed.py).
    """

    exchange: str
    routing_key: str
    queues: tuple[str, ...] = ()
    doubt: str = ""
    leaves_to: str = ""

    @property
    def sent_to(self) -> str:
        """The exchange that the queues are bound to."""
        return self.leaves_to or self.exchange

    @property
    def words(self) -> str:
        """Return it as people say it."""
        if self.leaves_to:
            return f"Celery's delayed delivery to {', '.join(f'“{queue}”' for queue in self.queues)}"
        key = f"with the routing key “{self.routing_key}”" if self.routing_key else "without a routing key"
        return f"the exchange “{self.exchange}” {key}"

    @property
    def unroutable(self) -> str:
        """What is said of a message that no queue gets."""
        return f"{self.words} reaches no queue"

    @property
    def preview(self) -> str:
        """Return what a person should know before sending."""
        if not self.queues:
            return "The exchange exists. RabbitMQ chooses the queues; an unroutable message is reported as an error."
        names = ", ".join(f"“{queue}”" for queue in self.queues)
        if self.leaves_to:
            return f"RabbitMQ holds the message until its time (Celery's delayed delivery), then it goes to {names}."
        return f"Goes to {names}." if len(self.queues) == 1 else f"Goes to {names}; the task runs once per queue."


def declared_exchange_types(replies: Mapping[str, object]) -> dict[str, frozenset[str]]:
    """Return the types of exchanges that workers tell in their replies to ``active_queues``, by name."""
    found: dict[str, frozenset[str]] = {}
    for reply in replies.values():
        for exchange in _exchanges(reply):
            name, kind = exchange.get("name"), exchange.get("type")
            if isinstance(name, str) and isinstance(kind, str):
                found[name] = found.get(name, frozenset()) | {kind}
    return found


def bindings_of(replies: Mapping[str, object]) -> list[Binding]:
    """Return what leads to the queues that workers tell in their replies to ``active_queues``."""
    found = []
    for reply in replies.values():
        for queue in reply if isinstance(reply, list) else ():
            if not isinstance(queue, dict) or not isinstance(queue.get("name"), str):
                continue
            exchange = queue.get("exchange")
            told = exchange if isinstance(exchange, dict) else {}
            texts = [told.get("name"), queue.get("routing_key"), queue["name"], told.get("type")]
            keys = [text if isinstance(text, str) else "" for text in texts]
            found.append(Binding(*keys))
            for more in queue.get("bindings") or ():  # kombu's binding(): further exchanges and keys of one queue
                found += _further(more, queue["name"])
    return found


def leads(binding: Binding, routing_key: str) -> bool:
    """Does a message with this key get to the binding's queue? Without a known type a wildcard means a topic."""
    if binding.kind == "fanout":
        return True
    if binding.kind == "topic" or (not binding.kind and ("*" in binding.routing_key or "#" in binding.routing_key)):
        return topic_leads(binding.routing_key, routing_key)
    return binding.routing_key == routing_key


def topic_leads(pattern: str, routing_key: str) -> bool:
    """Does a topic exchange of AMQP send this key there? ``*``: one word; ``#``: any number of words, also none."""
    words = routing_key.split(".") if routing_key else []
    places = {0}
    for part in pattern.split(".") if pattern else ():
        if part == "#":
            places = set(range(min(places), len(words) + 1)) if places else places
        else:
            places = {place + 1 for place in places if place < len(words) and part in ("*", words[place])}
    return len(words) in places


def sentence(words: str) -> str:
    """Return words as a sentence of its own; the rest keeps its capitals."""
    return f"{words[:1].upper()}{words[1:]}."


def _further(told: object, queue: str) -> Iterable[Binding]:
    exchange = told.get("exchange") if isinstance(told, dict) else None
    if isinstance(told, dict) and isinstance(exchange, dict):
        texts = [exchange.get("name"), told.get("routing_key"), queue, exchange.get("type")]
        yield Binding(*[text if isinstance(text, str) else "" for text in texts])


def _exchanges(reply: object) -> Iterable[dict[str, Any]]:
    for queue in reply if isinstance(reply, list) else ():
        exchange = queue.get("exchange") if isinstance(queue, dict) else None
        if isinstance(exchange, dict):
            yield exchange
