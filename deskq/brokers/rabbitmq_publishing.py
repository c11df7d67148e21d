"""Sending to RabbitMQ: mandatory, confirmed, and never begun while the broker is blocked.

An unroutable message is returned *and then* confirmed: pika's blocking channel raises for the first of the two.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any, Final
from uuid import uuid4

import pika
import pika.exceptions

from deskq.brokers.base import BrokerError
from deskq.brokers.publishing import Answer, Parcel, sent_events
from deskq.brokers.rabbitmq_connection import connect, deadline, hang_up, translate
from deskq.profiles import Profile
from deskq.protocol.message import JSON

_PROBE_SECONDS: Final = 3.0
_CONFIRM_SECONDS: Final = 15.0


class RabbitPublisher:
    """See Publisher. Messages go through the default exchange, whose routing key is the queue's name."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._connection: Any = None
        self._channel: Any = None
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
                raise translate(error, self._profile) from None
        reason = self._blocked  # the first publish under an alarm is still taken; none after it would be
        self.close()
        raise BrokerError(f"Nothing is sent: RabbitMQ takes no messages just now ({reason}).")

    def publish(self, parcels: Sequence[Parcel]) -> list[Answer]:
        """See Publisher."""
        channel = self._open()
        answers: list[Answer] = []
        for parcel in parcels:
            try:
                with deadline(self._connection, _CONFIRM_SECONDS):
                    channel.basic_publish("", parcel.queue, parcel.message.body, _properties(parcel), mandatory=True)
            except pika.exceptions.UnroutableError:
                answers.append(Answer(False, f"Not sent: there is no queue “{parcel.queue}”."))
            except pika.exceptions.NackError:
                answers.append(Answer(False, f"Not sent: the queue “{parcel.queue}” refused it (it may be full)."))
            except pika.exceptions.UnsupportedAMQPFieldException as error:
                answers.append(Answer(False, f"Not sent: a header cannot be written ({error})."))
            except (pika.exceptions.AMQPError, OSError) as error:
                words = self._blocked or str(translate(error, self._profile))
                self.close()
                answers.append(Answer(None, f"Not confirmed: {words}"))
                rest = len(parcels) - len(answers)
                return answers + [Answer(False, "Not sent: the connection was lost before it.")] * rest
            else:
                answers.append(Answer(True))
        self._tell(sent_events(parcels, answers, time.time()))
        return answers

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
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            hang_up(connection, politely=not self._blocked)
        self._blocked = ""

    def _open(self) -> Any:
        if self._connection is not None:  # one that ended while it was idle is opened anew, before anything leaves
            try:
                self._connection.process_data_events(time_limit=0)
            except (pika.exceptions.AMQPError, OSError):
                self.close()
        if self._channel is None or not self._channel.is_open:
            self.close()
            self._connection = connect(self._profile)
            inner = self._connection._impl
            inner.add_on_connection_blocked_callback(self._on_blocked)
            inner.add_on_connection_unblocked_callback(self._on_unblocked)
            try:
                self._channel = self._connection.channel()
                self._channel.confirm_delivery()
            except (pika.exceptions.AMQPError, OSError) as error:
                self.close()
                raise translate(error, self._profile) from None
        return self._channel

    def _on_blocked(self, _connection: Any, method: Any) -> None:
        self._blocked = str(getattr(method.method, "reason", "")) or "an alarm"

    def _on_unblocked(self, _connection: Any, _method: Any) -> None:
        self._blocked = ""


def _properties(parcel: Parcel) -> Any:
    message = parcel.message
    own = message.properties
    priority = own.get("priority")
    return pika.BasicProperties(
        content_type=message.content_type,
        content_encoding=message.content_encoding,
        headers=dict(message.headers),
        delivery_mode=own.get("delivery_mode") if own.get("delivery_mode") in (1, 2) else 2,
        priority=priority if isinstance(priority, int) and 0 <= priority <= 255 else None,
        correlation_id=str(own.get("correlation_id") or parcel.id),
        reply_to=str(own.get("reply_to") or "") or None,
        message_id=parcel.id,
    )
