"""The Tasks view: a live table over the history, its filter, and the detail of the selected task."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QMenu, QPushButton, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from deskq.actions.journal.task_actions import TaskAction, actions_on_task
from deskq.errors import UserError
from deskq.history.reading.task_filter import TaskFilter
from deskq.history.rows import StateCounts
from deskq.models.tasks.detail import read_detail, send_task_text, task_json
from deskq.models.tasks.table import TasksModel
from deskq.services.journal import ask_journal
from deskq.services.session import ProfileSession
from deskq.views.tasks.commands import TaskAsking
from deskq.views.tasks.detail import TaskDetailPane
from deskq.views.tasks.drag import TaskTable
from deskq.views.tasks.empty_states import empty_words
from deskq.views.tasks.filter_bar import CountsBar, FilterBar
from deskq.views.tasks.menu import task_menu
from deskq.views.tasks.search_strip import SearchStrip
from deskq.views.tasks.selection import SelectedTasks
from deskq.views.tasks.sort import TaskSort
from deskq.views.widgets import theme, window_state
from deskq.views.widgets.commands import CommandKey
from deskq.views.widgets.empty_pane import EmptyPane, show_page
from deskq.views.widgets.page import Commands, TablePage
from deskq.views.widgets.requests import FilterTasks, OpenTask, Refuse, Request


class TasksView(TablePage):
    """Live tasks of one session."""

    def __init__(self, session: ProfileSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = "Tasks"
        self._session = session
        self._age: float | None = None  # of the beginning of the filter's span, in seconds
        self.filter_bar = FilterBar()
        self.counts_bar = CountsBar()
        self.model = TasksModel(session, self)
        self.search = SearchStrip(self.model)
        self.table = TaskTable("tasks", self.model.columns, session.profile.name)
        self.table.setModel(self.model)
        self.sort = TaskSort(self.table, self.model)
        self.selected = SelectedTasks(session, self.model, self.table)
        self.asking = TaskAsking(session, self.selected, self.model, self.request)
        self.table.copies_rows = self.selected.rows
        self.detail = TaskDetailPane()
        self.detail.hide()
        self.detail.result.serve(session.result, session.spawn)
        self.newer = QPushButton(theme.icon("arrow-up"), "", self.table)
        self.newer.hide()
        self.empty = EmptyPane("", "")
        self.stack = QStackedWidget()
        self.stack.addWidget(self.table)
        self.stack.addWidget(self.empty)
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.addWidget(self.stack)
        self.splitter.addWidget(self.detail)
        self.splitter.setStretchFactor(0, 3)
        self.splitter.setStretchFactor(1, 2)
        self.splitter.setChildrenCollapsible(False)
        split = window_state.load("tasks/split")
        if split is not None:
            self.splitter.restoreState(split)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.filter_bar)
        layout.addWidget(self.counts_bar)
        layout.addWidget(self.search)
        layout.addWidget(self.splitter, 1)
        self._loading = True
        self._problem = ""
        self._wanted = ""
        self._connect()
        self._tick = QTimer(self, interval=1_000)
        self._tick.timeout.connect(self._second)
        self._facets_left = 0
        self._update_empty()

    def _connect(self) -> None:
        self.filter_bar.changed.connect(self._choose)
        self.filter_bar.told.connect(self._update_empty)
        self.filter_bar.pause_toggled.connect(self.model.set_paused)
        self.counts_bar.clicked.connect(self.filter_bar.toggle_states)
        self.table.verticalScrollBar().valueChanged.connect(self._scrolled)
        self.table.activated.connect(lambda _: self.show_detail())
        self.table.selectionModel().currentRowChanged.connect(self._follow_row)
        self.table.selectionModel().selectionChanged.connect(self._follow_row)
        self.table.menu = self._menu
        self.model.gaps.changed.connect(self.table.viewport().update)
        self.model.deeds.changed.connect(self._deeds_changed)
        self.model.outdated.connect(self._forget_selection)
        self.model.newer_changed.connect(self._show_newer)
        self.model.counts_changed.connect(self._counted)
        self.model.loading_changed.connect(self._loading_changed)
        self.model.search_changed.connect(self._update_empty)
        self.model.problem.connect(self._told_problem)
        self.model.rowsInserted.connect(self._update_empty)
        self.model.rowsRemoved.connect(self._update_empty)
        self.model.modelReset.connect(self.table.scrollToTop)  # Qt leaves the scroll bar where it was
        self.model.modelReset.connect(self._update_empty)
        self.splitter.splitterMoved.connect(self._say_shown)
        self.newer.clicked.connect(self.jump_to_newest)
        self.empty.action.connect(self.filter_bar.clear)
        self.detail.open_task.connect(self.show_task)
        self.detail.closed.connect(self.close_detail)
        self._session.status_changed.connect(self._update_empty)
        self._session.status_changed.connect(self._write_counts)

    def commands(self) -> Commands:
        """What the window's commands do here."""
        found: dict[CommandKey, Callable[[], object]] = {
            "filter": self.focus_filter,
            "pause": self.filter_bar.live.toggle,
            "newest": self.jump_to_newest,
            "refresh": self.refresh,
            "detail": self.show_detail,
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
        self._facets_left = 0

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
                self.show_task(uuid)
            case FilterTasks(_, text):
                self.filter_bar.show_only(text)

    def show_task(self, uuid: str) -> None:
        """Show the detail of a task, wherever it stands in the table."""
        self._wanted = uuid
        self.detail.show()
        self._session.spawn(self._read_detail(uuid), "task detail", owner=self)

    def go_to(self, trace: TaskAction) -> None:
        """Show the task at the other end of a retry, in its row where the table has it."""
        self._session.spawn(self._go_to(trace), "go to a task", owner=self)

    async def _go_to(self, trace: TaskAction) -> None:
        task = await self._session.ask(lambda reader: reader.task_row(trace.other), slot="go to a task")
        if task is None:
            self.request(Refuse(f"{trace.other} is not in this history; the retry was sent at {trace.profile}."))
            return
        row = self.model.row_of(task.id)
        if row is not None:
            self.table.selectRow(row)
        self.show_task(trace.other)

    def show_detail(self) -> None:
        """Show the detail of the current row, of the first one if none is current."""
        if not self.table.currentIndex().isValid() and self.model.rowCount():
            self.table.selectRow(0)
        if self.table.currentIndex().isValid():
            row = self.table.currentIndex().row()
            task = self.model.task_at(row)
            if task is not None:
                self.show_task(task.uuid)
            else:
                self._session.spawn(self._show_unread(self.model.id_at(row)), "task detail", owner=self)

    async def _show_unread(self, number: int) -> None:
        """Show a task whose row has not been read yet: the keys are quicker than the history."""
        rows = await self._session.ask(lambda reader: reader.rows([number]), slot="task of a row")
        current = self.table.currentIndex()
        if rows and current.isValid() and self.model.id_at(current.row()) == number:
            self.show_task(rows[0].uuid)

    def close_detail(self) -> None:
        """Hide the detail."""
        self.detail.hide()
        self._wanted = ""
        self.table.setFocus()

    def go_back(self) -> None:
        """Stop the search, else leave the filter line, else close the detail, else clear the filter."""
        if self.search.running:
            self.search.stop()
        elif self.filter_bar.line.hasFocus():
            self.table.setFocus()
        elif self.detail.isVisible():
            self.close_detail()
        elif self.filter_bar.line.text():
            self.filter_bar.set_text("")

    def move_detail(self) -> None:
        """Put the detail below or to the right."""
        right = self.splitter.orientation() == Qt.Orientation.Vertical
        self.splitter.setOrientation(Qt.Orientation.Horizontal if right else Qt.Orientation.Vertical)
        window_state.save("tasks/split", self.splitter.saveState())

    def set_paused(self, paused: bool) -> None:
        """Hold the table still."""
        self.filter_bar.live.setChecked(not paused)

    def save_layout(self) -> None:
        """Remember the columns, the sort and the split."""
        self.table.save_layout()
        window_state.save("tasks/split", self.splitter.saveState())

    def showEvent(self, event: object) -> None:
        self.model.set_active(True)
        self._tick.start()

    def hideEvent(self, event: object) -> None:
        self.model.set_active(False)
        self._tick.stop()

    def resizeEvent(self, event: object) -> None:
        self._place_newer()
        self._say_shown()

    async def _read_detail(self, uuid: str) -> None:
        try:
            detail = await self._session.ask(lambda reader: read_detail(reader, uuid), slot="task detail")
        except UserError as error:
            self._told_problem(str(error))
            return
        if uuid == self._wanted:
            self.detail.show_detail(detail)
            await self._show_traces(uuid)

    async def _show_traces(self, uuid: str) -> None:
        traces, detail = await self._traces(uuid), self.detail.detail
        if uuid == self._wanted and detail is not None and detail.row.uuid == uuid:
            self.detail.traces.show_traces(traces, detail.row.state)

    def _deeds_changed(self, uuids: set[str]) -> None:
        if self._wanted in uuids:
            self._session.spawn(self._show_traces(self._wanted), "task traces", owner=self)

    async def _traces(self, uuid: str) -> list[TaskAction]:
        """What deskq did about it; a journal that cannot be read is told where somebody acts."""
        try:
            return await ask_journal(lambda journal: actions_on_task(journal, uuid), [])
        except UserError:
            return []

    async def _read_facets(self) -> None:
        try:
            self.filter_bar.set_facets(await self._session.ask(lambda reader: reader.facets(), slot="facets"))
        except UserError:
            self._facets_left = 0  # no history yet: ask again with the next tick

    def _choose(self, chosen: TaskFilter, span: float | None) -> None:
        self._age = span
        if span is None and chosen.since is not None:
            self._age = time.time() - chosen.since
        if self._age is not None:  # of a history file, counted from its end
            chosen = replace(chosen, since=self._session.now() - self._age)
        self.model.choose(chosen)
        self._write_counts()

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

    def _counted(self, counts: StateCounts) -> None:
        self.filter_bar.add_states(counts)
        self._write_counts()

    def _write_counts(self) -> None:
        counts = self.model.counts
        known = self.model.counted and (self._session.heard or counts.total > 0)  # 0 of what nobody heard is unknown
        self.counts_bar.show_counts(counts if known else None, self.model.chosen.states)

    def _scrolled(self, value: int) -> None:
        self.model.set_following(value <= self.table.rowHeight(0))
        self._say_shown()

    def _say_shown(self) -> None:
        viewport = self.table.viewport()
        first = self.table.rowAt(0)
        last = self.table.rowAt(viewport.height() - 1)
        self.model.set_shown(first, last if last >= 0 else self.model.rowCount() - 1)

    def _follow_row(self) -> None:
        """Qt makes the first row current as the table gets the focus: only a row that is selected too was chosen."""
        current = self.table.currentIndex()
        if self.detail.isVisible() and self.table.selectionModel().isSelected(current):
            self.show_detail()

    def _show_newer(self, count: int) -> None:
        self.newer.setText(f"{count:,}{'+' if count >= 10_000 else ''} new")
        self.newer.setVisible(count > 0)
        self._place_newer()

    def _place_newer(self) -> None:
        size = self.newer.sizeHint()
        self.newer.resize(size)
        top = self.table.horizontalHeader().height() + theme.GAP
        self.newer.move(max(0, (self.table.width() - size.width()) // 2), top)

    def _loading_changed(self, loading: bool) -> None:
        self._loading = loading
        if not loading:
            self._problem = ""
        self._update_empty()

    def _told_problem(self, problem: str) -> None:
        self._problem = problem
        self._update_empty()

    def _update_empty(self) -> None:
        self._say_shown()
        if self.model.rowCount():
            show_page(self.stack, self.table)
            return
        waiting = self._session.status is None and self._session.connected and self._session.profile.has_broker
        begun = self._session.connected and not waiting  # before that there is no history, and nothing is wrong
        problem = self._session.problem or (self._problem if begun else "")
        words = empty_words(
            self.model,
            problem,
            trouble=self.filter_bar.trouble,
            doubt=self.filter_bar.doubt,
            waiting=waiting,
            heard=self._session.heard,
            loading=self._loading,
            searching=self.search.running,
        )
        self.empty.say(*words)
        show_page(self.stack, self.empty)

    def _second(self) -> None:
        self.model.tick()
        self._facets_left -= 1
        if self._facets_left < 0:
            self._facets_left = 10
            if self._age is not None:
                self.model.slide(self._session.now() - self._age)
            self._session.spawn(self._read_facets(), "facets", owner=self)
        if self.detail.isVisible() and self._wanted:
            shown = self.detail.detail
            if shown is None or shown.row.finished is None:
                self._session.spawn(self._read_detail(self._wanted), "task detail", owner=self)

    def _menu(self) -> QMenu:
        task = self.model.task_at(self.table.currentIndex().row())
        links = self.model.deeds.links(task.uuid) if task is not None else {}
        return task_menu(self, self.commands(), links, self.go_to)
