"""What a view offers the window that shows it; what the pages of a table and the detail of its row share."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from PySide6.QtCore import QModelIndex, Qt, QTimer, Signal
from PySide6.QtWidgets import QSplitter, QStackedWidget, QVBoxLayout, QWidget

from deskq.models.table.model import TableModel
from deskq.services.session import ProfileSession
from deskq.views.widgets import window_state
from deskq.views.widgets.commands import CommandKey
from deskq.views.widgets.empty_pane import EmptyPane, show_page
from deskq.views.widgets.requests import Request
from deskq.views.widgets.tables import Table
from deskq.views.widgets.task_drop import TaskDrop

R = TypeVar("R")
Commands = Mapping[CommandKey, Callable[[], object]]


class Page(QWidget):
    """A view of the window. ``requested`` carries a Request; ``title`` stands in the title bar.

    ``follows_profiles``: a page over all profiles that goes on when one comes or goes; others are made again.
    """

    requested = Signal(object)
    title = ""
    follows_profiles = False

    def request(self, request: Request) -> None:
        """Ask the window for something."""
        self.requested.emit(request)

    def open(self, request: Request) -> None:
        """Show what a request names that led to this page."""

    def add_session(self, session: ProfileSession) -> None:
        """Show a profile that came while the page is in sight."""

    def remove_session(self, name: str) -> None:
        """Show a profile no longer."""

    def commands(self) -> Commands:
        """Return what the window's commands do here, by their keys."""
        return {}

    def task_drop(self) -> TaskDrop | None:
        """Return what takes tasks that are dropped here, None if nothing does."""
        return None

    def save_layout(self) -> None:
        """Remember columns and splits."""

    def theme_changed(self) -> None:
        """Draw in the new colours."""


class TablePage(Page):
    """A page around one table. ``stack`` shows another widget in the table's place, for example why it is empty."""

    table: Table
    stack: QStackedWidget

    def take_focus(self) -> None:
        """Give the keyboard to what is shown: letters are commands, not a filter."""
        shown = self.table if self.table.isVisibleTo(self) else self.stack.currentWidget()
        if shown is not None:
            shown.setFocus()


class MasterDetail(QSplitter):
    """``stack`` shows the table, ``empty`` with the reason why it is, or another page; below it is the detail."""

    def __init__(self, table: Table, detail: QWidget, others: Iterable[QWidget] = ()) -> None:
        super().__init__(Qt.Orientation.Vertical)
        self._name = f"{table.name}/split"
        self.table = table
        self.empty = EmptyPane("", "")
        self.stack = QStackedWidget()
        for page in (table, self.empty, *others):
            self.stack.addWidget(page)
        self.addWidget(self.stack)
        self.addWidget(detail)
        self.setChildrenCollapsible(False)

    def restore(self) -> None:
        """Take the split that is remembered, if one is."""
        split = window_state.load(self._name)
        if split is not None:
            self.restoreState(split)

    def save_layout(self) -> None:
        """Remember the columns and the split."""
        self.table.save_layout()
        self.save_split()

    def save_split(self) -> None:
        """Remember the split alone."""
        window_state.save(self._name, self.saveState())


class MasterDetailPage(TablePage, Generic[R]):
    """A page around a ``MasterDetail``. ``key``: of the row whose detail is shown.

    The row stays current while rows come, go and move. Who inherits fills table and detail, and overrides
    ``row_chosen``, ``words_of_nothing`` and ``second``, which runs each second while it is in sight.
    """

    def __init__(
        self,
        model: TableModel[R],
        table: Table,
        detail: QWidget,
        *,
        above: Sequence[QWidget],
        others: Sequence[QWidget] = (),
        sizes: tuple[int, int],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.model: TableModel[R] = model
        self.table = table
        self.key: Hashable = None
        model.setParent(self)
        table.setModel(model)
        column, order = model.sorted_by  # before Qt sorts in an order of its own
        table.setSortingEnabled(True)
        table.sortByColumn(column, order)
        table.lay_out()  # after that: the order in which somebody left it counts
        table.selectionModel().currentRowChanged.connect(self._current_changed)
        self.splitter = MasterDetail(table, detail, others)
        self.stack, self.empty = self.splitter.stack, self.splitter.empty
        self.splitter.setSizes(sizes)
        self.splitter.restore()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for widget in above:
            layout.addWidget(widget)
        layout.addWidget(self.splitter, 1)
        self._tick = QTimer(self, interval=1_000)
        self._tick.timeout.connect(self.second)

    def commands(self) -> dict[CommandKey, Callable[[], object]]:
        """What the window's commands do on every such page."""
        return {
            "back": self.table.setFocus,
            "copy_row": self.table.copy_rows,
            "copy_cell": self.table.copy_cell,
        }

    def save_layout(self) -> None:
        """See Page."""
        self.splitter.save_layout()

    def selected_rows(self) -> list[R]:
        """Return the selected rows, from the top."""
        return [row for line in self.table.selected_lines() if (row := self.model.row_at(line)) is not None]

    def current(self) -> R | None:
        """Return the current row of the table."""
        index = self.table.currentIndex()
        return self.model.row_at(index.row()) if index.isValid() else None

    def shown(self) -> R | None:
        """Return the row whose key is remembered, None if the table does not show it."""
        line = self.model.line_of(self.key) if self.key is not None else None
        return self.model.row_at(line) if line is not None else None

    def select(self) -> None:
        """Make the remembered row current, the first one if none is remembered."""
        line = 0 if self.key is None and self.model.rowCount() else self.model.line_of(self.key)
        if line is not None and line != self.table.currentIndex().row():
            self.table.selectRow(line)

    def update_empty(self) -> None:
        """Show the table, or why it is empty."""
        filled = bool(self.model.rowCount())
        show_page(self.stack, self.filled_page() if filled else self.empty)
        if not filled:
            self.empty.say(*self.words_of_nothing())

    def row_chosen(self, row: R) -> None:
        """Show the detail of another row than before."""

    def filled_page(self) -> QWidget:
        """Return what shows the rows where there are some."""
        return self.table

    def words_of_nothing(self) -> tuple[str, str]:
        """Return the title and the reason of an empty table."""
        raise NotImplementedError

    def second(self) -> None:
        """Read anew what changes with time."""

    def showEvent(self, event: object) -> None:
        self._tick.start()

    def hideEvent(self, event: object) -> None:
        self._tick.stop()

    def _current_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        row = self.model.row_at(current.row()) if current.isValid() else None
        if row is not None and (key := self.model.key_of(row)) != self.key:
            self.key = key
            self.row_chosen(row)
