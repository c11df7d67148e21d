"""One task in full: summary, time line of its attempts, arguments, traceback, relatives, and the raw record."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QPlainTextEdit,
    QScrollArea,
    QTabWidget,
    QToolButton,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from deskq import formats
from deskq.models.table.model import TableModel
from deskq.models.tasks.columns import ATTEMPT_WORDS, TASK_COLUMNS, runtime_text, state_text
from deskq.models.tasks.detail import TaskDetail, arguments_model, noticed_text, stages_text
from deskq.protocol.task_attempts import Attempt
from deskq.views.tasks.action_links import ActionLinks
from deskq.views.tasks.result import TaskResult
from deskq.views.widgets import theme
from deskq.views.widgets.empty_pane import EmptyPane, LineLabel, plain_label
from deskq.views.widgets.tables import StateDot, Table, copy_text, draw_dot

_RELATED: Final = tuple(
    c for c in TASK_COLUMNS if c.key in ("state", "name", "worker", "seen", "runtime", "args", "uuid")
)


class TaskDetailPane(QWidget):
    """Shows a TaskDetail; ``open_task`` asks for a relative."""

    open_task = Signal(str)
    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.detail: TaskDetail | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self._dot = StateDot(14, 1)
        self.heading = LineLabel()
        self.heading.setFont(theme.bold_font())
        self.note = LineLabel(muted=True, rest=True)
        close = QToolButton()
        close.setIcon(theme.icon("x"))
        close.setAutoRaise(True)
        close.setAccessibleName("Close detail")
        close.setToolTip("Close (Esc)")
        close.clicked.connect(self.closed)
        copy = QToolButton()
        copy.setText("Copy id")
        copy.setAutoRaise(True)
        copy.clicked.connect(self.copy_id)
        bar = QHBoxLayout()
        bar.setContentsMargins(theme.GAP_M, theme.GAP_S, theme.GAP_S, theme.GAP_S)
        bar.addWidget(self._dot)
        bar.addWidget(self.heading)
        bar.addSpacing(theme.GAP)
        bar.addWidget(self.note, 1)
        bar.addWidget(copy)
        bar.addWidget(close)
        layout.addLayout(bar)
        self.traces = ActionLinks()
        self.traces.open_task.connect(self.open_task)
        layout.addWidget(self.traces)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.summary = QWidget()
        self._form = QFormLayout(self.summary)
        self._form.setContentsMargins(theme.GAP_M, theme.GAP, theme.GAP_M, theme.GAP)
        self._form.setVerticalSpacing(theme.GAP_S)
        self._form.setHorizontalSpacing(theme.GAP_L)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setWidget(self.summary)
        self.attempts = AttemptsTimeline()
        attempts_scroll = QScrollArea()
        attempts_scroll.setWidgetResizable(True)
        attempts_scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        attempts_scroll.setWidget(self.attempts)
        self.arguments = QTreeView()
        self.arguments.setFrameShape(QTreeView.Shape.NoFrame)
        self.arguments.setUniformRowHeights(True)
        self.traceback = _text_pane()
        self.related = TableModel(_RELATED, key=lambda row: row.uuid, parent=self)
        self.related_table = Table("related", _RELATED)
        self.related_table.setModel(self.related)
        self.related_table.lay_out()
        self.related_table.activated.connect(self._open_related)
        self.result = TaskResult()
        self.raw = _text_pane()
        panes: tuple[tuple[QWidget, str], ...] = (
            (scroll, "Summary"),
            (attempts_scroll, "Attempts"),
            (self.arguments, "Arguments"),
            (self.traceback, "Traceback"),
            (self.related_table, "Related"),
            (self.raw, "Raw"),
            (self.result, "Result"),
        )
        for pane, title in panes:
            self.tabs.addTab(pane, title)
        layout.addWidget(self.tabs, 1)
        self._empty = EmptyPane("No task selected", "Select a task to see its attempts, arguments and traceback.")
        layout.addWidget(self._empty, 1)
        self.show_detail(None)

    def show_detail(self, detail: TaskDetail | None) -> None:
        """Show a task, or that there is none."""
        self.detail = detail
        self.tabs.setVisible(detail is not None)
        self._empty.setVisible(detail is None)
        self._dot.setVisible(detail is not None)
        if detail is None:
            self.traces.show_traces([], "")
            self.heading.setText("")
            self.note.setText("")
            return
        summary = detail.summary
        self._dot.show_state(summary.state)
        self.heading.setText(formats.plain(summary.name) or "unknown task name")
        error = formats.plain(summary.exception)[:120]
        self.note.setText(" · ".join(part for part in (state_text(detail.row), error) if part))
        self._fill_summary(detail)
        self.attempts.show_attempts(detail.attempts)
        self.tabs.setTabText(1, f"Attempts {len(detail.attempts)}")
        old = self.arguments.model()
        self.arguments.setModel(arguments_model(detail))
        self.arguments.expandAll()
        self.arguments.resizeColumnToContents(0)
        if old is not None:
            old.deleteLater()
        _set_text(self.traceback, formats.plain_lines(detail.traceback) or "No traceback: the task has not failed.")
        self.tabs.setTabEnabled(3, bool(detail.traceback))
        self.related.replace(detail.related)
        self.tabs.setTabText(4, f"Related {len(detail.related)}")
        self.tabs.setTabEnabled(4, bool(detail.related))
        _set_text(self.raw, formats.plain_lines(detail.raw))
        self.result.show_task(detail.row.uuid)

    def copy_id(self) -> None:
        """Copy the id of the task that is shown."""
        if self.detail is not None:
            copy_text(self.detail.row.uuid)

    def _fill_summary(self, detail: TaskDetail) -> None:
        while self._form.rowCount():
            self._form.removeRow(0)
        row, summary = detail.row, detail.summary
        facts = (
            ("Times", times_text(detail.attempts[summary.counts]) if detail.attempts else ""),
            ("Stages", stages_text(summary)),
            ("Noticed", noticed_text(summary)),
            ("Worker", " · ".join(part for part in (summary.worker, detail.worker_notes) if part)),
            ("Queue", _queue(summary.queue, summary.routing_key)),
            ("Arguments", f"{row.args} {row.kwargs if row.kwargs not in ('', '{}') else ''}".strip()),
            ("Result", row.result),
            ("Exception", row.exception),
            ("Runtime", runtime_text(row) if row.runtime is not None else ""),
            ("Retries", str(summary.retries) if summary.retries else ""),
            ("Deliveries", detail.deliveries),
            ("Not before", formats.exact_time(summary.eta)),
            ("Expires", formats.exact_time(summary.expires)),
            ("Revoked", summary.revoked),
            ("Id", row.uuid),
            ("Root", row.root_id if row.root_id != row.uuid else ""),
            ("Parent", row.parent),
        )
        for title, text in facts:
            if text:
                value = plain_label(formats.plain(text)[:4_000], wrap=True)
                if title in ("Id", "Root", "Parent"):
                    value.setFont(theme.mono_font())
                self._form.addRow(plain_label(title, muted=True), value)

    def _open_related(self) -> None:
        lines = self.related_table.selected_lines()
        row = self.related.row_at(lines[0]) if lines else None
        if row is not None:
            self.open_task.emit(row.uuid)


class AttemptsTimeline(QWidget):
    """Each attempt as a bar: grey while it waited, in its state's colour while it ran, on one scale of time."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._attempts: list[Attempt] = []
        self.setAccessibleName("Attempts")

    def show_attempts(self, attempts: list[Attempt]) -> None:
        """Draw these."""
        self._attempts = attempts
        self.setMinimumHeight(self.sizeHint().height())
        self.setToolTip("\n".join(times_text(attempt) for attempt in attempts[:20]))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(400, max(1, len(self._attempts)) * self._row_height() + 2 * theme.GAP)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        times = [t for a in self._attempts for t in (a.sent, a.received, a.started, a.finished) if t is not None]
        if not times:
            return
        start, span = min(times), max(max(times) - min(times), 0.001)
        metrics = self.fontMetrics()
        label_width = metrics.horizontalAdvance("Retry 00  Ended (no event)  ") + 20
        text_width = metrics.horizontalAdvance("name.of_stage  worker-name@host  00:00:00  123.45 s ran  ")
        left, width = theme.GAP_M + label_width, max(60, self.width() - label_width - text_width - 3 * theme.GAP_M)
        for number, attempt in enumerate(self._attempts):
            top = theme.GAP + number * self._row_height()
            area = QRect(theme.GAP_M, top, label_width, self._row_height())
            draw_dot(painter, area, attempt.state)
            painter.setPen(self.palette().text().color())
            title = "First" if attempt.retries == 0 else f"Retry {attempt.retries}"
            if self._attempts[-1].stage:
                title = f"{attempt.stage + 1}. {title}"
            word = ATTEMPT_WORDS.get(attempt.state) or formats.plain(attempt.state.capitalize())
            middle = Qt.AlignmentFlag.AlignVCenter
            painter.drawText(area.adjusted(14, 0, 0, 0), middle, f"{title} · {word}")
            ended = attempt.finished or attempt.last_time
            began = attempt.started if attempt.started is not None else ended

            def place(moment: float) -> float:
                return left + (moment - start) / span * width

            middle_y = top + self._row_height() / 2
            waited = QRectF(
                place(attempt.first_time), middle_y - 2, max(place(began) - place(attempt.first_time), 2), 4
            )
            painter.fillRect(waited, self.palette().mid())
            if attempt.started is not None:
                ran = QRectF(place(began), middle_y - 5, max(place(ended) - place(began), 3), 10)
                painter.fillRect(ran, theme.state_colour(attempt.state))
            painter.setPen(QPen(theme.muted()))
            name = formats.plain(attempt.name)[:40] if self._attempts[-1].stage else ""
            text = "  ".join(
                p
                for p in (
                    name,
                    formats.plain(attempt.worker),
                    formats.clock_time(attempt.first_time),
                    _ran_for(attempt),
                )
                if p
            )
            painter.drawText(QRect(left + width + theme.GAP_M, top, text_width, self._row_height()), middle, text)

    def _row_height(self) -> int:
        return round(self.fontMetrics().height() * 1.8)


def _ran_for(attempt: Attempt) -> str:
    """How long it ran, as exactly as that is known; "" where nothing tells."""
    ran_for = attempt.ran_for
    return "" if ran_for is None else f"ran for {formats.runtime(ran_for, exact=attempt.runtime is not None)}"


def times_text(attempt: Attempt) -> str:
    """ "sent 12:04:07.120 → received ≈ +8 ms → started +3 ms → failed +1.28 s"

    An end of which nobody knows when it was has no time.
    """
    ended = ATTEMPT_WORDS.get(attempt.state, attempt.state).lower() if attempt.ending is not None else ""
    steps = (
        ("sent", attempt.sent),
        ("received", attempt.received),
        ("started", attempt.started),
        ("last seen" if attempt.last_seen else ended, attempt.finished),
    )
    parts: list[str] = []
    previous: float | None = None
    for word, moment in steps:
        if moment is None:
            continue
        if previous is None:
            parts.append(f"{word} {formats.clock_time(moment)}.{int(moment % 1 * 1000):03}")
        elif word == "received":  # by another machine's clock than it was sent: a negative wait is none
            parts.append(f"received ≈ +{formats.duration(max(0.0, moment - previous))}")
        elif moment != previous or not attempt.end_guessed:
            sign = "+" if moment >= previous else "−"
            parts.append(f"{word} {sign}{formats.duration(abs(moment - previous))}")
        elif not attempt.last_seen:
            parts.append(word)
        previous = moment
    return " → ".join([*parts, ended] if attempt.last_seen else parts)


def _queue(queue: str, routing_key: str) -> str:
    if not queue:
        return "unknown: only task_send_sent_event reports it"
    return queue if routing_key in ("", queue) else f"{queue} (routing key {routing_key})"


def _text_pane() -> QPlainTextEdit:
    pane = QPlainTextEdit()
    pane.setReadOnly(True)
    pane.setFrameShape(QPlainTextEdit.Shape.NoFrame)
    pane.setFont(theme.mono_font())
    pane.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
    return pane


def _set_text(pane: QPlainTextEdit, text: str) -> None:
    if pane.toPlainText() != text:
        pane.setPlainText(text)
