"""Checks on queues, on plain values: who consumes them, and what leads to them."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence

from deskq.doctor.connection.workers import some
from deskq.doctor.finding import Finding


def without_consumer(ready: Mapping[str, int | None], consumers: Mapping[str, int | None]) -> list[Finding]:
    """``ready``: messages by queue; ``consumers``: by queue, None = not known."""
    known = {name: count for name, count in consumers.items() if count is not None}
    found = [
        Finding(
            "no-consumer",
            "warning",
            f"No worker consumes “{name}”",
            f"{ready[name]:,} {'message' if ready[name] == 1 else 'messages'} ready, and no worker consumes it.",
            "Start a worker for it, add a consumer, or purge it.",
            f"celery worker --queues={shlex.quote(name)}",
        )
        for name, count in sorted(known.items())
        if count == 0 and ready.get(name)
    ]
    if found or not known:
        return found
    waiting = sum(ready.get(name) or 0 for name in known)
    return [
        Finding(
            "no-consumer",
            "ok",
            "All queues with messages have a consumer",
            f"{waiting:,} ready; checked: {some(sorted(known))}.",
        )
    ]


def streams(ready: Mapping[str, int | None], names: Collection[str]) -> list[Finding]:
    """Queues of the type stream: what they keep was perhaps read long ago, and nobody takes it away."""
    return [
        Finding(
            "stream",
            "advice",
            f"“{name}” is a stream, not a task queue",
            f"It keeps {ready.get(name) or 0:,} messages even after they are read: Celery workers remove no "
            "messages from a stream, and it cannot be purged.",
            "Remove it from the queues of the profile and of the workers; x-max-age or x-max-length-bytes limits "
            "what it keeps.",
        )
        for name in sorted(names)
    ]


def waiting_alone(ready: Mapping[str, int | None]) -> list[Finding]:
    """Queues with messages where no worker answers and none is heard; Redis itself knows no consumers."""
    return [
        Finding(
            "no-consumer",
            "warning",
            f"“{name}” has waiting messages, and no worker is online",
            f"{count:,} {'message' if count == 1 else 'messages'} ready; no worker replied or sent a heartbeat.",
            "Start a worker for it, or purge it. If one is running, see “Workers reply” above.",
            f"celery worker --queues={shlex.quote(name)}",
        )
        for name, count in sorted(ready.items())
        if count
    ] or [
        Finding(
            "no-consumer",
            "ok",
            "No messages waiting without a worker",
            f"Checked {some(sorted(ready))}." if ready else "There are no queues.",
        )
    ]


def unreachable(
    consumed: Mapping[str, Sequence[str]], missing: Collection[str], bound: Collection[str] | None
) -> list[Finding]:
    """``consumed``: queues by worker; ``missing``: queues that do not exist; ``bound``: those that a binding leads to.

    ``bound`` is None where the broker does not tell its bindings.
    """
    found: list[Finding] = []
    looked = 0
    for worker, queues in sorted(consumed.items()):
        for name in queues:
            looked += 1
            if name in missing:
                found.append(
                    Finding(
                        "no-queue",
                        "warning",
                        f"{worker} consumes “{name}”, which does not exist",
                        "The broker has no queue with this name: it was deleted while the worker was consuming it.",
                        "Restart the worker: it declares the queue again.",
                    )
                )
            elif bound is not None and name not in bound:
                found.append(
                    Finding(
                        "no-queue",
                        "advice",
                        f"“{name}”, consumed by {worker}, has no binding",
                        "No exchange is bound to the queue: only messages sent directly to its name arrive.",
                        "If it has an exchange in task_queues, restart the worker, which declares the binding again.",
                    )
                )
    if found or not looked:
        return found
    return [
        Finding(
            "no-queue",
            "ok",
            "All consumed queues exist",
            some(sorted({name for queues in consumed.values() for name in queues})),
        )
    ]
