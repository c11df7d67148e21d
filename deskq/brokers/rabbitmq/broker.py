"""RabbitMQ as Celery's broker: by its management API where there is one, by passive declares otherwise."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import Any, Final

import pika.exceptions

from deskq.brokers.ports import Alarm, Binding, BrokerError, QueueSample, Server, is_task_queue
from deskq.brokers.rabbitmq.alarms import AlarmProbe, alarm_of
from deskq.brokers.rabbitmq.delayed import LEVELS, is_delay
from deskq.brokers.rabbitmq.event_source import RabbitEventSource
from deskq.brokers.rabbitmq.management import Management
from deskq.brokers.rabbitmq.query_connection import QueryConnection
from deskq.profiles import Profile
from deskq.protocol.identity import Identity, of_rabbitmq

_RETRY_MANAGEMENT_SECONDS: Final = 30.0
_LEVELS_SECONDS: Final = 10.0
_NOT_FOUND: Final = 404
_LOCKED: Final = 405
_REFUSED: Final = 403
_MOST_MESSAGES: Final = 2**53


class RabbitBroker:
    """See Broker. ``management_problem`` says why there is no management API, "" if there is.

    ``unmeasured``: why that has no figures of queues, or no rates, "" if it has.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._asking = QueryConnection(profile)
        self._management: Management | None = None
        self._next_try = 0.0
        self._probe = AlarmProbe(profile)
        self.management_problem = ""
        self.incomplete = ""
        self.alarm: Alarm | None = None
        self.delayed: int | None = None
        self.unmeasured = ""
        self._next_levels = self._next_settings = 0.0

    def server(self) -> Server:
        """See Broker."""
        with self._asking.question() as connection:
            properties = connection._impl.server_properties  # pika has no public way to them
        return Server(_text(properties.get("product", "RabbitMQ")), _text(properties.get("version", "")))

    def identity(self) -> Identity:
        """See Broker; which cluster of that name it is is told to policymakers and administrators."""
        with self._asking.question() as connection:
            properties = connection._impl.server_properties
        cluster = ""
        with contextlib.suppress(BrokerError):
            cluster = Management(self._profile).cluster_id()
        return of_rabbitmq(properties, cluster)

    def event_source(self) -> RabbitEventSource:
        """See Broker."""
        return RabbitEventSource(self._profile)

    def clock_difference(self) -> float | None:
        """See Broker; only the management API tells, with each of its answers."""
        if self._management is None or self.management_problem:
            return None
        return self._management.clock_difference

    def queue_names(self) -> set[str]:
        """See Broker; without a management API only the names that are known otherwise."""
        queues = self._by_management()
        return {name for queue in queues or () if is_task_queue(name := str(queue.get("name", "")))}

    def bindings(self) -> list[Binding]:
        """See Broker; none without a management API."""
        if time.monotonic() < self._next_try or (self._management is None and self._by_management() is None):
            return []
        assert self._management is not None
        try:
            told = self._management.bindings()
        except BrokerError as error:
            self._no_management(error)
            return []
        found = [
            Binding(str(item.get("source", "")), str(item.get("routing_key", "")), str(item.get("destination", "")))
            for item in told
            if item.get("destination_type") == "queue"
        ]
        return sorted(
            (binding for binding in found if is_task_queue(binding.queue)),
            key=lambda binding: (binding.queue, binding.exchange, binding.routing_key),
        )

    def sample(self, names: Sequence[str]) -> list[QueueSample]:
        """See Broker."""
        queues = self._by_management()
        self.incomplete = ""
        self.alarm = self._current_alarm()
        self.delayed = self._delayed(queues)
        if queues is None:
            return [self._declared(name) for name in names]
        at = time.time()
        by_name = {queue.get("name"): queue for queue in queues}
        return [
            # a server without metrics tells the names alone, and of a new queue every server does at first
            self._declared(name)
            if name in by_name and "messages_ready" not in by_name[name]
            else _sample(name, at, by_name.get(name), rates=not self.unmeasured)
            for name in names
        ]

    def connected_nodes(self, names: Sequence[str]) -> dict[str, bool]:
        """See Broker. A node consumes ``<node>.<control exchange>.pidbox`` as long as it is connected."""
        control_queues = {name: f"{name}.{self._profile.control_exchange}.pidbox" for name in names}
        queues = self._by_management()
        if queues is not None:
            told = {queue.get("name"): queue.get("consumers", -1) for queue in queues}
            there = {name: told.get(queue, 0) for name, queue in control_queues.items()}
        else:
            there = dict.fromkeys(names, -1)
        found = {
            name: self._is_consumed(control_queues[name]) if consumers == -1 else consumers != 0
            for name, consumers in there.items()
        }
        return {name: consumed for name, consumed in found.items() if consumed is not None}

    def waiting(self, names: Sequence[str]) -> list[bytes]:
        """See Broker: nothing, since taking a message out to look at it changes it."""
        return []

    def close(self) -> None:
        """See Broker."""
        self._asking.close()
        self._probe.close()

    def _delayed(self, queues: list[dict[str, Any]] | None) -> int | None:
        """Without the management API its 28 queues are asked one by one, now and then."""
        if queues is not None:
            held = [_whole(queue.get("messages_ready")) for queue in queues if is_delay(str(queue.get("name", "")))]
            if not held or None not in held:
                return sum(count or 0 for count in held) if held else None
        if time.monotonic() < self._next_levels:
            return self.delayed
        self._next_levels = time.monotonic() + _LEVELS_SECONDS
        try:
            return sum(self._declare(level)[0] for level in reversed(LEVELS))
        except pika.exceptions.ChannelClosedByBroker:
            return None

    def _current_alarm(self) -> Alarm | None:
        """Ask the management API where it answers; who may see nothing of an alarm is told of none."""
        try:
            if self._management is not None and time.monotonic() >= self._next_try:
                found = alarm_of(self._management.alarms())
                self._probe.close()
                return found
        except BrokerError:  # it is older than that
            pass
        try:
            return self._probe.alarm()
        except BrokerError:
            return None

    def _by_management(self) -> list[dict[str, Any]] | None:
        if time.monotonic() < self._next_try:
            return None
        try:
            if self._management is None:
                self._management = Management(self._profile)
            queues = self._management.queues()
            if self._next_settings <= time.monotonic():
                self.unmeasured = self._management.unmeasured()
                self._next_settings = time.monotonic() + _RETRY_MANAGEMENT_SECONDS
        except BrokerError as error:
            self._no_management(error)
            return None
        self.management_problem = ""
        return queues

    def _no_management(self, error: BrokerError) -> None:
        self.management_problem = str(error)
        self._next_try = time.monotonic() + _RETRY_MANAGEMENT_SECONDS

    def _declared(self, name: str) -> QueueSample:
        """Ask by a passive declare; a queue that is not there closes the channel, nothing more."""
        at = time.time()
        try:
            ready, consumers = self._declare(name)
        except pika.exceptions.ChannelClosedByBroker as error:
            if error.reply_code == _REFUSED:
                self.incomplete = f"{error.reply_text}. Give the user a permission on the queue, or a management URL."
            return QueueSample(name, at, None, None, None, exists=error.reply_code != _NOT_FOUND)
        return QueueSample(name, at, ready, None, consumers)

    def _is_consumed(self, name: str) -> bool | None:
        """None: the user may not know. What only another connection may use is in use by that."""
        try:
            return self._declare(name)[1] > 0
        except pika.exceptions.ChannelClosedByBroker as error:
            return {_NOT_FOUND: False, _LOCKED: True}.get(error.reply_code)

    def _declare(self, name: str) -> tuple[int, int]:
        with self._asking.question() as connection:
            channel = connection.channel()
            method = channel.queue_declare(name, passive=True).method
            channel.close()
        return int(method.message_count), int(method.consumer_count)


def _sample(name: str, at: float, queue: dict[str, Any] | None, *, rates: bool) -> QueueSample:
    """``rates``: does the server measure them? One that does leaves out those of which there was nothing yet."""
    if queue is None:
        return QueueSample(name, at, None, None, None, exists=False)
    stats = queue.get("message_stats")
    flows = stats if isinstance(stats, dict) else {}
    return QueueSample(
        name,
        at,
        _whole(queue.get("messages_ready")),
        _whole(queue.get("messages_unacknowledged")),
        _whole(queue.get("consumers")),
        in_rate=_rate(flows.get("publish_details")) if rates else None,
        out_rate=_rate(flows.get("deliver_get_details")) if rates else None,
        kind=str(queue.get("type") or ""),
    )


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and 0 <= value < _MOST_MESSAGES else None


def _rate(details: object) -> float | None:
    rate = details.get("rate") if isinstance(details, dict) else None
    return float(rate) if isinstance(rate, int | float) else 0.0 if details is None else None


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
