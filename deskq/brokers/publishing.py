"""Sending task messages so that none is lost or doubled in silence: one publisher for each kind of broker."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from deskq.brokers.routing import Route
from deskq.protocol.message import RawMessage


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message and the queue that it goes to. ``id`` names this sending for ever: the same id is not sent twice.

    ``route``: it goes through an exchange instead, and the queue says nothing. ``claim``: of the parcels of several
    senders with one claim only the first is sent, where the broker can tell; "" for none.
    """

    id: str
    queue: str
    message: RawMessage
    route: Route | None = None
    claim: str = ""

    @property
    def exchange(self) -> str:
        """What it is published to: "" is the default exchange, which leads to the queue that the key names."""
        return self.route.exchange if self.route is not None else ""

    @property
    def routing_key(self) -> str:
        """What it is published with."""
        return self.route.routing_key if self.route is not None else self.queue

    @property
    def queues(self) -> tuple[str, ...]:
        """The queues that it goes to, () where the broker alone knows."""
        return self.route.queues if self.route is not None else (self.queue,)


class PublishResult(NamedTuple):
    """What became of a parcel. ``sent``: True, False, or None where nobody knows; ``words``: why, "" if all is well."""

    sent: bool | None
    words: str = ""


class Publisher(Protocol):
    """Sends; used by one thread. Every wait has a deadline."""

    def check(self) -> None:
        """Raise BrokerError if the broker takes no messages now (a replica, a memory alarm …); sends nothing."""

    def publish(self, parcels: Sequence[OutgoingMessage]) -> list[PublishResult]:
        """Send these in order and return an answer for each; raises BrokerError only if none of them has left."""

    def resolve(self, ids: Sequence[str]) -> dict[str, bool | None]:
        """Was each of these sent? None where the broker cannot tell. Raises BrokerError if it cannot be asked."""

    def forget(self, ids: Sequence[str]) -> None:
        """The journal has these as sent: what the broker kept to tell them by may go. Never raises."""

    def close(self) -> None:
        """Close the connection; never raises."""


def sent_events(
    parcels: Sequence[OutgoingMessage], answers: Sequence[PublishResult], now: float
) -> list[dict[str, object]]:
    """Return ``task-sent`` events for what was sent, as Celery's own clients send them (celery/app/amqp.py).

    Without them no history would know the queue of what deskq sent, nor that it waits.
    """
    events: list[dict[str, object]] = []
    for parcel, answer in zip(parcels, answers, strict=True):
        headers = parcel.message.headers
        if answer.sent:
            known = {key: headers.get(key) for key in ("root_id", "parent_id", "retries", "eta", "expires")}
            queue = parcel.queues[0] if len(parcel.queues) == 1 else None  # as clients that name no queue
            route = {"queue": queue, "exchange": parcel.exchange, "routing_key": parcel.routing_key}
            texts = {"args": headers.get("argsrepr"), "kwargs": headers.get("kwargsrepr")}
            hostname = f"deskq@{platform.node()}"
            events.append(
                {"type": "task-sent", "uuid": parcel.id, "name": parcel.message.task, "hostname": hostname, "clock": 0}
                | {"timestamp": now, "utcoffset": 0, "pid": os.getpid(), **texts, **known, **route}
            )
    return events
