"""What a drop opens: each task with its grade and arguments, what will not happen, and the one button that sends."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Final

from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from deskq import formats
from deskq.actions.executor import Progress
from deskq.actions.messages.retry_candidates import (
    Candidate,
    Grade,
    edited,
    grades,
    plan_retry,
    retargeted,
    texts_of,
    to_send,
)
from deskq.actions.plan import tasks_counted
from deskq.actions.safety import guard_at
from deskq.errors import UserError
from deskq.models.table.columns import Column
from deskq.models.table.model import TableModel
from deskq.models.tasks.columns import state_text
from deskq.services.consumer_search import ConsumerSearch
from deskq.services.retry import RetryService
from deskq.views.actions.plan_foot import PlanFoot, result_text, tint
from deskq.views.widgets import theme
from deskq.views.widgets.dialog import Dialog
from deskq.views.widgets.empty_pane import plain_label
from deskq.views.widgets.tables import Table

_SHOWN_LOSSES: Final = 6
_STATES: Final = {Grade.EXACT: "success", Grade.STORED: "success", Grade.REBUILT: "retry", Grade.MANUAL: "failure"}


def _arguments(one: Candidate) -> str:
    return formats.plain(one.arguments) or "unknown: enter them below"


COLUMNS: Final[tuple[Column[Candidate], ...]] = (
    Column(
        "grade",
        "Source",
        "Where the arguments come from: exact message, stored, rebuilt from the event, or manual",
        lambda one: f"{one.grade.value}{', edited' if one.edited else ''}",
        lambda one: list(Grade).index(one.grade),
        state=lambda one: _STATES[one.grade],
    ),
    Column("task", "Task", "Task name", lambda one: formats.plain(one.name or "unknown"), width=190),
    Column("arguments", "Arguments", "Arguments of the new task", _arguments, width=320),
    Column("queue", "Queue", "Queue of the new task", lambda one: formats.plain(one.target or "unknown"), width=110),
    Column("state", "State", "State of the original task", lambda one: state_text(one.row), width=130),
    Column("uuid", "Id", "Id of the original task", lambda one: one.row.uuid, mono=True, width=260),
)


class RetryDialog(Dialog):
    """Retries tasks of one session on a queue of one; ``queue`` "" means where each came from."""

    def __init__(
        self, service: RetryService, tasks: Sequence[str | int], queue: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Retry tasks")
        self.resize(940, 520)
        self._service = service
        self._tasks = list(tasks)
        self._profile = service.target.profile
        self._candidates: list[Candidate] = []
        self._read_yet = False
        self._consumers = ConsumerSearch(service.target, self)
        self.heading = plain_label()
        self.heading.setFont(theme.heading_font())
        self.summary = plain_label("Loading tasks…", muted=True)
        self.model = TableModel(COLUMNS, key=lambda one: one.row.uuid, parent=self, sort="grade")
        self.table = Table("retry", COLUMNS)
        self.table.setModel(self.model)
        self.table.lay_out()
        self.queue = QComboBox()
        self.queue.setEditable(True)
        self.queue.setEditText(queue)
        line = self.queue.lineEdit()
        if line is not None:
            line.setPlaceholderText("original queue of each task")
        self.canary = QCheckBox("Try one first, continue if it succeeds")
        self.keep_root = QCheckBox("Keep the root id of their canvas")
        self.keep_root.setToolTip("Keeps them grouped with their canvas; the canvas does not wait for them")
        self.keep_root.hide()
        self.again = QCheckBox("Also those that were retried before")
        self.again.hide()
        self.rate = QSpinBox()
        self.rate.setRange(0, 100_000)
        self.rate.setValue(200)
        self.rate.setSpecialValueText("no limit")
        self.rate.setSuffix(" per second")
        self.args, self.kwargs = QLineEdit(), QLineEdit()
        for field in (self.args, self.kwargs):
            field.setFont(theme.mono_font())
        self.losses = plain_label(wrap=True, muted=True)
        self.foot = PlanFoot("Retry", "messages", beside=[self.canary, self.keep_root, self.again])
        self.message, self.guard, self.name = self.foot.message, self.foot.guard, self.foot.guard.name
        self.bar, self.cancel, self.go = self.foot.bar, self.foot.cancel, self.foot.go
        self._lay_out()
        self._connect()
        self.foot.act_at(self._profile, partial(guard_at, self._profile), service.target.spawn)
        service.source.spawn(self._read(queue), "retry", self)

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.addRow("To &queue", self.queue)
        form.addRow("&Rate", self.rate)
        form.addRow("&args", self.args)
        form.addRow("&kwargs", self.kwargs)
        layout = QVBoxLayout(self)
        layout.setSpacing(theme.GAP)
        for widget in (self.heading, self.summary):
            layout.addWidget(widget)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.losses)
        layout.addLayout(form)
        layout.addWidget(self.foot)

    def _connect(self) -> None:
        self.cancel.clicked.connect(self.reject)
        self.go.clicked.connect(self._begin)
        self.guard.changed.connect(self._write)
        self.queue.editTextChanged.connect(self._retarget)
        self.table.selectionModel().currentRowChanged.connect(self._current_changed)
        for field in (self.args, self.kwargs):
            field.textEdited.connect(self._edit)
        self.again.toggled.connect(self._write)
        self._consumers.changed.connect(self._write)
        self.foot.progress.connect(self._follow)
        self.foot.ended.connect(self._end)
        self.foot.failed.connect(self.foot.end)

    @property
    def sendable(self) -> list[Candidate]:
        """What would be sent now."""
        return to_send(self._candidates, again=self.again.isChecked())

    def reject(self) -> None:
        """Esc: stops what runs, else closes."""
        if not self.foot.stop():
            super().reject()

    async def _read(self, queue: str) -> None:
        try:
            self._candidates = await self._service.candidates(self._tasks, queue)
            facets = await self._service.target.ask(lambda reader: reader.facets(), slot="retry queues")
            await self._consumers.ask({one.route or one.queue for one in self._candidates if one.target})
        except UserError as error:
            self.message.setText(str(error))
            return
        self._read_yet = True
        kept = self.queue.currentText()
        self.queue.blockSignals(True)
        self.queue.addItems(formats.as_they_are(facets.queues))
        self.queue.setEditText(kept)
        self.queue.blockSignals(False)
        self._retarget(kept)
        if self.model.rowCount():
            self.table.selectRow(0)

    def _retarget(self, queue: str) -> None:
        self._candidates = [retargeted(one, queue.strip()) for one in self._candidates]
        self.model.replace(self._candidates)
        self._write()

    def _current(self) -> Candidate | None:
        index = self.table.currentIndex()
        return self.model.row_at(index.row()) if index.isValid() else None

    def _current_changed(self, _current: QModelIndex, _previous: QModelIndex) -> None:
        one = self._current()
        args, kwargs = texts_of(one) if one is not None else ("", "")
        changeable = one is not None and one.grade in (Grade.REBUILT, Grade.MANUAL)
        for field, text in ((self.args, args), (self.kwargs, kwargs)):
            field.setText(text)
            field.setEnabled(changeable and not self.foot.running)
            field.setToolTip("" if changeable else "These arguments are certain and are sent unchanged.")

    def _edit(self) -> None:
        one = self._current()
        if one is None:
            return
        try:
            changed = edited(one, self.args.text(), self.kwargs.text() or "{}")
        except UserError as error:
            self.message.setText(str(error))
            self.go.setEnabled(False)
            return
        self.message.setText("")
        self._candidates = [changed if other.row.uuid == one.row.uuid else other for other in self._candidates]
        self.model.replace(self._candidates)
        self._write()

    def _write(self) -> None:
        """Say what would be sent: verb, count, target, environment; the grades; what will not happen."""
        sendable = self.sendable
        environment = self._profile.environment
        queues = sorted({one.target for one in sendable})
        where = f"“{formats.plain(queues[0])}”" if len(queues) == 1 else f"{len(queues)} queues"
        tasks = formats.count(len(sendable), "task")
        what = tasks_counted(len(sendable), sum(one.row.state == "SUCCESS" for one in sendable))
        before = sum(bool(one.earlier) for one in self._candidates if one.sendable)
        none = "Every task was retried before" if before else "No task can be retried"
        title = f"Retry {what} on {where}" if sendable else none if self._read_yet else "Retry tasks"
        self.heading.setText(f"{title} at {formats.plain(self._profile.name)} ({environment.short})")
        tint(self.heading, environment)
        left_out = sum(not one.sendable for one in self._candidates)
        parts = [grades(self._candidates)] if self._candidates else []
        if left_out:
            parts.append(f"{left_out:,} left out: arguments or queue unknown")
        if before and not self.again.isChecked():
            parts.append(f"{before:,} left out: retried before")
        self.again.setVisible(bool(before) and not self.foot.running)
        gone = len(self._tasks) - len(self._candidates)
        if self._candidates and gone:
            parts.append(f"{gone:,} no longer in the history")
        if parts:
            self.summary.setText("   ".join(parts))
        rooted = any(one.row.root_id not in ("", one.row.uuid) for one in sendable)
        self.keep_root.setVisible(rooted and not self.foot.running)
        losses = Counter(loss for one in sendable for loss in one.losses)
        losses.update(words for one in sendable if (words := self._consumers.of(one.route or one.queue)))
        lines = [f"{count:,} × {formats.plain(loss)}" for loss, count in losses.most_common(_SHOWN_LOSSES)]
        more = len(losses) - len(lines)
        self.losses.setText("\n".join(lines + [f"… and {more:,} more"] * bool(more)))
        self.go.setText(f"Retry {tasks}" if sendable else "Retry")
        asked = self._consumers.want({one.route or one.queue for one in sendable})
        ready = bool(sendable) and self.guard.allows and asked
        self.go.setEnabled(ready and not self.foot.running)
        if self.guard.problem:
            self.message.setText(formats.plain(self.guard.problem))

    def _begin(self) -> None:
        try:
            plan = plan_retry(
                self.sendable,
                self._profile,
                now=time.time(),
                rate=float(self.rate.value()),
                canary=self.canary.isChecked() and len(self.sendable) > 1,
                crosses=self._service.crosses,
                keep_root=self.keep_root.isChecked() and not self.keep_root.isHidden(),
            )
        except UserError as error:
            self.message.setText(str(error))
            return
        self.canary.hide()
        self.keep_root.hide()
        self.again.hide()
        for widget in (self.queue, self.rate, self.args, self.kwargs):
            widget.setEnabled(False)
        self.foot.begin(plan)

    def _follow(self, progress: Progress) -> None:
        self.message.setText(f"{progress.phase}: {progress.done:,} of {progress.total:,}")

    def _end(self, result: Progress) -> None:
        self.foot.end(result_text(result, f"{formats.count(result.done, 'task')} sent", "not sent"))
