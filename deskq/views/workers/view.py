"""The Workers view: who is there, since when, how loaded, and what it answers."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QHBoxLayout, QMenu, QPushButton, QWidget

from deskq import formats
from deskq.errors import UserError
from deskq.history.rows import WorkerRow
from deskq.models.table.model import TableModel
from deskq.services.session import ProfileSession
from deskq.views.widgets import theme
from deskq.views.widgets.commands import CommandKey
from deskq.views.widgets.empty_pane import plain_label
from deskq.views.widgets.page import MasterDetailPage
from deskq.views.widgets.requests import ControlWorkers, OpenTask
from deskq.views.widgets.sampling_problem import SamplingProblem
from deskq.views.widgets.tables import Table
from deskq.views.workers.columns import WORKER_COLUMNS
from deskq.views.workers.detail import WorkerDetail
from deskq.views.workers.menu import worker_menu


class WorkersView(MasterDetailPage[WorkerRow]):
    """Workers of one session."""

    def __init__(self, session: ProfileSession, parent: QWidget | None = None) -> None:
        self._session = session
        self.banner = QWidget()
        bar = QHBoxLayout(self.banner)
        bar.setContentsMargins(theme.GAP_M, theme.GAP_S, theme.GAP, theme.GAP_S)
        self.banner_text = plain_label(wrap=True)
        self.enable = QPushButton("Enable events")
        bar.addWidget(self.banner_text, 1)
        bar.addWidget(self.enable)
        self.banner.hide()
        self.problem = SamplingProblem(session)
        self.detail = WorkerDetail(session)
        super().__init__(
            TableModel(WORKER_COLUMNS, key=lambda row: row.hostname, sort="hostname"),
            Table("workers", WORKER_COLUMNS),
            self.detail,
            above=(self.banner, self.problem),
            sizes=(260, 440),
            parent=parent,
        )
        self.title = "Workers"
        self.table.menu = self._menu
        self.enable.clicked.connect(self.enable_events)
        self.detail.open_task.connect(lambda uuid: self.request(OpenTask(session.profile.name, uuid)))
        session.status_changed.connect(self.update_empty)
        self.update_empty()

    def commands(self) -> dict[CommandKey, Callable[[], object]]:
        """See Page."""
        found = super().commands()
        found |= {"refresh": self.refresh, "detail": self.detail.refresh}
        if self._session.profile.has_broker and not self._session.profile.silent:
            found["tell_workers"] = self.tell
        return found

    def selected(self) -> list[str]:
        """Return the names of the selected workers, from the top."""
        return [row.hostname for row in self.selected_rows()]

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
        self.key = hostname
        self._select()

    def enable_events(self) -> None:
        """Tell the workers whose events are off to send them; absent on read-only profiles."""
        silent = [row.hostname for row in self.model.rows() if row.online and row.events_enabled is False]
        if silent and not self._session.profile.read_only:
            self.control("enable-events", silent)

    def control(self, verb: str, workers: list[str]) -> None:
        """Ask or tell workers."""
        self.request(ControlWorkers(self._session.profile.name, verb, workers))

    def showEvent(self, event: object) -> None:
        super().showEvent(event)
        self._session.spawn(self._read(), "workers", owner=self)

    def _menu(self) -> QMenu:
        """What the selected workers can be asked, and told where the profile allows it; all, where several are."""
        return worker_menu(self._session.profile, self.selected(), self.control, self)

    def row_chosen(self, row: WorkerRow) -> None:
        """See MasterDetailPage."""
        self.detail.show_worker(row)

    def words_of_nothing(self) -> tuple[str, str]:
        """See MasterDetailPage."""
        if self._session.problem:
            return "The workers are unknown", formats.plain(self._session.problem)
        if not self._session.heard:
            return "The workers are unknown", "They appear when the recorder is connected to the broker."
        return "No workers yet", "Workers appear with their first heartbeat, about 2 s after they start."

    def second(self) -> None:
        """See MasterDetailPage."""
        self._session.spawn(self._read(), "workers", owner=self)
        self.model.tick()
        self.detail.tick()

    async def _read(self) -> None:
        try:
            workers = await self._session.ask(lambda reader: reader.workers(), slot="workers")
        except UserError:
            return
        self.model.replace(workers)
        self._select()
        self._show_banner(workers)
        self.update_empty()

    def _select(self) -> None:
        self.select()
        self.detail.show_worker(self.current())

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
