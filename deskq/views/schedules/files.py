"""Schedules out of and into the window, as TOML files, which ``deskq schedules`` reads too."""

from __future__ import annotations

from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QWidget

from deskq import formats
from deskq.errors import UserError
from deskq.services.schedules.following import read_file

if TYPE_CHECKING:
    from deskq.schedules.profile_reader import StoreState
    from deskq.services.schedules.following import Schedules
    from deskq.services.schedules.shown import ShownSchedule
    from deskq.views.schedules.commands import ScheduleCommands


class ShowsSchedules(Protocol):
    """What a view offers that exports and imports its schedules."""

    schedules: Schedules

    @property
    def acts(self) -> ScheduleCommands:
        """What changes the stores."""

    def filtered(self) -> list[ShownSchedule]:
        """Return the schedules that the filter lets through."""

    def into_store(self) -> StoreState | None:
        """Return the store that an import changes, None if none can be written."""

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Start a task that ends with the session."""


class ScheduleFiles:
    """Exports and imports what a view shows."""

    def __init__(self, view: ShowsSchedules, parent: QWidget) -> None:
        self._view = view
        self._parent = parent

    def export(self) -> None:
        """Write the schedules that are shown into a TOML file."""
        chooser = self._chooser("Export schedules", "schedules.toml")
        chooser.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        chooser.setDefaultSuffix("toml")
        chooser.fileSelected.connect(lambda path: self._view.spawn(self.write(Path(path)), "export schedules"))
        chooser.open()

    def choose(self) -> None:
        """Bring a store to what a TOML file says, after asking; what the file does not name stays."""
        chooser = self._chooser("Import schedules", "")
        chooser.setFileMode(QFileDialog.FileMode.ExistingFile)
        chooser.fileSelected.connect(lambda path: self._view.spawn(self.bring(Path(path)), "import schedules"))
        chooser.open()

    async def write(self, path: Path) -> None:
        """Write the schedules that are shown; those that cannot be read are left out."""
        if not self._complete():
            return
        entries = [shown.entry for shown in self._view.filtered() if not shown.entry.problem]

        def work(_reader: object) -> None:
            from deskq.files.private_files import write_private
            from deskq.schedules.text.toml import store_to_toml

            write_private(path, store_to_toml(entries), "The schedules")

        try:
            await self._view.schedules.session.schedules(work)
        except UserError as error:
            self._say(str(error))
        else:
            self._say(f"{formats.count(len(entries), 'schedule')} written to {path}.")

    async def bring(self, path: Path) -> None:
        """Read a file, and preview what it changes in the store that is chosen."""
        state = self._view.into_store()
        if state is None:
            self._view.acts.new(None)
            return
        if not self._complete():
            return
        try:
            wanted = await self._view.schedules.session.schedules(lambda _: read_file(path))
        except UserError as error:
            self._say(str(error))
        else:
            await self._view.acts.bring(state, wanted)

    def _complete(self) -> bool:
        """Are all schedules there? If not, it is said: a part of them would be taken for all."""
        complete = self._view.schedules.summary.complete
        if not complete:
            self._say("Still loading schedules. Try again when the count above the table is complete.")
        return complete

    def _chooser(self, title: str, name: str) -> QFileDialog:
        chooser = QFileDialog(self._parent, title, name, "TOML (*.toml)")
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        return chooser

    def _say(self, text: str) -> None:
        self._view.acts.edits.say(text)
