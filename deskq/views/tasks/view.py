"""The Tasks view: a live table over the history, its filter, and the detail of the selected task."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QMenu, QVBoxLayout, QWidget

from deskq.actions.journal.task_actions import TaskAction
from deskq.models.tasks.detail import send_task_text, task_json
from deskq.models.tasks.table import TasksModel
from deskq.services.session import ProfileSession
from deskq.views.tasks.commands import TaskCommands
from deskq.views.tasks.detail import TaskDetailPane
from deskq.views.tasks.drag import TaskTable
from deskq.views.tasks.empty_states import TasksEmptyState
from deskq.views.tasks.filter_bar import CountsBar, FilterBar
from deskq.views.tasks.filter_link import FilterLink
from deskq.views.tasks.menu import task_menu
from deskq.views.tasks.newer import NewerButton
from deskq.views.tasks.search_strip import SearchStrip
from deskq.views.tasks.selection import SelectedTasks
from deskq.views.tasks.shown_task import ShownTask
from deskq.views.tasks.sort import TaskSort
from deskq.views.widgets.commands import CommandKey
from deskq.views.widgets.empty_pane import show_page
from deskq.views.widgets.page import Commands, MasterDetail, TablePage
from deskq.views.widgets.requests import FilterTasks, OpenTask, Refuse, Request


class TasksView(TablePage):
    """Live tasks of one session."""

    def __init__(self, session: ProfileSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = "Tasks"
        self._session = session
        self.filter_bar = FilterBar()
        self.counts_bar = CountsBar()
        self.model = TasksModel(session, self)
        self.filter = FilterLink(session, self.filter_bar, self.counts_bar, self.model)
        self.search = SearchStrip(self.model)
        self.table = TaskTable("tasks", self.model.columns, session.profile.name)
        self.table.setModel(self.model)
        self.sort = TaskSort(self.table, self.model)
        self.selected = SelectedTasks(session, self.model, self.table)
        self.asking = TaskCommands(session, self.selected, self.model, self.request)
        self.table.copies_rows = self.selected.rows
        self.detail = TaskDetailPane()
        self.detail.hide()
        self.detail.result.serve(session.result, session.spawn)
        self.shown = ShownTask(session, self.model, self.table, self.detail, self._told_problem)
        self.newer = NewerButton(self.table)
        self.splitter = MasterDetail(self.table, self.detail)
        self.stack, self.empty = self.splitter.stack, self.splitter.empty
        self.splitter.setStretchFactor(0, 3)
        self.splitter.setStretchFactor(1, 2)
        self.splitter.restore()
        self.nothing = TasksEmptyState(session, self.model, self.filter_bar, self.search, self.empty)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.filter_bar)
        layout.addWidget(self.counts_bar)
        layout.addWidget(self.search)
        layout.addWidget(self.splitter, 1)
        self._connect()
        self._tick = QTimer(self, interval=1_000)
        self._tick.timeout.connect(self.second)
        self._update_empty()

    def _connect(self) -> None:
        self.filter_bar.told.connect(self._update_empty)
        self.table.verticalScrollBar().valueChanged.connect(self._scrolled)
        self.table.activated.connect(lambda _: self.shown.show_current())
        self.table.selectionModel().currentRowChanged.connect(self.shown.follow_row)
        self.table.selectionModel().selectionChanged.connect(self.shown.follow_row)
        self.table.menu = self._menu
        self.model.gaps.changed.connect(self.table.viewport().update)
        self.model.outdated.connect(self._forget_selection)
        self.model.newer_changed.connect(self.newer.show_count)
        self.model.loading_changed.connect(self.nothing.set_loading)
        self.model.problem.connect(self._told_problem)
        for changed in (self.model.loading_changed, self.model.search_changed, self._session.status_changed):
            changed.connect(self._update_empty)
        self.model.modelReset.connect(self.table.scrollToTop)  # Qt leaves the scroll bar where it was
        for changed in (self.model.rowsInserted, self.model.rowsRemoved, self.model.modelReset):
            changed.connect(self._update_empty)
        self.splitter.splitterMoved.connect(self._say_shown)
        self.newer.clicked.connect(self.jump_to_newest)
        self.empty.action.connect(self.filter_bar.clear)

    def commands(self) -> Commands:
        """What the window's commands do here."""
        found: dict[CommandKey, Callable[[], object]] = {
            "filter": self.focus_filter,
            "pause": self.filter_bar.live.toggle,
            "newest": self.jump_to_newest,
            "refresh": self.refresh,
            "detail": self.shown.show_current,
            "back": self.go_back,
            "detail_place": self.move_detail,
            "retry": lambda: self._if_understood(self.asking.retry),
            "retry_to": lambda: self._if_understood(self.asking.retry_to),
            "retry_all": lambda: self._if_understood(self.asking.retry_all),
            "copy_row": self.selected.rows,
            "copy_cell": self.table.copy_cell,
            "copy_uuid": lambda: self.selected.lines(lambda row: row.uuid),
            "copy_json": lambda: self.selected.lines(task_json),
            "copy_call": lambda: self.selected.lines(send_task_text),
        }
        if self._session.profile.has_broker and not self._session.profile.read_only:
            found["send_like"] = lambda: self._if_understood(self.asking.send_like)
            found["revoke"] = lambda: self._if_understood(self.asking.revoke)
            found["revoke_all"] = lambda: self._if_understood(self.asking.revoke_all)
            found["terminate"] = lambda: self._if_understood(self.asking.terminate)
            found["abort"] = lambda: self._if_understood(self.asking.abort)
        return found

    def refresh(self) -> None:
        """Read the table anew."""
        self.model.reload()
        self.filter.refresh()

    def focus_filter(self) -> None:
        """Put the cursor into the filter."""
        self.filter_bar.line.setFocus()
        self.filter_bar.line.selectAll()

    def set_filter(self, text: str) -> None:
        """Filter by a text in the filter language."""
        self.filter_bar.set_text(text)

    def jump_to_newest(self) -> None:
        """Scroll to the top and follow."""
        self.table.scrollToTop()
        self.model.set_following(True)

    def open(self, request: Request) -> None:
        """See Page."""
        match request:
            case OpenTask(_, uuid):
                self._forget_selection()  # a command would act on rows other than the task in sight
                self.shown.show(uuid)
            case FilterTasks(_, text):
                self.filter_bar.show_only(text)

    def go_to(self, trace: TaskAction) -> None:
        """Show the task at the other end of a retry, in its row where the table has it."""
        self.shown.go_to(trace, lambda reason: self.request(Refuse(reason)))

    def go_back(self) -> None:
        """Stop the search, else leave the filter line, else close the detail, else clear the filter."""
        if self.search.running:
            self.search.stop()
        elif self.filter_bar.line.hasFocus():
            self.table.setFocus()
        elif self.detail.isVisible():
            self.shown.close()
        elif self.filter_bar.line.text():
            self.filter_bar.set_text("")

    def move_detail(self) -> None:
        """Put the detail below or to the right."""
        right = self.splitter.orientation() == Qt.Orientation.Vertical
        self.splitter.setOrientation(Qt.Orientation.Horizontal if right else Qt.Orientation.Vertical)
        self.splitter.save_split()

    def set_paused(self, paused: bool) -> None:
        """Hold the table still."""
        self.filter_bar.live.setChecked(not paused)

    def save_layout(self) -> None:
        """Remember the columns, the sort and the split."""
        self.splitter.save_layout()

    def showEvent(self, event: object) -> None:
        self.model.set_active(True)
        self._tick.start()

    def hideEvent(self, event: object) -> None:
        self.model.set_active(False)
        self._tick.stop()

    def resizeEvent(self, event: object) -> None:
        self.newer.place()
        self._say_shown()

    def second(self) -> None:
        """Read anew what changes with time; runs each second while the view is in sight."""
        self.model.tick()
        self.filter.second()
        self.shown.refresh()

    def _if_understood(self, act: Callable[[], None]) -> None:
        """Act; not on what an earlier filter let through while another is written."""
        if self.filter_bar.understood():
            act()
        else:
            self.request(Refuse(self.filter_bar.trouble))

    def _forget_selection(self) -> None:
        """What was selected is not what is asked for now; after a new filter rows are grey until its list is there."""
        self.table.selectionModel().clear()
        self.table.viewport().update()

    def _scrolled(self, value: int) -> None:
        self.model.set_following(value <= self.table.rowHeight(0))
        self._say_shown()

    def _say_shown(self) -> None:
        viewport = self.table.viewport()
        first = self.table.rowAt(0)
        last = self.table.rowAt(viewport.height() - 1)
        self.model.set_shown(first, last if last >= 0 else self.model.rowCount() - 1)

    def _told_problem(self, problem: str) -> None:
        self.nothing.problem = problem
        self._update_empty()

    def _update_empty(self) -> None:
        self._say_shown()
        filled = bool(self.model.rowCount())
        if not filled:
            self.nothing.say()
        show_page(self.stack, self.table if filled else self.empty)

    def _menu(self) -> QMenu:
        task = self.model.task_at(self.table.currentIndex().row())
        links = self.model.deeds.links(task.uuid) if task is not None else {}
        return task_menu(self, self.commands(), links, self.go_to)
