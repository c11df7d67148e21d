"""Connections to RabbitMQ: how to open and end one, and its failures as sentences that say what to do."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
from collections.abc import Iterator
from typing import Any, Final
from uuid import uuid4

import pika
import pika.exceptions
from pika.adapters.utils.connection_workflow import AMQPConnectorException, AMQPConnectorStackTimeout

from deskq.brokers.failover import first_of
from deskq.brokers.ports import (
    BrokerError,
    ConnectionLost,
    PermissionRefused,
    Refused,
    TlsFailed,
    Unanswered,
    login_refused,
)
from deskq.brokers.rabbitmq.bounded import BoundedAmqpConnection
from deskq.brokers.tls import ENDED, tls_context, tls_sentence
from deskq.profiles import Profile

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 5.0
HEARTBEAT_SECONDS: Final = 5
BLOCKED_SECONDS: Final = 15.0
_GOODBYE_SECONDS: Final = 1.0
_UNLIKE: Final = re.compile(r"UnlikeRabbitMQ: Invalid frame received: '(.*?)'")


def virtual_host(profile: Profile) -> str:
    """Return the virtual host as kombu reads it from a URL: nothing and "/" mean "/"."""
    return profile.endpoint.virtual_host


def parameters(
    profile: Profile, heartbeat: int = HEARTBEAT_SECONDS, blocked_seconds: float | None = BLOCKED_SECONDS
) -> Any:
    """Return pika's parameters: every wait has a deadline. ``blocked_seconds``: how long an alarm is borne."""
    server = profile.endpoint
    tls = pika.SSLOptions(tls_context(profile), server.host or None) if server.tls else None
    return pika.ConnectionParameters(
        host=server.host or "127.0.0.1",
        port=server.port or (5671 if tls is not None else 5672),
        virtual_host=virtual_host(profile),
        credentials=pika.PlainCredentials(*login(profile)),
        heartbeat=heartbeat,
        blocked_connection_timeout=blocked_seconds,
        socket_timeout=CONNECT_SECONDS,
        stack_timeout=2 * CONNECT_SECONDS,
        connection_attempts=1,
        ssl_options=tls,
        client_properties={"connection_name": "deskq", "product": "deskq"},
    )


def login(profile: Profile) -> tuple[str, str]:
    """Return user and password; RabbitMQ's own default is guest."""
    profile = profile.alternatives()[0]
    user = profile.endpoint.user or "guest"
    return user, profile.password.reveal() or ("guest" if user == "guest" else "")


def connect(
    profile: Profile, heartbeat: int = HEARTBEAT_SECONDS, *, blocked_seconds: float | None = BLOCKED_SECONDS
) -> Any:
    """Return an open BlockingConnection to the first broker of the profile's that has one; raises BrokerError."""
    return first_of(profile, lambda one: _connect(one, heartbeat, blocked_seconds))


def _connect(profile: Profile, heartbeat: int, blocked_seconds: float | None) -> Any:
    try:
        return pika.BlockingConnection(
            parameters(profile, heartbeat, blocked_seconds), _impl_class=BoundedAmqpConnection
        )
    except (pika.exceptions.AMQPError, AMQPConnectorException, OSError) as error:
        raise mapped_error(error, profile) from None


@contextlib.contextmanager
def deadline(connection: Any, seconds: float = ANSWER_SECONDS) -> Iterator[None]:
    """Within, what waits for the broker's answer for longer raises AMQPHeartbeatTimeout; the connection is dropped.

    pika's own blocking calls wait until its heartbeats give up, which takes 20 s.
    """
    impl = connection._impl

    def give_up() -> None:
        if impl._transport is not None:  # it may have been lost in this very turn
            impl._terminate_stream(pika.exceptions.AMQPHeartbeatTimeout("no answer in time"))

    timer = impl._adapter_call_later(seconds, give_up)
    try:
        yield
    finally:
        if not connection.is_closed:
            impl._adapter_remove_timeout(timer)


def close_connection(connection: Any, *, politely: bool = True) -> None:
    """End a connection within a second, whatever the broker does; without a word where it does not answer anyway."""
    with contextlib.suppress(pika.exceptions.AMQPError, OSError):
        if connection.is_open and politely:
            with deadline(connection, _GOODBYE_SECONDS):
                connection.close()
    with contextlib.suppress(pika.exceptions.AMQPError, OSError):
        if not connection.is_closed:
            if connection._impl._transport is not None:
                connection._impl._terminate_stream(pika.exceptions.AMQPHeartbeatTimeout("hung up"))
            connection._flush_output(connection._closed_result.is_ready)


def refuses_transient(profile: Profile) -> bool | None:
    """Does the server refuse queues that are neither durable nor exclusive, as Celery had them before 5.7?

    One is declared, which RabbitMQ deletes a second later at the latest. None: it could not be tried.
    """
    connection = None
    queue = f"deskq.{uuid4()}"
    try:
        connection = connect(profile)
        with deadline(connection):
            channel = connection.channel()
            channel.queue_declare(queue, auto_delete=True, arguments={"x-expires": 1_000})
            channel.queue_delete(queue)
    except pika.exceptions.ConnectionClosedByBroker as error:
        return True if is_refusal_of_transient(error.reply_code, error.reply_text) else None
    except pika.exceptions.ChannelClosedByBroker as error:
        return True if is_refusal_of_transient(error.reply_code, error.reply_text) else None
    except (pika.exceptions.AMQPError, OSError, BrokerError):
        return None
    finally:
        if connection is not None:
            close_connection(connection)
    return False


def is_refusal_of_transient(code: int, text: str) -> bool:
    """RabbitMQ 4 ends the connection then (541), and names the deprecated feature; later ones may do as they like."""
    return "transient_nonexcl_queues" in text or (code in (540, 541) and "deprecat" in text.lower())


def bytes_received(connection: Any) -> int:
    """Return how many bytes came over it so far, heartbeats included."""
    return int(connection._impl.bytes_received)  # pika has no public way to them


def mapped_error(error: BaseException, profile: Profile) -> BrokerError:
    """Return the sentence for a failure."""
    place = " or ".join(server.name for server in profile.endpoints)
    host = virtual_host(profile)
    kinds = pika.exceptions
    reasons = list(_reasons(error))
    text = " ".join(str(reason) or type(reason).__name__ for reason in reasons)

    def has(*wanted: type[BaseException]) -> bool:
        return any(isinstance(reason, wanted) for reason in reasons)

    unlike = _UNLIKE.search(text)  # pika hands on but its text
    if unlike is not None and not has(kinds.IncompatibleProtocolError):  # that may be TLS: see below
        return BrokerError(f"{place} is not a RabbitMQ server: it sent {unlike[1]}. Check host and port.")
    if has(kinds.AuthenticationError, kinds.ProbableAuthenticationError) or (
        "ACCESS_REFUSED" in text and "Login was refused" in text
    ):
        return login_refused(profile, place, "login")
    if "is down" in text and "vhost" in text:
        return ConnectionLost(f"The virtual host “{host}” of {place} is down. Check RabbitMQ's log.")
    if "NOT_ALLOWED" in text or ("not found" in text and "vhost" in text):
        return PermissionRefused(f"{place} has no virtual host “{host}” for this user. Check the end of the URL.")
    if "ACCESS_REFUSED" in text or has(kinds.ProbableAccessDeniedError):
        return PermissionRefused(
            f"{place} denied access in “{host}”{_refused_part(text)}. Grant configure and write on “deskq\\..*”, "
            f"read on “deskq\\..*” and “{profile.event_exchange}”."
        )
    if has(ssl.SSLError) or re.search(r"SSL\w*Error", text):  # pika may keep but its text
        return TlsFailed(tls_sentence(text, place, plain="amqp"))
    if profile.endpoint.tls and has(kinds.IncompatibleProtocolError) and "StreamLostError" in text:
        return TlsFailed(tls_sentence(ENDED, place, plain="amqp"))
    if has(socket.gaierror):
        return Refused(f"Unknown host “{profile.endpoint.host}”. Check the spelling and your network.")
    if has(ConnectionRefusedError):
        return Refused(f"Nothing is listening on {place}. Check host and port, and that the broker is running.")
    if has(kinds.AMQPHeartbeatTimeout, AMQPConnectorStackTimeout, TimeoutError):
        return Unanswered(f"{place} does not respond. It may be frozen, overloaded, or behind a firewall.")
    if has(kinds.IncompatibleProtocolError):
        tls = "" if profile.endpoint.tls else ", or use amqps:// if it speaks TLS"
        return BrokerError(f"{place} is not a RabbitMQ server. Check the port{tls}.")
    forced = next((reason for reason in reasons if isinstance(reason, kinds.ConnectionClosedByBroker)), None)
    if forced is not None:
        return ConnectionLost(f"{place} closed the connection: {forced.reply_text}.")
    if has(kinds.StreamLostError, ConnectionError) or "EOF" in text:
        return ConnectionLost(f"{place} closed the connection without a reason: it restarted or was killed.")
    return ConnectionLost(f"The connection to {place} was lost: {text or type(error).__name__}.")


def _refused_part(text: str) -> str:
    """What RabbitMQ names: ``access to queue 'x' in vhost 'y' refused for user 'z'``."""
    _, found, rest = text.partition("access to ")
    return f" (access to {rest.partition(' in vhost')[0]})" if found else ""


def _reasons(error: BaseException | None) -> Any:
    """The error, what it wraps (pika keeps that in its arguments), and what caused it."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        current = waiting.pop(0)
        if isinstance(current, BaseException) and id(current) not in seen:
            seen.add(id(current))
            yield current
            waiting += [*current.args, getattr(current, "exception", None), current.__cause__, current.__context__]
            waiting += list(getattr(current, "exceptions", ()))
