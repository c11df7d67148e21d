"""The columns of the task table: what they are called, say, and how they are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from PySide6.QtCore import Qt

from deskq import formats
from deskq.history.reading.task_filter import SORTS
from deskq.history.rows import TaskRow
from deskq.models.table.columns import Column, ExactRole, StateRole
from deskq.protocol.task_states import STATE_WORDS


def _clock(
    key: str, title: str, tip: str, time_of: Callable[[TaskRow], float | None], *, shown: bool = False
) -> Column[TaskRow]:
    return Column(
        key,
        title,
        tip,
        lambda row: formats.clock_time(time_of(row)),
        width=85,
        shown=shown,
        exact=lambda row: formats.exact_time(time_of(row)),
    )


def _text(
    key: str,
    title: str,
    tip: str,
    text_of: Callable[[TaskRow], str],
    width: int = 120,
    *,
    mono: bool = False,
    shown: bool = True,
) -> Column[TaskRow]:
    return Column(
        key,
        title,
        tip,
        lambda row: formats.plain(text_of(row)[:500]),
        width=width,
        mono=mono,
        shown=shown,
        exact=text_of,
    )


def wait_of(row: TaskRow) -> float | None:
    """Seconds from being received by the worker to being started by it."""
    if row.received is None or row.started is None:
        return None
    return max(0.0, row.started - row.received)


def runtime_text(row: TaskRow) -> str:
    """How long it ran, or has been running."""
    if row.runs and row.started is not None:
        ran = formats.elapsed(row.started, ahead=row.ahead)
        return ran if ran == "unknown" else f"{ran} …"
    return formats.runtime(row.runtime, exact=row.runtime_exact)


def _exact_runtime(row: TaskRow) -> str:
    if row.runtime is None:
        return ""
    return f"{row.runtime:.6f} s" if row.runtime_exact else f"≈ {row.runtime:.3f} s (between two events)"


def state_text(row: TaskRow, deeds: Sequence[str] = ()) -> str:
    """The state as a word, with what it hides, and what deskq did about the task."""
    word = STATE_WORDS.get(row.state) or formats.plain(row.state.capitalize())
    notes = list(deeds)
    if row.ran_twice:
        notes.insert(0, "ran again")
    elif row.revoked and row.revoked != "revoked":
        notes.insert(0, "terminated" if row.revoked.startswith("terminated") else formats.plain(row.revoked))
    elif row.state == "RETRY" and row.retries:
        word = f"{word} {row.retries}"
    return f"{word} ({', '.join(notes)})" if notes else word


ATTEMPT_WORDS: Final = {**STATE_WORDS, "REPLACED": "Replaced"}
"""Of one attempt: it may have left the task to another one."""

TASK_COLUMNS: Final[tuple[Column[TaskRow], ...]] = (
    Column("state", "State", "Current or final state", state_text, state=lambda row: row.state, width=165),
    _text("name", "Task", "Task name", lambda row: row.name, 190),
    _text("queue", "Queue", "Queue it was sent to; known from task-sent events only", lambda row: row.queue, 80),
    _text("worker", "Worker", "Last worker that received it", lambda row: row.worker, 120),
    _clock("seen", "Seen", "Time of its first event (this machine's clock)", lambda row: row.seen, shown=True),
    _clock("sent", "Sent", "Time it was sent", lambda row: row.sent),
    _clock("received", "Received", "Time the worker received it", lambda row: row.received),
    _clock("started", "Started", "Time the worker started it", lambda row: row.started),
    _clock(
        "finished",
        "Finished",
        "Time it ended; without an event of the end, the last time known",
        lambda row: row.finished,
    ),
    Column(
        "wait",
        "Wait",
        "Time between the received and the started event",
        lambda row: formats.duration(wait_of(row)),
        numeric=True,
        width=80,
        shown=False,
    ),
    Column(
        "runtime",
        "Runtime",
        "Time it ran. ≈: time between two events; workers report the runtime only on success",
        runtime_text,
        numeric=True,
        width=80,
        exact=_exact_runtime,
    ),
    _text("args", "Arguments", "Positional arguments, as the worker's event shows them", lambda row: row.args, 190),
    _text(
        "kwargs",
        "Keywords",
        "Keyword arguments, as the worker's event shows them",
        lambda row: row.kwargs,
        110,
        shown=False,
    ),
    _text("exception", "Exception", "Exception that made it fail or retry", lambda row: row.exception, 220),
    _text("result", "Result", "Return value, as the worker's event shows it", lambda row: row.result, 140),
    Column(
        "retries",
        "Retries",
        "Retries by Celery",
        lambda r: str(r.retries or ""),
        numeric=True,
        width=60,
        shown=False,
    ),
    Column(
        "deliveries",
        "Deliveries",
        "Times a worker received it",
        lambda row: formats.number(row.deliveries),
        numeric=True,
        width=70,
        shown=False,
    ),
    _clock("eta", "ETA", "Earliest time to run it", lambda row: row.eta),
    _clock("expires", "Expires", "Time after which workers discard it", lambda row: row.expires),
    _text("uuid", "Id", "Task id", lambda row: row.uuid, 130, mono=True, shown=False),
    _text("root_id", "Root", "First task of its canvas", lambda row: row.root_id, 130, mono=True, shown=False),
    _text("parent_id", "Parent", "Task that sent it", lambda row: row.parent, 130, mono=True, shown=False),
)


def header(column: Column[TaskRow], role: int) -> Any:
    """What the header of a column says."""
    if role == Qt.ItemDataRole.DisplayRole:
        return column.title
    if role == Qt.ItemDataRole.ToolTipRole:
        sortable = column.key in SORTS
        return f"{column.tip}\n{'Click to sort.' if sortable else 'Not sortable: no index.'}"
    return column.alignment if role == Qt.ItemDataRole.TextAlignmentRole else None


def cell(column: Column[TaskRow], task: TaskRow, role: int) -> Any:
    """Return what a cell answers for a role."""
    if role == Qt.ItemDataRole.DisplayRole:
        return column.text(task)
    if role == StateRole:
        return column.state(task) if column.state is not None else None
    if role == Qt.ItemDataRole.ToolTipRole:
        return formats.tooltip(column.exact_text(task))
    return column.exact_text(task) if role == ExactRole else None
