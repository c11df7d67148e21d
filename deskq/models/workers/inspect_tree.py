"""What workers answer, as trees and tables."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QStandardItem, QStandardItemModel

from deskq import formats
from deskq.models.table.columns import Column

_MOST_ITEMS: Final = 5_000


@dataclass(frozen=True, slots=True)
class HeldTask:
    """A task that a worker holds: active, reserved or scheduled."""

    uuid: str
    name: str
    args: str
    started: float | None
    eta: str
    pid: int | None


HELD_COLUMNS: Final[tuple[Column[HeldTask], ...]] = (
    Column("name", "Task", "Task name", lambda row: formats.plain(row.name), width=190),
    Column("args", "Arguments", "As shown by the worker", lambda row: formats.plain(row.args[:500]), width=260),
    Column(
        "since",
        "Since",
        "Start time",
        lambda row: formats.relative(row.started) if row.started else "",
        lambda row: row.started,
        width=90,
        exact=lambda row: formats.exact_time(row.started),
    ),
    Column("eta", "ETA", "Earliest time to run it", lambda row: formats.plain(row.eta), width=170),
    Column(
        "pid",
        "Process",
        "Process id of the pool worker",
        lambda r: "" if r.pid is None else str(r.pid),
        numeric=True,
        width=80,
    ),
    Column("uuid", "Id", "Task id", lambda row: formats.plain(row.uuid), mono=True, width=280),
)


def held_tasks(reply: object) -> list[HeldTask]:
    """Read the reply to active, reserved or scheduled; what is not of their form is left out."""
    held: list[HeldTask] = []
    for entry in reply if isinstance(reply, list) else []:
        request = entry.get("request", entry) if isinstance(entry, dict) else None
        if isinstance(request, dict):
            pid = request.get("worker_pid")
            held.append(
                HeldTask(
                    str(request.get("id", "")),
                    str(request.get("name") or request.get("type") or ""),
                    f"{request.get('args', '')} {request.get('kwargs') or ''}".strip(),
                    started_at(request.get("time_start")),
                    str(entry.get("eta") or ""),
                    pid if isinstance(pid, int) else None,
                )
            )
    return held


def started_at(value: object) -> float | None:
    """``time_start`` is absolute in today's Celery and was monotonic before: its size tells."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if value > 1_000_000_000 else time.time() - (time.monotonic() - value)


def tree_model(reply: object) -> QStandardItemModel:
    """Return any JSON-like reply as a tree of names and values."""
    model = QStandardItemModel()
    model.setHorizontalHeaderLabels(["Name", "Value"])
    left = [_MOST_ITEMS]
    if isinstance(reply, dict | list):
        _fill(model.invisibleRootItem(), reply, left)
    else:
        model.appendRow(_cells("", str(reply)))
    return model


def _fill(parent: QStandardItem, value: Mapping[Any, Any] | list[Any], left: list[int]) -> None:
    items = sorted(value.items(), key=lambda item: str(item[0])) if isinstance(value, Mapping) else enumerate(value)
    for key, item in items:
        left[0] -= 1
        if left[0] < 0:
            return
        nested = isinstance(item, dict | list) and bool(item)
        cells = _cells(str(key) if isinstance(value, Mapping) else "", "" if nested else _text(item))
        parent.appendRow(cells)
        if nested:
            if not isinstance(value, Mapping):
                cells[0].setText(formats.plain(_title(item)))
            _fill(cells[0], item, left)


def _title(item: Any) -> str:
    return str(item.get("name", "")) if isinstance(item, dict) else ""


def _text(item: object) -> str:
    return "–" if item is None else str(item)


def _cells(key: str, value: str) -> list[QStandardItem]:
    cells = [QStandardItem(formats.plain(key)), QStandardItem(formats.plain(value))]
    for cell in cells:
        cell.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
    return cells
