"""When a Redis takes no messages."""

from __future__ import annotations

from collections.abc import Mapping

from deskq.brokers.ports import Alarm


def alarm_of(facts: Mapping[str, str]) -> Alarm | None:
    """``facts``: what INFO tells, as text. Events are still published then, but no queue or reply is written."""
    used, limit = int(facts.get("used_memory", 0)), int(facts.get("maxmemory", 0))
    if facts.get("role") == "slave":
        return Alarm("This Redis is a read-only replica and accepts no messages.", "Use the master's address.")
    if 0 < limit <= used and facts.get("maxmemory_policy") == "noeviction":
        return Alarm(
            f"Redis accepts no messages: {_mebibytes(used)} of {_mebibytes(limit)} used. Workers cannot reply, and "
            "no client can send tasks.",
            "Raise maxmemory, drain the queues, or let results expire earlier.",
        )
    return None


def _mebibytes(count: int) -> str:
    return f"{count / (1 << 20):,.1f} MiB"
