"""Tasks as they are dragged and dropped: by profile and id, never by row.

A task that was never in sight has not been read: it travels by its number in the profile's history.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QMimeData, QModelIndex, QPersistentModelIndex, QStringListModel, Qt

MIME: Final = "application/x-deskq-tasks"
_MOST_BYTES: Final = 64 * 1024 * 1024


class DraggableRows(QAbstractTableModel):
    """A table whose rows can be dragged away; nothing is dropped on it."""

    def flags(self, index: QModelIndex | QPersistentModelIndex) -> Qt.ItemFlag:
        flags = super().flags(index)
        return flags | Qt.ItemFlag.ItemIsDragEnabled if index.isValid() else flags


def made_by_qt() -> QMimeData:
    """Return an empty QMimeData that may lie on the clipboard when the program ends.

    Qt destroys it after Python has ended. One that Python made would then call into Python, and crash.
    """
    model = QStringListModel([""])
    found = model.mimeData([model.index(0)])
    found.clear()
    return found


def mime_of(profile: str, tasks: Sequence[str | int]) -> QMimeData:
    """Return tasks as they travel, with the ids that are known as text for every other program."""
    found = made_by_qt()
    found.setData(MIME, json.dumps({"profile": profile, "tasks": list(tasks)}).encode())
    found.setText("\n".join(task for task in tasks if isinstance(task, str)))
    return found


def tasks_in(data: QMimeData) -> tuple[str, list[str | int]] | None:
    """Return the profile and the tasks that are dragged, None if it is something else."""
    raw = bytes(data.data(MIME).data())
    if not raw or len(raw) > _MOST_BYTES:
        return None
    try:
        found: Any = json.loads(raw)
        profile, tasks = found["profile"], found["tasks"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(profile, str) or not isinstance(tasks, list):
        return None
    if not all(
        isinstance(task, str | int) and not isinstance(task, bool) and abs(_number(task)) < 2**53 for task in tasks
    ):
        return None
    return profile, tasks


def _number(task: str | int) -> int:
    return task if isinstance(task, int) else 0
