"""Every other transport that Celery supports, by kombu: what a transport cannot do is None."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Sequence
from typing import Any, Final
from uuid import uuid4

from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.messaging import Consumer
from kombu.transport import virtual

from deskq.brokers.kombu.packages import check_installed
from deskq.brokers.kombu.transport_options import kombu_url, tls_options, transport_options
from deskq.brokers.ports import Binding, BrokerError, ConnectionLost, Loss, QueueSample, Refused, Server
from deskq.brokers.rabbitmq.deliveries import Delivery
from deskq.profiles import Profile
from deskq.protocol.events import Event, decode_body

_MOST_PAYLOADS: Final = 5_000
NO_EVENTS: Final = (
    "kombu's {}:// transport does not deliver workers' events to other processes, so tasks and workers do not "
    "appear. Use Redis or RabbitMQ as the broker to see them."
)


class GenericEventSource:
    """See EventSource; binds a queue to the event exchange as celery/events/receiver.py does."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._connection: Any = None
        self._consumer: Any = None
        self._queue: Any = None
        self._arrived: list[Delivery] = []
        self._deaf = False

    def connect(self) -> None:
        """See EventSource."""
        self.close()
        try:
            self._connection = _connection(self._profile)
            channel = self._connection.channel()
            self._deaf = not _hears_others(channel)
            if self._deaf:  # a queue would stay there for ever, and stay empty
                return
            kind = "topic" if self._connection.transport.implements.exchange_type >= {"topic"} else "fanout"
            exchange = Exchange(self._profile.event_exchange, type=kind)
            queue = Queue(
                f"celeryev.deskq.{uuid4()}", exchange, routing_key="#", durable=False, auto_delete=True, exclusive=True
            )
            self._queue = queue(channel)
            self._consumer = Consumer(channel, [queue], no_ack=True, on_message=self._deliver)
            self._consumer.consume()
        except Exception as error:  # noqa: BLE001 - each transport raises its client's own
            raise _sentence(error, self._profile) from None

    def read(self, timeout: float) -> list[Delivery]:
        """See EventSource; where no events come, the time passes."""
        if self._deaf:
            time.sleep(timeout)
            return []
        deadline = time.monotonic() + timeout
        try:
            while len(self._arrived) < _MOST_PAYLOADS:
                self._connection.drain_events(timeout=max(0.01, deadline - time.monotonic()))
                if time.monotonic() > deadline:
                    break
        except (TimeoutError, socket.timeout):  # noqa: UP041 - some transports raise an older kind
            pass
        except Exception as error:  # noqa: BLE001 - see connect
            raise ConnectionLost(f"The event stream was lost: {str(error) or type(error).__name__}.") from None
        arrived, self._arrived = self._arrived, []
        return arrived

    def losses(self) -> list[Loss]:
        """See EventSource: unknown, so none."""
        return []

    def decode(self, payload: Delivery) -> list[Event]:
        """See EventSource."""
        return decode_body(payload.body, payload.content_type, payload.content_encoding)

    def close(self) -> None:
        """See EventSource."""
        if self._connection is not None:
            with contextlib.suppress(Exception):
                self._consumer.cancel()
            with contextlib.suppress(Exception):
                self._queue.delete()  # where the transport keeps it, workers would fill it for ever
            with contextlib.suppress(Exception):
                self._connection.release()
            self._connection = None

    def _deliver(self, message: Any) -> None:
        body = message.body
        encoded = body.encode() if isinstance(body, str) else bytes(body)
        self._arrived.append(Delivery(encoded, message.content_type, message.content_encoding))


class GenericBroker:
    """See Broker. ``limits``: what this transport cannot do, and why."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._connection: Any = None
        self.incomplete = ""
        self.limits = {
            "queue_names": "This transport cannot list queues. Add them under Watch queues in the profile.",
            "bindings": "This transport cannot list bindings.",
        }

    alarm = delayed = None

    def server(self) -> Server:
        """See Broker."""
        try:
            transport = self._open().transport
            return Server(str(transport.driver_name), str(transport.driver_version()))
        except BrokerError:
            raise
        except Exception as error:  # noqa: BLE001 - each transport raises its client's own
            raise _sentence(error, self._profile) from None

    def identity(self) -> None:
        """See Broker; kombu does not ask."""

    def clock_difference(self) -> float | None:
        """See Broker; kombu asks nobody for the time."""
        return None

    def event_source(self) -> GenericEventSource:
        """See Broker."""
        return GenericEventSource(self._profile)

    def queue_names(self) -> set[str]:
        """See Broker: unknown, so empty."""
        return set()

    def bindings(self) -> list[Binding]:
        """See Broker: unknown, so empty."""
        return []

    def sample(self, names: Sequence[str]) -> list[QueueSample]:
        """See Broker; by passive declare."""
        return [self._sample(name) for name in names]

    def connected_nodes(self, names: Sequence[str]) -> dict[str, bool]:
        """See Broker: unknown, so none."""
        return {}

    def waiting(self, names: Sequence[str]) -> list[bytes]:
        """See Broker: nothing, since taking a message out to look at it changes it."""
        return []

    def close(self) -> None:
        """See Broker."""
        if self._connection is not None:
            with contextlib.suppress(Exception):
                self._connection.release()
            self._connection = None

    def _sample(self, name: str) -> QueueSample:
        at = time.time()
        connection = self._open()
        try:
            channel = connection.channel()
            try:
                if not _declares_passively(channel):
                    return QueueSample(name, at, None, None, None)
                found = channel.queue_declare(queue=name, passive=True)
            finally:
                with contextlib.suppress(Exception):  # it may be what failed
                    channel.close()
        except connection.channel_errors as error:
            missing = str(getattr(error, "reply_code", "")) == "404" or "NOT_FOUND" in str(error)
            return QueueSample(name, at, None, None, None, exists=not missing)
        except Exception as error:  # noqa: BLE001 - each transport raises its client's own
            self.close()
            raise _sentence(error, self._profile) from None
        return QueueSample(name, at, int(found.message_count), None, None)

    def _open(self) -> Any:
        if self._connection is None:
            try:
                self._connection = _connection(self._profile)
                with self._connection.channel() as channel:
                    heard = _hears_others(channel)
            except Exception as error:  # noqa: BLE001 - see server
                raise _sentence(error, self._profile) from None
            self.incomplete = "" if heard else NO_EVENTS.format(self._profile.scheme)
        return self._connection


def _connection(profile: Profile) -> Any:
    check_installed(profile)
    connection = Connection(
        kombu_url(profile),
        ssl=tls_options(profile) or False,
        transport_options=transport_options(profile),
        connect_timeout=5,
    )
    connection.ensure_connection(max_retries=1, timeout=5)
    return connection


def _hears_others(channel: Any) -> bool:
    """Virtual transports that keep bindings in their own process alone cannot be told that somebody listens."""
    if not isinstance(channel, virtual.Channel):
        return True
    kind = type(channel)
    return bool(kind.supports_fanout) or kind.get_table is not virtual.Channel.get_table


def _declares_passively(channel: Any) -> bool:
    """On some virtual transports (SQS) a passive declare makes the queue: then nothing is asked."""
    if not isinstance(channel, virtual.Channel):
        return True
    kind = type(channel)
    return kind._has_queue is not virtual.Channel._has_queue or kind._new_queue is virtual.Channel._new_queue


def _sentence(error: Exception, profile: Profile) -> BrokerError:
    if isinstance(error, BrokerError):
        return error
    text = str(error) or type(error).__name__
    if isinstance(error, AttributeError | TypeError):  # its client is not there: kombu has None in its place
        return Refused(
            f"The Python package of the transport “{profile.scheme}” is missing or does not fit kombu. Install the "
            "version that kombu's documentation names.",
            text,
        )
    return Refused(f"kombu cannot connect to {profile.url}: {profile.password.hidden_in(text)}")
