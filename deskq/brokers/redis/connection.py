"""What a connection to Redis or Valkey tells: facts of the server, and failures as sentences that say what to do."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator, Mapping
from typing import Any, Final

import redis
from redis.exceptions import AskError, ClusterCrossSlotError, ClusterDownError, NoPermissionError

from deskq.brokers.ports import (
    BrokerError,
    ConnectionLost,
    PermissionRefused,
    Refused,
    TlsFailed,
    Unanswered,
    login_refused,
)
from deskq.brokers.redis.replies import UnlikeRedis
from deskq.brokers.tls import tls_sentence
from deskq.profiles import Profile

_CLUSTER: Final = (
    "{} is a node of a Redis Cluster, which kombu's transport for Redis does not support: Celery cannot keep its "
    "queues there. Use a single server, or sentinels."
)
REFUSED_IN_SCRIPT: Final = ("can't run this command", "ACL failure in script")
"""What Redis 6 and 7, and 8 and Valkey, say to a script whose user may not run one of its commands."""


def database_of(profile: Profile) -> int:
    """Return the number of the database that the profile's URL names, 0 where it names none."""
    return database(profile.endpoints[-1].database)


def database(text: str) -> int:
    """Read a database number; raises BrokerError."""
    if not text:
        return 0
    if not text.isdigit():
        raise BrokerError(f"“{text}” is not a database number. End the URL like redis://host:6379/0.")
    return int(text)


def server_facts(server: redis.Redis) -> dict[str, str]:
    """Return what INFO tells of a server, or the little that HELLO does where the user may not ask (it is @dangerous).

    That is ``redis_version`` or ``valkey_version``, ``redis_mode`` and ``role``; nothing where both are refused. Raises
    what redis-py does.
    """
    with contextlib.suppress(NoPermissionError):
        facts: dict[str, Any] = server.info()
        return {key: str(value) for key, value in facts.items()}
    try:
        reply: Any = server.execute_command("HELLO")
    except redis.ResponseError:  # NOPERM, or older than Redis 6
        return {}
    pairs = reply.items() if isinstance(reply, dict) else zip(reply[::2], reply[1::2], strict=False)
    told = {_text(key): _text(value) for key, value in pairs}
    role = "slave" if told.get("role") in ("replica", "slave") else told.get("role", "")
    product = "valkey" if told.get("server") == "valkey" else "redis"
    return {f"{product}_version": told.get("version", ""), "redis_mode": told.get("mode", ""), "role": role}


def refuse_cluster(facts: Mapping[str, str], profile: Profile) -> None:
    """Raise BrokerError for a node of a Redis Cluster: it has but a part of the queues."""
    if facts.get("redis_mode") == "cluster":
        raise BrokerError(_CLUSTER.format(place_of(profile)))


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


@contextlib.contextmanager
def mapped_errors(profile: Profile) -> Iterator[None]:
    """Turn what redis-py and the socket raise into a BrokerError that says what to do."""
    try:
        yield
    except (redis.RedisError, OSError) as error:
        raise mapped_error(error, profile) from None


def missing_right(error: Exception) -> str:
    """Return what a user may not do, in the server's words; "" where the error says something else."""
    text = str(error)
    if "EXEC without MULTI" in text:  # the client queues both: the refusal of the first is not told
        return "this user has no permissions to run the 'multi' command"
    if isinstance(error, NoPermissionError) or "NOPERM" in text or any(words in text for words in REFUSED_IN_SCRIPT):
        text = text.removeprefix("NOPERM ").removeprefix("ACL failure in script: ")
        return text.partition(" script: ")[0].rstrip(".")  # what follows are the place and digest of the script
    return ""


def mapped_error(error: Exception, profile: Profile) -> BrokerError:
    """Return the sentence for a failure."""
    place = place_of(profile)
    text = str(error)
    reason = _cause(error, ssl.SSLError)
    if reason is not None:
        return TlsFailed(tls_sentence(str(reason), place, plain=profile.scheme.removesuffix("s")))
    if isinstance(error, redis.AuthenticationError) or "WRONGPASS" in text or "NOAUTH" in text:
        return login_refused(profile, place, "password")
    if what := missing_right(error):
        return PermissionRefused(f"{place} denied access: {what}. Grant the user this permission (ACL SETUSER).")
    if any(words in text for words in ("DB index", "invalid DB", "Invalid Database", "not an integer")):  # of SELECT
        return PermissionRefused(
            f"{place} has no database {database_of(profile)}. End the URL with a number that it has, often 0 to 15."
        )
    if "unknown command" in text and "SENTINEL" in text.upper():
        return BrokerError(f"{place} is not a Sentinel. Check the port; Sentinel's default is 26379.")
    if isinstance(error, redis.BusyLoadingError) or "LOADING" in text:
        return ConnectionLost(f"{place} is still loading its data. Try again when it is ready.")
    if "MASTERDOWN" in text:
        return ConnectionLost(f"{place} is a replica that lost its master. Wait for the master, or use its address.")
    if "max number of clients" in text:
        return ConnectionLost(f"{place} has reached its maximum number of clients. Close some or raise maxclients.")
    if "DENIED" in text:
        return PermissionRefused(f"{place} refuses connections from this machine: {text.partition('.')[0]}.")
    refused = _cause(error, ConnectionRefusedError)
    if refused is not None or "Connection refused" in text or "No such file" in text:
        return Refused(f"Nothing is listening on {place}. Check host and port, and that the broker is running.")
    if _cause(error, socket.gaierror) is not None:
        return Refused(f"Unknown host “{place}”. Check the spelling and your network.")
    if isinstance(error, redis.TimeoutError | TimeoutError):
        hint = "This port may not use TLS. " if profile.endpoint.tls else ""
        return Unanswered(f"{place} does not respond. {hint}It may be frozen, overloaded, or behind a firewall.")
    if isinstance(error, AskError | ClusterCrossSlotError | ClusterDownError):
        return BrokerError(_CLUSTER.format(place))
    if isinstance(error, UnlikeRedis):
        return BrokerError(f"{place} is not a Redis server: it sent {text}. Check host and port.")
    if isinstance(error, redis.InvalidResponse) or "Protocol Error" in text:
        return BrokerError(f"{place} is not a Redis server. Check the port.")
    if "reset by peer" in text or "closed by server" in text:
        if profile.scheme in ("redis", "valkey"):
            return ConnectionLost(
                f"{place} closed the connection. It may be restarting, or it expects TLS: then use "
                f"{profile.scheme}s://."
            )
        if profile.endpoint.tls and not profile.tls.certificate:
            return ConnectionLost(
                f"{place} closed the connection. It may be restarting, or require a client certificate: then "
                "set certificate and key in the profile."
            )
    if isinstance(error, redis.ConnectionError | OSError):
        return ConnectionLost(f"The connection to {place} was lost: {text or type(error).__name__}.")
    return BrokerError(f"{place} replied: {text}")


def place_of(profile: Profile) -> str:
    """Return host and port as they stand in the URL, or the path of a socket."""
    return " or ".join(one.endpoint.name for one in profile.alternatives())


def _cause(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    while error is not None:
        if isinstance(error, kind):
            return error
        error = error.__cause__ or error.__context__
    return None
