"""One worker in full: what it answers when it is asked, each part with its age."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QStackedWidget, QTabWidget, QTreeView, QVBoxLayout, QWidget

from deskq import formats
from deskq.errors import UserError
from deskq.history.rows import WorkerRow
from deskq.models.table.model import TableModel
from deskq.models.workers.inspect_tree import HELD_COLUMNS, HeldTask, held_tasks, tree_model
from deskq.services.session import ProfileSession
from deskq.views.widgets import theme
from deskq.views.widgets.empty_pane import EmptyPane, LineLabel, show_page
from deskq.views.widgets.tables import Table

_WAIT_SECONDS: Final = 1.5


@dataclass(slots=True)
class _Part:
    """One question and where its answer is shown; ``asked`` is when the last answer came, by hostname."""

    method: str
    title: str
    empty: str
    table: TableModel[HeldTask] | None = None
    pane: QStackedWidget = field(default_factory=QStackedWidget)
    view: QWidget = field(default_factory=QWidget)
    message: EmptyPane = field(default_factory=lambda: EmptyPane("", ""))
    answers: dict[str, tuple[float, object]] = field(default_factory=dict)


_PARTS: Final = (
    ("active", "Active", "No task is running.", True),
    ("reserved", "Reserved", "No prefetched tasks.", True),
    ("scheduled", "Scheduled", "No tasks with an ETA on this worker. Others may wait in the queue.", True),
    ("revoked", "Revoked", "No revoked tasks remembered.", False),
    ("registered", "Registered", "No registered tasks.", False),
    ("active_queues", "Queues", "No queues consumed.", False),
    ("stats", "Stats", "The worker returned nothing.", False),
    ("conf", "Configuration", "The worker returned nothing.", False),
)


class WorkerDetail(QWidget):
    """Tabs that ask only when they are shown."""

    open_task = Signal(str)

    def __init__(self, session: ProfileSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._worker: WorkerRow | None = None
        self._asking: set[tuple[str, str]] = set()  # method and hostname: a question belongs to the worker it is put to
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, theme.GAP_S, 0, 0)
        layout.setSpacing(0)
        bar = QHBoxLayout()
        bar.setContentsMargins(theme.GAP_M, 0, theme.GAP, 0)
        self.heading = LineLabel()
        self.heading.setFont(theme.bold_font())
        self.age = LineLabel(muted=True, rest=True)
        self.ask = QPushButton(theme.icon("refresh-cw"), "Inspect worker")
        self.ask.clicked.connect(self.refresh)
        bar.addWidget(self.heading)
        bar.addSpacing(theme.GAP)
        bar.addWidget(self.age, 1)
        bar.addWidget(self.ask)
        layout.addLayout(bar)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self._parts = [self._make_part(*part) for part in _PARTS]
        for part in self._parts:
            self.tabs.addTab(part.pane, part.title)
        self.tabs.currentChanged.connect(self._shown)
        layout.addWidget(self.tabs, 1)
        if session.profile.silent:
            self.ask.setEnabled(False)
            self.ask.setToolTip("The profile is silent: workers are not inspected.")

    def _make_part(self, method: str, title: str, empty: str, is_table: bool) -> _Part:
        part = _Part(method, title, empty)
        if is_table:
            part.table = TableModel(HELD_COLUMNS, key=lambda row: row.uuid, parent=self)
            table = Table(f"worker/{method}", HELD_COLUMNS)
            table.setModel(part.table)
            table.lay_out()
            model = part.table
            table.activated.connect(lambda index: self._open(model, index.row()))
            part.view = table
        else:
            tree = QTreeView()
            tree.setFrameShape(QTreeView.Shape.NoFrame)
            tree.setUniformRowHeights(True)
            tree.setAlternatingRowColors(True)
            part.view = tree
        part.pane.addWidget(part.view)
        part.pane.addWidget(part.message)
        part.message.action.connect(self.refresh)
        return part

    def show_worker(self, worker: WorkerRow | None) -> None:
        """Show a worker; asks it only where the profile allows deskq to ask by itself."""
        before, self._worker = self._worker, worker
        changed = (before and before.hostname) != (worker and worker.hostname)
        self.heading.setText(formats.plain(worker.hostname) if worker is not None else "")
        if changed:
            self._shown()

    def refresh(self) -> None:
        """Ask anew for the tab that is shown."""
        part = self._parts[self.tabs.currentIndex()]
        if self._worker is None or self._session.profile.silent:
            return
        hostname = self._worker.hostname
        if (part.method, hostname) not in self._asking:
            self._asking.add((part.method, hostname))
            self._show_part(part)
            self._session.spawn(self._ask(part, hostname), f"inspect {part.method}", owner=self)

    def tick(self) -> None:
        """Write the age of what is shown."""
        answer = self._answer(self._parts[self.tabs.currentIndex()])
        self.age.setText("" if answer is None else f"inspected {formats.relative(answer[0])}")

    async def _ask(self, part: _Part, hostname: str) -> None:
        try:
            replies = await self._session.inspect(part.method, [hostname], wait=_WAIT_SECONDS)
            part.answers[hostname] = (time.time(), replies.get(hostname))
        except UserError as error:
            part.answers[hostname] = (time.time(), error)
        finally:
            self._asking.discard((part.method, hostname))
        if self._worker is not None and self._worker.hostname == hostname:
            self._show_part(part)

    def _shown(self) -> None:
        part = self._parts[self.tabs.currentIndex()]
        worker = self._worker
        allowed = self._session.profile.may_inspect_unasked
        if self._answer(part) is None and allowed and worker is not None and (worker.online or worker.unknown):
            self.refresh()
        self._show_part(part)

    def _answer(self, part: _Part) -> tuple[float, object] | None:
        return part.answers.get(self._worker.hostname) if self._worker is not None else None

    def _show_part(self, part: _Part) -> None:
        self.tick()
        answer = self._answer(part)
        profile = self._session.profile
        if answer is None:
            self._say_unasked(part)
        elif isinstance(answer[1], UserError):
            self._say(part, "The worker could not be inspected", str(answer[1]), "Inspect again")
        elif answer[1] is None:
            seconds = formats.duration(_WAIT_SECONDS)
            self._say(
                part,
                "No reply",
                f"Nothing arrived within {seconds}. A busy solo pool replies late; check that the worker is running.",
                "" if profile.silent else "Inspect again",
            )
        elif not answer[1]:
            self._say(part, "Nothing", part.empty)
        elif isinstance(answer[1], dict) and set(answer[1]) == {"error"}:
            self._say(part, "The worker refused the command", formats.plain(str(answer[1]["error"])))
        else:
            self._fill(part, answer[1])

    def _say_unasked(self, part: _Part) -> None:
        profile = self._session.profile
        if self._worker is None:
            self._say(part, "No worker selected", "Select a worker to see what it does.")
        elif (part.method, self._worker.hostname) in self._asking:
            self._say(part, "Inspecting…", "")
        elif profile.silent:
            self._say(part, "Not inspected", "The profile is silent: workers are not inspected.")
        elif profile.read_only:
            self._say(
                part, "Not inspected", "The profile is read-only: deskq inspects only on request.", "Inspect worker"
            )
        elif not self._worker.online and not self._worker.unknown:
            self._say(part, "Offline", "The worker is offline and will probably not reply.", "Inspect anyway")
        else:
            self._say(part, "Not inspected yet", "", "Inspect worker")

    def _say(self, part: _Part, title: str, reason: str, action: str = "") -> None:
        part.message.say(title, reason, action)
        show_page(part.pane, part.message)

    def _fill(self, part: _Part, reply: object) -> None:
        if part.table is not None:
            part.table.replace(held_tasks(reply))
        else:
            view: Any = part.view
            old = view.model()
            view.setModel(tree_model(reply))
            view.resizeColumnToContents(0)
            if old is not None:
                old.deleteLater()
        show_page(part.pane, part.view)

    def _open(self, model: TableModel[HeldTask], line: int) -> None:
        row = model.row_at(line)
        if row is not None:
            self.open_task.emit(row.uuid)
