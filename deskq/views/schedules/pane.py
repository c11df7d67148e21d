"""What shows schedules in a table: of one profile or of all, with what is done to the selected ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QMenu, QWidget

from deskq.models.table.columns import Column
from deskq.models.table.threaded import ThreadedTableModel
from deskq.services.schedules.following import Schedules
from deskq.services.schedules.shown import ShownSchedule
from deskq.services.session import ProfileSession
from deskq.views.schedules.calendar import ScheduleCalendar
from deskq.views.schedules.columns import from_history
from deskq.views.schedules.detail import ScheduleDetail
from deskq.views.schedules.drag import ScheduleTable, StoreChips
from deskq.views.schedules.header import ScheduleHeading
from deskq.views.schedules.menu import schedule_menu
from deskq.views.schedules.selection import SelectedSchedules
from deskq.views.widgets import theme
from deskq.views.widgets.commands import CommandKey
from deskq.views.widgets.page import MasterDetailPage
from deskq.views.widgets.requests import OpenSchedule, Request

if TYPE_CHECKING:
    from deskq.schedules.profile_reader import StoreState


class SchedulePane(MasterDetailPage[ShownSchedule]):
    """A filter, a bar of stores, the table and the selected schedule; who inherits says what a person asks for."""

    model: ThreadedTableModel[ShownSchedule]

    def __init__(
        self,
        sessions: Sequence[ProfileSession],
        columns: tuple[Column[ShownSchedule], ...],
        name: str,
        parent: QWidget | None = None,
    ) -> None:
        self._may_change = any(map(may_change, sessions))
        self._described: ShownSchedule | None = None
        self._lists: list[list[ShownSchedule]] = []
        self.heading = ScheduleHeading()
        self.bar, self.line = self.heading.bar, self.heading.line
        self.problems, self.totals = self.heading.problems, self.heading.totals
        self.chips = StoreChips()
        self.heading.below.addWidget(self.chips)
        self.heading.below.addWidget(self.problems)
        self.followed: dict[str, Schedules] = {}
        self.calendar = ScheduleCalendar(self.followed)
        self.bar.addSpacing(theme.GAP)
        self.bar.addWidget(self.calendar.button)
        self.detail = ScheduleDetail(may_change=self._may_change)
        super().__init__(
            ThreadedTableModel(columns, key=lambda one: one.place, sort="next"),
            ScheduleTable(name, columns),
            self.detail,
            above=(self.heading,),
            others=(self.calendar,),
            sizes=(430, 270),
            parent=parent,
        )
        self.followed.update({session.profile.name: Schedules(session, self) for session in sessions})
        self.chosen = SelectedSchedules(self, self.followed, self.selected, self.current, self.store_for_new)
        self.table.menu = self._menu
        self.table.activated.connect(lambda _: self.edit())
        self.table.horizontalHeader().sortIndicatorChanged.connect(self._say_state)
        self.model.arranged.connect(self._arranged)
        self.line.textChanged.connect(self._filter)
        self.chips.chosen.connect(self._filter)
        self.chips.dropped.connect(self.chosen.move)
        self.detail.wanted.connect(self.chosen.change)
        self.calendar.button.toggled.connect(self.update_empty)
        self.calendar.opened.connect(self._open)
        for schedules in self.followed.values():
            schedules.changed.connect(self._show)

    def commands(self) -> dict[CommandKey, Callable[[], object]]:
        """What the window's commands do here."""
        found = super().commands() | self.chosen.reading()
        found |= {
            "filter": self.line.setFocus,
            "refresh": self.refresh,
            "detail": self.edit if self._may_change else self.table.setFocus,
            "calendar": self.calendar.button.toggle,
        }
        if self.calendar.isVisible():
            found |= {"detail": self.calendar.picture.open_current, "back": self._close_detail}
        return found | self.chosen.changing() if self._may_change else found

    def edit(self) -> None:
        """Open the editor on the current schedule."""
        if self._may_change:
            self.chosen.edit()

    def open(self, request: Request) -> None:
        """Select the schedule that is asked for, at once or when it is read."""
        if isinstance(request, OpenSchedule):
            self.key = request.place
            self.calendar.button.setChecked(False)
            if self.model.line_of(self.key) is None:
                self.line.clear()
            self.select()

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
        return self.selected_rows()

    def store_for_new(self, profile: str) -> StoreState | None:
        """Return where a new schedule of a profile goes by itself, None if none can be written."""
        return next(iter(self.followed[profile].open_stores()), None)

    def showEvent(self, event: object) -> None:
        super().showEvent(event)
        self._follow()

    def hideEvent(self, event: object) -> None:
        super().hideEvent(event)
        for schedules in self.followed.values():
            schedules.stop()

    def _follow(self) -> None:
        for schedules in self.followed.values():
            schedules.start()

    def row_chosen(self, row: ShownSchedule) -> None:
        """See MasterDetailPage."""
        self._describe()

    def _describe(self) -> None:
        one = self.current()
        if one is self._described and (one is None or not one.row.overdue):  # what is overdue runs "now", whenever
            return
        self._described = one
        self.detail.show_schedule(one)
        if one is not None:
            schedules = self.followed[one.profile.name]
            schedules.session.spawn(self._look_ahead(schedules, one), "next runs", self)

    async def _look_ahead(self, schedules: Schedules, one: ShownSchedule) -> None:
        ahead = await schedules.ahead(one.row)
        if one.place == self.key:
            self.detail.show_ahead(ahead)

    def _menu(self) -> QMenu:
        menu = schedule_menu(self, self.commands(), may_change=self._may_change)
        chosen = self.selected()
        if chosen and self._may_change:
            self.chips.add_to(menu, chosen, self.chosen.move)
        return menu

    def _show(self) -> None:
        followed = self.followed.values()
        self._say_state()
        self.chips.show_stores(followed)
        lists = [schedules.rows for schedules in followed]
        if len(lists) != len(self._lists) or any(new is not old for new, old in zip(lists, self._lists, strict=True)):
            self._lists = lists
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
        self.select()
        self.update_empty()

    def select(self) -> None:
        """See MasterDetailPage."""
        super().select()
        self._describe()

    def _filter(self, *_: object) -> None:
        needle, store = self.line.text().casefold(), self.chips.only

        def passes(one: ShownSchedule) -> bool:
            if store is not None and store != (one.profile.name, one.row.url):
                return False
            return any(needle in part.casefold() for part in (one.entry.name, one.entry.task, one.entry.queue))

        self.model.keep_only(passes if needle or store is not None else None)

    def update_empty(self, *_: object) -> None:
        """See MasterDetailPage."""
        super().update_empty()
        filled, in_time = bool(self.model.rowCount()), self.calendar.button.isChecked()
        self.detail.setVisible(filled and (self.calendar.has_opened or not in_time))
        if filled and in_time:
            self.calendar.show_rows(self.model.rows())

    def filled_page(self) -> QWidget:
        """See MasterDetailPage: the calendar takes the table's place."""
        return self.calendar if self.calendar.button.isChecked() else self.table

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

    def second(self) -> None:
        """See MasterDetailPage."""
        self._say_what_is_in_sight()
        self.model.tick()
        self.detail.tick()


def may_change(session: ProfileSession) -> bool:
    """May schedules of this profile be changed?"""
    return session.profile.has_broker and not session.profile.read_only
