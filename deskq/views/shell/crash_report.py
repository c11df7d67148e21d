"""What a crash left, shown in full before anybody decides what becomes of it. deskq sends nothing."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import (
    QDialogButtonBox,
    QFileDialog,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from deskq import crash_log as crash
from deskq import formats
from deskq.crash_log import CrashLog, CrashReport
from deskq.services.background.background_tasks import BackgroundTasks
from deskq.views.widgets import theme
from deskq.views.widgets.dialog import Dialog
from deskq.views.widgets.empty_pane import plain_label
from deskq.views.widgets.tables import copy_text


class CrashReportDialog(Dialog):
    """Shows one report; ``save_requested`` (path, text) and ``discarded`` say what the person chose."""

    save_requested = Signal(object, str)
    discarded = Signal(object)

    def __init__(self, report: CrashReport, *, earlier: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Crash report")
        self._report = report
        title = f"deskq ended unexpectedly on {formats.clock_time(report.at)}" if earlier else "Internal error in deskq"
        heading = plain_label(title)
        heading.setFont(theme.heading_font())
        more = "" if earlier else "deskq keeps running; the recorded history is not affected. "
        reason = plain_label(
            f"{more}Nothing has been sent. Logins, hosts and folder names are left out of the report below. Review "
            "it before you share it.",
            wrap=True,
            muted=True,
        )
        self.text = QPlainTextEdit()
        self.text.setPlainText(formats.plain_lines(report.text))
        self.text.setFont(theme.mono_font())
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setAccessibleName("Report")
        self.copy = QPushButton(theme.icon("copy"), "Copy report")
        self.save = QPushButton("Save as…")
        self.discard = QPushButton("Discard")
        self.keep = QPushButton("Keep for later")
        buttons = QDialogButtonBox()
        for button, role in (
            (self.copy, QDialogButtonBox.ButtonRole.ActionRole),
            (self.save, QDialogButtonBox.ButtonRole.ActionRole),
            (self.discard, QDialogButtonBox.ButtonRole.DestructiveRole),
            (self.keep, QDialogButtonBox.ButtonRole.RejectRole),
        ):
            buttons.addButton(button, role)
        self.press_by_return(self.keep)
        self.copy.clicked.connect(self._copy)
        self.save.clicked.connect(self._choose_file)
        self.discard.clicked.connect(self._discard)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setSpacing(theme.GAP)
        for widget in (heading, reason):
            layout.addWidget(widget)
        layout.addWidget(self.text, 1)
        self.message = plain_label(wrap=True)
        self.message.hide()
        layout.addWidget(self.message)
        layout.addWidget(buttons)
        self.resize(820, 520)

    def say(self, text: str) -> None:
        """Say what became of saving it."""
        self.message.setText(text)
        self.message.show()

    def _copy(self) -> None:
        copy_text(self.text.toPlainText())
        self.copy.setText("Copied")

    def _choose_file(self) -> None:
        name = f"deskq-crash-{time.strftime('%Y%m%d-%H%M%S', time.localtime(self._report.at))}.txt"
        chooser = QFileDialog(self, "Save the report", str(Path.home() / name))
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        chooser.fileSelected.connect(lambda path: self.save_requested.emit(Path(path), self.text.toPlainText()))
        chooser.open()

    def _discard(self) -> None:
        self.discarded.emit(self._report)
        self.accept()


class CrashReports(QObject):
    """Shows what a crash log holds, one report at a time: those of earlier runs, and new ones as they come."""

    def __init__(self, log: CrashLog, window: QWidget) -> None:
        super().__init__(window)
        self._log = log
        self._window = window
        self._loop = asyncio.get_running_loop()
        self._tasks = BackgroundTasks()
        self.dialog: CrashReportDialog | None = None
        log.listen(self._hear)

    def _hear(self, report: CrashReport) -> None:
        """In the thread of the exception."""
        self._loop.call_soon_threadsafe(self.show_report, report, False)

    def offer_earlier(self) -> None:
        """Show the newest report of an earlier run, if there is one."""
        self._start(self._offer())

    def show_report(self, report: CrashReport, earlier: bool) -> None:
        """Show a report, unless one is shown already: the others stay on disk for the next start."""
        if self.dialog is not None:
            return
        self.dialog = CrashReportDialog(report, earlier=earlier, parent=self._window)
        self.dialog.discarded.connect(lambda found: self._start(self._off_thread(lambda: crash.discard(found))))
        self.dialog.save_requested.connect(lambda path, text: self._start(self._save(path, text)))
        self.dialog.finished.connect(self._closed)
        self.dialog.open()

    def stop(self) -> None:
        """Show no more."""
        self._log.listen(None)
        self._tasks.cancel()

    def _closed(self, _result: int) -> None:
        self.dialog = None

    async def _offer(self) -> None:
        reports = await self._loop.run_in_executor(None, crash.pending)
        if reports:
            self.show_report(reports[0], True)

    async def _save(self, path: Path, text: str) -> None:
        try:
            await self._loop.run_in_executor(None, lambda: path.write_text(text, encoding="utf-8"))
        except OSError as error:
            if self.dialog is not None:
                self.dialog.say(f"The report cannot be written to {path}: {error.strerror}. Choose another place.")
        else:
            if self.dialog is not None:
                self.dialog.say(f"Saved to {path}.")

    async def _off_thread(self, work: Callable[[], None]) -> None:
        await self._loop.run_in_executor(None, work)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.start(work, "crash reports")


def say_message(log: CrashLog | None, _kind: object, _context: object, text: str) -> None:
    """Print what Qt says, and keep it for a crash report.

    Without a screen Qt says of every window what it cannot do with it: that is left out.
    """
    if not text.startswith("This plugin does not support"):
        if log is not None:
            log.note(f"Qt: {text}")
        print(text, file=sys.stderr)


def unheard(log: CrashLog, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An exception that no task's owner waited for."""
    error = context.get("exception")
    if isinstance(error, Exception):
        log.report(error, str(context.get("message", "the event loop")))
    loop.default_exception_handler(context)
