"""The columns of the Queues view."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Final

from deskq import formats
from deskq.actions.journal.pauses import Pause
from deskq.brokers.ports import Binding
from deskq.history.rows import STREAM, QueueRow
from deskq.models.table.columns import Column
from deskq.profiles import Profile

Paused = Callable[[str], Pause | None]


_OBEYS_SECONDS: Final = 0.5
"""A worker leaves a queue a moment after it confirmed that; what it said before then is outdated."""


def _state(row: QueueRow, pause: Pause | None) -> str:
    if pause is not None:
        who = f" by {formats.plain(pause.person)}" if pause.person else ""
        return f"paused{who} since {formats.clock_time(pause.at)}{_still_consumed(row, pause)}"
    if not row.exists:
        return "does not exist"
    if row.kind == STREAM:
        return "a stream, not a task queue"
    if row.no_consumer:
        return "no consumer"
    return "consumed" if row.consumers or row.workers else "unknown"


def _still_consumed(row: QueueRow, pause: Pause) -> str:
    """Only what workers said after they had confirmed the pause tells of others that go on with the queue."""
    if row.consumers == 0 or row.told is None or row.told < pause.confirmed + _OBEYS_SECONDS:
        return ""
    return f"; still consumed by {formats.plain(', '.join(row.workers))}"


def _group(row: QueueRow, pause: Pause | None) -> str:
    if pause is not None:
        return "retry"
    return "failure" if row.no_consumer else "success" if row.exists and (row.consumers or row.workers) else "waiting"


def consumer_count(row: QueueRow) -> str:
    """How many consume it, as far as is known."""
    if row.consumers is None and row.workers:
        return f"≥ {formats.number(len(row.workers))}"
    return formats.number(row.consumers)


def consumers(row: QueueRow) -> str:
    """Who consumes it, as far as is known."""
    if row.no_consumer:
        return "no worker"
    names = ", ".join(formats.plain(name) for name in row.workers)
    more = (row.consumers or 0) - len(row.workers)
    if not names:
        return formats.count(more, "consumer") if more > 0 else "unknown"
    if row.consumers is None:
        return f"{names} (others unknown)"
    return f"{names} and {more:,} more" if more > 0 else names


def priorities(row: QueueRow) -> str:
    if not row.priorities or set(row.priorities) == {0}:
        return f"{formats.number(row.ready)} ready"
    return "\n".join(f"priority {step}: {formats.number(n)}" for step, n in sorted(row.priorities.items()))


def _flow(rate: float | None) -> str:
    return formats.NONE if rate is None else f"{formats.rate(rate)}/s"


_NO_RATE: Final = "Redis: from task-sent events (task_send_sent_event). RabbitMQ: from the management API."


def never_filled(profile: Profile) -> frozenset[str]:
    """Return the keys of the columns for which its broker has no figures, whatever happens there."""
    transport = profile.transport
    figures = {"delayed": transport.has_delayed_delivery, "unacked": transport.tells_unacked}
    return frozenset(key for key, there in figures.items() if profile.has_broker and not there)


def queue_columns(paused: Paused, never: Collection[str] = ()) -> tuple[Column[QueueRow], ...]:
    """Return the columns; ``paused`` tells of a queue's name whether deskq paused it.

    Those that are ``never`` filled are hidden until somebody shows them.
    """
    return tuple(replace(column, shown=column.key not in never) for column in _columns(paused))


def _columns(paused: Paused) -> tuple[Column[QueueRow], ...]:
    return (
        Column("name", "Name", "Queue name", lambda row: formats.plain(row.name), width=170),
        Column(
            "ready",
            "Ready",
            "Messages ready for delivery, and the trend over 10 min",
            lambda row: formats.number(row.ready),
            lambda row: row.ready,
            numeric=True,
            width=170,
            exact=priorities,
            spark=lambda row: row.spark or (None,),
        ),
        Column(
            "unacked",
            "Unacked",
            "Messages delivered but not acknowledged yet",
            lambda r: formats.number(r.unacked),
            lambda r: r.unacked,
            True,
            width=80,
        ),
        Column(
            "delayed",
            "Delayed",
            "Tasks RabbitMQ holds for the queue until they are due (delayed delivery), from task-sent events",
            lambda r: formats.number(r.delayed),
            lambda r: r.delayed,
            True,
            width=80,
        ),
        Column(
            "consumers",
            "Consumers",
            "Number of consumers. ≥: not all workers have reported their queues",
            consumer_count,
            lambda r: len(r.workers) if r.consumers is None and r.workers else r.consumers,
            True,
            width=90,
        ),
        Column(
            "in",
            "In",
            f"Messages published per second. {_NO_RATE}",
            lambda row: _flow(row.in_rate),
            lambda row: row.in_rate,
            True,
            width=80,
        ),
        Column(
            "out",
            "Out",
            f"Messages delivered per second. {_NO_RATE}",
            lambda row: _flow(row.out_rate),
            lambda r: r.out_rate,
            True,
            width=80,
        ),
        Column(
            "oldest",
            "Oldest",
            "Age of the oldest message, from task-sent events",
            lambda row: formats.NONE if row.oldest is None else formats.elapsed(row.oldest),
            lambda row: row.oldest,
            numeric=True,
            width=110,
        ),
        Column(
            "state",
            "State",
            "Whether the queue exists and has a consumer",
            lambda row: _state(row, paused(row.name)),
            width=220,
            state=lambda row: _group(row, paused(row.name)),
        ),
    )


BINDING_COLUMNS: Final[tuple[Column[Binding], ...]] = (
    Column(
        "exchange", "Exchange", "Exchange the queue is bound to", lambda row: formats.plain(row.exchange) or "(default)"
    ),
    Column("key", "Routing key", "Routing key of the binding", lambda row: formats.plain(row.routing_key), width=160),
)
