"""Tasks as they are dragged, copied and dropped: by profile and id, never by row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QMimeData, QModelIndex, QPersistentModelIndex, Qt

MIME: Final = "application/x-deskq-tasks"
_MOST_BYTES: Final = 64 * 1024 * 1024


class DraggableRows(QAbstractTableModel):
    """A table whose rows can be dragged away; nothing is dropped on it."""

    def flags(self, index: QModelIndex | QPersistentModelIndex) -> Qt.ItemFlag:
        flags = super().flags(index)
        return flags | Qt.ItemFlag.ItemIsDragEnabled if index.isValid() else flags


def mime_of(profile: str, uuids: Sequence[str]) -> QMimeData:
    """Return tasks as they travel, with their ids as text for every other program."""
    found = QMimeData()
    found.setData(MIME, json.dumps({"profile": profile, "tasks": list(uuids)}).encode())
    found.setText("\n".join(uuids))
    return found


def tasks_in(data: QMimeData) -> tuple[str, list[str]] | None:
    """Return the profile and the ids of dragged or copied tasks, None if it is something else."""
    raw = bytes(data.data(MIME).data())
    if not raw or len(raw) > _MOST_BYTES:
        return None
    try:
        found: Any = json.loads(raw)
        profile, uuids = found["profile"], found["tasks"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(profile, str) or not isinstance(uuids, list) or not all(isinstance(one, str) for one in uuids):
        return None
    return profile, uuids
