"""Celery's events from RabbitMQ: an exclusive queue of our own, bound to the event exchange."""

from __future__ import annotations

import contextlib
from typing import Any, Final, NamedTuple
from uuid import uuid4

import pika.exceptions

from deskq.brokers.base import ConnectionLost
from deskq.brokers.rabbitmq_connection import connect, translate
from deskq.profiles import Profile
from deskq.protocol.events import Event, decode_body

_MOST_PAYLOADS: Final = 5_000
QUEUE_ARGUMENTS: Final = {
    "x-expires": 60_000,
    "x-message-ttl": 30_000,
    "x-max-length": 200_000,
    "x-overflow": "drop-head",
}
"""A deskq that stands still must not fill the broker."""


class Delivery(NamedTuple):
    """What one delivery carries of use."""

    body: bytes
    content_type: str | None
    content_encoding: str | None


class RabbitEventSource:
    """See EventSource."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._connection: Any = None
        self._arrived: list[Delivery] = []

    def connect(self) -> None:
        """Declare an exclusive queue, bind it, consume it; see EventSource."""
        self.close()
        self._connection = connect(self._profile)
        try:
            self._subscribe()
        except (pika.exceptions.AMQPError, OSError) as error:
            raise translate(error, self._profile) from None

    def _subscribe(self) -> None:
        exchange = self._profile.event_exchange
        channel = self._connection.channel()
        try:
            channel.exchange_declare(exchange, passive=True)
        except pika.exceptions.ChannelClosedByBroker as error:
            if error.reply_code != 404:
                raise
            channel = self._connection.channel()  # as celery/events/event.py declares it
            channel.exchange_declare(exchange, exchange_type="topic", durable=True)
        queue = f"deskq.{uuid4()}"  # the prefix tells our own queue from a task queue
        channel.queue_declare(queue, exclusive=True, auto_delete=True, arguments=QUEUE_ARGUMENTS)
        channel.queue_bind(queue, exchange, routing_key="#")
        self._arrived = []
        channel.basic_consume(queue, self._deliver, auto_ack=True, exclusive=True)

    def read(self, timeout: float) -> list[Delivery]:
        """Return what has arrived; see EventSource."""
        if self._connection is None:
            raise ConnectionLost("There is no connection.")
        try:
            if len(self._arrived) < _MOST_PAYLOADS:
                self._connection.process_data_events(time_limit=timeout)
        except (pika.exceptions.AMQPError, OSError) as error:
            lost = translate(error, self._profile)
            raise (lost if isinstance(lost, ConnectionLost) else ConnectionLost(str(lost))) from None
        arrived, self._arrived = self._arrived[:_MOST_PAYLOADS], self._arrived[_MOST_PAYLOADS:]
        return arrived

    def decode(self, payload: Delivery) -> list[Event]:
        """See EventSource."""
        return decode_body(payload.body, payload.content_type, payload.content_encoding)

    def close(self) -> None:
        """See EventSource."""
        if self._connection is not None:
            with contextlib.suppress(pika.exceptions.AMQPError, OSError):
                if self._connection.is_open:
                    self._connection.close()
            self._connection = None

    def _deliver(self, _channel: Any, _method: Any, properties: Any, body: bytes) -> None:
        self._arrived.append(Delivery(body, properties.content_type, properties.content_encoding))
