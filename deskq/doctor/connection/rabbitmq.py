"""The steps of the connection test that are RabbitMQ's own."""

from __future__ import annotations

import contextlib
from typing import Any, Final
from uuid import uuid4

import pika.exceptions

from deskq.brokers.ports import BrokerError, PermissionRefused, Server
from deskq.brokers.rabbitmq.alarms import current_alarm
from deskq.brokers.rabbitmq.connection import connect, login, mapped_error, virtual_host
from deskq.brokers.rabbitmq.event_source import RabbitEventSource
from deskq.brokers.rabbitmq.routing import exchange_is_there
from deskq.doctor.connection.probes import ProbeOutcome
from deskq.doctor.observed import Observed
from deskq.doctor.versions import is_older
from deskq.profiles import Profile

OLDEST: Final = (3, 8)


class RabbitSteps:
    """See ServerSteps. What it declares is exclusive to its connection, and ends with it."""

    def __init__(self, profile: Profile, observed: Observed) -> None:
        self._profile = profile
        self._observed = observed
        self._connection: Any = None
        self._host_refused: PermissionRefused | None = None
        self._exchange_there = False

    def login(self) -> ProbeOutcome:
        """A virtual host that is refused means that the login was not: that is a step of its own."""
        try:
            self._connection = connect(self._profile)
        except PermissionRefused as refused:
            self._host_refused = refused
        return ProbeOutcome("ok", f"As {login(self._profile)[0]}.")

    def permission(self) -> ProbeOutcome:
        """Declare an exclusive queue as the recorder does and, if there is an exchange of events, bind it."""
        if self._connection is None:
            return self._outside()
        exchange = self._profile.event_exchange
        queue = f"deskq.{uuid4()}"
        try:
            self._exchange_there = exchange_is_there(self._connection, exchange)
            channel = self._connection.channel()
            channel.queue_declare(queue, exclusive=True, auto_delete=True)
            if self._exchange_there:
                channel.queue_bind(queue, exchange, routing_key="#")
            channel.queue_delete(queue)
            channel.close()
        except (pika.exceptions.AMQPError, OSError) as error:
            refused = mapped_error(error, self._profile)
            if isinstance(refused, PermissionRefused):
                raise PermissionRefused(
                    f"{login(self._profile)[0]} is not permitted to declare a queue “deskq.…” or bind it to "
                    f"“{exchange}”. Grant this with rabbitmqctl set_permissions.",
                    details=_words(error),
                ) from None
            raise refused from None
        bound = f" and bound to “{exchange}”" if self._exchange_there else ""
        return ProbeOutcome("ok", f"An exclusive queue was declared{bound} and deleted.")

    def server(self) -> ProbeOutcome:
        """See ServerSteps."""
        if self._connection is None:
            return self._outside()
        properties = self._connection._impl.server_properties  # pika has no public way to them
        if properties is None:
            raise BrokerError("The connection was lost. Run the test again.")
        found = Server(_text(properties.get("product", "RabbitMQ")), _text(properties.get("version", "")))
        self._observed.server = found
        evidence = f"{found.product} {found.version}"
        if is_older(found.version, OLDEST):
            return ProbeOutcome("warning", evidence, "Upgrade it: deskq needs RabbitMQ 3.8 or later.")
        return ProbeOutcome("ok", evidence)

    def database(self) -> ProbeOutcome:
        """See ServerSteps."""
        if self._host_refused is not None:
            raise self._host_refused
        return ProbeOutcome("ok", f"Virtual host “{virtual_host(self._profile)}”.")

    def messages(self) -> ProbeOutcome:
        """See ServerSteps."""
        try:
            alarm = self._observed.alarm = current_alarm(self._profile)
        except BrokerError as error:
            if self._profile.may_inspect_unasked:
                raise
            return ProbeOutcome(
                "not-asked", f"Unknown: on a profile that sends nothing only the management API reports alarms. {error}"
            )
        if alarm is not None:
            return ProbeOutcome("warning", alarm.what, alarm.remedy)
        return ProbeOutcome("ok", "No memory or disk alarm is set.")

    def events(self) -> RabbitEventSource | ProbeOutcome:
        """A recorder would declare the exchange where it is missing; a test leaves the broker as it is."""
        if not self._exchange_there:
            return ProbeOutcome(
                "warning",
                f"The exchange “{self._profile.event_exchange}” does not exist yet.",
                "Start a worker, which declares it, or set event_exchange in the profile to that of the workers.",
            )
        return RabbitEventSource(self._profile)

    def close(self) -> None:
        """See ServerSteps."""
        if self._connection is not None:
            with contextlib.suppress(pika.exceptions.AMQPError, OSError):
                if self._connection.is_open:
                    self._connection.close()
            self._connection = None

    def _outside(self) -> ProbeOutcome:
        if self._host_refused is None:
            raise BrokerError("The connection was lost. Run the test again.")
        return ProbeOutcome("skipped", "Skipped: the virtual host must pass first.")


def _words(error: BaseException) -> str:
    return str(getattr(error, "reply_text", "")) or str(error)


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
