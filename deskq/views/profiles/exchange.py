"""Menus of import and export: from files, apps, settings and the environment; to files without passwords."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from deskq.errors import UserError
from deskq.files.private_files import write_private
from deskq.formats import count
from deskq.profiles import Profile, ProfileFile, SavedProfiles
from deskq.profiles.importing.proposals import Proposal, from_environment
from deskq.profiles.storage.profile_file import exported
from deskq.profiles.storage.profile_store import find
from deskq.views.profiles.import_preview import ImportPreview
from deskq.views.profiles.import_source import ImportSource, Source

Start = Callable[[Coroutine[Any, Any, None], str], None]


class ProfileExchange(QObject):
    """Emits ``chosen`` with the Proposals to save, and ``said`` with a sentence. ``start`` runs what takes time."""

    chosen = Signal(list)
    said = Signal(str)

    def __init__(self, saved: SavedProfiles, start: Start) -> None:
        super().__init__()
        self._saved, self._start = saved, start
        self._window: QWidget | None = None
        self.current = ""
        self._profiles: list[Profile] = []
        self.import_menu = QMenu("Import")
        self.import_menu.addAction("From a file…", self.import_file)
        self.import_menu.addAction("From a Celery app…", lambda: self.import_from("app"))
        self.import_menu.addAction("From Django settings…", lambda: self.import_from("django"))
        self.import_menu.addAction("From this environment…", self.import_environment)
        self.export_menu = QMenu("Export")
        self.export_menu.addAction("This profile…", lambda: self.export([self.current] if self.current else []))
        self.export_menu.addAction("All profiles…", lambda: self.export([one.name for one in self._profiles]))

    def set_window(self, window: QWidget) -> None:
        """Tell which window owns this, the menus aside, and what they open."""
        self.setParent(window)
        self._window = window

    def show_profiles(self, profiles: Iterable[Profile], current: str) -> None:
        """Tell which profiles there are, and which one is meant by "this profile"."""
        self._profiles, self.current = list(profiles), current

    def import_environment(self) -> None:
        """Show what the environment's variables name."""
        found = from_environment(os.environ)
        if found:
            self.preview(found)
        else:
            self.said.emit("No broker in the environment. Set CELERY_BROKER_URL and start deskq again.")

    def import_from(self, source: Source) -> ImportSource:
        """Ask for an app or a settings module, and show what it says."""
        dialog = ImportSource(source, self._window)
        dialog.found.connect(self.preview)
        dialog.open()
        return dialog

    def import_file(self) -> None:
        """Choose a file that was exported, and show what is in it."""
        chooser = QFileDialog(self._window, "Import profiles", "", "Profiles (*.toml);;All files (*)")
        chooser.setFileMode(QFileDialog.FileMode.ExistingFile)
        chooser.fileSelected.connect(lambda path: self._start(self.read_file(Path(path)), "import"))
        chooser.finished.connect(chooser.deleteLater)
        chooser.open()

    async def read_file(self, path: Path) -> None:
        """Show what is in an exported file."""
        file = ProfileFile(path)
        profiles = await asyncio.get_running_loop().run_in_executor(None, file.load)
        reasons = " ".join(one.reason for one in file.faulty)
        if not profiles:
            raise UserError(reasons or f"{path} contains no profiles. Choose a file that deskq exported.")
        self.said.emit(reasons)
        self.preview([Proposal(profile, (("url", str(path)),)) for profile in profiles])

    def preview(self, proposals: list[Proposal]) -> ImportPreview:
        """Show what would be saved, and ask."""
        preview = ImportPreview(proposals, self._profiles, self._window)
        preview.chosen.connect(self.chosen)
        preview.open()
        return preview

    def export(self, names: list[str]) -> None:
        """Choose a file, and write these profiles there, as they are saved, without passwords."""
        if not names:
            self.said.emit("Save the profile first; then it can be exported.")
            return
        chooser = QFileDialog(self._window, "Export profiles without passwords", "", "Profiles (*.toml)")
        chooser.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        chooser.setDefaultSuffix("toml")
        chooser.fileSelected.connect(lambda path: self._start(self.write_file(Path(path), names), "export"))
        chooser.finished.connect(chooser.deleteLater)
        chooser.open()

    async def write_file(self, path: Path, names: list[str]) -> None:
        """Write these profiles to a file."""

        def write() -> None:
            profiles = self._saved.load()
            write_private(
                path, exported(find(profiles, name, self._saved.file.faulty) for name in names), "The profiles"
            )

        await asyncio.get_running_loop().run_in_executor(None, write)
        self.said.emit(f"Wrote {count(len(names), 'profile')} to {path}, without passwords.")
