"""Runtimes by task: on what most time was spent, and how long the slow ones take."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from deskq import formats
from deskq.history.rows import TaskRuntimes
from deskq.models.table.columns import Column
from deskq.models.table.model import SmallTableModel
from deskq.views.widgets import theme
from deskq.views.widgets.empty_pane import plain_label
from deskq.views.widgets.tables import Table


def _seconds(key: str, title: str, tip: str) -> Column[TaskRuntimes]:
    def value(row: TaskRuntimes) -> float:
        return float(getattr(row, key))

    return Column(key, title, tip, lambda row: formats.duration(value(row)), value, numeric=True, width=75)


_COLUMNS: Final = (
    Column[TaskRuntimes]("name", "Task", "The task", lambda row: formats.plain(row.name), width=200),
    Column[TaskRuntimes](
        "count",
        "Count",
        "Tasks that succeeded in the time span: workers report the runtime only on success",
        lambda row: formats.number(row.count),
        lambda row: row.count,
        numeric=True,
        width=70,
    ),
    _seconds("p50", "p50", "Half of them took no longer"),
    _seconds("p90", "p90", "90 of 100 took no longer"),
    _seconds("p99", "p99", "99 of 100 took no longer"),
    Column[TaskRuntimes](
        "total",
        "Total",
        "Time spent on it, as far as p50 tells",
        lambda row: formats.duration(row.p50 * row.count),
        lambda row: row.p50 * row.count,
        numeric=True,
        width=80,
    ),
)


class RuntimesTable(QWidget):
    """A heading and the table; ``chosen`` names the task of the row that was activated."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        heading = plain_label("Runtimes by task")
        heading.setFont(theme.bold_font())
        self.model = SmallTableModel(_COLUMNS, key=lambda row: row.name, parent=self, sort="total", descending=True)
        self.table = Table("task-runtimes", _COLUMNS)
        self.table.setModel(self.model)
        self.table.lay_out()
        self.table.activated.connect(self._activated)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.GAP_S)
        layout.addWidget(heading)
        layout.addWidget(self.table, 1)

    def show_runtimes(self, rows: Iterable[TaskRuntimes]) -> None:
        """Show these; of a task that several brokers run, the one with most of it."""
        busiest: dict[str, TaskRuntimes] = {}
        for row in rows:
            if row.name not in busiest or busiest[row.name].count < row.count:
                busiest[row.name] = row
        self.model.replace(busiest.values())

    def _activated(self) -> None:
        lines = self.table.selected_lines()
        row = self.model.row_at(lines[0]) if lines else None
        if row is not None:
            self.chosen.emit(row.name)
