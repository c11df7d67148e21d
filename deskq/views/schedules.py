"""The Schedules view: what beat does, from every store of a profile, and the way to change it."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QModelIndex, QPoint, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from deskq.models import formats
from deskq.models.schedules import Schedules, ShownSchedule, overdue_words
from deskq.models.session import ProfileSession
from deskq.models.small_table import SmallTableModel
from deskq.views import theme, window_state
from deskq.views.empty import EmptyPane, plain_label
from deskq.views.schedule_calendar import ScheduleCalendar
from deskq.views.schedule_columns import SCHEDULE_COLUMNS, empty_words
from deskq.views.schedule_detail import ScheduleDetail
from deskq.views.schedule_files import ScheduleFiles
from deskq.views.tables import Table

if TYPE_CHECKING:
    from deskq.schedules.reading import Key, StoreState
    from deskq.views.schedule_acts import ScheduleActs


_WEEK_SECONDS: Final = 15.0
"""How often the calendar is computed anew while it is shown."""


class SchedulesView(QWidget):
    """Schedules of one session."""

    filter_tasks = Signal(str)
    send_call = Signal(object)

    def __init__(self, session: ProfileSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = "Schedules"
        self._session = session
        self._may_change = session.profile.has_broker and not session.profile.read_only
        self._key: Key | None = None
        self._acts: ScheduleActs | None = None
        self._next_week = 0.0
        self.schedules = Schedules(session, self)
        self.files = ScheduleFiles(self)
        self.model = SmallTableModel(SCHEDULE_COLUMNS, key=lambda one: one.key, parent=self, sort="next")
        self.table = Table("schedules", SCHEDULE_COLUMNS)
        self.table.setModel(self.model)
        self.table.lay_out()
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(4, Qt.SortOrder.AscendingOrder)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._menu)
        self.table.activated.connect(lambda _: self.edit())
        self.table.selectionModel().currentRowChanged.connect(self._current_changed)
        self.empty = EmptyPane("", "")
        self.stack = QStackedWidget()
        self.stack.addWidget(self.table)
        self.stack.addWidget(self.empty)
        self.calendar = ScheduleCalendar()
        self.stack.addWidget(self.calendar)
        self.problems = plain_label(wrap=True)
        self.problems.setContentsMargins(theme.GAP_M, 0, theme.GAP_M, theme.GAP_S)
        self.problems.hide()
        self.detail = ScheduleDetail(may_change=self._may_change)
        self.detail.wanted.connect(self._wanted)
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.addWidget(self.stack)
        self.splitter.addWidget(self.detail)
        self.splitter.setSizes([430, 270])
        self.splitter.setChildrenCollapsible(False)
        split = window_state.load("schedules/split")
        if split is not None:
            self.splitter.restoreState(split)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(self._make_bar())
        layout.addWidget(self.problems)
        layout.addWidget(self.splitter, 1)
        self.schedules.changed.connect(self._show)
        self._tick = QTimer(self, interval=1_000)
        self._tick.timeout.connect(self._second)
        self._show()

    def _make_bar(self) -> QHBoxLayout:
        bar = QHBoxLayout()
        bar.setContentsMargins(theme.GAP, theme.GAP, theme.GAP, theme.GAP_S)
        self.line = QLineEdit()
        self.line.setPlaceholderText("Filter by name, task or queue   ( / )")
        self.line.setAccessibleName("Filter schedules")
        self.line.setClearButtonEnabled(True)
        self.line.textChanged.connect(self._filter)
        self.totals = plain_label(muted=True)
        self.new_button = QPushButton("New schedule…")
        self.new_button.setVisible(self._may_change)
        self.new_button.clicked.connect(self.new)
        self.into = QComboBox()
        self.into.setAccessibleName("Store for new schedules")
        self.into.hide()
        bar.addWidget(self.line, 1)
        bar.addSpacing(theme.GAP)
        bar.addWidget(self.totals)
        bar.addSpacing(theme.GAP)
        self.calendar_button = QPushButton("Calendar")
        self.calendar_button.setCheckable(True)
        self.calendar_button.setToolTip("What runs in each hour of the next seven days")
        self.calendar_button.toggled.connect(self._calendar_toggled)
        bar.addWidget(self.calendar_button)
        bar.addWidget(self.into)
        bar.addWidget(self.new_button)
        return bar

    def commands(self) -> dict[str, Callable[[], object]]:
        """What the window's commands do here."""
        found: dict[str, Callable[[], object]] = {
            "filter": self.line.setFocus,
            "refresh": self.refresh,
            "detail": self.edit if self._may_change else self.table.setFocus,
            "back": self.table.setFocus,
            "copy_row": self.table.copy_rows,
            "copy_cell": self.table.copy_cell,
            "copy_python": self.files.copy_python,
            "copy_redbeat": self.files.copy_redbeat,
            "export_schedules": self.files.export,
            "schedule_tasks": self.show_tasks,
            "calendar": self.calendar_button.toggle,
        }
        if self._may_change:
            found |= {
                "new_schedule": self.new,
                "duplicate_schedule": self.duplicate,
                "enable_schedule": lambda: self.switch(enabled=True),
                "disable_schedule": lambda: self.switch(enabled=False),
                "delete_schedule": self.delete,
                "run_schedule": self.run_now,
                "import_schedules": self.files.choose,
                "undo": self.undo,
                "redo": self.redo,
            }
        return found

    @property
    def acts(self) -> ScheduleActs:
        """What changes the stores; made when it is first needed."""
        if self._acts is None:
            from deskq.views.schedule_acts import ScheduleActs  # it needs what acts, the view does not

            self._acts = ScheduleActs(self.schedules, self)
        return self._acts

    def refresh(self) -> None:
        """Read every store anew, code and files too."""
        self.schedules.refresh(everything=True)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Start a task that ends with the session."""
        self._session.spawn(work, name)

    def selected(self) -> list[ShownSchedule]:
        """Return the selected schedules, from the top."""
        return [row for line in self.table.selected_lines() if (row := self.model.row_at(line)) is not None]

    def new(self) -> None:
        """Open the editor on nothing."""
        self.acts.new(self.into_store())

    def edit(self) -> None:
        """Open the editor on the current schedule."""
        one = self._current()
        if one is not None and self._may_change:
            self.acts.edit(one)

    def duplicate(self) -> None:
        """Open the editor on a copy of the current schedule, in its store or, where that is not written, another."""
        one = self._current()
        if one is not None:
            self.acts.duplicate(one, self.into_store())

    def switch(self, *, enabled: bool) -> None:
        """Enable or disable the selected schedules, after asking."""
        self.acts.switch(self.selected(), enabled=enabled)

    def delete(self) -> None:
        """Delete the selected schedules, after asking."""
        self.acts.delete(self.selected())

    def undo(self) -> None:
        """Take the last edit back, after asking."""
        self.acts.edits.undo()

    def redo(self) -> None:
        """Make again what was taken back, after asking."""
        self.acts.edits.redo()

    def run_now(self) -> None:
        """Open the dialog that sends what the current schedule sends, once, now."""
        from deskq.views.schedule_acts import call_of

        one = self._current()
        if one is not None:
            self.send_call.emit(call_of(one.entry))

    def show_tasks(self) -> None:
        """Show the tasks that have the selected schedule's task name."""
        one = self._current()
        if one is not None:
            self.filter_tasks.emit(f'task:"{one.entry.task}"')

    def save_layout(self) -> None:
        """Remember the columns and the split."""
        self.table.save_layout()
        window_state.save("schedules/split", self.splitter.saveState())

    def showEvent(self, event: object) -> None:
        self._tick.start()
        self.schedules.start()

    def hideEvent(self, event: object) -> None:
        self._tick.stop()
        self.schedules.stop()

    def _wanted(self, verb: str) -> None:
        one = self._current()
        if verb == "switch" and one is not None:
            self.switch(enabled=not one.entry.enabled)
        elif verb in ("edit", "duplicate", "delete"):
            {"edit": self.edit, "duplicate": self.duplicate, "delete": self.delete}[verb]()

    def _current(self) -> ShownSchedule | None:
        index = self.table.currentIndex()
        return self.model.row_at(index.row()) if index.isValid() else None

    def _current_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        one = self.model.row_at(current.row()) if current.isValid() else None
        if one is not None:
            self._key = one.key
            self._describe()

    def _describe(self) -> None:
        one = self._current()
        self.detail.show_schedule(one)
        if one is not None:
            self._session.spawn(self._look_ahead(one), "next runs")

    async def _look_ahead(self, one: ShownSchedule) -> None:
        ahead = await self.schedules.ahead(one.row)
        if one.key == self._key:
            self.detail.show_ahead(ahead)

    def _menu(self, place: QPoint) -> None:
        menu = QMenu(self)
        commands = self.commands()
        for key, title in (
            ("detail", "Edit…"),
            ("enable_schedule", "Enable…"),
            ("disable_schedule", "Disable…"),
            ("duplicate_schedule", "Duplicate…"),
            ("delete_schedule", "Delete…"),
            ("schedule_tasks", "Show its tasks"),
            ("run_schedule", "Send it now…"),
            ("copy_python", "Copy as beat_schedule entry"),
            ("copy_redbeat", "Copy as redbeat JSON"),
            ("copy_row", "Copy row"),
        ):
            if key in commands and (key != "detail" or self._may_change):
                menu.addAction(title, commands[key])
        one = self._current()
        if one is not None and self._may_change:
            for state in self._open_stores():
                if state.store is not None and state.store.url != one.row.url:
                    action = menu.addAction(f"Copy to {formats.plain(state.title)}…")
                    action.triggered.connect(lambda _=False, one=one, state=state: self.acts.copy_to(one, state))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.table.viewport().mapToGlobal(place))

    def _open_stores(self) -> list[StoreState]:
        """The stores that can be written."""
        return [s for s in self.schedules.stores if s.store is not None and not s.store.abilities.why_not]

    def _show(self) -> None:
        rows = self.schedules.rows
        self.model.replace(rows)
        self._say_what_is_in_sight()
        on = sum(one.entry.enabled and not one.entry.problem for one in rows)
        self.totals.setText(f"{formats.count(len(rows), 'schedule')} · {on:,} on" if rows else "")
        told = [
            f"{state.title}: {words}"
            for state in self.schedules.stores
            for words in (state.problem, *state.warnings, state.beat.words if state.beat.alive is not True else "")
            if words and (state.count or state.problem)
        ]
        if late := overdue_words(rows, time.time()):
            told.append(late)
        self.problems.setText(formats.plain_lines("\n".join(told)))
        self.problems.setVisible(bool(told) and bool(rows))
        self._offer_stores()
        self._select()
        self._update_empty()

    def into_store(self) -> StoreState | None:
        """Return the store for new schedules, None if none can be written."""
        found: StoreState | None = self.into.currentData()
        return found

    def _offer_stores(self) -> None:
        """New schedules go to one of the stores that can be written; it is chosen where there are several."""
        open_ones = self._open_stores()
        before = self.into.currentText()
        self.into.clear()
        for state in open_ones:
            self.into.addItem(formats.plain(state.title), state)
        if before:
            self.into.setCurrentIndex(max(0, self.into.findText(before)))
        self.into.setVisible(self._may_change and len(open_ones) > 1)

    def _select(self) -> None:
        line = self.model.line_of(self._key) if self._key is not None else None
        if line is None and self.model.rowCount() and self._key is None:
            line = 0
        if line is not None and line != self.table.currentIndex().row():
            self.table.selectRow(line)
        self._describe()

    def _filter(self, text: str) -> None:
        needle = text.casefold()
        self.model.keep_only(
            (lambda one: any(needle in part.casefold() for part in (one.entry.name, one.entry.task, one.entry.queue)))
            if needle
            else None
        )
        self._next_week = 0.0
        self._update_empty()

    def theme_changed(self) -> None:
        """Draw in the new colours."""
        self.calendar.theme_changed()

    def _update_empty(self, *_: object) -> None:
        filled = bool(self.model.rowCount())
        calendar = filled and self.calendar_button.isChecked()
        self.stack.setCurrentWidget(self.calendar if calendar else self.table if filled else self.empty)
        self.detail.setVisible(filled and not calendar)
        if calendar and time.monotonic() >= self._next_week:
            self._next_week = time.monotonic() + _WEEK_SECONDS
            self._session.spawn(self._show_week(), "calendar")
        if not filled:
            problems = [state.problem for state in self.schedules.stores if state.problem]
            read = self.schedules.read_once
            words = empty_words(self._session.profile, problems, read=read, filtered=bool(self.schedules.rows))
            self.empty.say(*words)

    def _calendar_toggled(self, _shown: bool) -> None:
        self._next_week = 0.0
        self._update_empty()

    async def _show_week(self) -> None:
        week = await self.schedules.week(self.model.rows())
        self.calendar.show_load(week.start, week.hours, week.left_out)

    def _say_what_is_in_sight(self) -> None:
        first, last = self.table.rowAt(0), self.table.rowAt(self.table.viewport().height() - 1)
        lines = range(max(first, 0), (last if last >= 0 else self.model.rowCount() - 1) + 1)
        self.schedules.look_at([row.key for line in lines if (row := self.model.row_at(line)) is not None])

    def _second(self) -> None:
        self._say_what_is_in_sight()
        self.model.tick()
        self.detail.tick()
