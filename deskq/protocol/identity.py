"""Who a broker says it is, so that another one at the same address is not taken for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

_SHOWN: Final = 8
_CLOCK_SECONDS: Final = 60.0
"""By how much a server's clock may go wrong while it runs."""
_CLUSTER: Final = "rabbitmq-cluster-id-"
MOST_QUEUES: Final = 100


class Identity(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """``ids``: two brokers are the same one if they have one of them in common, the one that is shown first.

    No ids: it does not say who it is. ``product``: Redis, Valkey or RabbitMQ. ``cluster``: a number that RabbitMQ drew
    as its cluster began, "" where the user may not know it: of clusters of one name it tells which. ``started``: since
    when the server runs, in epoch seconds of this machine, 0 where it does not tell; ``queues``: where it does not say
    who it is, those that it has for Celery. Neither takes part in a comparison by ``==``.
    """

    product: str
    ids: tuple[str, ...] = ()
    cluster: str = ""
    started: float = 0.0
    queues: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identity) and self._compared == other._compared

    def __hash__(self) -> int:
        return hash(self._compared)

    @property
    def _compared(self) -> tuple[str, tuple[str, ...], str]:
        return self.product, self.ids, self.cluster

    @property
    def code(self) -> str:
        """What a person types who means this very broker."""
        return self.ids[0] if self.product == "RabbitMQ" and self.ids else "".join(self.ids[:1])[:_SHOWN] or "unknown"

    @property
    def lasts(self) -> bool:
        """Does a restart leave it as it is? Redis and Valkey are known by numbers that each start draws."""
        return self.product == "RabbitMQ" and bool(self.ids)

    @property
    def words(self) -> str:
        """It, for people."""
        return f"{self.product} “{self.code}”" if self.ids else f"{self.product}, which does not identify itself"

    def is_same(self, now: Identity) -> bool:
        """Is it the same broker as the one that says this now? One that does not say who it is is like all others that
        do not, but for those that have none of its queues.
        """
        if self.cluster and now.cluster:
            return self.cluster == now.cluster
        if self.ids or now.ids:
            return bool(set(self.ids) & set(now.ids))
        return not self.queues or bool(set(self.queues) & set(now.queues))

    def is_unlike(self, now: Identity, at: float) -> bool:
        """Is it known to be another broker than the one that says this now? ``at``: when this one was last asked.

        A server of Redis that ran then already, and was another one, is another one: each start draws a number. One
        that has started since may be the same.
        """
        if not self.ids or not now.ids or self.is_same(now):
            return False
        return self.lasts or (now.started > 0 and now.started + _CLOCK_SECONDS < at)


class BrokerChange(msgspec.Struct, frozen=True):
    """The history is of one broker, and another one answers."""

    was: Identity
    now: Identity

    @property
    def words(self) -> str:
        """Both, as a sentence."""
        was, now = self.was.words, self.now.words
        if was == now and self.now.cluster:
            was, now = f"cluster {_short(self.was.cluster)} of {was}", f"cluster {self.code} of {now}"
        elif was == now:
            was, now = f"{was} and had other queues", f"{now}"
        return f"Another broker responds than the one the history belongs to: it was {was}, now it is {now}."

    @property
    def code(self) -> str:
        """What a person types who means the broker that answers."""
        if self.now.cluster and self.was.code == self.now.code:
            return _short(self.now.cluster)
        return self.now.code


def change_between(was: Identity | None, now: Identity) -> BrokerChange | None:
    """Return the change from one broker to another, None if both are the same one or the first is unknown."""
    return BrokerChange(was, now) if was is not None and not was.is_same(now) else None


def of_redis(product: str, facts: Mapping[str, str], *, now: float = 0.0, queues: Iterable[str] = ()) -> Identity:
    """Return who a server of Redis or Valkey is, from its INFO at a time, and the queues that it has.

    Replicas share the master's replication id; a failover keeps the former one as the second. A restart changes all.
    """
    ids = (facts.get("master_replid", ""), facts.get("master_replid2", ""), facts.get("run_id", ""))
    uptime = facts.get("uptime_in_seconds", "")
    return Identity(
        product=product,
        ids=tuple(one for one in ids if one.strip("0")),
        started=now - int(uptime) if uptime.isdecimal() and len(uptime) < 12 else 0.0,
        queues=tuple(sorted(queues)[:MOST_QUEUES]),
    )


def of_rabbitmq(properties: Mapping[str, Any], cluster: str = "") -> Identity:
    """Return who a RabbitMQ is, from the properties that it opens each connection with, and its cluster's number."""
    name = properties.get("cluster_name", "")
    text = name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else str(name)
    return Identity(product="RabbitMQ", ids=(text,) if text else (), cluster=cluster)


def _short(cluster: str) -> str:
    return cluster.removeprefix(_CLUSTER)[:_SHOWN] or "unknown"


def encode(identity: Identity) -> str:
    """Return it as JSON."""
    return msgspec.json.encode(identity).decode()


def decode(text: str) -> Identity | None:
    """Return the identity that a JSON text holds, None if it holds none."""
    try:
        return msgspec.json.decode(text, type=Identity)
    except (msgspec.MsgspecError, UnicodeError):
        return None
