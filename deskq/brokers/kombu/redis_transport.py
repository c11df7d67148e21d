"""kombu's Redis transport on deskq's own connections: answers have a deadline and a size, and connections a name."""

from __future__ import annotations

from typing import Any

from kombu.transport import redis as kombu_redis

from deskq.brokers.redis.link import introduced
from deskq.brokers.redis.replies import Bounded


class _OwnConnections:
    """Mixed into a channel of kombu's."""

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        """Return what the pool makes connections of, each of kombu's kinds made a bounded one."""
        found: dict[str, Any] = super()._connparams(asynchronous)  # type: ignore[misc]
        kind = found["connection_class"]
        return found | {
            "connection_class": type(kind.__name__, (Bounded, kind), {}),
            "redis_connect_func": introduced,
            "protocol": 2,
        }


class Channel(_OwnConnections, kombu_redis.Channel):
    """Of a server that is named by its address."""


class SentinelChannel(_OwnConnections, kombu_redis.SentinelChannel):
    """Of a master that sentinels know."""


class Transport(kombu_redis.Transport):
    """For redis, rediss and a socket."""

    Channel = Channel


class SentinelTransport(kombu_redis.SentinelTransport):
    """For sentinel."""

    Channel = SentinelChannel
