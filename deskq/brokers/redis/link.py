"""The one way to open and to close a connection to Redis and Valkey."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.connection import AbstractConnection
from redis.retry import Retry

from deskq.brokers.failover import first_of
from deskq.brokers.redis.connection import database_of, mapped_errors
from deskq.brokers.redis.replies import (
    BoundedRedisConnection,
    BoundedTlsConnection,
    BoundedUnixConnection,
    client_of,
    close_client,
)
from deskq.brokers.redis.sentinels import master_of
from deskq.brokers.tls import tls_context
from deskq.profiles import Profile
from deskq.system import reset_when_closed

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 10.0


def connection_class(profile: Profile) -> tuple[type[AbstractConnection], dict[str, Any]]:
    """Return the class and the arguments of a connection. Nothing is ever tried twice behind our back."""
    arguments: dict[str, Any] = {
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_timeout": ANSWER_SECONDS,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "redis_connect_func": introduced,
    }
    if len(profile.alternatives()) > 1:
        profile = first_of(profile, _answering)
    server = profile.endpoint
    if server.user:
        arguments["username"] = server.user
    if profile.password:
        arguments["password"] = profile.password.reveal()
    if server.socket is not None:
        arguments["path"] = server.socket
        arguments["db"] = database_of(profile)
        return BoundedUnixConnection, arguments
    arguments["socket_keepalive"] = True
    arguments["db"] = database_of(profile)
    if profile.by_sentinel:
        arguments["host"], arguments["port"] = master_of(profile, arguments)
    else:
        arguments["host"], arguments["port"] = server.host or "127.0.0.1", server.port or 6379
    if server.tls:
        tls = profile.tls
        tls_context(profile)  # says which file is wrong; redis-py then makes its own
        arguments |= {
            "ssl_cert_reqs": "required" if tls.verify else "none",
            "ssl_check_hostname": tls.verify,
            "ssl_ca_certs": tls.ca,
            "ssl_certfile": tls.certificate,
            "ssl_keyfile": tls.key,
        }
        return BoundedTlsConnection, arguments
    return BoundedRedisConnection, arguments


def _answering(profile: Profile) -> Profile:
    """Return the profile if its broker takes a connection; raises BrokerError."""
    with mapped_errors(profile), connected(profile):
        return profile


def introduced(connection: AbstractConnection) -> None:
    """Log in and tell the server who this is, where the user may: redis-py gives up a connection that may not.

    A connection that is given up shall not deliver its commands afterwards.
    """
    line: Any = connection._sock  # redis-py has no public way to it, nor an option
    if line.family != socket.AF_UNIX:
        reset_when_closed(line)
    connection.on_connect()
    with contextlib.suppress(redis.ResponseError):
        connection.send_command("CLIENT", "SETNAME", "deskq")
        connection.read_response()


class RedisLink:
    """A client with one connection, opened when it is first needed. After ``close`` another use opens it again.

    For one thread at a time. Its commands raise what redis-py does: see :func:`translated`.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._client: redis.Redis | None = None

    @property
    def is_open(self) -> bool:
        """Is there a client, whose connection may have ended?"""
        return self._client is not None

    def client(self) -> redis.Redis:
        """Return the client; raises BrokerError, and what redis-py does, where a server must be found first."""
        if self._client is None:
            self._client = client_of(*connection_class(self._profile))
        return self._client

    def close(self) -> None:
        """Close the connection; never raises."""
        if self._client is not None:
            close_client(self._client)
            self._client = None


@contextlib.contextmanager
def linked(profile: Profile) -> Iterator[redis.Redis]:
    """A client for a few questions; what fails is raised as a BrokerError."""
    link = RedisLink(profile)
    try:
        with mapped_errors(profile):
            yield link.client()
    finally:
        link.close()


@contextlib.contextmanager
def connected(profile: Profile, **changed: Any) -> Iterator[AbstractConnection]:
    """A bare connection, open; ``changed``: of its arguments. Raises what redis-py does."""
    kind, arguments = connection_class(profile)
    connection = kind(**arguments | changed)
    try:
        connection.connect()
        yield connection
    finally:
        with contextlib.suppress(redis.RedisError, OSError):
            connection.disconnect()


def connection_number(profile: Profile) -> int | None:
    """Return the number that the server gives a new connection, None where the user may not know it."""
    with linked(profile) as server:
        try:
            number: Any = server.execute_command("CLIENT", "ID")
        except redis.ResponseError:  # NOPERM, or older than Redis 5
            return None
    return number if isinstance(number, int) else None
