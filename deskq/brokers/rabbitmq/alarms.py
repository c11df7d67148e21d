"""RabbitMQ's alarms: while one is set the broker takes no messages, and it tells only those who try to send one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from uuid import uuid4

import pika
import pika.exceptions

from deskq.brokers.ports import Alarm, BrokerError
from deskq.brokers.rabbitmq.connection import close_connection, connect, deadline, mapped_error
from deskq.brokers.rabbitmq.management import Management
from deskq.profiles import Profile

_PROBE_SECONDS: Final = 3.0
_HEARTBEAT_SECONDS: Final = 60
_REMEDIES: Final = {
    "memory": "free memory (long queues, many connections), or raise vm_memory_high_watermark",
    "disk": "free disk space, or lower disk_free_limit",
}


def alarm_of(told: Iterable[tuple[str, str]]) -> Alarm | None:
    """Return the alarm of (resource, node) as RabbitMQ names them: “memory”, “disk” or “disk space”.

    The node may be "", where only the resource is told. Any node's alarm blocks the publishers of its whole cluster.
    """
    places: dict[str, set[str]] = {}
    for resource, node in told:
        kind = next((kind for kind in _REMEDIES if kind in resource), "")
        if kind:  # an alarm for file descriptors blocks nobody
            places.setdefault(kind, set()).add(node)
    if not places:
        return None
    words = []
    for kind, nodes in sorted(places.items()):
        at = ", ".join(sorted(filter(None, nodes)))
        words.append(f"its {kind} alarm is set{f' on {at}' if at else ''}")
    remedies = "; ".join(_REMEDIES[kind] for kind in sorted(places))
    return Alarm(
        f"RabbitMQ accepts no messages: {' and '.join(words)}. Workers can send neither events nor replies, and no "
        "client can send tasks.",
        f"On the server, {remedies}.",
    )


def blocked_by(reason: str) -> Alarm:
    """``reason``: of ``connection.blocked``, such as "low on memory"."""
    unnamed = Alarm(f"RabbitMQ accepts no messages at the moment ({reason or 'an alarm'}).", "Check RabbitMQ's log.")
    return alarm_of([(reason, "")]) or unnamed


def current_alarm(profile: Profile) -> Alarm | None:
    """Ask the management API, else as AlarmProbe does. Blocking; raises BrokerError, also where neither is allowed."""
    try:
        return alarm_of(Management(profile).alarms())
    except BrokerError:
        probe = AlarmProbe(profile)
        if not probe.allowed:
            raise
        try:
            return probe.alarm()
        finally:
            probe.close()


class AlarmProbe:
    """Finds an alarm without the management API: by an empty message to a queue that does not exist.

    An unblocked broker returns the message, or refuses it where the user may not send, and forgets it. A blocked one
    says ``connection.blocked`` and reads nothing more from this connection, which is why it serves no other purpose.
    It says ``connection.unblocked`` when the alarm ends. Used by one thread at a time.

    A read-only or silent profile publishes nothing, not even that: ``allowed`` is False, and no alarm is found.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self.allowed = profile.may_inspect_unasked
        self._connection: Any = None
        self._channel: Any = None
        self._reason: str | None = None

    def alarm(self) -> Alarm | None:
        """Return the alarm that is set now; raises BrokerError."""
        if not self.allowed:
            return None
        try:
            if self._connection is not None:
                self._connection.process_data_events(time_limit=0)
        except (pika.exceptions.AMQPError, OSError):
            self.close()
        try:
            if self._reason is None:
                self._send()
        except (pika.exceptions.AMQPError, OSError) as error:
            if self._reason is None:
                self.close()
                raise mapped_error(error, self._profile) from None
        return None if self._reason is None else blocked_by(self._reason)

    def close(self) -> None:
        """Close the connection; never raises."""
        if self._connection is not None:
            close_connection(self._connection, politely=self._reason is None)
        self._connection = self._channel = self._reason = None

    def _send(self) -> None:
        if self._connection is None:
            self._connection = connect(self._profile, _HEARTBEAT_SECONDS, blocked_seconds=None)
            self._connection._impl.add_on_connection_blocked_callback(self._on_blocked)
            self._connection._impl.add_on_connection_unblocked_callback(self._on_unblocked)
        with deadline(self._connection, _PROBE_SECONDS):
            if self._channel is None or not self._channel.is_open:
                self._channel = self._connection.channel()
                self._channel.confirm_delivery()
            expired = pika.BasicProperties(delivery_mode=1, expiration="0")
            try:
                self._channel.basic_publish("", f"deskq.probe.{uuid4()}", b"", expired, mandatory=True)
            except (pika.exceptions.UnroutableError, pika.exceptions.ChannelClosedByBroker):
                return

    def _on_blocked(self, _connection: Any, frame: Any) -> None:
        self._reason = str(getattr(frame.method, "reason", ""))

    def _on_unblocked(self, _connection: Any, _frame: Any) -> None:
        self._reason = None
