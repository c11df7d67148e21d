"""The table of tasks, from which they are dragged and copied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import (
    QPoint,
    Qt,
)
from PySide6.QtGui import QDrag, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QApplication

from deskq.formats import count
from deskq.models.table.columns import Column
from deskq.models.tasks.mime import mime_of
from deskq.views.widgets.tables import Table
from deskq.views.widgets.task_drop import drag_picture


class TaskTable(Table):
    """A table of tasks of one profile whose selected rows can be dragged away."""

    def __init__(self, name: str, columns: tuple[Column[Any], ...], profile: str) -> None:
        super().__init__(name, columns)
        self._profile = profile
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)

    def selected_tasks(self) -> list[str | int]:
        """Return the selected tasks from the top: ids, and numbers in the history of those that were not read yet."""
        model: Any = self.model()
        found: list[str | int] = []
        for line in self.selected_lines():
            row = model.task_at(line)
            found.append(row.uuid if row is not None else model.id_at(line))
        return found

    def keyPressEvent(self, event: QKeyEvent) -> None:
        super().keyPressEvent(event)
        if event.matches(QKeySequence.StandardKey.Copy) and len(self.selected_lines()) == 1:
            self.copy_with(QApplication.clipboard().text(), self.selected_tasks())

    def copy_with(self, text: str, tasks: Sequence[str | int]) -> None:
        """Put text on the clipboard, and these tasks with it: they can be pasted onto a queue."""
        data = mime_of(self._profile, tasks)
        data.setText(text)
        QApplication.clipboard().setMimeData(data)

    def startDrag(self, actions: Qt.DropAction) -> None:
        tasks = self.selected_tasks()
        if tasks:
            drag = QDrag(self)
            drag.setMimeData(mime_of(self._profile, tasks))
            picture = drag_picture(count(len(tasks), "task"), self)
            drag.setPixmap(picture)
            drag.setHotSpot(QPoint(-12, -8))
            drag.exec(Qt.DropAction.CopyAction)
