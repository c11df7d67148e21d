"""The detail of a queue: its depth over time, who consumes it, and what is bound to it."""

from __future__ import annotations

from PySide6.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from deskq import formats
from deskq.errors import UserError
from deskq.history.reading.reader import HistoryReader
from deskq.history.rows import Gap, QueueRow, SamplePoint
from deskq.models.table.model import TableModel
from deskq.services.session import ProfileSession
from deskq.views.queues.columns import BINDING_COLUMNS, consumers, priorities
from deskq.views.widgets import theme
from deskq.views.widgets.charts.time_chart import SPANS, Series, TimeChart, span_until
from deskq.views.widgets.empty_pane import LineLabel, plain_label
from deskq.views.widgets.tables import Table


def read_depth(
    reader: HistoryReader, name: str, since: float, until: float
) -> tuple[float, list[SamplePoint], list[Gap]]:
    """Return the beginning of what is known, the depths and the gaps; blocking, for the reader thread."""
    since = max(since, min(reader.created(), until - 60))
    return since, reader.charts.queue_samples(name, since, until), reader.gaps(since, until)


class QueueDetail(QWidget):
    """One queue of a session."""

    def __init__(self, session: ProfileSession) -> None:
        super().__init__()
        self._session = session
        self._queue = ""
        self.heading = LineLabel()
        self.heading.setFont(theme.bold_font())
        self.about = LineLabel(muted=True, rest=True)
        self.span = QComboBox()
        self.span.setAccessibleName("Time span of the chart")
        for text, seconds in SPANS:
            self.span.addItem(text, seconds)
        self.span.currentIndexChanged.connect(self.read_depths)
        self.chart = TimeChart("Depth", formats.number)
        self.consumers = plain_label(wrap=True)
        self.bindings = TableModel(BINDING_COLUMNS, key=lambda row: (row.exchange, row.routing_key), parent=self)
        self.binding_table = Table("bindings", BINDING_COLUMNS)
        self.binding_table.setModel(self.bindings)
        self.binding_table.lay_out()
        head = QHBoxLayout()
        head.setContentsMargins(theme.GAP_M, 0, theme.GAP, 0)
        head.addWidget(self.heading)
        head.addWidget(self.about, 1)
        head.addWidget(self.span)
        left = QVBoxLayout()
        left.addLayout(head)
        left.addWidget(self.chart, 1)
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, theme.GAP, theme.GAP)
        right.addWidget(self.consumers)
        right.addWidget(self.binding_table, 1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, theme.GAP_S, 0, 0)
        layout.addLayout(left, 3)
        layout.addLayout(right, 2)

    def choose(self, name: str) -> None:
        """Show another queue."""
        self._queue = name
        self.heading.setText(formats.plain(name))
        self.bindings.replace([])
        self.read_depths()
        self._session.spawn(self._read_bindings(name), "bindings", owner=self)

    def describe(self, row: QueueRow | None) -> None:
        """Say who consumes the queue; None is a queue that is not known yet."""
        if row is not None:
            self.about.setText(priorities(row).replace("\n", " · "))
            self.consumers.setText(f"Consumed by: {consumers(row)}")

    def read_depths(self) -> None:
        """Draw the chart anew."""
        if self._queue:
            self._session.spawn(self._read_depths(self._queue), "queue detail", owner=self)

    async def _read_depths(self, name: str) -> None:
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
