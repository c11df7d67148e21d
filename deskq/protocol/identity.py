"""Who a broker says it is, so that another one at the same address is not taken for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

_SHOWN: Final = 8


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """``ids``: two brokers are the same one if they have one of them in common, the one that is shown first.

    No ids: it does not say who it is. ``product``: Redis, Valkey or RabbitMQ.
    """

    product: str
    ids: tuple[str, ...] = ()

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
        return f"{self.product} “{self.code}”" if self.ids else f"{self.product}, which does not say who it is"

    def is_same(self, other: Identity) -> bool:
        """Are both the same broker? One that does not say who it is is like all others that do not."""
        return bool(set(self.ids) & set(other.ids)) or not (self.ids or other.ids)


class BrokerChange(msgspec.Struct, frozen=True):
    """The history is of one broker, and another one answers."""

    was: Identity
    now: Identity

    @property
    def words(self) -> str:
        """Both, as a sentence."""
        return (
            f"Another broker answers than the one that the history is of: it was {self.was.words}, "
            f"now it is {self.now.words}."
        )


def change_between(was: Identity | None, now: Identity) -> BrokerChange | None:
    """Return the change from one broker to another, None if both are the same one or the first is unknown."""
    return BrokerChange(was, now) if was is not None and not was.is_same(now) else None


def of_redis(product: str, facts: Mapping[str, str]) -> Identity:
    """Return who a server of Redis or Valkey is, from its INFO.

    Replicas share the master's replication id; a failover keeps the former one as the second. A restart changes all.
    """
    ids = (facts.get("master_replid", ""), facts.get("master_replid2", ""), facts.get("run_id", ""))
    return Identity(product=product, ids=tuple(one for one in ids if one.strip("0")))


def of_rabbitmq(properties: Mapping[str, Any]) -> Identity:
    """Return who a RabbitMQ is, from the properties that it opens each connection with."""
    name = properties.get("cluster_name", "")
    text = name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else str(name)
    return Identity(product="RabbitMQ", ids=(text,) if text else ())


def encode(identity: Identity) -> str:
    """Return it as JSON."""
    return msgspec.json.encode(identity).decode()


def decode(text: str) -> Identity | None:
    """Return the identity that a JSON text holds, None if it holds none."""
    try:
        return msgspec.json.decode(text, type=Identity)
    except (msgspec.MsgspecError, UnicodeError):
        return None
