"""What a view offers the window that shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QStackedWidget, QWidget

from deskq.services.session import ProfileSession
from deskq.views.widgets.commands import CommandKey
from deskq.views.widgets.requests import Request
from deskq.views.widgets.tables import Table
from deskq.views.widgets.task_drop import TaskDrop

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
