"""The columns of the task table: what they are called, say, and how they are written."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from deskq.history.rows import TaskRow
from deskq.models import formats
from deskq.models.columns import Column


def _clock(time_of: Callable[[TaskRow], float | None]) -> dict[str, Callable[[TaskRow], str]]:
    return {
        "text": lambda row: formats.clock_time(time_of(row)),
        "exact": lambda row: formats.exact_time(time_of(row)),
    }


def _short(text_of: Callable[[TaskRow], str]) -> dict[str, Callable[[TaskRow], str]]:
    return {"text": lambda row: formats.plain(text_of(row)[:500]), "exact": text_of}


def wait_of(row: TaskRow) -> float | None:
    """Seconds from being received by the worker to being started by it."""
    if row.received is None or row.started is None:
        return None
    return max(0.0, row.started - row.received)


def runtime_text(row: TaskRow) -> str:
    """How long it ran, or has been running."""
    if row.state == "STARTED" and row.started is not None:
        return f"{formats.duration(max(0.0, time.time() - row.started))} …"
    return formats.duration(row.runtime)


def state_text(row: TaskRow) -> str:
    """The state as a word, with what it hides."""
    word = STATE_WORDS.get(row.state, row.state.capitalize())
    if row.ran_twice:
        return f"{word} (ran twice)"
    if row.revoked and row.revoked != "revoked":
        return f"{word} ({row.revoked.split()[0]})"
    if row.state == "RETRY" and row.retries:
        return f"{word} {row.retries}"
    return word


STATE_WORDS: Final = {
    "SENT": "Sent",
    "RECEIVED": "Waiting",
    "STARTED": "Running",
    "SUCCESS": "Success",
    "FAILURE": "Failed",
    "RETRY": "Retry",
    "REJECTED": "Rejected",
    "REVOKED": "Revoked",
    "LOST": "Lost",
    "IGNORED": "Ignored",
    "UNSEEN": "End not seen",
}

TASK_COLUMNS: Final[tuple[Column[TaskRow], ...]] = (
    Column("state", "State", "What became of it", state_text, state=lambda row: row.state, width=110),
    Column("name", "Task", "The task's name", width=220, **_short(lambda row: row.name)),
    Column("queue", "Queue", "The queue it was sent to (only task-sent tells)", width=90, **_short(lambda r: r.queue)),
    Column("worker", "Worker", "The worker that had it last", width=120, **_short(lambda row: row.worker)),
    Column(
        "seen", "Seen", "When deskq first heard of it, by this machine's clock", **_clock(lambda r: r.seen), width=90
    ),
    Column("sent", "Sent", "When it was sent", **_clock(lambda row: row.sent), width=90, shown=False),
    Column(
        "received", "Received", "When the worker received it", **_clock(lambda r: r.received), width=90, shown=False
    ),
    Column(
        "started", "Started", "When the worker started it", **_clock(lambda row: row.started), width=90, shown=False
    ),
    Column("finished", "Finished", "When it ended", **_clock(lambda row: row.finished), width=90, shown=False),
    Column(
        "wait",
        "Wait",
        "From being received to being started",
        lambda row: formats.duration(wait_of(row)),
        numeric=True,
        width=80,
        shown=False,
    ),
    Column(
        "runtime",
        "Runtime",
        "How long it ran",
        runtime_text,
        numeric=True,
        width=90,
        exact=lambda row: "" if row.runtime is None else f"{row.runtime:.6f} s",
    ),
    Column(
        "args", "Arguments", "Positional arguments, as the worker wrote them", width=200, **_short(lambda r: r.args)
    ),
    Column(
        "kwargs", "Keywords", "Keyword arguments, as the worker wrote them", width=140, **_short(lambda r: r.kwargs)
    ),
    Column("result", "Result", "What it returned, as the worker wrote it", width=140, **_short(lambda row: row.result)),
    Column("exception", "Exception", "Why it failed", width=220, **_short(lambda row: row.exception)),
    Column(
        "retries", "Retries", "How often it was retried", lambda r: formats.number(r.retries), numeric=True, width=60
    ),
    Column(
        "deliveries",
        "Deliveries",
        "How often a worker received it",
        lambda row: formats.number(row.deliveries),
        numeric=True,
        width=70,
        shown=False,
    ),
    Column("eta", "ETA", "Not before", **_clock(lambda row: row.eta), width=90, shown=False),
    Column("expires", "Expires", "Not after", **_clock(lambda row: row.expires), width=90, shown=False),
    Column("uuid", "Id", "The task's id", lambda row: formats.plain(row.uuid), mono=True, width=130, shown=False),
    Column("root_id", "Root", "First task of its canvas", lambda r: formats.plain(r.root_id), mono=True, shown=False),
    Column(
        "parent_id", "Parent", "The task that sent it", lambda r: formats.plain(r.parent_id), mono=True, shown=False
    ),
)
