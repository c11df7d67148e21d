"""A connection test or an examination as it goes on: each step with its evidence, and what to do about it."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import (
    QApplication,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from deskq.doctor.advice.general import examine
from deskq.doctor.connection.steps import examine_connection
from deskq.doctor.finding import Finding, ProbedStep, is_fine, lines, word
from deskq.errors import UserError
from deskq.formats import count, plain
from deskq.profiles import Profile
from deskq.services.background.background_tasks import BackgroundTasks
from deskq.views.widgets import theme
from deskq.views.widgets.empty_pane import plain_label
from deskq.views.widgets.tables import draw_dot

Spawn = Callable[[Coroutine[Any, Any, None], str], object]
_WIDEST: Final = 560
_TITLE_CHARACTERS: Final = 32
_LOOKS: Final = {  # word: (shown, group of colours)
    "ok": ("OK", "success"),
    "warning": ("Warning", "retry"),
    "failed": ("Failed", "failure"),
    "error": ("Error", "failure"),
    "advice": ("Suggestion", "running"),
    "skipped": ("Skipped", "lost"),
    "not-asked": ("Not checked", "waiting"),
}


class StepsList(QWidget):
    """Runs at most one examination at a time, off the GUI thread, and shows what it yields as it comes.

    ``finished``: it ended, True if all is well; False also when it was cancelled. ``spawn``: who keeps its task, so
    that it ends with a session; by itself it lives until ``stop``, or until this widget is destroyed.
    """

    finished = Signal(bool)

    def __init__(self, parent: QWidget | None = None, *, spawn: Spawn | None = None) -> None:
        super().__init__(parent)
        self._tasks = BackgroundTasks()
        self._spawn = spawn or self._tasks.start
        self._cancelled: threading.Event | None = None
        self.shown: list[ProbedStep | Finding] = []
        self.status = plain_label(muted=True)
        self.copy = QPushButton(theme.icon("copy"), "Copy report")
        self.copy.setEnabled(False)
        self.copy.clicked.connect(self.copy_report)
        self.cancel = QPushButton("Cancel")
        self.cancel.hide()
        self.cancel.clicked.connect(self.stop)
        bar = QHBoxLayout()
        bar.addWidget(self.status, 1)
        bar.addWidget(self.cancel)
        bar.addWidget(self.copy)
        self._inner = QWidget()
        self._inner.setBackgroundRole(QPalette.ColorRole.Base)
        self._inner.setAutoFillBackground(True)
        self._rows = QVBoxLayout(self._inner)
        self._rows.setContentsMargins(theme.GAP_M, theme.GAP_M, theme.GAP_M, theme.GAP_M)
        self._rows.setSpacing(theme.GAP)
        self._rows.addStretch(1)
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setWidget(self._inner)
        self.area.setAccessibleName("Steps and findings")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.GAP)
        layout.addLayout(bar)
        layout.addWidget(self.area, 1)

    @property
    def running(self) -> bool:
        """Is an examination going on?"""
        return self._cancelled is not None

    def run(self, profile: Profile, *, advice: bool = False) -> None:
        """Begin anew: the connection test or, with ``advice``, the whole examination with what the history tells."""
        self.stop()
        self._clear()
        self._cancelled = cancelled = threading.Event()
        self.destroyed.connect(cancelled.set)
        self.cancel.show()
        self.copy.setEnabled(False)
        self.status.setText("Checking…" if advice else "Testing…")
        self._spawn(self._follow(profile, advice, cancelled), "examination")

    def stop(self) -> None:
        """End what is running; what it still waits for is left to its deadline, and not shown."""
        if self._cancelled is not None:
            self._cancelled.set()
            self._end("Cancelled.", fine=False)

    def report(self) -> str:
        """Return what is shown as text."""
        return "\n".join(plain(line) for one in self.shown for line in lines(one))

    def copy_report(self) -> None:
        """Put the report on the clipboard."""
        QApplication.clipboard().setText(self.report())

    async def _follow(self, profile: Profile, advice: bool, cancelled: threading.Event) -> None:
        loop = asyncio.get_running_loop()
        arrived: list[ProbedStep | Finding] = []

        def catch_up() -> None:
            if not cancelled.is_set():
                for one in arrived[len(self.shown) :]:
                    self._show(one)

        def tell(one: ProbedStep | Finding) -> None:
            arrived.append(one)
            try:
                loop.call_soon_threadsafe(catch_up)
            except RuntimeError:  # the loop has ended
                cancelled.set()

        try:
            await loop.run_in_executor(None, _examine, profile, advice, cancelled, tell)
            catch_up()
            if not cancelled.is_set():
                self._end(_summary(self.shown), fine=is_fine(self.shown))
        except UserError as error:
            if not cancelled.is_set():
                self._end(str(error), fine=False)
        except Exception:
            if not cancelled.is_set():
                self._end("The check stopped early. Run it again.", fine=False)
            raise
        finally:
            cancelled.set()  # also where this task is cancelled and the thread goes on

    def _show(self, one: ProbedStep | Finding) -> None:
        self.shown.append(one)
        self._rows.insertWidget(self._rows.count() - 1, _Row(one))
        self.copy.setEnabled(True)

    def _clear(self) -> None:
        self.shown = []
        while self._rows.count() > 1:
            item = self._rows.takeAt(0)
            if item is not None and (row := item.widget()) is not None:
                row.hide()
                row.deleteLater()

    def _end(self, text: str, *, fine: bool) -> None:
        self._cancelled = None
        self.cancel.hide()
        self.status.setText(text)
        self.finished.emit(fine)


def _examine(
    profile: Profile, advice: bool, cancelled: threading.Event, tell: Callable[[ProbedStep | Finding], None]
) -> None:
    """Runs in the executor's thread, with everything that the examination opens."""
    if advice:
        for one in examine(profile, history=profile.history_path(), cancelled=cancelled.is_set):
            tell(one)
    else:
        for step in examine_connection(profile, cancelled=cancelled.is_set):
            tell(step)


def _summary(shown: list[ProbedStep | Finding]) -> str:
    words = Counter(word(one) for one in shown)
    parts = [f"{words['failed']} failed"] if words["failed"] else []
    parts += [count(words[key], key) for key in ("error", "warning") if words[key]]
    if words["advice"]:
        parts.append(count(words["advice"], "suggestion"))
    return (", ".join(parts) if parts else "No problems found") + "."


class _Row(QWidget):
    """One step or finding; all of its text is plain."""

    def __init__(self, one: ProbedStep | Finding) -> None:
        super().__init__()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(theme.GAP_M)
        grid.setColumnStretch(2, 1)
        grid.addWidget(_Mark(word(one)), 0, 0, Qt.AlignmentFlag.AlignTop)
        title = plain_label(plain(one.title), wrap=True)
        title.setFont(theme.bold_font())
        title.setFixedWidth(self.fontMetrics().averageCharWidth() * _TITLE_CHARACTERS)
        grid.addWidget(title, 0, 1, Qt.AlignmentFlag.AlignTop)
        beside = QVBoxLayout()
        beside.setSpacing(theme.GAP_S // 2)
        if one.evidence:
            beside.addWidget(plain_label(plain(one.evidence), wrap=True, muted=True))
        if one.remedy:
            beside.addWidget(plain_label(plain(one.remedy), wrap=True))
        if isinstance(one, Finding) and one.setting:
            beside.addLayout(self._copyable(plain(one.setting)))
        beside.addStretch(1)
        grid.addLayout(beside, 0, 2)

    def _copyable(self, setting: str) -> QHBoxLayout:
        line = QLineEdit(setting)
        line.setReadOnly(True)
        line.setFont(theme.mono_font())
        line.setAccessibleName("Setting that fixes it")
        line.setMaximumWidth(min(line.fontMetrics().horizontalAdvance(setting) + 2 * theme.GAP_L, _WIDEST))
        line.setCursorPosition(0)
        button = QPushButton(theme.icon("copy"), "")
        button.setFlat(True)
        button.setToolTip("Copy this line")
        button.setAccessibleName("Copy this line")
        button.clicked.connect(lambda: QApplication.clipboard().setText(setting))
        box = QHBoxLayout()
        box.setSpacing(theme.GAP)
        box.addWidget(line, 1)
        box.addWidget(button)
        box.addStretch(0)
        return box


class _Mark(QWidget):
    """The dot and the word, in the colour of the theme in force."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self._word, self._group = _LOOKS[key]
        self.setAccessibleName(self._word)
        self.setFixedSize(self.sizeHint())

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(14 + metrics.horizontalAdvance("Not checked") + theme.GAP, metrics.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        draw_dot(painter, self.rect().adjusted(1, 0, 0, 0), self._group)
        painter.setPen(theme.state_colour(self._group))
        painter.drawText(self.rect().adjusted(14, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, self._word)
