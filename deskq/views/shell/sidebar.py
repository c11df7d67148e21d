"""The tree at the left as people see it: states, counts at the right edge, warnings."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QTreeView, QWidget

from deskq.models.broker_tree import BrokerTree, KindRole, NoteRole, ProfileRole, QueueRole, StateRole, WarnRole
from deskq.profiles import Environment
from deskq.views.widgets import theme
from deskq.views.widgets.tables import draw_dot
from deskq.views.widgets.task_drop import TaskDrop

_ELIDE = {False: Qt.TextElideMode.ElideMiddle, True: Qt.TextElideMode.ElideRight}
_SHORT = {environment.short: environment for environment in Environment}

_BOLD: Final = frozenset({"profile", "everything", "all-schedules", "journal"})


class Sidebar(QTreeView):
    """Emits ``chosen`` (kind, profile, queue) when a node is chosen."""

    chosen = Signal(str, str, str)

    def __init__(self, tree: BrokerTree, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setModel(tree)
        self.setHeaderHidden(True)
        self.setItemDelegate(_NodeDelegate(self))
        self.setUniformRowHeights(True)
        self.setFrameShape(QTreeView.Shape.NoFrame)
        self.setIndentation(theme.GAP_L)
        self.setEditTriggers(QTreeView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Brokers")
        self.selectionModel().currentChanged.connect(self._current_changed)
        self.doubleClicked.connect(self._current_changed)
        self.drop = TaskDrop(self, _queue_of)

    def show_node(self, index: QModelIndex) -> None:
        """Mark a node as the one that is shown, without choosing it anew."""
        self.selectionModel().blockSignals(True)
        self.setCurrentIndex(index)
        self.selectionModel().blockSignals(False)
        self.viewport().update()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Qt makes the first node the current one if none is: nobody has chosen it."""
        self.selectionModel().blockSignals(True)
        super().focusInEvent(event)
        self.selectionModel().blockSignals(False)

    def _current_changed(self, current: QModelIndex, *_: object) -> None:
        if current.isValid():
            self.chosen.emit(
                current.data(KindRole) or "", current.data(ProfileRole) or "", current.data(QueueRole) or ""
            )


def _queue_of(index: QModelIndex) -> tuple[str, str] | None:
    if index.data(KindRole) != "queue":
        return None
    return str(index.data(ProfileRole)), str(index.data(QueueRole))


class _NodeDelegate(QStyledItemDelegate):
    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        own = QStyleOptionViewItem(option)
        self.initStyleOption(own, index)
        own.state &= ~QStyle.StateFlag.State_HasFocus
        text, own.text = own.text, ""
        own.widget.style().drawControl(QStyle.ControlElement.CE_ItemViewItem, own, painter, own.widget)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = own.rect.adjusted(theme.GAP_S, 0, -theme.GAP, 0)
        if state := index.data(StateRole):
            draw_dot(painter, area, state)
            area.setLeft(area.left() + 14)
        note = index.data(NoteRole) or ""
        font = theme.bold_font() if index.data(KindRole) in _BOLD else own.font
        painter.setFont(font)
        note_width = painter.fontMetrics().horizontalAdvance(note) + theme.GAP if note else 0
        problem = index.data(KindRole) == "problem"
        painter.setPen(theme.state_colour("failure") if problem else own.palette.text().color())
        room = area.width() - note_width
        shown = painter.fontMetrics().elidedText(text, _ELIDE[problem], room)
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)
        if note:
            warn = bool(index.data(WarnRole))
            if note in _SHORT:
                painter.setPen(theme.environment_colour(_SHORT[note]))
            else:
                painter.setPen(theme.state_colour("failure") if warn else theme.muted())
            mark = f"▲ {note}" if warn else note
            painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, mark)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(120, round(option.fontMetrics.height() * 1.7))
