"""Checks on Redis and Valkey, on plain values: memory, eviction, the visibility timeout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from deskq.doctor.finding import Finding

_NEAR: Final = 0.8
_FULL: Final = 0.95


def eviction(policy: str, limit: int) -> list[Finding]:
    """``policy``: ``maxmemory-policy``; ``limit``: ``maxmemory`` in bytes, 0 = none."""
    if not policy:
        return []
    if policy == "noeviction":
        return [Finding("eviction", "ok", "Redis evicts nothing", "maxmemory-policy is noeviction.")]
    if policy.startswith("volatile"):
        what = "results may be dropped before they expire"
    else:
        what = "queues may be dropped with all their messages"
    return [
        Finding(
            "eviction",
            "warning" if limit and not policy.startswith("volatile") else "advice",
            "Redis may evict what Celery needs",
            f"maxmemory-policy is {policy}: {what}" + ("." if limit else " as soon as a maxmemory is set."),
            "Let Redis refuse new messages instead of dropping old ones.",
            "CONFIG SET maxmemory-policy noeviction",
        )
    ]


def memory(used: int, limit: int) -> list[Finding]:
    """Bytes in use against ``maxmemory``."""
    if limit <= 0:
        return []
    share = used / limit
    evidence = f"{_size(used)} of {_size(limit)} used ({share:.0%})."
    if share < _NEAR:
        return [Finding("memory", "ok", "Redis has free memory", evidence)]
    return [
        Finding(
            "memory",
            "error" if share >= _FULL else "warning",
            "Redis is near its memory limit",
            evidence,
            "Raise maxmemory, drain the queues, or let results expire earlier; a full Redis refuses new tasks.",
            f"CONFIG SET maxmemory {_size(limit * 2, exact=True)}",
        )
    ]


def visibility(
    timeouts: Mapping[str, float], etas: Sequence[float], now: float, seen: tuple[int, int] = (0, 0)
) -> list[Finding]:
    """``timeouts``: ``visibility_timeout`` in s by who has it; ``etas``: epoch seconds of tasks held by workers.

    An idle worker gives what is unacknowledged for longer than its *own* timeout back to the queue, whoever holds it
    (kombu/transport/redis.py, QoS.restore_visible): an ETA beyond it means duplicates by design. ``seen``: how many of
    the messages that workers hold were looked at, and how many there are.
    """
    if not timeouts:
        return []
    found: list[Finding] = []
    least = min(timeouts.values())
    partly = f"{seen[0]:,} of the {seen[1]:,} messages held by workers were checked. " if seen[0] < seen[1] else ""
    if len(set(timeouts.values())) > 1:
        shortest = min(timeouts, key=lambda name: timeouts[name])
        longest = max(timeouts.values())
        found.append(
            Finding(
                "visibility",
                "warning",
                "Workers differ in their visibility timeout",
                f"{shortest} uses {least:.0f} s, others up to {longest:.0f} s: it redelivers tasks that other "
                "workers still hold.",
                "Set the same value for all of them.",
                _setting(longest),
            )
        )
    far = sorted(eta for eta in etas if eta - now > least)
    if far:
        when = datetime.fromtimestamp(far[-1]).astimezone().strftime("%Y-%m-%d %H:%M")
        found.append(
            Finding(
                "visibility",
                "warning",
                f"{'At least ' if partly else ''}{len(far):,} {'task waits' if len(far) == 1 else 'tasks wait'} longer "
                "than the visibility timeout",
                f"{partly}The last is due at {when}; the timeout is {least:.0f} s. Each is redelivered every "
                f"{least:.0f} s and will run once per delivery when it is due.",
                "Raise the timeout above the longest ETA in all workers and clients, or use a schedule for these "
                "tasks.",
                _setting(max(far[-1] - now, least) * 1.25),
            )
        )
    if found:
        return found
    ahead = [eta for eta in etas if eta > now]
    furthest = f", the last is due in {max(ahead) - now:.0f} s" if ahead else ""
    if partly:
        return [
            Finding(
                "visibility",
                "advice",
                "Not all ETAs were compared with the visibility timeout",
                f"{partly}Of those, {_waiting(len(ahead))}{furthest}; the timeout is {least:.0f} s.",
                "Check again when workers hold fewer messages, or keep the timeout above the longest ETA in use.",
            )
        ]
    return [
        Finding(
            "visibility",
            "ok",
            "No ETA beyond the visibility timeout",
            f"{_waiting(len(ahead))}{furthest}; the timeout is {least:.0f} s.",
        )
    ]


def _waiting(number: int) -> str:
    return "1 ETA task waits" if number == 1 else f"{number:,} ETA tasks wait" if number else "No ETA task waits"


def _setting(seconds: float) -> str:
    hours = int(-(-seconds // 3_600))
    return f'broker_transport_options = {{"visibility_timeout": {hours * 3_600}}}'


def _size(count: int, *, exact: bool = False) -> str:
    """In MiB as Redis writes it, "512mb", or for people."""
    megabytes = count / (1 << 20)
    return f"{-(-count // (1 << 20))}mb" if exact else f"{megabytes:,.1f} MiB"
