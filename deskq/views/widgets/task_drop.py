"""Dropping tasks onto a queue, and the picture of what is dragged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QDropEvent, QKeyEvent, QKeySequence, QPainter, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QApplication, QTreeView, QWidget

from deskq.models.tasks.mime import tasks_in
from deskq.views.widgets import theme

Judge = Callable[[str, int, str, str], tuple[bool, str]]


_UNFOLD_MS: Final = 600


def drag_picture(text: str, widget: QWidget) -> QPixmap:
    """Return a label that says what is dragged."""
    metrics = widget.fontMetrics()
    size = QSize(metrics.horizontalAdvance(text) + 2 * theme.GAP_M, metrics.height() + theme.GAP)
    ratio = widget.devicePixelRatioF()
    picture = QPixmap(size * ratio)
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    palette = QApplication.palette()
    painter.setBrush(palette.highlight())
    painter.setPen(palette.mid().color())
    painter.drawRoundedRect(QRect(QPoint(0, 0), size).adjusted(0, 0, -1, -1), 4, 4)
    painter.setPen(palette.highlightedText().color())
    painter.drawText(QRect(QPoint(0, 0), size), Qt.AlignmentFlag.AlignCenter, text)
    painter.end()
    return picture


class TaskDrop(QObject):
    """Lets tasks be dropped on the queues that a view shows. Installed on the viewport of the view.

    ``place`` tells which (profile, queue) a row stands for, None if none; ``judge`` (profile of the tasks, how many,
    profile, queue) whether they may be dropped there, and a line that says what would happen. ``hovered`` carries that
    line, "" when the drag has left; ``dropped``: profile of the tasks, their ids, profile, queue.
    """

    hovered = Signal(str)
    dropped = Signal(str, list, str, str)

    def __init__(self, view: QAbstractItemView, place: Callable[[QModelIndex], tuple[str, str] | None]) -> None:
        super().__init__(view)
        self._view = view
        self._place = place
        self.judge: Judge = lambda *_: (False, "")
        view.setAcceptDrops(True)
        view.viewport().setAcceptDrops(True)
        view.viewport().installEventFilter(self)
        view.installEventFilter(self)
        self._unfold = QTimer(self, singleShot=True, interval=_UNFOLD_MS)
        self._unfold.timeout.connect(self._expand)
        self._under = QPersistentModelIndex()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent):
            return (
                event.type() == QEvent.Type.KeyPress and event.matches(QKeySequence.StandardKey.Paste) and self.paste()
            )
        if isinstance(event, QDropEvent) and event.type() in (QEvent.Type.DragMove, QEvent.Type.DragEnter):
            self._hover(event)
            return True
        if isinstance(event, QDropEvent) and event.type() == QEvent.Type.Drop:
            self._drop(event)
            return True
        if event.type() == QEvent.Type.DragLeave:
            self._unfold.stop()
            self.hovered.emit("")
            return True
        return super().eventFilter(watched, event)

    def paste(self) -> bool:
        """Take copied tasks as if they were dropped on the current queue; False if there are none, or no queue."""
        tasks = tasks_in(QApplication.clipboard().mimeData())
        index = self._view.currentIndex()
        place = self._place(index) if index.isValid() else None
        if tasks is None or place is None:
            return False
        allowed, line = self.judge(tasks[0], len(tasks[1]), *place)
        self.hovered.emit(line)
        if allowed:
            self.dropped.emit(tasks[0], tasks[1], *place)
        return True

    def _found(self, event: QDropEvent) -> tuple[str, list[str | int], str, str, bool, str] | None:
        tasks = tasks_in(event.mimeData())
        index = self._view.indexAt(event.position().toPoint())
        place = self._place(index) if index.isValid() else None
        if tasks is None or place is None:
            return None
        return (*tasks, *place, *self.judge(tasks[0], len(tasks[1]), *place))

    def _hover(self, event: QDropEvent) -> None:
        found = self._found(event)
        index = QPersistentModelIndex(self._view.indexAt(event.position().toPoint()))
        if index != self._under:
            self._under = index
            self._unfold.start()
        self.hovered.emit(found[5] if found is not None else "")
        if found is not None and found[4]:
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
        elif event.type() == QEvent.Type.DragEnter and tasks_in(event.mimeData()) is not None:
            event.accept()  # else Qt would ask no more on its way over the view
        else:
            event.ignore()

    def _drop(self, event: QDropEvent) -> None:
        found = self._found(event)
        self._unfold.stop()
        self.hovered.emit("")
        if found is not None and found[4]:
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            self.dropped.emit(*found[:4])
        else:
            event.ignore()

    def _expand(self) -> None:
        if isinstance(self._view, QTreeView) and self._under.isValid():
            self._view.expand(self._under)
