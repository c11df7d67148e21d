"""Which server holds which of redbeat's keys: the one Redis, or a node of a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol
from urllib.parse import quote

import redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from deskq.brokers.redis.connection import place_of
from deskq.brokers.redis.link import RedisLink
from deskq.profiles import Profile
from deskq.schedules.model import StoreError

_ANYWHERE: Final = ("", "?")
"""A node that does not know its own host: it is where it was asked."""


class Nodes(Protocol):
    """Clients, each with one connection, opened when it is first needed. Raises BrokerError and what redis-py does."""

    def at(self, key: bytes) -> redis.Redis:
        """Return the client of the server that holds a key."""

    def close(self) -> None:
        """Close the connections; never raises. Another use opens them again."""


class OneServer:
    """See Nodes: a Redis, or the master that sentinels name."""

    def __init__(self, profile: Profile) -> None:
        self._link = RedisLink(profile)

    def at(self, key: bytes) -> redis.Redis:
        """See Nodes."""
        return self._link.client()

    def close(self) -> None:
        """See Nodes."""
        self._link.close()


class ClusterNodes:
    """See Nodes: the primaries of a Redis Cluster. ``profile``: a list of nodes, any of which tells of the others."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile.alternatives()[0]
        self._startup = profile
        self._owners: list[tuple[int, int, str]] = []
        self._links: dict[str, RedisLink] = {}

    def at(self, key: bytes) -> redis.Redis:
        """See Nodes. The slots are asked for once for each opening."""
        if not self._owners:
            self._owners = self._slots()
        slot = key_slot(key, REDIS_CLUSTER_HASH_SLOTS)
        place = next((place for first, last, place in self._owners if first <= slot <= last), None)
        if place is None:
            raise StoreError(
                f"No node of the cluster at {place_of(self._startup)} serves slot {slot}. Check its nodes."
            )
        if place not in self._links:
            self._links[place] = RedisLink(self._at_place(place))
        return self._links[place].client()

    def close(self) -> None:
        """See Nodes."""
        for each in self._links.values():
            each.close()
        self._links.clear()
        self._owners = []

    def _slots(self) -> list[tuple[int, int, str]]:
        link = RedisLink(self._startup)
        seed = link.client()
        try:
            seed.set_response_callback("CLUSTER SLOTS", lambda reply, **_: reply)
            host = str(seed.connection_pool.connection_kwargs["host"])
            reply: Any = seed.execute_command("CLUSTER SLOTS")
        except redis.ResponseError as error:
            if "cluster support disabled" not in str(error):
                raise
            raise StoreError(
                f"{place_of(self._startup)} is not a Redis Cluster. Name the store like redbeat:redis://host:6379/0."
            ) from None
        finally:
            link.close()
        return [(int(first), int(last), _place(node, host)) for first, last, node, *_ in reply]

    def _at_place(self, place: str) -> Profile:
        server = self._profile.endpoint
        login = f"{quote(server.user, safe='')}@" if server.user else ""
        return replace(self._profile, url=f"{server.scheme}://{login}{place}/0")


def in_one_slot(prefix: str) -> bool:
    """Do all keys with this prefix hash to one slot? They do if it has a hash tag, like ``{redbeat}:``."""
    start = prefix.find("{")
    return start >= 0 and prefix.find("}", start) > start + 1


def by_node(nodes: Nodes, keys: Sequence[bytes]) -> Iterator[tuple[redis.Redis, list[int]]]:
    """Yield each server that holds some of these keys, and the places of its keys in the sequence."""
    found: dict[int, tuple[redis.Redis, list[int]]] = {}
    for number, key in enumerate(keys):
        server = nodes.at(key)
        found.setdefault(id(server), (server, []))[1].append(number)
    yield from found.values()


def _place(node: Sequence[Any], asked: str) -> str:
    host = node[0].decode() if isinstance(node[0], bytes) else str(node[0] or "")
    host = asked if host in _ANYWHERE else host
    return f"[{host}]:{int(node[1])}" if ":" in host else f"{host}:{int(node[1])}"
