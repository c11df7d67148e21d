"""The button above the table of tasks that says how many came while somebody looks further down."""

from __future__ import annotations

from PySide6.QtWidgets import QPushButton

from deskq.views.tasks.drag import TaskTable
from deskq.views.widgets import theme


class NewerButton(QPushButton):
    """Hidden while there are none."""

    def __init__(self, table: TaskTable) -> None:
        super().__init__(theme.icon("arrow-up"), "", table)
        self._table = table
        self.hide()

    def show_count(self, count: int) -> None:
        """Say how many are newer than what is shown."""
        self.setText(f"{count:,}{'+' if count >= 10_000 else ''} new")
        self.setVisible(count > 0)
        self.place()

    def place(self) -> None:
        """Stand below the heads of the columns, in the middle."""
        size = self.sizeHint()
        self.resize(size)
        top = self._table.horizontalHeader().height() + theme.GAP
        self.move(max(0, (self._table.width() - size.width()) // 2), top)
