"""A channel of RabbitMQ on which several messages are on their way at once, each with what became of it.

An unroutable message is returned *and then* confirmed; what cannot be queued is refused (basic.nack). One answer may
stand for all up to its number.
"""

from __future__ import annotations

import struct
from typing import Any, Final

import pika

from deskq.brokers.publishing import OutgoingMessage, PublishResult
from deskq.brokers.rabbitmq.amqp_table import Properties

UNWRITABLE: Final = (
    pika.exceptions.UnsupportedAMQPFieldException,
    pika.exceptions.ShortStringTooLong,
    UnicodeError,
    OverflowError,
    struct.error,
)
"""What pika raises while it writes the frames of a message, before the first byte leaves."""


class Confirms:
    """Publishes on pika's own channel below a blocking one, which would wait for each message by itself."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self._published = 0
        self._places: dict[int, int] = {}  # number of the message -> place, while nothing is known of it
        self._ids: dict[str, int] = {}
        self._known: dict[int, bool] = {}
        self._returned: set[int] = set()
        self._reason: Exception | None = None
        channel.add_on_close_callback(self._on_close)
        channel.add_on_return_callback(self._on_return)
        channel.confirm_delivery(self._on_settled)

    @property
    def open(self) -> bool:
        """Can it be used?"""
        return bool(self._channel.is_open)

    def publish(self, place: int, parcel: OutgoingMessage) -> None:
        """Send one; raises one of UNWRITABLE before a byte leaves, and AMQPError."""
        self._ids[parcel.id] = place
        body, properties = parcel.message.body, _properties(parcel)
        self._channel.basic_publish(parcel.exchange, parcel.routing_key, body, properties, mandatory=True)
        self._published += 1
        self._places[self._published] = place

    def wait(self, connection: Any) -> None:
        """Wait until all are settled; raises AMQPError where the channel or the connection ends before."""
        connection._flush_output(lambda: not self._places, lambda: self._channel.is_closed)
        if self._places:
            raise self._reason or pika.exceptions.ChannelWrongStateError("the broker closed the channel")

    def answer(self, place: int, parcel: OutgoingMessage) -> PublishResult | None:
        """Return what became of the message at a place; None if that is not known."""
        sent = self._known.get(place)
        if sent is None:
            return None
        if place in self._returned:
            missing = f"there is no queue “{parcel.queue}”"
            return PublishResult(False, f"Not sent: {missing if parcel.route is None else parcel.route.unroutable}.")
        if sent:
            return PublishResult(True)
        if parcel.route is not None:  # one refusal is told for all queues, and the others have taken it
            refused = f"A queue behind {parcel.route.words} refused the message (it may be full)"
            return PublishResult(None, f"{refused}; other queues may have it.")
        return PublishResult(False, f"Not sent: the queue “{parcel.queue}” refused the message (it may be full).")

    def forget(self) -> None:
        """Begin anew with the next messages."""
        self._places, self._ids, self._known, self._returned = {}, {}, {}, set()

    def _on_close(self, _channel: Any, reason: Exception) -> None:
        self._reason = reason

    def _on_return(self, _channel: Any, _method: Any, properties: Any, _body: bytes) -> None:
        place = self._ids.get(str(properties.message_id))
        if place is not None:
            self._returned.add(place)

    def _on_settled(self, frame: Any) -> None:
        method = frame.method
        taken = isinstance(method, pika.spec.Basic.Ack)
        numbers = [method.delivery_tag]
        if method.multiple:
            numbers = [number for number in self._places if number <= method.delivery_tag or not method.delivery_tag]
        for number in numbers:
            place = self._places.pop(number, None)
            if place is not None:
                self._known[place] = taken


def _properties(parcel: OutgoingMessage) -> Any:
    message = parcel.message
    own = message.properties
    priority = own.get("priority")
    return Properties(
        content_type=message.content_type,
        content_encoding=message.content_encoding,
        headers=dict(message.headers),
        delivery_mode=own.get("delivery_mode") if own.get("delivery_mode") in (1, 2) else 2,
        priority=priority if isinstance(priority, int) and 0 <= priority <= 255 else None,
        correlation_id=str(own.get("correlation_id") or parcel.id),
        reply_to=str(own.get("reply_to") or "") or None,
        message_id=parcel.id,
    )
