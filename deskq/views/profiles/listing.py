"""The list of profiles: environment by colour and word, ordered by dragging or by Alt+Up and Alt+Down."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QDropEvent, QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QWidget

from deskq.formats import plain
from deskq.profiles import Profile
from deskq.views.widgets import theme

NameRole = Qt.ItemDataRole.UserRole


class ProfileList(QListWidget):
    """Emits ``chosen`` with a name, and ``moved`` with a name and the one it stands before now, "" for last."""

    chosen = Signal(str)
    moved = Signal(str, str)
    delete_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Profiles")
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.currentItemChanged.connect(self._current_changed)

    def names(self) -> list[str]:
        """Return the names in their order."""
        return [str(self.item(row).data(NameRole)) for row in range(self.count())]

    def current_name(self) -> str:
        """Return the chosen profile's name, "" if none is."""
        return str(self.currentItem().data(NameRole)) if self.currentRow() >= 0 else ""

    def show_profiles(self, profiles: Iterable[Profile], current: str, unsaved: Iterable[str] = ()) -> None:
        """Show these, with one of them chosen ("" for none), without choosing it anew."""
        marked = set(unsaved)
        self.blockSignals(True)
        self.clear()
        for profile in profiles:
            mark = " •" if profile.name in marked else ""
            item = QListWidgetItem(f"{plain(profile.name)}{mark}   {profile.environment.short}")
            item.setData(NameRole, profile.name)
            item.setSizeHint(QSize(0, round(self.fontMetrics().height() * 1.6)))
            item.setForeground(theme.environment_colour(profile.environment))
            item.setToolTip(plain(profile.url) + ("\nUnsaved changes" if mark else ""))
            self.addItem(item)
            if profile.name == current:
                self.setCurrentItem(item)
        self.blockSignals(False)

    def move_current(self, step: int) -> None:
        """Move the chosen profile up (-1) or down (1)."""
        row = self.currentRow()
        target = row + step
        if row < 0 or not 0 <= target < self.count():
            return
        self._put(row, target)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}
        if event.modifiers() & Qt.KeyboardModifier.AltModifier and event.key() in steps:
            self.move_current(steps[Qt.Key(event.key())])
            return
        if event.key() == Qt.Key.Key_Delete:
            self.delete_requested.emit()
            return
        super().keyPressEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Put the dragged row where the pointer is; Qt must not remove it afterwards, as it does with what it moved."""
        place = event.position().toPoint()
        target = self.indexAt(place).row()
        if target < 0:
            target = self.count()
        elif place.y() > self.visualItemRect(self.item(target)).center().y():
            target += 1
        row = self.currentRow()
        event.setDropAction(Qt.DropAction.IgnoreAction)
        event.accept()
        if row >= 0 and target not in (row, row + 1):
            self._put(row, target - 1 if target > row else target)

    def _put(self, row: int, target: int) -> None:
        self.blockSignals(True)
        item = self.takeItem(row)
        self.insertItem(target, item)
        self.setCurrentItem(item)
        self.blockSignals(False)
        self._announce(item)

    def _announce(self, item: QListWidgetItem) -> None:
        below = self.names()[self.row(item) + 1 :]
        self.moved.emit(str(item.data(NameRole)), below[0] if below else "")

    def _current_changed(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            self.chosen.emit(str(item.data(NameRole)))
