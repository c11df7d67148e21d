"""Checks on RabbitMQ, on plain values: its management API, and event queues that it refuses."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from deskq.brokers.rabbitmq.delayed import CONSUMER_TIMEOUT
from deskq.doctor.connection.workers import some
from deskq.doctor.finding import Finding
from deskq.doctor.versions import is_older, numbers

REFUSES_TRANSIENT: Final = (4, 3)
EXCLUSIVE_SINCE: Final = (5, 7)
TRANSIENT: Final = "transient_nonexcl_queues"
"""The name of the deprecated feature of RabbitMQ that Celery's event and control queues rest on before 5.7."""
_ENABLE: Final = "rabbitmq-plugins enable rabbitmq_management"


def management(problem: str, unmeasured: str = "") -> list[Finding]:
    """``problem``: why there is no management API, ``unmeasured``: why it has no figures or no rates; "" if it has."""
    if not problem and unmeasured:
        return [
            Finding(
                "management",
                "advice",
                "The management API has no rates",
                unmeasured,
                "Enable rates if you need them, or let clients send task-sent events, which deskq counts.",
                "task_send_sent_event = True",
            )
        ]
    if not problem:
        return [Finding("management", "ok", "The management API responds", "Rates, bindings and queues are known.")]
    return [
        Finding(
            "management",
            "advice",
            "No management API",
            "Without it deskq sees only queues that it knows by name, and no rates or bindings.",
            problem,
            _ENABLE if "rabbitmq_management" in problem else "",
        )
    ]


def consumer_timeout(etas: Sequence[float] | None, now: float) -> list[Finding]:
    """``etas``: epoch seconds of ETA tasks that workers hold; None: nobody was asked."""
    if etas is None:
        return []
    limit = f"{CONSUMER_TIMEOUT / 60:.0f} min"
    far = [eta for eta in etas if eta - now > CONSUMER_TIMEOUT]
    if not far:
        held = (
            f"{len(etas):,} ETA task{'' if len(etas) == 1 else 's'} held by workers; none is due in more than {limit}."
        )
        return [Finding("consumer-timeout", "ok", "No ETA beyond RabbitMQ's consumer timeout", held)]
    return [
        Finding(
            "consumer-timeout",
            "warning",
            f"{len(far):,} {'task is' if len(far) == 1 else 'tasks are'} held for longer than RabbitMQ allows",
            f"The last is due in {max(far) - now:,.0f} s. RabbitMQ closes the channel of a worker that holds a "
            f"message longer than consumer_timeout ({limit} by default): the worker stops, and so does the next one "
            "that receives the message.",
            "Raise it above the longest ETA in rabbitmq.conf (milliseconds), use a schedule for such tasks, or "
            "quorum queues on a topic exchange, where RabbitMQ delays them itself.",
            f"consumer_timeout = {math.ceil((max(far) - now) / 3_600 + 1) * 3_600_000}",
        )
    ]


def event_queues(
    version: str, denied: bool | None, workers: Mapping[str, str], answering: Collection[str]
) -> list[Finding]:
    """``denied``: does RabbitMQ refuse transient queues by default? None: it does not say, so its version decides.

    ``workers``: Celery's version by worker. Old ones cannot declare their queues for control and events there; one
    that is ``answering`` could, so its RabbitMQ permits them by its configuration.
    """
    refuses = denied if denied is not None else bool(numbers(version)) and not is_older(version, REFUSES_TRANSIENT)
    old = sorted(name for name, celery in workers.items() if is_older(celery, EXCLUSIVE_SINCE))
    if not refuses or set(old) & set(answering):
        return [Finding("event-queues", "ok", "Celery's own queues are allowed", f"RabbitMQ {version}".strip())]
    setting = f"deprecated_features.permit.{TRANSIENT} = true"
    if old:
        return [
            Finding(
                "event-queues",
                "error",
                f"RabbitMQ {version} refuses the event and control queues of {some(old)}",
                f"Celery {min(workers[name] for name in old)} uses transient, non-exclusive queues.",
                "Upgrade Celery to 5.7, or permit such queues in rabbitmq.conf.",
                setting,
            )
        ]
    if workers:
        return [
            Finding("event-queues", "ok", "Celery's own queues are exclusive", f"Celery 5.7: {some(sorted(workers))}")
        ]
    return [
        Finding(
            "event-queues",
            "advice",
            f"RabbitMQ {version} refuses transient queues",
            "Workers before Celery 5.7 cannot declare their event and control queues there: no event arrives.",
            "Run Celery 5.7 or later, or permit such queues in rabbitmq.conf.",
            setting,
        )
    ]
