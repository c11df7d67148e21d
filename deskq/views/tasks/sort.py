"""The header of the task table: a click sorts in the history, by the columns that have an index."""

from __future__ import annotations

from PySide6.QtCore import Qt

from deskq.history.reading.task_filter import SORTS, Sort, TaskFilter
from deskq.models.tasks.columns import TASK_COLUMNS
from deskq.models.tasks.table import TasksModel
from deskq.views.tasks.drag import TaskTable


class TaskSort:
    """Keeps the sort indicator of a table and the order of its model the same."""

    def __init__(self, table: TaskTable, model: TasksModel) -> None:
        self._header = table.horizontalHeader()
        self._model = model
        self._show(model.sort_by)  # Qt's own default would be the first column, the state
        table.lay_out()
        self._header.setSectionsClickable(True)
        self._header.setSortIndicatorShown(True)
        self._restore()
        self._header.sortIndicatorChanged.connect(self._sort)

    def _sort(self, section: int, order: Qt.SortOrder) -> None:
        key = TASK_COLUMNS[section].key
        if key in SORTS:
            self._model.choose(self._model.task_filter, Sort(key, order == Qt.SortOrder.DescendingOrder))
        else:
            self._show(self._model.sort_by)

    def _restore(self) -> None:
        """Sort as the header was left."""
        section = self._header.sortIndicatorSection()
        if 0 <= section < len(TASK_COLUMNS) and TASK_COLUMNS[section].key in SORTS:
            descending = self._header.sortIndicatorOrder() == Qt.SortOrder.DescendingOrder
            self._model.choose(TaskFilter(), Sort(TASK_COLUMNS[section].key, descending))
        self._show(self._model.sort_by)

    def _show(self, sort: Sort) -> None:
        section = next(number for number, column in enumerate(TASK_COLUMNS) if column.key == sort.key)
        order = Qt.SortOrder.DescendingOrder if sort.descending else Qt.SortOrder.AscendingOrder
        self._header.blockSignals(True)
        self._header.setSortIndicator(section, order)
        self._header.blockSignals(False)
