"""Rows that stay where they are while somebody aims at one of them."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import QAbstractItemView, QApplication

from deskq.models.table.model import TableModel
from deskq.models.tasks.table import TasksModel

_SETTLED_MS: Final = 1_000
"""The pointer has not moved for so long: nobody is on the way to a click."""
_AIMING: Final = {
    *(QEvent.Type.MouseMove, QEvent.Type.HoverMove, QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick),
    *(QEvent.Type.MouseButtonRelease, QEvent.Type.ContextMenu),
    *(QEvent.Type.DragEnter, QEvent.Type.DragMove),
}


class StillRows(QObject):
    """Tells the model of a table to hold its rows while the pointer moves there, a button is down or a menu is open."""

    def __init__(self, table: QAbstractItemView) -> None:
        super().__init__(table)
        self._table = table
        self._held = False
        self._settled = QTimer(self, singleShot=True, interval=_SETTLED_MS)
        self._settled.timeout.connect(self._let_go)
        table.setMouseTracking(True)
        table.viewport().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in _AIMING:
            self._settled.start()
            self._hold(True)
        elif event.type() in (QEvent.Type.Leave, QEvent.Type.DragLeave, QEvent.Type.Hide):
            self._let_go()
        return False

    def _let_go(self) -> None:
        busy = QApplication.mouseButtons() != Qt.MouseButton.NoButton or QApplication.activePopupWidget() is not None
        if self._held and busy and self._table.isVisible():
            self._settled.start()
        else:
            self._settled.stop()
            self._hold(False)

    def _hold(self, held: bool) -> None:
        model = self._table.model()
        if held != self._held and isinstance(model, TableModel | TasksModel):
            self._held = held
            model.hold(held)
