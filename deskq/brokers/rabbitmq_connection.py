"""Connections to RabbitMQ: how to open one, and its failures as sentences that say what to do."""

from __future__ import annotations

import socket
import ssl
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import pika
import pika.exceptions
from pika.adapters.utils.connection_workflow import AMQPConnectorException

from deskq.brokers.base import BrokerError, ConnectionLost, LoginRefused, PermissionRefused, Refused, TlsFailed
from deskq.profiles import Profile

CONNECT_SECONDS: Final = 5.0
HEARTBEAT_SECONDS: Final = 5


def virtual_host(profile: Profile) -> str:
    """Return the virtual host as kombu reads it from a URL: nothing and "/" mean "/"."""
    path = unquote(urlsplit(profile.url).path)
    return path[1:] if len(path) > 1 else "/"


def parameters(profile: Profile) -> Any:
    """Return pika's parameters: every wait has a deadline."""
    url = urlsplit(profile.url)
    tls = None
    if profile.scheme == "amqps":
        context = ssl.create_default_context(cafile=profile.tls.ca)
        if not profile.tls.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if profile.tls.certificate:
            context.load_cert_chain(profile.tls.certificate, profile.tls.key)
        tls = pika.SSLOptions(context, url.hostname)
    return pika.ConnectionParameters(
        host=url.hostname or "127.0.0.1",
        port=url.port or (5671 if tls is not None else 5672),
        virtual_host=virtual_host(profile),
        credentials=pika.PlainCredentials(*login(profile)),
        heartbeat=HEARTBEAT_SECONDS,
        blocked_connection_timeout=15,
        socket_timeout=CONNECT_SECONDS,
        stack_timeout=2 * CONNECT_SECONDS,
        connection_attempts=1,
        ssl_options=tls,
        client_properties={"connection_name": "deskq", "product": "deskq"},
    )


def login(profile: Profile) -> tuple[str, str]:
    """Return user and password; RabbitMQ's own default is guest."""
    user = unquote(urlsplit(profile.url).username or "guest")
    return user, profile.password.reveal() or ("guest" if user == "guest" else "")


def connect(profile: Profile) -> Any:
    """Return an open BlockingConnection; raises BrokerError."""
    try:
        return pika.BlockingConnection(parameters(profile))
    except (pika.exceptions.AMQPError, AMQPConnectorException, OSError) as error:
        raise translate(error, profile) from None


def translate(error: BaseException, profile: Profile) -> BrokerError:
    """Return the sentence for a failure."""
    url = urlsplit(profile.url)
    place = url.netloc.rpartition("@")[2] or profile.url
    host = virtual_host(profile)
    kinds = pika.exceptions
    reasons = list(_reasons(error))
    text = " ".join(str(reason) or type(reason).__name__ for reason in reasons)
    if any(isinstance(reason, kinds.AuthenticationError | kinds.ProbableAuthenticationError) for reason in reasons) or (
        "ACCESS_REFUSED" in text and "Login was refused" in text
    ):
        return LoginRefused(f"{place} refuses the login. Check user and password of “{profile.name}”.")
    if "NOT_ALLOWED" in text or ("not found" in text and "vhost" in text):
        return PermissionRefused(f"{place} has no virtual host “{host}” for this user. Check the end of the URL.")
    if "ACCESS_REFUSED" in text or any(isinstance(reason, kinds.ProbableAccessDeniedError) for reason in reasons):
        return PermissionRefused(f"{place} does not allow it in “{host}”: the user needs the permission.")
    if any(isinstance(reason, ssl.SSLError) for reason in reasons):
        return TlsFailed(f"TLS with {place} failed: {_tls_reason(text)}")
    if any(isinstance(reason, socket.gaierror) for reason in reasons):
        return Refused(f"There is no host “{url.hostname}”. Check its spelling, or your network.")
    if any(isinstance(reason, ConnectionRefusedError) for reason in reasons):
        return Refused(f"Nothing listens at {place}. Check host and port, and that the broker runs.")
    if any(isinstance(reason, kinds.IncompatibleProtocolError) for reason in reasons):
        return BrokerError(f"What answers at {place} is no RabbitMQ. Check the port.")
    return ConnectionLost(f"The connection to {place} was lost: {text or type(error).__name__}.")


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


def _tls_reason(text: str) -> str:
    for found, sentence in (
        ("expired", "the certificate has expired. Have it renewed."),
        ("self-signed", "the certificate is signed by nobody known. Set the CA's file in the profile."),
        ("local issuer", "the certificate is signed by nobody known. Set the CA's file in the profile."),
        ("Hostname mismatch", "the certificate is for another name. Use the name that it was made for."),
        ("WRONG_VERSION", "there is no TLS on this port. Use amqp://, or the TLS port."),
    ):
        if found in text:
            return sentence
    return text
