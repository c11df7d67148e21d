"""What shows schedules in a table: of one profile or of all, with what is done to the selected ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QModelIndex, Qt, QTimer
from PySide6.QtWidgets import QMenu, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from deskq import formats
from deskq.history.reading.filter_language import filter_text
from deskq.models.table.columns import Column
from deskq.models.table.threaded import ThreadedTableModel
from deskq.services.schedules.following import Schedules
from deskq.services.schedules.shown import ShownSchedule
from deskq.services.session import ProfileSession
from deskq.views.schedules.calendar import ScheduleCalendar
from deskq.views.schedules.columns import from_history
from deskq.views.schedules.copying import copy_python, copy_redbeat
from deskq.views.schedules.detail import ScheduleDetail
from deskq.views.schedules.drag import Place, ScheduleTable, StoreChips
from deskq.views.schedules.header import ScheduleHeading
from deskq.views.schedules.menu import schedule_menu
from deskq.views.widgets import theme, window_state
from deskq.views.widgets.commands import CommandKey
from deskq.views.widgets.empty_pane import EmptyPane, show_page
from deskq.views.widgets.page import Commands, TablePage
from deskq.views.widgets.requests import FilterTasks, OpenSchedule, Request, SendTask
from deskq.views.widgets.toast import UndoOffer

if TYPE_CHECKING:
    from deskq.actions.messages.call import Call
    from deskq.schedules.profile_reader import StoreState
    from deskq.views.schedules.commands import ScheduleActs


class SchedulePane(TablePage):
    """A filter, a bar of stores, the table and the selected schedule; who inherits says what a person asks for."""

    def __init__(
        self,
        sessions: Sequence[ProfileSession],
        columns: tuple[Column[ShownSchedule], ...],
        name: str,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.followed = {session.profile.name: Schedules(session, self) for session in sessions}
        self._name = name
        self._may_change = any(map(may_change, sessions))
        self._key: tuple[str, Any] | None = None
        self._described: ShownSchedule | None = None
        self._acts: dict[str, ScheduleActs] = {}
        self._used = ""
        self._shown: list[list[ShownSchedule]] = []
        self.model = ThreadedTableModel(columns, key=lambda one: one.place, parent=self, sort="next")
        self.table = ScheduleTable(name, columns)
        self.table.setModel(self.model)
        self.table.lay_out()
        self.table.setSortingEnabled(True)
        self.table.sortByColumn([c.key for c in columns].index("next"), Qt.SortOrder.AscendingOrder)
        self.table.menu = self._menu
        self.table.activated.connect(lambda _: self.edit())
        self.table.selectionModel().currentRowChanged.connect(self._current_changed)
        self.empty = EmptyPane("", "")
        self.stack = QStackedWidget()
        self.stack.addWidget(self.table)
        self.stack.addWidget(self.empty)
        self.calendar = ScheduleCalendar(self.followed)
        self.stack.addWidget(self.calendar)
        self.chips = StoreChips()
        self.chips.chosen.connect(self._filter)
        self.chips.dropped.connect(self._dropped)
        self.detail = ScheduleDetail(may_change=self._may_change)
        self.detail.wanted.connect(self._wanted)
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.addWidget(self.stack)
        self.splitter.addWidget(self.detail)
        self.splitter.setSizes([430, 270])
        self.splitter.setChildrenCollapsible(False)
        split = window_state.load(f"{name}/split")
        if split is not None:
            self.splitter.restoreState(split)
        self.heading = ScheduleHeading()
        self.bar, self.line = self.heading.bar, self.heading.line
        self.problems, self.totals = self.heading.problems, self.heading.totals
        self.bar.addSpacing(theme.GAP)
        self.bar.addWidget(self.calendar.button)
        self.calendar.button.toggled.connect(self._update_empty)
        self.calendar.opened.connect(self._open)
        self.line.textChanged.connect(self._filter)
        self.heading.below.addWidget(self.chips)
        self.heading.below.addWidget(self.problems)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.heading)
        layout.addWidget(self.splitter, 1)
        for schedules in self.followed.values():
            schedules.changed.connect(self._show)
        self.model.arranged.connect(self._arranged)
        self.table.horizontalHeader().sortIndicatorChanged.connect(self._say_state)
        self._tick = QTimer(self, interval=1_000)
        self._tick.timeout.connect(self._second)

    def commands(self) -> Commands:
        """What the window's commands do here."""
        found: dict[CommandKey, Callable[[], object]] = {
            "filter": self.line.setFocus,
            "refresh": self.refresh,
            "detail": self.edit if self._may_change else self.table.setFocus,
            "back": self.table.setFocus,
            "copy_row": self.table.copy_rows,
            "copy_cell": self.table.copy_cell,
            "copy_python": lambda: copy_python(self.selected()),
            "copy_redbeat": lambda: copy_redbeat(self.selected(), self.say),
            "schedule_tasks": self.show_tasks,
            "calendar": self.calendar.button.toggle,
        }
        if self.calendar.isVisible():
            found |= {"detail": self.calendar.picture.open_current, "back": self._close_detail}
        if self._may_change:
            found |= {
                "duplicate_schedule": self.duplicate,
                "enable_schedule": lambda: self.switch(enabled=True),
                "disable_schedule": lambda: self.switch(enabled=False),
                "delete_schedule": self.delete,
                "run_schedule": self.run_now,
                "undo": self.undo,
                "redo": self.redo,
            }
        return found

    def open(self, request: Request) -> None:
        """Select the schedule that is asked for, at once or when it is read."""
        if isinstance(request, OpenSchedule):
            self._key = request.place
            self.calendar.button.setChecked(False)
            if self.model.line_of(self._key) is None:
                self.line.clear()
            self._select()

    def acts_at(self, profile: str) -> ScheduleActs:
        """Return what changes the stores of a profile; made when it is first needed."""
        self._used = profile
        acts = self._acts.get(profile)
        if acts is None:
            from deskq.views.schedules.commands import ScheduleActs  # it needs what acts, the view does not

            acts = self._acts[profile] = ScheduleActs(self.followed[profile], self)
        return acts

    def refresh(self) -> None:
        """Read every store anew, code and files too."""
        for schedules in self.followed.values():
            schedules.refresh(everything=True)
            schedules.ask_for_beats()
            schedules.ask_for_tasks()

    def selected(self) -> list[ShownSchedule]:
        """Return the selected schedules, from the top; of the calendar the one that is opened."""
        if self.calendar.isVisible() and not self.calendar.has_opened:
            return []
        return [row for line in self.table.selected_lines() if (row := self.model.row_at(line)) is not None]

    def edit(self) -> None:
        """Open the editor on the current schedule."""
        one = self._current()
        if one is not None and self._may_change and self._changeable([one]):
            self.acts_at(one.profile.name).edit(one)

    def duplicate(self) -> None:
        """Open the editor on a copy of the current schedule, in its store or, where that is not written, another."""
        one = self._current()
        if one is not None and self._changeable([one]):
            self.acts_at(one.profile.name).duplicate(one, self.store_for_new(one.profile.name))

    def switch(self, *, enabled: bool) -> None:
        """Enable or disable the selected schedules, after asking."""
        for profile, chosen in self._by_profile().items():
            self.acts_at(profile).switch(chosen, enabled=enabled)

    def delete(self) -> None:
        """Delete the selected schedules, after asking."""
        for profile, chosen in self._by_profile().items():
            self.acts_at(profile).delete(chosen)

    def undo(self) -> None:
        """Take the last edit back, after asking."""
        self.acts_at(self._used or next(iter(self.followed))).edits.undo()

    def redo(self) -> None:
        """Make again what was taken back, after asking."""
        self.acts_at(self._used or next(iter(self.followed))).edits.redo()

    def run_now(self) -> None:
        """Open the dialog that sends what the current schedule sends, once, now."""
        from deskq.views.schedules.commands import call_of

        one = self._current()
        if one is not None:
            self.ask_to_send(one.profile.name, call_of(one.entry))

    def show_tasks(self) -> None:
        """Show the tasks that have the selected schedule's task name."""
        one = self._current()
        if one is not None:
            self.ask_for_tasks(one.profile.name, filter_text(names=(one.entry.task,)))

    def say(self, text: str) -> None:
        """Say something at the bottom of the window for a while."""
        UndoOffer(text, None, self.window())

    def save_layout(self) -> None:
        """Remember the columns and the split."""
        self.table.save_layout()
        window_state.save(f"{self._name}/split", self.splitter.saveState())

    def ask_to_send(self, profile: str, call: Call) -> None:
        """Open the dialog that sends this now."""
        self.request(SendTask(profile, call=call))

    def ask_for_tasks(self, profile: str, text: str) -> None:
        """Show these tasks."""
        self.request(FilterTasks(profile, text))

    def words_of_nothing(self, *, filtered: bool) -> tuple[str, str]:
        """Return the title and the reason of an empty table."""
        raise NotImplementedError

    def store_for_new(self, profile: str) -> StoreState | None:
        """Return where a new schedule of a profile goes by itself, None if none can be written."""
        return next(iter(self.followed[profile].open_stores()), None)

    def showEvent(self, event: object) -> None:
        self._tick.start()
        self._follow()

    def hideEvent(self, event: object) -> None:
        self._tick.stop()
        for schedules in self.followed.values():
            schedules.stop()

    def _follow(self) -> None:
        for schedules in self.followed.values():
            schedules.start()

    def _changeable(self, chosen: Sequence[ShownSchedule]) -> bool:
        """May these be changed? If not, it is said why."""
        closed = next((one.profile for one in chosen if one.profile.read_only or not one.profile.has_broker), None)
        if closed is not None:
            self.say(f"“{formats.plain(closed.name)}” is read-only: its schedules cannot be changed.")
        return closed is None

    def _by_profile(self) -> dict[str, list[ShownSchedule]]:
        chosen = self.selected()
        found: dict[str, list[ShownSchedule]] = {}
        if self._changeable(chosen):
            for one in chosen:
                found.setdefault(one.profile.name, []).append(one)
        return found

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
            self._key = one.place
            self._describe()

    def _describe(self) -> None:
        one = self._current()
        if one is self._described and (one is None or not one.row.overdue):  # what is overdue runs "now", whenever
            return
        self._described = one
        self.detail.show_schedule(one)
        if one is not None:
            schedules = self.followed[one.profile.name]
            schedules.session.spawn(self._look_ahead(schedules, one), "next runs", self)

    async def _look_ahead(self, schedules: Schedules, one: ShownSchedule) -> None:
        ahead = await schedules.ahead(one.row)
        if one.place == self._key:
            self.detail.show_ahead(ahead)

    def _menu(self) -> QMenu:
        menu = schedule_menu(self, self.commands(), may_change=self._may_change)
        chosen = self.selected()
        if chosen and self._may_change:
            self.chips.add_to(menu, chosen, self._dropped)
        return menu

    def _dropped(self, target: Place, moved: Sequence[tuple[str, Any]], verb: str) -> None:
        """Schedules were dropped on a store, or its name was chosen: preview the copy, and the rest of a move."""
        from deskq.views.schedules.move import ScheduleMove

        rows = {one.place: one for schedules in self.followed.values() for one in schedules.rows}
        chosen = [rows[place] for place in moved if place in rows]
        if chosen and (verb == "copy" or self._changeable(chosen)):
            ScheduleMove(self.acts_at, self.followed, target, chosen, move=verb == "move").begin()

    def _show(self) -> None:
        followed = self.followed.values()
        self._say_state()
        self.chips.show_stores(followed)
        lists = [schedules.rows for schedules in followed]
        if len(lists) != len(self._shown) or any(new is not old for new, old in zip(lists, self._shown, strict=True)):
            self._shown = lists
            self.model.replace(chain.from_iterable(lists))
        else:
            self._arranged()

    def _say_state(self, *_: object) -> None:
        """Say what is known, and have looked up what the table is sorted by."""
        column = self.table.columns[self.table.horizontalHeader().sortIndicatorSection()]
        wanted = from_history(column, (schedules.summary for schedules in self.followed.values()))
        for schedules in self.followed.values():
            schedules.want_history(wanted)
        self.heading.show_state(self.followed, column.title, from_history=wanted)

    def _arranged(self) -> None:
        """The table shows what is known."""
        self._say_what_is_in_sight()
        self._select()
        self._update_empty()

    def _select(self) -> None:
        line = self.model.line_of(self._key) if self._key is not None else None
        if line is None and self.model.rowCount() and self._key is None:
            line = 0
        if line is not None and line != self.table.currentIndex().row():
            self.table.selectRow(line)
        self._describe()

    def _filter(self, *_: object) -> None:
        needle, store = self.line.text().casefold(), self.chips.only

        def passes(one: ShownSchedule) -> bool:
            if store is not None and store != (one.profile.name, one.row.url):
                return False
            return any(needle in part.casefold() for part in (one.entry.name, one.entry.task, one.entry.queue))

        self.model.keep_only(passes if needle or store is not None else None)

    def _update_empty(self, *_: object) -> None:
        filled = bool(self.model.rowCount())
        in_time = filled and self.calendar.button.isChecked()
        show_page(self.stack, self.calendar if in_time else self.table if filled else self.empty)
        self.detail.setVisible(filled and (self.calendar.has_opened or not in_time))
        if in_time:
            self.calendar.show_rows(self.model.rows())
        if not filled:
            self.empty.say(*self.words_of_nothing(filtered=any(each.rows for each in self.followed.values())))

    def _open(self, place: tuple[str, Any]) -> None:
        """Show the detail of a schedule of the calendar below it."""
        line = self.model.line_of(place)
        if line is not None:
            self.table.selectRow(line)
            self.detail.show()

    def _close_detail(self) -> None:
        self.calendar.has_opened = False
        self.detail.hide()
        self.calendar.picture.setFocus()

    def _say_what_is_in_sight(self) -> None:
        first, last = self.table.rowAt(0), self.table.rowAt(self.table.viewport().height() - 1)
        lines = range(max(first, 0), (last if last >= 0 else self.model.rowCount() - 1) + 1)
        rows = [row for line in lines if (row := self.model.row_at(line)) is not None]
        for name, schedules in self.followed.items():
            schedules.look_at([row.key for row in rows if row.profile.name == name])

    def _second(self) -> None:
        self._say_what_is_in_sight()
        self.model.tick()
        self.detail.tick()


def may_change(session: ProfileSession) -> bool:
    """May schedules of this profile be changed?"""
    return session.profile.has_broker and not session.profile.read_only
