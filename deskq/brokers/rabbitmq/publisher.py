"""Sending to RabbitMQ: mandatory, confirmed, and never begun while the broker is blocked."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import uuid4

import pika
import pika.exceptions

from deskq.brokers.ports import BrokerError
from deskq.brokers.publishing import OutgoingMessage, PublishResult, sent_events
from deskq.brokers.rabbitmq.alarms import blocked_by
from deskq.brokers.rabbitmq.confirms import UNWRITABLE, Confirms
from deskq.brokers.rabbitmq.connection import close_connection, connect, deadline, mapped_error
from deskq.brokers.rabbitmq.delayed import timed
from deskq.brokers.rabbitmq.routing import exchange_is_there, no_exchange
from deskq.profiles import Profile
from deskq.protocol.encoding.kombu_envelope import JSON
from deskq.protocol.task_record import epoch

_PROBE_SECONDS: Final = 3.0
_CONFIRM_SECONDS: Final = 15.0
_REFUSALS: Final = (403, 404)
_LONGEST_WORDS: Final = 200
WINDOW: Final = 50
"""Messages that are on their way at once. One at a time would wait for the broker's disk each time."""
WINDOW_BYTES: Final = 1024 * 1024
"""Bytes of them, so that large ones have the time that they need before they are given up."""


class RabbitPublisher:
    """See Publisher. A message to a queue goes through the default exchange, whose routing key is the queue's name."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._connection: Any = None
        self._channel: Any = None
        self._confirms: Confirms | None = None
        self._blocked = ""

    def check(self) -> None:
        """See Publisher: sends a message that no queue can take, which only an unblocked broker returns."""
        channel = self._open()
        probe = pika.BasicProperties(delivery_mode=1, expiration="0")
        try:
            with deadline(self._connection, _PROBE_SECONDS):
                channel.basic_publish("", f"deskq.probe.{uuid4()}", b"", probe, mandatory=True)
        except pika.exceptions.UnroutableError:
            if not self._blocked:
                return
        except (pika.exceptions.AMQPError, OSError) as error:
            if not self._blocked:
                self.close()
                raise mapped_error(error, self._profile) from None
        reason = self._blocked  # the first publish under an alarm is still taken; none after it would be
        self.close()
        raise BrokerError(f"Not sent: {blocked_by(reason)}")

    def publish(self, parcels: Sequence[OutgoingMessage]) -> list[PublishResult]:
        """See Publisher. So many are on their way at once that a lost connection leaves no more in doubt."""
        self._open()
        parcels = [_timed(parcel, time.time()) for parcel in parcels]
        missing = self._missing({parcel.exchange for parcel in parcels if parcel.route is not None})
        if missing:
            there = [parcel for parcel in parcels if parcel.exchange not in missing]
            found = iter(self.publish(there) if there else [])
            return [
                next(found)
                if parcel.exchange not in missing
                else PublishResult(False, f"Not sent: {missing[parcel.exchange]}.")
                for parcel in parcels
            ]
        answers: list[PublishResult] = []
        for window in _windows(parcels):
            answers += self._publish_window(window)
            if self._connection is None:
                rest = len(parcels) - len(answers)
                return answers + [PublishResult(False, "Not sent: the connection was lost first.")] * rest
        self._tell(sent_events(parcels, answers, time.time()))
        return answers

    def _missing(self, exchanges: Collection[str]) -> dict[str, str]:
        """Which of these are not there, with a sentence; looked at before anything leaves. Raises BrokerError."""
        found: dict[str, str] = {}
        try:
            with deadline(self._connection):
                for exchange in exchanges:
                    if not exchange_is_there(self._connection, exchange):
                        found[exchange] = no_exchange(exchange, self._profile)
        except (pika.exceptions.AMQPError, OSError) as error:
            self.close()
            raise mapped_error(error, self._profile) from None
        return found

    def _publish_window(self, parcels: Sequence[OutgoingMessage]) -> list[PublishResult]:
        """Publish these and wait until each is settled; the connection is None afterwards where it broke."""
        assert self._confirms is not None
        confirms = self._confirms
        answers: list[PublishResult | None] = [None] * len(parcels)
        problem, refused = "", ""
        try:
            with deadline(self._connection, _CONFIRM_SECONDS):
                for place, parcel in enumerate(parcels):
                    try:
                        confirms.publish(place, parcel)
                    except UNWRITABLE as error:
                        words = f"a name or a header cannot be written ({str(error)[:_LONGEST_WORDS]})"
                        answers[place] = PublishResult(False, f"Not sent: {words}.")
                confirms.wait(self._connection)
        except (pika.exceptions.AMQPError, OSError) as error:
            problem = blocked_by(self._blocked).what if self._blocked else str(mapped_error(error, self._profile))
            if isinstance(error, pika.exceptions.ChannelClosedByBroker) and error.reply_code in _REFUSALS:
                refused = error.reply_text
            self.close()
        for place, parcel in enumerate(parcels):
            if answers[place] is None:
                answers[place] = confirms.answer(place, parcel)
        confirms.forget()
        if refused and len(parcels) == 1:  # of several it would not be known which one was refused
            return [answers[0] or PublishResult(False, f"Not sent: RabbitMQ refused it ({refused}).")]
        return [answer or PublishResult(None, f"Not confirmed: {problem}") for answer in answers]

    def _tell(self, events: list[dict[str, object]]) -> None:
        """Publish events as Celery does; nothing depends on it."""
        if events:
            properties = pika.BasicProperties(content_type=JSON, content_encoding="utf-8", delivery_mode=1)
            body = json.dumps(events).encode()
            try:
                self._channel.basic_publish(self._profile.event_exchange, "task.multi", body, properties)
            except (pika.exceptions.AMQPError, OSError):
                self.close()

    def resolve(self, ids: Sequence[str]) -> dict[str, bool | None]:
        """See Publisher: RabbitMQ keeps nothing to tell by."""
        return dict.fromkeys(ids)

    def forget(self, ids: Sequence[str]) -> None:
        """See Publisher."""

    def close(self) -> None:
        """See Publisher; a blocked broker does not read a polite goodbye."""
        connection, self._connection, self._channel, self._confirms = self._connection, None, None, None
        if connection is not None:
            close_connection(connection, politely=not self._blocked)
        self._blocked = ""

    def _open(self) -> Any:
        if self._connection is not None:  # one that ended while it was idle is opened anew, before anything leaves
            try:
                self._connection.process_data_events(time_limit=0)
            except (pika.exceptions.AMQPError, OSError):
                self.close()
        if self._channel is None or not self._channel.is_open or self._confirms is None or not self._confirms.open:
            self.close()
            self._connection = connect(self._profile)
            inner = self._connection._impl
            inner.add_on_connection_blocked_callback(self._on_blocked)
            inner.add_on_connection_unblocked_callback(self._on_unblocked)
            try:
                self._channel = self._connection.channel()
                self._channel.confirm_delivery()
                self._confirms = Confirms(self._connection.channel()._impl)
            except (pika.exceptions.AMQPError, OSError) as error:
                self.close()
                raise mapped_error(error, self._profile) from None
        return self._channel

    def _on_blocked(self, _connection: Any, method: Any) -> None:
        self._blocked = str(getattr(method.method, "reason", "")) or "an alarm"

    def _on_unblocked(self, _connection: Any, _method: Any) -> None:
        self._blocked = ""


def _timed(parcel: OutgoingMessage, now: float) -> OutgoingMessage:
    """Say how long it waits, where it goes through delayed delivery: as long as it is until its ETA by now."""
    route = parcel.route
    if route is None or not route.leaves_to:
        return parcel
    eta = parcel.message.headers.get("eta")
    return replace(parcel, route=timed(route, (epoch(eta) if isinstance(eta, str) else 0.0) - now))


def _windows(parcels: Sequence[OutgoingMessage]) -> Iterator[Sequence[OutgoingMessage]]:
    """Divide them; what is larger than a window goes alone, and so does the first to an exchange.

    An exchange may still refuse (an internal one, no permission), which closes the channel: one message alone is not in
    doubt.
    """
    if parcels and parcels[0].route is not None:
        yield parcels[:1]
        parcels = parcels[1:]
    window: list[OutgoingMessage] = []
    size = 0
    for parcel in parcels:
        own = len(parcel.message.body)
        if window and (len(window) == WINDOW or size + own > WINDOW_BYTES):
            yield window
            window, size = [], 0
        window.append(parcel)
        size += own
    if window:
        yield window
