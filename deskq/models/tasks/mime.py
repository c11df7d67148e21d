"""Tasks as they are dragged and dropped: by profile and id, never by row.

A task that was never in sight has not been read: it travels by its number in the profile's history.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QAbstractTableModel, QMimeData, QModelIndex, QPersistentModelIndex, Qt

from deskq.models.json_mime import json_in, json_mime

MIME: Final = "application/x-deskq-tasks"


class DraggableRows(QAbstractTableModel):
    """A table whose rows can be dragged away; nothing is dropped on it."""

    def flags(self, index: QModelIndex | QPersistentModelIndex) -> Qt.ItemFlag:
        flags = super().flags(index)
        return flags | Qt.ItemFlag.ItemIsDragEnabled if index.isValid() else flags


def mime_of(profile: str, tasks: Sequence[str | int]) -> QMimeData:
    """Return tasks as they travel, with the ids that are known as text for every other program."""
    text = "\n".join(task for task in tasks if isinstance(task, str))
    return json_mime(MIME, {"profile": profile, "tasks": list(tasks)}, text)


def tasks_in(data: QMimeData) -> tuple[str, list[str | int]] | None:
    """Return the profile and the tasks that are dragged, None if it is something else."""
    found = json_in(data, MIME)
    if not isinstance(found, dict):
        return None
    profile, tasks = found.get("profile"), found.get("tasks")
    if not isinstance(profile, str) or not isinstance(tasks, list):
        return None
    if not all(
        isinstance(task, str | int) and not isinstance(task, bool) and abs(_number(task)) < 2**53 for task in tasks
    ):
        return None
    return profile, tasks


def _number(task: str | int) -> int:
    return task if isinstance(task, int) else 0
