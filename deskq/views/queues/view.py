"""The Queues view: what waits where, how fast it moves, who consumes it."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QModelIndex
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QMenu, QWidget

from deskq import formats
from deskq.actions.journal.pauses import Pause, pauses
from deskq.errors import UserError
from deskq.history.reading.filter_language import filter_text
from deskq.history.rows import QueueRow
from deskq.models.table.model import TableModel
from deskq.services.effects import Effects, effects_feed
from deskq.services.journal import ask_journal
from deskq.services.session import ProfileSession
from deskq.views.queues.columns import never_filled, queue_columns
from deskq.views.queues.detail import QueueDetail
from deskq.views.widgets import theme
from deskq.views.widgets.commands import BY_KEY, CommandKey
from deskq.views.widgets.empty_pane import plain_label
from deskq.views.widgets.page import MasterDetailPage
from deskq.views.widgets.requests import FilterTasks, OpenQueue, PauseQueue, Request, ResumeQueue, SendTask
from deskq.views.widgets.sampling_problem import SamplingProblem
from deskq.views.widgets.tables import Table
from deskq.views.widgets.task_drop import TaskDrop


class QueuesView(MasterDetailPage[QueueRow]):
    """Queues of one session."""

    def __init__(self, session: ProfileSession, parent: QWidget | None = None) -> None:
        self._session = session
        self._pauses: dict[str, Pause] = {}
        self._next_chart = 0.0
        never = never_filled(session.profile)
        columns = queue_columns(self._pauses.get, never)
        bar = QWidget()
        self.line = QLineEdit()
        self.line.setPlaceholderText("Filter by name   ( / )")
        self.line.setAccessibleName("Filter queues")
        self.line.setClearButtonEnabled(True)
        self.totals = plain_label(muted=True)
        row = QHBoxLayout(bar)
        row.setContentsMargins(theme.GAP, theme.GAP, theme.GAP, theme.GAP_S)
        row.addWidget(self.line, 1)
        row.addSpacing(theme.GAP)
        row.addWidget(self.totals)
        self.problem = SamplingProblem(session)
        self.detail = QueueDetail(session)
        super().__init__(
            TableModel(columns, key=lambda row: row.name, sort="ready", descending=True),
            Table("-without-".join(["queues", *sorted(never)]), columns),
            self.detail,
            above=(bar, self.problem),
            sizes=(400, 300),
            parent=parent,
        )
        self.title = "Queues"
        self.line.textChanged.connect(self._filter)
        self.table.activated.connect(lambda _: self.show_tasks())
        self.table.menu = self._menu
        self.drop = TaskDrop(self.table, self._place_of)
        session.status_changed.connect(self.update_empty)
        effects_feed().touched.connect(self._touched)
        self.update_empty()

    def commands(self) -> dict[CommandKey, Callable[[], object]]:
        """See Page."""
        found = super().commands()
        found |= {"filter": self.line.setFocus, "refresh": self.refresh, "detail": self.show_tasks}
        profile = self._session.profile
        if profile.has_broker and not profile.read_only and not profile.silent:
            found |= {"pause_queue": self.pause, "resume_queue": self.resume}
        return found

    def pause(self) -> None:
        """Ask for the selected queue to be paused on all its workers."""
        row = self.shown()
        if row is not None:
            self.request(PauseQueue(self._session.profile.name, row.name, list(row.workers)))

    def resume(self) -> None:
        """Ask for the selected queue to be consumed again by the workers that were told to leave it."""
        if self._queue:
            self.request(ResumeQueue(self._session.profile.name, self._queue))

    def refresh(self) -> None:
        """Read the queues anew."""
        self._session.spawn(self._read(), "queues", owner=self)
        self._read_detail()

    def _touched(self, effects: Effects) -> None:
        """A plan of this window has ended, which may have paused a queue."""
        if effects.queues and effects.profile == self._session.profile.name and self.isVisible():
            self.refresh()

    def open(self, request: Request) -> None:
        """See Page."""
        if isinstance(request, OpenQueue):
            self.show_queue(request.queue)

    def show_queue(self, name: str) -> None:
        """Select a queue."""
        self._choose(name)
        self.select()

    def show_tasks(self) -> None:
        """Show the tasks that were sent to the selected queue."""
        if self._queue:
            self.request(FilterTasks(self._session.profile.name, filter_text(queues=(self._queue,))))

    def task_drop(self) -> TaskDrop:
        """See Page."""
        return self.drop

    def theme_changed(self) -> None:
        """Draw in the new colours."""
        self.detail.chart.theme_changed()

    def showEvent(self, event: object) -> None:
        super().showEvent(event)
        self.refresh()

    def _menu(self) -> QMenu:
        menu = QMenu(self)
        commands = self.commands()
        menu.addAction("Show tasks of this queue", self.show_tasks)
        if self._session.profile.has_broker and not self._session.profile.read_only:
            menu.addAction("Send a task to this queue…", self._send)
        verb: CommandKey = "resume_queue" if self._queue in self._pauses else "pause_queue"
        if verb in commands:
            menu.addAction(BY_KEY[verb].title, commands[verb])
        menu.addAction("Copy row", self.table.copy_rows)
        return menu

    def row_chosen(self, row: QueueRow) -> None:
        """See MasterDetailPage."""
        self._choose(row.name)

    def words_of_nothing(self) -> tuple[str, str]:
        """See MasterDetailPage."""
        if self.line.text():
            return "No queue matches", "No queue name contains this text."
        problem = self._session.problem or self._session.sampling_problem
        if problem:
            return "The queues are unknown", formats.plain(problem)
        if not self._session.queues_known:
            return "The queues are unknown", "They are read when the recorder is connected to the broker."
        return "No queues yet", "Queues appear once a worker or client declares them."

    def update_empty(self) -> None:
        """See MasterDetailPage."""
        self.detail.setVisible(bool(self._queue))
        super().update_empty()

    def second(self) -> None:
        """See MasterDetailPage."""
        self._session.spawn(self._read(), "queues", owner=self)
        now = time.monotonic()
        if now >= self._next_chart:
            self._next_chart = now + 3.0
            self._read_detail()

    @property
    def _queue(self) -> str:
        return "" if self.key is None else str(self.key)

    def _choose(self, name: str) -> None:
        self.key = name
        self.detail.choose(name)
        self.detail.describe(self.shown())

    def _send(self) -> None:
        self.request(SendTask(self._session.profile.name, self._queue))

    async def _read(self) -> None:
        try:
            queues = await self._session.ask(lambda reader: reader.queues(), slot="queues")
        except UserError:
            return
        await self._read_pauses()
        self.model.replace(queues)
        there = [queue for queue in queues if queue.exists]
        ready, unacked = formats.total(q.ready for q in there), formats.total(q.unacked for q in there)
        status = self._session.status
        held = f" · {status.delayed:,} delayed" if status is not None and status.delayed is not None else ""
        told = f"{formats.count(len(there), 'queue')} · {ready} ready · {unacked} unacked{held}"
        self.totals.setText(told if there or self._session.queues_known else "")  # a watched queue may not exist
        self.select()
        self.detail.describe(self.shown())
        self.update_empty()

    async def _read_pauses(self) -> None:
        """What the journal says is paused; a journal that cannot be read is told where somebody acts."""
        name = self._session.profile.name
        try:
            found: list[Pause] = await ask_journal(lambda journal: pauses(journal, name), [])
        except UserError:
            return
        pauses_now = {pause.queue: pause for pause in reversed(found)}  # the latest
        if pauses_now != self._pauses:
            self._pauses.clear()
            self._pauses.update(pauses_now)
            self.model.tick()

    def _read_detail(self) -> None:
        self.detail.describe(self.shown())
        self.detail.read_depths()

    def _place_of(self, index: QModelIndex) -> tuple[str, str] | None:
        row = self.model.row_at(index.row())
        return (self._session.profile.name, row.name) if row is not None else None

    def _filter(self, text: str) -> None:
        needle = text.casefold()
        self.model.keep_only((lambda row: needle in row.name.casefold()) if needle else None)
        self.update_empty()
