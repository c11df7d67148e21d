"""The Queues view: what waits where, how fast it moves, who consumes it."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QModelIndex, Qt, QTimer
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QMenu, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from deskq import formats
from deskq.actions.journal.pauses import Pause, pauses
from deskq.errors import UserError
from deskq.history.reading.filter_language import filter_text
from deskq.history.reading.reader import HistoryReader
from deskq.history.rows import Gap, SamplePoint
from deskq.models.table.model import TableModel
from deskq.services.journal import ask_journal
from deskq.services.session import ProfileSession
from deskq.views.queues.columns import BINDING_COLUMNS, consumers, priorities, queue_columns
from deskq.views.widgets import theme, window_state
from deskq.views.widgets.charts.time_chart import SPANS, Series, TimeChart, span_until
from deskq.views.widgets.commands import BY_KEY, CommandKey
from deskq.views.widgets.empty_pane import EmptyPane, LineLabel, plain_label, show_page
from deskq.views.widgets.page import Commands, TablePage
from deskq.views.widgets.requests import FilterTasks, OpenQueue, PauseQueue, Request, ResumeQueue, SendTask
from deskq.views.widgets.sampling_problem import SamplingProblem
from deskq.views.widgets.tables import Table
from deskq.views.widgets.task_drop import TaskDrop


def read_depth(
    reader: HistoryReader, name: str, since: float, until: float
) -> tuple[float, list[SamplePoint], list[Gap]]:
    """Return the beginning of what is known, the depths and the gaps; blocking, for the reader thread."""
    since = max(since, min(reader.created(), until - 60))
    return since, reader.queue_samples(name, since, until), reader.gaps(since, until)


class QueuesView(TablePage):
    """Queues of one session."""

    def __init__(self, session: ProfileSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = "Queues"
        self._session = session
        self._queue = ""
        self._next_chart = 0.0
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        bar = QHBoxLayout()
        bar.setContentsMargins(theme.GAP, theme.GAP, theme.GAP, theme.GAP_S)
        self.line = QLineEdit()
        self.line.setPlaceholderText("Filter by name   ( / )")
        self.line.setAccessibleName("Filter queues")
        self.line.setClearButtonEnabled(True)
        self.line.textChanged.connect(self._filter)
        self.totals = plain_label(muted=True)
        bar.addWidget(self.line, 1)
        bar.addSpacing(theme.GAP)
        bar.addWidget(self.totals)
        layout.addLayout(bar)
        self.problem = SamplingProblem(session)
        layout.addWidget(self.problem)
        self._pauses: dict[str, Pause] = {}
        columns = queue_columns(self._pause_of)
        self.model = TableModel(columns, key=lambda row: row.name, parent=self, sort="ready", descending=True)
        self.table = Table("queues", columns)
        self.table.setModel(self.model)
        self.table.lay_out()
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
        self.table.selectionModel().currentRowChanged.connect(self._current_changed)
        self.table.activated.connect(lambda _: self.show_tasks())
        self.table.menu = self._menu
        self.drop = TaskDrop(self.table, self._place_of)
        self.empty = EmptyPane("", "")
        self.stack = QStackedWidget()
        self.stack.addWidget(self.table)
        self.stack.addWidget(self.empty)
        self.detail = self._make_detail()
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.addWidget(self.stack)
        self.splitter.addWidget(self.detail)
        self.splitter.setSizes([400, 300])
        self.splitter.setChildrenCollapsible(False)
        split = window_state.load("queues/split")
        if split is not None:
            self.splitter.restoreState(split)
        layout.addWidget(self.splitter, 1)
        self._tick = QTimer(self, interval=1_000)
        self._tick.timeout.connect(self._second)
        session.status_changed.connect(self._update_empty)
        self._update_empty()

    def _make_detail(self) -> QWidget:
        detail = QWidget()
        layout = QHBoxLayout(detail)
        layout.setContentsMargins(0, theme.GAP_S, 0, 0)
        left = QVBoxLayout()
        head = QHBoxLayout()
        head.setContentsMargins(theme.GAP_M, 0, theme.GAP, 0)
        self.heading = LineLabel()
        self.heading.setFont(theme.bold_font())
        self.about = LineLabel(muted=True, rest=True)
        self.span = QComboBox()
        self.span.setAccessibleName("Time span of the chart")
        for text, seconds in SPANS:
            self.span.addItem(text, seconds)
        self.span.currentIndexChanged.connect(self._read_detail_now)
        head.addWidget(self.heading)
        head.addWidget(self.about, 1)
        head.addWidget(self.span)
        left.addLayout(head)
        self.chart = TimeChart("Depth", formats.number)
        left.addWidget(self.chart, 1)
        layout.addLayout(left, 3)
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, theme.GAP, theme.GAP)
        self.consumers = plain_label(wrap=True)
        right.addWidget(self.consumers)
        self.bindings = TableModel(BINDING_COLUMNS, key=lambda row: (row.exchange, row.routing_key), parent=self)
        self.binding_table = Table("bindings", BINDING_COLUMNS)
        self.binding_table.setModel(self.bindings)
        self.binding_table.lay_out()
        right.addWidget(self.binding_table, 1)
        layout.addLayout(right, 2)
        return detail

    def commands(self) -> Commands:
        """What the window's commands do here."""
        found: dict[CommandKey, Callable[[], object]] = {
            "filter": self.line.setFocus,
            "refresh": self.refresh,
            "detail": self.show_tasks,
            "back": self.table.setFocus,
            "copy_row": self.table.copy_rows,
            "copy_cell": self.table.copy_cell,
        }
        profile = self._session.profile
        if profile.has_broker and not profile.read_only and not profile.silent:
            found |= {"pause_queue": self.pause, "resume_queue": self.resume}
        return found

    def pause(self) -> None:
        """Ask for the selected queue to be paused on all its workers."""
        line = self.model.line_of(self._queue)
        row = self.model.row_at(line) if line is not None else None
        if row is not None:
            self.request(PauseQueue(self._session.profile.name, row.name, list(row.workers)))

    def resume(self) -> None:
        """Ask for the selected queue to be consumed again by the workers that were told to leave it."""
        if self._queue:
            self.request(ResumeQueue(self._session.profile.name, self._queue))

    def refresh(self) -> None:
        """Read the queues anew."""
        self._session.spawn(self._read(), "queues", owner=self)
        self._read_detail_now()

    def open(self, request: Request) -> None:
        """See Page."""
        if isinstance(request, OpenQueue):
            self.show_queue(request.queue)

    def show_queue(self, name: str) -> None:
        """Select a queue."""
        self._choose(name)
        self._select()

    def show_tasks(self) -> None:
        """Show the tasks that were sent to the selected queue."""
        if self._queue:
            self.request(FilterTasks(self._session.profile.name, filter_text(queues=(self._queue,))))

    def task_drop(self) -> TaskDrop:
        """See Page."""
        return self.drop

    def _send(self) -> None:
        self.request(SendTask(self._session.profile.name, self._queue))

    def save_layout(self) -> None:
        """Remember the columns and the split."""
        self.table.save_layout()
        window_state.save("queues/split", self.splitter.saveState())

    def theme_changed(self) -> None:
        """Draw in the new colours."""
        self.chart.theme_changed()

    def showEvent(self, event: object) -> None:
        self._tick.start()
        self.refresh()

    def hideEvent(self, event: object) -> None:
        self._tick.stop()

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
        self._select()
        self._describe()
        self._update_empty()

    async def _read_pauses(self) -> None:
        """What the journal says is paused; a journal that cannot be read is told where somebody acts."""
        name = self._session.profile.name
        try:
            found: list[Pause] = await ask_journal(lambda journal: pauses(journal, name), [])
        except UserError:
            return
        pauses_now = {pause.queue: pause for pause in reversed(found)}  # the latest
        if pauses_now != self._pauses:
            self._pauses = pauses_now
            self.model.tick()

    def _pause_of(self, queue: str) -> Pause | None:
        return self._pauses.get(queue)

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

    async def _read_detail(self, name: str) -> None:
        since, until = span_until(self._session.now(), self.span.currentData())
        try:
            since, samples, gaps = await self._session.ask(
                lambda reader: read_depth(reader, name, since, until),
                slot="queue detail",
            )
        except UserError:
            return
        if name == self._queue:
            self._draw(samples, gaps, since, until)

    async def _read_bindings(self, name: str) -> None:
        try:
            bindings = await self._session.broker(lambda broker: broker.bindings())
        except UserError as error:
            self.consumers.setText(str(error))
            return
        if name == self._queue:
            self.bindings.replace(binding for binding in bindings if binding.queue == name)

    def _draw(self, samples: list[SamplePoint], gaps: list[Gap], since: float, until: float) -> None:
        times = [sample.at for sample in samples]
        series = [Series("ready", "running", times, [sample.ready for sample in samples])]
        if any(sample.unacked for sample in samples):
            series.append(Series("unacked", "retry", times, [sample.unacked for sample in samples]))
        self.chart.show_series(series, gaps, since, until)

    def _read_detail_now(self) -> None:
        self._describe()
        if self._queue:
            self._session.spawn(self._read_detail(self._queue), "queue detail", owner=self)

    def _describe(self) -> None:
        """Say who consumes the selected queue."""
        line = self.model.line_of(self._queue)
        row = self.model.row_at(line) if line is not None else None
        self.heading.setText(formats.plain(self._queue))
        if row is not None:
            self.about.setText(priorities(row).replace("\n", " · "))
            self.consumers.setText(f"Consumed by: {consumers(row)}")

    def _current_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        row = self.model.row_at(current.row()) if current.isValid() else None
        if row is not None and row.name != self._queue:
            self._choose(row.name)

    def _choose(self, name: str) -> None:
        self._queue = name
        self.bindings.replace([])
        self._read_detail_now()
        self._session.spawn(self._read_bindings(name), "bindings", owner=self)

    def _select(self) -> None:
        line = self.model.line_of(self._queue) if self._queue else None
        if line is None and self.model.rowCount() and not self._queue:
            line = 0
        if line is not None and line != self.table.currentIndex().row():
            self.table.selectRow(line)

    def _place_of(self, index: QModelIndex) -> tuple[str, str] | None:
        row = self.model.row_at(index.row())
        return (self._session.profile.name, row.name) if row is not None else None

    def _filter(self, text: str) -> None:
        needle = text.casefold()
        self.model.keep_only((lambda row: needle in row.name.casefold()) if needle else None)
        self._update_empty()

    def _update_empty(self) -> None:
        self.detail.setVisible(bool(self._queue))
        if self.model.rowCount():
            show_page(self.stack, self.table)
            return
        if self.line.text():
            self.empty.say("No queue matches", "No queue name contains this text.")
        elif self._session.problem:
            self.empty.say("The queues are unknown", formats.plain(self._session.problem))
        elif self._session.sampling_problem:
            self.empty.say("The queues are unknown", formats.plain(self._session.sampling_problem))
        elif not self._session.queues_known:
            self.empty.say("The queues are unknown", "They are read when the recorder is connected to the broker.")
        else:
            self.empty.say("No queues yet", "Queues appear once a worker or client declares them.")
        show_page(self.stack, self.empty)

    def _second(self) -> None:
        self._session.spawn(self._read(), "queues", owner=self)
        now = time.monotonic()
        if now >= self._next_chart:
            self._next_chart = now + 3.0
            self._read_detail_now()
