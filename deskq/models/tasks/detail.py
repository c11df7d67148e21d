"""All that the detail pane shows of one task, put together in the history's reader thread."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import msgspec
from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtGui import QStandardItem, QStandardItemModel

from deskq.formats import exact_time, plain
from deskq.history.reading.reader import HistoryReader
from deskq.history.rows import TaskRow
from deskq.models.workers.notes import clock_notes
from deskq.protocol import task_record as kinds
from deskq.protocol.reprs import Parsed, parse_repr
from deskq.protocol.task_attempts import Attempt
from deskq.protocol.task_record import MOST_COUNTED
from deskq.protocol.task_summary import TaskSummary, derive
from deskq.protocol.tracebacks import parse_traceback

_MOST_ITEMS: Final = 2_000
_STORED: Final = "no event of the end was seen; the outcome comes from the result backend"
_NOTED: Final = {
    kinds.LOST: "its worker died or stopped while it ran",
    kinds.ENDED: "its worker no longer runs it and sent no event of its end. Either the task was ignored, or its "
    "outcome could not be stored; check the worker's log",
    kinds.UNSEEN: "its worker no longer runs it; it ended while events were lost",
    kinds.EXPIRED: "no worker received it before it expired, and the broker drops expired messages",
    kinds.GONE: "it is no longer waiting anywhere; it ran while events were lost",
    None: "its worker reports that it is running; no event of its start was seen",
}
"""What a recorder noted, by the ending of the attempt; the rest is what the result backend holds."""


@dataclass(frozen=True, slots=True)
class TaskDetail:
    """One task with its attempts, its arguments where they parse, and its relatives.

    ``attempts``: those of the summary, on one clock. ``worker_notes``: what makes the times that its worker told
    doubtful, "" if nothing does.
    """

    row: TaskRow
    summary: TaskSummary
    attempts: list[Attempt]
    args: Parsed | None
    kwargs: Parsed | None
    traceback: str
    raw: str
    related: list[TaskRow] = field(default_factory=list)
    worker_notes: str = ""
    deliveries: str = ""


def read_detail(reader: HistoryReader, uuid: str) -> TaskDetail | None:
    """Return the detail of a task, None if the history has it no longer. Blocking: for the reader thread."""
    row = reader.task_row(uuid)
    record = reader.task(uuid)
    if row is None or record is None:
        return None
    summary = derive(record)
    traceback = ""
    if summary.traceback:
        parsed = parse_traceback(summary.traceback)
        traceback = f"{parsed.own_first()}\n\n{summary.traceback}" if parsed.frames else summary.traceback
    return TaskDetail(
        row,
        summary,
        on_one_clock(summary.attempts, record.clocks),
        parse_repr(summary.args),
        parse_repr(summary.kwargs),
        traceback,
        raw_text(summary),
        reader.relatives.related(uuid),
        next((", ".join(clock_notes(worker)) for worker in reader.workers() if worker.hostname == summary.worker), ""),
        deliveries_text(summary, len(record.more.counted) if record.more is not None else 0),
    )


def on_one_clock(attempts: Sequence[Attempt], clocks: Mapping[str, float]) -> list[Attempt]:
    """Return the attempts with the times of workers whose clocks are wrong as the recorder's clock would tell them.

    ``clocks``: by how many seconds the clocks of workers are ahead. Whose clock a message was sent by is not known: it
    is the worker's own where the message would otherwise be sent after it was received.
    """
    found: list[Attempt] = []
    for attempt in attempts:
        ahead = clocks.get(attempt.worker, 0.0)
        sent, received, started, finished = (
            None if moment is None else moment - ahead
            for moment in (attempt.sent, attempt.received, attempt.started, attempt.finished)
        )
        if attempt.sent is not None and (received is None or attempt.sent <= received):
            sent = attempt.sent
        found.append(replace(attempt, sent=sent, received=received, started=started, finished=finished))
    return found


def noticed_text(summary: TaskSummary) -> str:
    """Return when and why a recorder noted the end of the attempt that counts, "" where an event told of it."""
    if summary.noticed is None:
        return ""
    ending = summary.attempts[summary.counts].ending if summary.attempts else None
    reason = _NOTED.get(ending, _STORED)
    return f"{exact_time(summary.noticed)}, by the recorder's clock: {reason}."


def stages_text(summary: TaskSummary) -> str:
    """Return which tasks took over from one another under the id, "" where one message is all."""
    parts: list[str] = []
    before = None
    for attempt in summary.attempts:
        name = attempt.name or summary.name
        if before is None:
            parts.append(name)
        elif attempt.stage != before.stage:
            parts.append(f", replaced by {name}" if before.replaced else f"; id reused for {name}")
        before = attempt
    return "".join(parts) if len(parts) > 1 else ""


def deliveries_text(summary: TaskSummary, counted: int) -> str:
    """Return how often workers received the task, "" for once; ``counted``: deliveries beyond those that are kept."""
    ran = "A message ran more than once." if summary.ran_twice else ""
    if summary.deliveries < 2 and not ran:
        return ""
    least = " or more" if counted >= MOST_COUNTED else ""
    return f"{summary.deliveries:,}{least}. {ran}".strip(". ")


def raw_text(summary: TaskSummary) -> str:
    """Return the whole record as JSON."""
    return json.dumps(msgspec.to_builtins(summary), indent=2, ensure_ascii=False, default=str)


def task_json(row: TaskRow) -> str:
    """Return a row as JSON, on one line."""
    return json.dumps({**asdict(row), "runtime_exact": row.runtime_exact}, ensure_ascii=False)


def send_task_text(row: TaskRow) -> str:
    """Return the call that would send the task anew; arguments that are not known for certain are marked."""
    args, kwargs = parse_repr(row.args or "()"), parse_repr(row.kwargs or "{}")
    parts = [repr(row.name)]
    certain = args is not None and kwargs is not None and not args.cut and not kwargs.cut
    parts.append(f"args={row.args or '()'}")
    parts.append(f"kwargs={row.kwargs or '{}'}")
    if row.queue:
        parts.append(f"queue={row.queue!r}")
    call = f"app.send_task({', '.join(parts)})"
    return call if certain else f"# arguments were cut or masked by the worker: complete them\n{call}"


def arguments_model(detail: TaskDetail) -> QStandardItemModel:
    """Return a tree of the arguments; what does not parse stands there as it came."""
    model = QStandardItemModel()
    model.setHorizontalHeaderLabels(["Argument", "Value"])
    left = [_MOST_ITEMS]
    for title, text, parsed in (
        ("args", detail.summary.args, detail.args),
        ("kwargs", detail.summary.kwargs, detail.kwargs),
    ):
        if parsed is None:
            model.appendRow(_pair(title, text or "unknown"))
        else:
            note = "cut by the worker" if parsed.cut else ""
            _add(model.invisibleRootItem(), title, parsed.value, left, note)
    return model


def _add(parent: QStandardItem, key: str, value: Any, left: list[int], note: str = "") -> None:
    left[0] -= 1
    if left[0] < 0:
        return
    children: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        children = [(repr(name) if not isinstance(name, str) else name, item) for name, item in value.items()]
        text = f"{len(value)} keys" if len(value) != 1 else "1 key"
    elif isinstance(value, list | tuple | set | frozenset):
        children = [(str(number), item) for number, item in enumerate(value)]
        text = f"{len(value)} items" if len(value) != 1 else "1 item"
    else:
        text = "…" if value is Ellipsis else repr(value)
    cells = _pair(key, f"{text} · {note}" if note else text)
    parent.appendRow(cells)
    for name, item in children:
        _add(cells[0], name, item, left)


def _pair(key: str, value: str) -> list[QStandardItem]:
    cells = [QStandardItem(plain(key)), QStandardItem(plain(value))]
    for cell in cells:
        cell.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
    return cells
