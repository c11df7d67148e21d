"""The Result tab of a task's detail: what the result backend keeps, asked only when somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from PySide6.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from deskq import formats
from deskq.errors import UserError
from deskq.results.record import ResultRecord, shown
from deskq.views.widgets import theme
from deskq.views.widgets.empty_pane import EmptyPane, LineLabel, plain_label

Ask = Callable[[str], Coroutine[Any, Any, tuple[ResultRecord | None, str]]]
Spawn = Callable[[Coroutine[Any, Any, None], str], None]


class TaskResult(QWidget):
    """Shows one record."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ask: Ask | None = None
        self._spawn: Spawn | None = None
        self._wanted = ""
        self._shown = ""
        self.record: ResultRecord | None = None
        self.empty = EmptyPane("No task", "Select a task.", "Reload")
        self.empty.action.connect(self.refresh)
        self.place = LineLabel(muted=True, rest=True)
        self.again = QPushButton(theme.icon("refresh-cw"), "Reload")
        self.again.clicked.connect(self.refresh)
        self.text, self.raw = _pane("Result"), _pane("Raw record")
        head = QHBoxLayout()
        head.setContentsMargins(theme.GAP_M, theme.GAP_S, theme.GAP, 0)
        head.addWidget(self.place, 1)
        head.addWidget(self.again)
        facts_pane = QWidget()
        self._form = QFormLayout(facts_pane)
        self._form.setContentsMargins(theme.GAP_M, theme.GAP_S, theme.GAP, theme.GAP_S)
        self._form.setVerticalSpacing(theme.GAP_S)
        self._form.setHorizontalSpacing(theme.GAP_L)
        split = QSplitter()
        split.addWidget(self.text)
        split.addWidget(self.raw)
        split.setSizes([600, 300])
        split.setChildrenCollapsible(False)
        full = QWidget()
        layout = QVBoxLayout(full)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(facts_pane)
        layout.addWidget(split, 1)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.empty)
        self.stack.addWidget(full)
        own = QVBoxLayout(self)
        own.setContentsMargins(0, 0, 0, 0)
        own.addWidget(self.stack)

    def serve(self, ask: Ask, spawn: Spawn) -> None:
        """Say where records come from, and who starts what reads them: off the GUI thread, within a session."""
        self._ask, self._spawn = ask, spawn

    def show_task(self, uuid: str) -> None:
        """This is the task; it is asked for when the tab is looked at."""
        if uuid != self._wanted:
            self._wanted = uuid
            if self.isVisible():
                self.refresh()

    def refresh(self) -> None:
        """Ask, or ask again."""
        if self._ask is not None and self._spawn is not None and self._wanted:
            self.again.setEnabled(False)
            if self._shown != self._wanted:
                self.empty.say("Reading the result backend", "This takes a moment.")
                self.stack.setCurrentIndex(0)
            self._spawn(self._read(self._ask, self._wanted), "result")

    def showEvent(self, event: object) -> None:
        if self._shown != self._wanted:
            self.refresh()

    async def _read(self, ask: Ask, uuid: str) -> None:
        try:
            record, place = await ask(uuid)
        except UserError as error:
            if uuid == self._wanted:
                self._say_nothing(uuid, "The result cannot be read", str(error))
            return
        finally:
            self.again.setEnabled(True)
        if uuid != self._wanted:
            return
        if record is None:
            reason = "It may have expired, the task may still be running, or results are ignored."
            self._say_nothing(uuid, "No record of this task", f"{reason}\n{place}")
            return
        self._shown, self.record = uuid, record
        self._show(record, place)

    def _say_nothing(self, uuid: str, title: str, reason: str) -> None:
        self._shown, self.record = uuid, None
        self.empty.say(title, formats.plain_lines(reason), "Reload")
        self.stack.setCurrentIndex(0)

    def _show(self, record: ResultRecord, place: str) -> None:
        self.place.setText(formats.plain(place))
        self.text.setPlainText(formats.plain_lines(record.exception or record.result or "(None)"))
        self.raw.setPlainText(formats.plain_lines(record.raw.decode("utf-8", "backslashreplace")))
        while self._form.rowCount():
            self._form.removeRow(0)
        for title, text in facts(record):
            if text:
                value = plain_label(formats.plain(text)[:4_000], wrap=True)
                self._form.addRow(plain_label(title, muted=True), value)
        self.stack.setCurrentIndex(1)


def facts(record: ResultRecord) -> tuple[tuple[str, str], ...]:
    """Return what a record says beside its result, as (title, text); "" where it does not."""
    source = "from the event" if record.arguments_are_reprs else "as stored"
    calls = [
        (f"{title}, {source}", "" if value is None else value if isinstance(value, str) else _one_line(value))
        for title, value in (("args", record.args), ("kwargs", record.kwargs))
    ]
    return (
        ("State", record.state or ""),
        ("Stored as", f"{record.kind}, {formats.byte_size(record.size)}"),
        ("Done", record.date_done or ""),
        ("Expires", "" if record.expires_in is None else f"in {formats.duration(record.expires_in)}"),
        ("Task", record.name or ""),
        *calls,
        ("Worker", record.worker or ""),
        ("Queue", record.queue or ""),
        ("Retries", "" if record.retries is None else str(record.retries)),
        ("Group", record.group_id or ""),
        ("Parent", record.parent_id or ""),
        ("Children", "" if record.children is None else _one_line(record.children)),
    )


def _one_line(value: Any) -> str:
    text = value if isinstance(value, str) else shown(value)
    return " ".join(part.strip() for part in text.splitlines())


def _pane(name: str) -> QPlainTextEdit:
    pane = QPlainTextEdit()
    pane.setReadOnly(True)
    pane.setFrameShape(QPlainTextEdit.Shape.NoFrame)
    pane.setFont(theme.mono_font())
    pane.setAccessibleName(name)
    return pane
