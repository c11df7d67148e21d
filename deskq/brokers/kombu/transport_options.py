"""What kombu must be told so that a monitor's connection harms nobody and finds what the workers use."""

from __future__ import annotations

import ssl
from typing import Any, Final

from redis.backoff import NoBackoff
from redis.retry import Retry

from deskq.brokers.redis.sentinels import sentinel_login
from deskq.profiles import Profile
from deskq.profiles.transport import RABBITMQ, REDIS

ANSWER_SECONDS: Final = 5
REDIS_SECONDS: Final = 10.0
NAME: Final = "deskq"
"""What the broker's operator sees a connection is of."""
NEVER: Final = 1_000_000_000
"""Seconds. An idle poll of kombu's Redis channel returns unacked messages that are older than *its own* visibility
timeout to their queues, whoever holds them (kombu/transport/redis.py, QoS.restore_visible)."""


def transport_options(profile: Profile) -> dict[str, Any]:
    """Return ``broker_transport_options`` for a connection of deskq's."""
    options: dict[str, Any] = {}
    if profile.transport is REDIS:
        redis = profile.redis
        options = {
            "visibility_timeout": NEVER,  # others refuse such an option, or mean something else by it
            "fanout_prefix": redis.fanout_prefix or False,
            "fanout_patterns": redis.fanout_patterns,
            "priority_steps": list(redis.priority_steps),
            "sep": redis.sep,
            "unacked_key": redis.unacked_key,
            "socket_connect_timeout": 5.0,
            "socket_timeout": REDIS_SECONDS,
            "max_retries": 1,
        }
        if redis.global_keyprefix:
            options["global_keyprefix"] = redis.global_keyprefix
        if redis.sentinel_master:
            options["master_name"] = redis.sentinel_master
            # Without tries of its own: redis-py tries a sentinel that is down four times, for 7 s, before the next one.
            once = {"socket_connect_timeout": 5.0, "socket_timeout": REDIS_SECONDS, "retry": Retry(NoBackoff(), 0)}
            options["sentinel_kwargs"] = {**once, **sentinel_login(profile)}
    elif profile.transport is RABBITMQ:  # py-amqp would wait for an answer without end
        named = {"connection_name": NAME, "product": NAME}
        options = {"read_timeout": ANSWER_SECONDS, "write_timeout": ANSWER_SECONDS, "client_properties": named}
    elif profile.transport.options_in_query:
        query = profile.url.partition("?")[2]
        options.update(part.partition("=")[::2] for part in query.split("&") if "=" in part)
    return options


def kombu_url(profile: Profile) -> str:
    """Return the URL, with the password, in a form that kombu knows."""
    url = profile.connection_url()
    if profile.transport.options_in_query:
        return url.partition("?")[0]
    for ours, theirs in (("valkeys://", "rediss://"), ("valkey://", "redis://"), ("unix://", "redis+socket://")):
        if url.startswith(ours):
            return theirs + url[len(ours) :]
    return url


def transport_class(profile: Profile) -> str | None:
    """Return which class of kombu's kind speaks to the broker, None for kombu's own choice."""
    if profile.transport is not REDIS:
        return None
    kind = "SentinelTransport" if profile.by_sentinel else "Transport"
    return f"deskq.brokers.kombu.redis_transport:{kind}"


def tls_options(profile: Profile) -> dict[str, Any] | None:
    """Return ``broker_use_ssl``, None without TLS."""
    if not profile.endpoint.tls:
        return None
    tls = profile.tls
    options: dict[str, Any] = {
        "ca_certs": tls.ca,
        "certfile": tls.certificate,
        "keyfile": tls.key,
        "cert_reqs": ssl.CERT_REQUIRED if tls.verify else ssl.CERT_NONE,
    }
    prefix = "ssl_" if profile.transport is REDIS else ""
    return {prefix + key: value for key, value in options.items() if value is not None}
