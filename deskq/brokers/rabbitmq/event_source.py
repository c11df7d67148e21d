"""Celery's events from RabbitMQ: an exclusive queue of our own, bound to the event exchange."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

import pika.exceptions

from deskq.brokers.ports import BrokerError, ConnectionLost, Loss
from deskq.brokers.rabbitmq.connection import (
    CONNECT_SECONDS,
    HEARTBEAT_SECONDS,
    bytes_received,
    close_connection,
    connect,
    deadline,
    mapped_error,
)
from deskq.brokers.rabbitmq.deliveries import Delivery, DeliveryReader
from deskq.brokers.rabbitmq.dropped_events import LETTER_ARGUMENTS, DroppedEvents
from deskq.brokers.read_stall import ReadStallClock
from deskq.profiles import Profile
from deskq.protocol.events import Event, decode_body

_MOST_PAYLOADS: Final = 5_000
QUEUE_ARGUMENTS: Final = {
    "x-expires": 60_000,
    "x-message-ttl": 30_000,
    "x-max-length": 200_000,
    "x-max-length-bytes": 256 * 1024 * 1024,
    "x-overflow": "drop-head",
}
"""A deskq that stands still must not fill the broker. The queue is exclusive: RabbitMQ 4.3 and later refuse other
queues that are not durable."""
SILENT_SECONDS: Final = 2.0 * HEARTBEAT_SECONDS
"""RabbitMQ sends something every 2.5 s, be it a heartbeat."""


class RabbitEventSource:
    """See EventSource. ``arguments``: of the event queue."""

    def __init__(self, profile: Profile, *, arguments: Mapping[str, object] = QUEUE_ARGUMENTS) -> None:
        self._profile = profile
        self._arguments = dict(arguments)
        self._connection: Any = None
        self._channel: Any = None
        self._reader: DeliveryReader | None = None
        self._failure: ConnectionLost | None = None
        self._cancelled = False
        self._pace = ReadStallClock()
        self._dropped = DroppedEvents(self._pace)
        self._bytes = 0
        self._silent = 0.0
        self._heard = self._checked = 0.0

    def connect(self) -> None:
        """Declare an exclusive queue, bind it, consume it; see EventSource."""
        self.close()
        self._connection = connect(self._profile)
        try:
            with deadline(self._connection, CONNECT_SECONDS):
                self._subscribe()
        except (pika.exceptions.AMQPError, OSError) as error:
            self._drop()
            raise mapped_error(error, self._profile) from None
        self._pace.tick()
        self._silent, self._heard, self._checked = 0.0, time.time(), time.monotonic()

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
        channel = self._declare(channel, queue)
        channel.queue_bind(queue, exchange, routing_key="#")
        self._cancelled, self._failure = False, None
        channel.add_on_cancel_callback(self._on_cancel)
        self._reader = DeliveryReader(self._connection, channel.channel_number, queue)
        channel.basic_consume(queue, _ignore, auto_ack=True, exclusive=True, consumer_tag=queue)
        self._channel = channel

    def _declare(self, channel: Any, queue: str) -> Any:
        """Declare the event queue and, where the user may, one for its dead letters; return the channel to go on with.

        Dead letters go through the default exchange, which needs the permission to write to ``amq.default``.
        """
        letters = f"{queue}.dropped"
        dead = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": letters}
        try:
            channel.queue_declare(queue, exclusive=True, auto_delete=True, arguments=self._arguments | dead)
        except pika.exceptions.ChannelClosedByBroker as error:
            if error.reply_code != 403:
                raise
            channel = self._connection.channel()
            channel.queue_declare(queue, exclusive=True, auto_delete=True, arguments=self._arguments)
            return channel
        channel.queue_declare(letters, exclusive=True, auto_delete=True, arguments=LETTER_ARGUMENTS)
        channel.basic_consume(letters, self._on_letter, auto_ack=True, exclusive=True)
        return channel

    def read(self, timeout: float) -> list[Delivery]:
        """Return what has arrived, before the loss of the connection is told; see EventSource."""
        if self._reader is None or (self._connection is None and self._failure is None):
            raise ConnectionLost("There is no connection.")
        self._pace.tick()
        if self._failure is None and len(self._reader.arrived) < _MOST_PAYLOADS:
            try:
                self._connection.process_data_events(time_limit=timeout)
                self._pace.tick(timeout)
                self._check_alive()
            except (pika.exceptions.AMQPError, OSError) as error:
                self._pace.tick(timeout)
                self._failure = self._lost(mapped_error(error, self._profile))
            except ConnectionLost as error:
                self._failure = error
        if self._failure is not None and not self._reader.arrived:
            raise self._failure from None
        return self._reader.take(_MOST_PAYLOADS)

    def losses(self) -> list[Loss]:
        """See EventSource."""
        return self._dropped.take(all_of_it=self._connection is None or not self._connection.is_open)

    def decode(self, payload: Delivery) -> list[Event]:
        """See EventSource."""
        return decode_body(payload.body, payload.content_type, payload.content_encoding)

    def close(self) -> None:
        """See EventSource."""
        if self._connection is not None:
            close_connection(self._connection, politely=self._silent < HEARTBEAT_SECONDS)
            self._connection = None

    def _drop(self) -> None:
        close_connection(self._connection, politely=False)
        self._connection = None

    def _check_alive(self) -> None:
        """Count the time in which nothing came although it was looked for: a deskq that stood still proves nothing."""
        now, received = time.monotonic(), bytes_received(self._connection)
        if received != self._bytes:
            self._bytes, self._silent, self._heard = received, 0.0, time.time()
        else:
            self._silent += min(now - self._checked, 1.0)
        self._checked = now
        name = self._profile.name
        if self._silent > SILENT_SECONDS:
            self._drop()
            raise ConnectionLost(
                f"The broker of “{name}” has sent nothing for {self._silent:.0f} s, not even a heartbeat.", self._heard
            )
        if self._cancelled or not self._channel.is_open:
            raise ConnectionLost(f"The broker of “{name}” cancelled the consumer: deskq's queue or its node is gone.")

    def _lost(self, error: BrokerError) -> ConnectionLost:
        still = self._pace.stood_still()
        if still is None:
            return error if isinstance(error, ConnectionLost) else ConnectionLost(str(error))
        since, until = still
        return ConnectionLost(f"{error} deskq had not read from it for {until - since:.0f} s.", since)

    def _on_cancel(self, _frame: Any) -> None:
        self._cancelled = True

    def _on_letter(self, _channel: Any, _method: Any, properties: Any, _body: bytes) -> None:
        self._dropped.letter(properties.headers)


def _ignore(_channel: Any, _method: Any, _properties: Any, _body: bytes) -> None:
    """Nothing reaches it: the reader takes each delivery before pika sees it."""
