"""The calendar of schedules: the next day or week on one time line, computed while it is in sight."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QRadioButton, QStackedWidget, QVBoxLayout, QWidget

from deskq.models.schedules.timeline import (
    SPANS,
    ShownTimeline,
    Timelines,
    about_words,
    nothing_words,
    planned_otherwise,
)
from deskq.services.schedules.following import Schedules
from deskq.services.schedules.shown import ScheduleSummary, ShownSchedule, merged_summary
from deskq.services.session import ProfileSession
from deskq.views.overview.timeline import TimelinePicture
from deskq.views.widgets import theme, window_state
from deskq.views.widgets.empty_pane import EmptyPane, LineLabel, plain_label

if TYPE_CHECKING:
    from deskq.schedules.model import ScheduleStore

_AGAIN_SECONDS: Final = 15.0
"""How often it is computed anew while it is shown; more rarely where that takes long."""
_UNREAD_SECONDS: Final = 1.0
"""The same while schedules are still being read and put into words."""
_SHARE: Final = 10
_LATER_SECONDS: Final = 0.2
"""Progress is shown after so long."""


class ScheduleCalendar(QWidget):
    """The time line of what a table of schedules shows. ``opened``: the place of a schedule that is asked for."""

    opened = Signal(object)

    def __init__(self, followed: Mapping[str, Schedules]) -> None:
        super().__init__()
        self.has_opened = False
        self._followed = followed
        self._timelines = Timelines()
        self._rows: Sequence[ShownSchedule] = ()
        self._next = 0.0
        self._asked = 0
        self._computing = False
        self._stale = False
        self._focus_wanted = False
        self.button = QPushButton("Calendar")
        theme.checkable(self.button)
        self.button.setToolTip("Runs of the next day or week, and collisions")
        self.button.toggled.connect(self._toggled)
        self.spans = {word: QRadioButton(word) for word in SPANS}
        group = QButtonGroup(self)
        chosen = window_state.load_text("calendar/span", next(iter(SPANS)))
        for word, button in self.spans.items():
            button.setChecked(word == chosen)
            button.setAccessibleName(f"Show the next {word}")
            group.addButton(button)
        if group.checkedButton() is None:
            next(iter(self.spans.values())).setChecked(True)
        group.buttonClicked.connect(lambda _: self._choose())
        self.about = plain_label(muted=True, wrap=True)
        self.chosen = LineLabel()
        self.chosen.setContentsMargins(theme.GAP_M, theme.GAP_S, theme.GAP_M, theme.GAP_S)
        self.chosen.setSizePolicy(self.chosen.sizePolicy().Policy.Ignored, self.chosen.sizePolicy().Policy.Fixed)
        self.picture = TimelinePicture()
        self.picture.told.connect(self.chosen.setText)
        self.picture.opened.connect(self._open)
        self.empty = EmptyPane("", "")
        self.pages = QStackedWidget()
        self.pages.addWidget(self.picture)
        self.pages.addWidget(self.empty)
        head = QHBoxLayout()
        head.setContentsMargins(theme.GAP_M, theme.GAP_S, theme.GAP_M, theme.GAP_S)
        head.setSpacing(theme.GAP_M)
        head.addWidget(self.about, 1)
        for button in self.spans.values():
            head.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(self.pages, 1)
        layout.addWidget(self.chosen)

    def show_rows(self, rows: Sequence[ShownSchedule]) -> None:
        """Show these schedules: at once if they are planned otherwise, else when it is time."""
        other = self._summary().complete and planned_otherwise(self._rows, rows)
        self._rows = rows
        if time.monotonic() >= self._next or (other and not self._computing):
            self._compute()
        elif other:
            self._stale = True

    def showEvent(self, event: object) -> None:
        if self._focus_wanted:
            self._focus_wanted = False
            self.picture.setFocus()

    def hideEvent(self, event: object) -> None:
        self._asked += 1  # what is being computed is not wanted any more
        self._next = 0.0

    def _toggled(self, shown: bool) -> None:
        self.has_opened = False
        self._focus_wanted = shown

    def _choose(self) -> None:
        window_state.save_text("calendar/span", self._span())
        self._compute()

    def _summary(self) -> ScheduleSummary:
        return merged_summary([schedules.summary for schedules in self._followed.values()])

    def _span(self) -> str:
        return next(word for word, button in self.spans.items() if button.isChecked())

    def _open(self, lane: int) -> None:
        assert self.picture.shown is not None
        self.has_opened = True
        self.opened.emit(self.picture.shown.rows[lane].place)

    def _compute(self) -> None:
        """Begin to compute what is to be shown; what is being computed ends at its next slice."""
        self._asked += 1
        self._next = math.inf
        if not self._computing and self._followed:
            session = next(iter(self._followed.values())).session
            session.spawn(self._follow(session), "calendar", self)

    async def _follow(self, session: ProfileSession) -> None:
        """Compute until nothing else is wanted."""
        if self._computing:
            return
        self._computing, done = True, -1
        try:
            while done != self._asked and self.isVisible():
                done = self._asked
                await self._compute_once(session, done)
        finally:
            self._computing = False
            if self._next == math.inf:
                self._next = 0.0

    async def _compute_once(self, session: ProfileSession, asked: int) -> None:
        began = time.monotonic()
        self._stale = False
        stores: dict[tuple[str, str], ScheduleStore] = {
            (name, state.store.url): state.store
            for name, schedules in self._followed.items()
            for state in schedules.stores
            if state.store is not None
        }

        def go_on(done: int, of: int) -> bool:
            if asked == self._asked and time.monotonic() - began >= _LATER_SECONDS:
                self.about.setText(f"Computing runs: {done:,} of {of:,} schedules")
            return asked == self._asked and self.isVisible()

        shown = await self._timelines.compute(session, self._rows, stores, SPANS[self._span()], go_on)
        if shown is not None and asked == self._asked:
            summary = self._summary()
            wait = _AGAIN_SECONDS if summary.complete and not summary.unknown else _UNREAD_SECONDS
            self._next = time.monotonic() + max(wait, _SHARE * (time.monotonic() - began))
            self._show(shown, complete=summary.complete)
            if self._stale:
                self._compute()

    def _show(self, shown: ShownTimeline, *, complete: bool) -> None:
        self.picture.show_timeline(shown)
        unread = "" if complete else "Still loading schedules. "
        self.about.setText(unread + about_words(shown))
        self.pages.setCurrentWidget(self.picture if shown.rows else self.empty)
        self.chosen.setVisible(bool(shown.rows))
        if not shown.rows:
            self.empty.say(*nothing_words(shown))
