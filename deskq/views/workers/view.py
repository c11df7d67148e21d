"""The Workers view: who is there, since when, how loaded, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QModelIndex, Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPushButton, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from deskq import formats
from deskq.errors import UserError
from deskq.history.rows import WorkerRow
from deskq.models.table.columns import Column
from deskq.models.table.model import TableModel
from deskq.models.workers.notes import worker_notes
from deskq.services.session import ProfileSession
from deskq.views.widgets import theme, window_state
from deskq.views.widgets.commands import CommandKey
from deskq.views.widgets.empty_pane import EmptyPane, plain_label, show_page
from deskq.views.widgets.page import Commands, TablePage
from deskq.views.widgets.requests import ControlWorkers, OpenTask
from deskq.views.widgets.sampling_problem import SamplingProblem
from deskq.views.widgets.tables import Table
from deskq.views.workers.detail import WorkerDetail
from deskq.views.workers.menu import worker_menu


def _state(row: WorkerRow) -> str:
    moment = row.began if row.online else row.since
    since = formats.relative(moment).removesuffix(" ago") if moment is not None else ""
    return f"{row.presence.capitalize()} {since if since != 'now' else ''}".strip()


def _exact_state(row: WorkerRow) -> str:
    if row.unknown:
        return (
            f"unknown: last heard from at {formats.exact_time(row.since)}; no heartbeats, or none while it runs tasks"
        )
    if row.online and row.began is None:
        return f"online, since when is unknown; heard from since {formats.exact_time(row.since)}"
    return f"{row.presence} since {formats.exact_time(row.began or row.since)}"


def _load(row: WorkerRow) -> str:
    return formats.NONE if row.load is None else "  ".join(f"{value:.2f}" for value in row.load)


def _events(row: WorkerRow) -> str:
    return {True: "on", False: "off", None: "unknown"}[row.events_enabled]


WORKER_COLUMNS: Final[tuple[Column[WorkerRow], ...]] = (
    Column("hostname", "Name", "Worker name", lambda row: formats.plain(row.hostname), width=150),
    Column(
        "state",
        "State",
        "Online or offline, and since when (this machine's clock). Unknown: no heartbeats, or none while it runs "
        "tasks, and no reply",
        _state,
        lambda row: (row.online, row.unknown, (row.began or 0.0) if row.online else row.since),
        width=120,
        exact=_exact_state,
        state=lambda row: {"online": "ONLINE", "offline": "OFFLINE"}.get(row.presence, "waiting"),
    ),
    Column(
        "notes",
        "Notes",
        "Warnings about the worker",
        worker_notes,
        width=150,
        state=lambda row: "retry" if worker_notes(row) else None,
    ),
    Column("pool", "Pool", "Pool type", lambda row: formats.plain(row.pool or formats.NONE), width=80),
    Column(
        "concurrency",
        "Size",
        "Tasks the pool can run at once",
        lambda r: formats.number(r.concurrency),
        lambda r: r.concurrency,
        True,
        width=60,
    ),
    Column(
        "active",
        "Active",
        "Tasks running now",
        lambda row: formats.number(row.active),
        lambda row: row.active,
        True,
        width=70,
    ),
    Column(
        "processed",
        "Processed",
        "Tasks processed since the worker started",
        lambda r: formats.number(r.processed),
        lambda r: r.processed,
        True,
        width=90,
    ),
    Column(
        "load",
        "Load",
        "Load average of the worker's machine over 1, 5 and 15 min",
        _load,
        lambda row: row.load,
        True,
        width=120,
    ),
    Column(
        "heartbeat",
        "Heartbeat",
        "Time of the last heartbeat",
        lambda row: formats.relative(row.last_heartbeat),
        lambda row: row.last_heartbeat,
        numeric=True,
        width=90,
        exact=lambda row: formats.exact_time(row.last_heartbeat),
    ),
    Column(
        "queues", "Queues", "Queues the worker consumes", lambda row: formats.plain(", ".join(row.queues)), width=180
    ),
    Column("events", "Events", "Whether the worker sends task events", _events, width=70),
    Column(
        "software",
        "Software",
        "Worker software and version",
        lambda row: formats.plain(row.software),
        width=160,
        shown=False,
    ),
    Column(
        "pid",
        "Process",
        "Process id",
        lambda r: "" if r.pid is None else str(r.pid),
        lambda r: r.pid,
        True,
        width=70,
    ),
)


class WorkersView(TablePage):
    """Workers of one session."""

    def __init__(self, session: ProfileSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = "Workers"
        self._session = session
        self._worker = ""
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self.banner = QWidget()
        bar = QHBoxLayout(self.banner)
        bar.setContentsMargins(theme.GAP_M, theme.GAP_S, theme.GAP, theme.GAP_S)
        self.banner_text = plain_label(wrap=True)
        self.enable = QPushButton("Enable events")
        self.enable.clicked.connect(self.enable_events)
        bar.addWidget(self.banner_text, 1)
        bar.addWidget(self.enable)
        self.banner.hide()
        layout.addWidget(self.banner)
        self.problem = SamplingProblem(session)
        layout.addWidget(self.problem)
        self.model = TableModel(WORKER_COLUMNS, key=lambda row: row.hostname, parent=self, sort="hostname")
        self.table = Table("workers", WORKER_COLUMNS)
        self.table.setModel(self.model)
        self.table.lay_out()
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.table.selectionModel().currentRowChanged.connect(self._current_changed)
        self.table.menu = self._menu
        self.empty = EmptyPane("", "")
        self.stack = QStackedWidget()
        self.stack.addWidget(self.table)
        self.stack.addWidget(self.empty)
        self.detail = WorkerDetail(session)
        self.detail.open_task.connect(lambda uuid: self.request(OpenTask(session.profile.name, uuid)))
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.addWidget(self.stack)
        self.splitter.addWidget(self.detail)
        self.splitter.setSizes([260, 440])
        self.splitter.setChildrenCollapsible(False)
        split = window_state.load("workers/split")
        if split is not None:
            self.splitter.restoreState(split)
        layout.addWidget(self.splitter, 1)
        self._tick = QTimer(self, interval=1_000)
        self._tick.timeout.connect(self._second)
        session.status_changed.connect(self._update_empty)
        self._update_empty()

    def commands(self) -> Commands:
        """What the window's commands do here."""
        found: dict[CommandKey, Callable[[], object]] = {
            "refresh": self.refresh,
            "detail": self.detail.refresh,
            "back": self.table.setFocus,
            "copy_row": self.table.copy_rows,
            "copy_cell": self.table.copy_cell,
        }
        if self._session.profile.has_broker and not self._session.profile.silent:
            found["tell_workers"] = self.tell
        return found

    def selected(self) -> list[str]:
        """Return the names of the selected workers, from the top."""
        return [row.hostname for line in self.table.selected_lines() if (row := self.model.row_at(line)) is not None]

    def tell(self) -> None:
        """Open the menu of what the selected workers can be asked and told, where the current one stands."""
        self.table.open_menu()

    def refresh(self) -> None:
        """Read the workers anew, and ask the selected one."""
        self._session.spawn(self._read(), "workers", owner=self)
        if self._session.profile.may_inspect_unasked:
            self.detail.refresh()

    def show_worker(self, hostname: str) -> None:
        """Select a worker."""
        self._worker = hostname
        self._select()

    def enable_events(self) -> None:
        """Tell the workers whose events are off to send them; absent on read-only profiles."""
        silent = [row.hostname for row in self.model.rows() if row.online and row.events_enabled is False]
        if silent and not self._session.profile.read_only:
            self.control("enable-events", silent)

    def control(self, verb: str, workers: list[str]) -> None:
        """Ask or tell workers."""
        self.request(ControlWorkers(self._session.profile.name, verb, workers))

    def save_layout(self) -> None:
        """Remember the columns and the split."""
        self.table.save_layout()
        window_state.save("workers/split", self.splitter.saveState())

    def showEvent(self, event: object) -> None:
        self._tick.start()
        self._session.spawn(self._read(), "workers", owner=self)

    def hideEvent(self, event: object) -> None:
        self._tick.stop()

    async def _read(self) -> None:
        try:
            workers = await self._session.ask(lambda reader: reader.workers(), slot="workers")
        except UserError:
            return
        self.model.replace(workers)
        self._select()
        self._show_banner(workers)
        self._update_empty()

    def _show_banner(self, workers: list[WorkerRow]) -> None:
        silent = [row.hostname for row in workers if row.online and row.events_enabled is False]
        self.banner.setVisible(bool(silent))
        if not silent:
            return
        names = formats.plain(", ".join(silent[:5])) + (" …" if len(silent) > 5 else "")
        read_only = self._session.profile.read_only
        self.enable.setVisible(not read_only)
        reason = " The profile is read-only, so deskq cannot enable them." if read_only else ""
        verb = "does" if len(silent) == 1 else "do"
        self.banner_text.setText(f"{names} {verb} not send task events, so their tasks do not appear here.{reason}")

    def _menu(self) -> QMenu:
        """What the selected workers can be asked, and told where the profile allows it; all, where several are."""
        return worker_menu(self._session.profile, self.selected(), self.control, self)

    def _select(self) -> None:
        line = self.model.line_of(self._worker) if self._worker else None
        if line is None and self.model.rowCount() and not self._worker:
            line = 0
        if line is not None and line != self.table.currentIndex().row():
            self.table.selectRow(line)
        row = self.model.row_at(self.table.currentIndex().row()) if self.table.currentIndex().isValid() else None
        self.detail.show_worker(row)

    def _current_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        row = self.model.row_at(current.row()) if current.isValid() else None
        if row is not None:
            self._worker = row.hostname
            self.detail.show_worker(row)

    def _update_empty(self) -> None:
        if self.model.rowCount():
            show_page(self.stack, self.table)
            return
        if self._session.problem:
            self.empty.say("The workers are unknown", formats.plain(self._session.problem))
        elif not self._session.heard:
            self.empty.say("The workers are unknown", "They appear when the recorder is connected to the broker.")
        else:
            self.empty.say("No workers yet", "Workers appear with their first heartbeat, about 2 s after they start.")
        show_page(self.stack, self.empty)

    def _second(self) -> None:
        self._session.spawn(self._read(), "workers", owner=self)
        self.model.tick()
        self.detail.tick()
