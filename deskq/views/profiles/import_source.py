"""Asks for a Celery app or a Django settings module and reads it, in another process and another thread."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any, Literal

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from deskq import paths
from deskq.errors import UserError
from deskq.formats import plain_lines
from deskq.profiles.importing.proposals import TIMEOUT, Proposal, from_app, from_django
from deskq.services.background.background_tasks import BackgroundTasks
from deskq.views.profiles.editors import problem_label
from deskq.views.widgets import theme
from deskq.views.widgets.dialog import Dialog
from deskq.views.widgets.empty_pane import plain_label
from deskq.views.widgets.fields import letters_reach_fields

Source = Literal["app", "django"]


class ImportSource(Dialog):
    """Emits ``found`` with a list of one Proposal. Closing it ends a reading that goes on."""

    found = Signal(list)

    def __init__(self, source: Source, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Import from a Celery app" if source == "app" else "Import from Django settings")
        self.resize(560, 320)
        self._source: Source = source
        self._stop = threading.Event()
        self._tasks = BackgroundTasks()
        self._reading = False
        self.name = QLineEdit()
        self.name.setPlaceholderText("proj, as in celery -A proj" if source == "app" else "proj.settings")
        self.folder = QLineEdit()
        self.folder.setPlaceholderText("project folder")
        self.python = QLineEdit()
        self.python.setPlaceholderText(".venv/bin/python in that folder, if present")
        form = QFormLayout()
        form.addRow("&App" if source == "app" else "&Settings module", self.name)
        form.addRow("&Folder", _with_button(self.folder, self.choose_folder))
        form.addRow("&Python", _with_button(self.python, self.choose_python))
        letters_reach_fields(form)
        self.note = plain_label(
            f"Imports the project with its own Python, for at most {TIMEOUT:g} s. Changes nothing.",
            wrap=True,
            muted=True,
        )
        self.problem = problem_label()
        self.words = QPlainTextEdit()
        self.words.setReadOnly(True)
        self.words.setAccessibleName("Last output of the project")
        self.words.setFont(theme.mono_font())
        self.words.hide()
        self.cancel = QPushButton("Cancel")
        self.read = QPushButton("Read settings")
        self.press_by_return(self.read)
        bottom = QHBoxLayout()
        bottom.addStretch(1)
        bottom.addWidget(self.cancel)
        bottom.addWidget(self.read)
        layout = QVBoxLayout(self)
        layout.setSpacing(theme.GAP)
        layout.addLayout(form)
        layout.addWidget(self.note)
        layout.addWidget(self.problem)
        layout.addWidget(self.words, 1)
        layout.addStretch(0)
        layout.addLayout(bottom)
        self.cancel.clicked.connect(self.reject)
        self.read.clicked.connect(self.start)
        for line in (self.name, self.folder):
            line.textChanged.connect(self._check)
        self._check()

    def start(self) -> None:
        """Read the project."""
        if not self._reading:
            self._reading = True
            texts = [line.text().strip() for line in (self.name, self.folder, self.python)]
            self._tasks.start(self._read(*texts), "import: read settings")
            self._say("Reading…", "")
            self.problem.hide()
            self._check()

    def done(self, result: int) -> None:
        """Close, and end what is being read."""
        self._stop.set()
        super().done(result)

    def choose_folder(self) -> None:
        """Open a chooser of folders."""
        chooser = QFileDialog(self, "Choose the project's folder")
        chooser.setFileMode(QFileDialog.FileMode.Directory)
        self._open(chooser, self.folder)

    def choose_python(self) -> None:
        """Open a chooser of files."""
        chooser = QFileDialog(self, "Choose the project's Python")
        chooser.setFileMode(QFileDialog.FileMode.ExistingFile)
        self._open(chooser, self.python)

    def _open(self, chooser: QFileDialog, line: QLineEdit) -> None:
        chooser.fileSelected.connect(line.setText)
        chooser.finished.connect(chooser.deleteLater)
        chooser.open()

    def _check(self) -> None:
        missing = "Enter the app." if self._source == "app" else "Enter the settings module."
        reason = "" if self.name.text().strip() else missing
        reason = reason or ("" if self.folder.text().strip() else "Choose the folder.")
        self.read.setEnabled(not reason and not self._reading)
        self.read.setToolTip(reason)

    async def _read(self, name: str, folder: str, python: str) -> None:
        reader: Any = from_app if self._source == "app" else from_django

        def work() -> Proposal:
            proposal: Proposal = reader(
                name,
                folder=paths.written(folder),
                python=Path(python) if python else None,
                cancelled=self._stop.is_set,
            )
            return proposal

        try:
            proposal = await asyncio.get_running_loop().run_in_executor(None, work)
        except UserError as error:
            if not self._stop.is_set():
                self._reading = False
                self._say("", error.details)
                self.problem.setText(f"▲ {error}")
                self.problem.show()
                self._check()
            return
        if not self._stop.is_set():
            self.accept()
            self.found.emit([proposal])

    def _say(self, note: str, words: str) -> None:
        self.note.setText(note)
        self.note.setVisible(bool(note))
        self.words.setPlainText(plain_lines(words))
        self.words.setVisible(bool(words))
        self.words.moveCursor(QTextCursor.MoveOperation.End)  # the last one says most


def _with_button(line: QLineEdit, choose: Any) -> QWidget:
    button = QPushButton("Choose…")
    button.setAutoDefault(False)
    button.clicked.connect(choose)
    widget = QWidget()
    row = QHBoxLayout(widget)
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(line)
    row.addWidget(button)
    widget.setFocusProxy(line)
    return widget
