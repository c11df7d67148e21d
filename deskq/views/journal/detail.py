"""The detail of an action: its title, its items, and what can be done about it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from deskq import formats
from deskq.actions.journal.journal import ActionRow
from deskq.models.table.model import TableModel
from deskq.views.journal.columns import ITEM_COLUMNS
from deskq.views.widgets import theme
from deskq.views.widgets.empty_pane import plain_label
from deskq.views.widgets.tables import Table


class ActionDetail(QWidget):
    """One action, and its items in ``table``."""

    def __init__(self) -> None:
        super().__init__()
        self.model = TableModel(ITEM_COLUMNS, key=lambda row: row.number, parent=self, sort="number")
        self.table = Table("journal-items", ITEM_COLUMNS)
        self.table.setModel(self.model)
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.table.lay_out()
        self.heading = plain_label(wrap=True)
        self.heading.setFont(theme.bold_font())
        self.undo = QPushButton("Undo…")
        self.resolve = QPushButton("Check unknown items")
        self.resolve.setToolTip("Look for unknown items at the broker and in the stores and the history; sends nothing")
        head = QHBoxLayout()
        head.setContentsMargins(theme.GAP_M, theme.GAP_S, theme.GAP, theme.GAP_S)
        head.addWidget(self.heading, 1)
        head.addWidget(self.resolve)
        head.addWidget(self.undo)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(self.table, 1)

    def clear(self) -> None:
        """Show no items: those of another action are being read."""
        self.model.replace([])
        self.undo.hide()

    def describe(self, action: ActionRow | None, *, connected: bool) -> None:
        """Show an action; only of a profile that is ``connected`` something can be taken back or looked for."""
        self.heading.setText(formats.plain(action.title) if action is not None else "")
        self.resolve.setVisible(bool(action is not None and action.outcomes.get("unknown")))
        if action is not None:
            self.undo.setEnabled(connected)
            self.undo.setToolTip("" if connected else f"Connect “{action.profile}” to undo this.")
            self.resolve.setEnabled(connected)
