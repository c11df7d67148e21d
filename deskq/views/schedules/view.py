"""The Schedules view: what beat does, from every store of a profile, and the way to change it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QComboBox, QPushButton, QWidget

from deskq import formats
from deskq.services.session import ProfileSession
from deskq.views.schedules.columns import SCHEDULE_COLUMNS, empty_words
from deskq.views.schedules.files import ScheduleFiles
from deskq.views.schedules.pane import SchedulePane
from deskq.views.widgets.commands import CommandKey

if TYPE_CHECKING:
    from deskq.schedules.profile_reader import StoreState
    from deskq.services.schedules.shown import ShownSchedule
    from deskq.views.schedules.commands import ScheduleCommands


class SchedulesView(SchedulePane):
    """Schedules of one session."""

    def __init__(self, session: ProfileSession, parent: QWidget | None = None) -> None:
        super().__init__([session], SCHEDULE_COLUMNS, "schedules", parent)
        self.title = "Schedules"
        self._session = session
        (self.schedules,) = self.followed.values()
        self.files = ScheduleFiles(self, self)
        self.new_button = QPushButton("New schedule…")
        self.new_button.setVisible(self._may_change)
        self.new_button.clicked.connect(self.new)
        self.into = QComboBox()
        self.into.setAccessibleName("Store for new schedules")
        self.into.hide()
        for widget in (self.into, self.new_button):
            self.bar.addWidget(widget)
        self._show()

    def commands(self) -> dict[CommandKey, Callable[[], object]]:
        """See Page."""
        found = super().commands() | {"export_schedules": self.files.export}
        if self._may_change:
            found |= {"new_schedule": self.new, "import_schedules": self.files.choose}
        return found

    @property
    def acts(self) -> ScheduleCommands:
        """What changes the stores."""
        return self.chosen.acts_at(self._session.profile.name)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Start a task that ends with the session."""
        self._session.spawn(work, name)

    def new(self) -> None:
        """Open the editor on nothing."""
        self.acts.new(self.into_store())

    def words_of_nothing(self) -> tuple[str, str]:
        """See MasterDetailPage."""
        problems = [state.problem for state in self.schedules.stores if state.problem]
        return empty_words(
            self._session.profile, problems, read=self.schedules.read_once, filtered=bool(self.schedules.rows)
        )

    def filtered(self) -> list[ShownSchedule]:
        """Return the schedules that the filter lets through."""
        return list(self.model.rows())

    def into_store(self) -> StoreState | None:
        """Return the store for new schedules, None if none can be written."""
        found: StoreState | None = self.into.currentData()
        return found

    def store_for_new(self, profile: str) -> StoreState | None:
        """See SchedulePane: it is chosen where there are several."""
        return self.into_store()

    def _show(self) -> None:
        self._offer_stores()
        super()._show()

    def _offer_stores(self) -> None:
        open_ones = self.schedules.open_stores()
        before = self.into.currentText()
        self.into.clear()
        for state in open_ones:
            self.into.addItem(formats.plain(state.title), state)
        if before:
            self.into.setCurrentIndex(max(0, self.into.findText(before)))
        self.into.setVisible(self._may_change and len(open_ones) > 1)
