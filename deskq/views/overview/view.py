"""The overview: is it healthy, what fails, what waits; for one broker or for all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from deskq import formats
from deskq.errors import UserError
from deskq.history.reading.filter_language import filter_text
from deskq.history.rows import FailureRow, Gap, RatePoint
from deskq.models.overview.overview import OverviewFacts, consumer_words, per_second, read_overview, worker_words
from deskq.models.table.columns import Column
from deskq.models.table.model import SmallTableModel
from deskq.services.session import ProfileSession
from deskq.views.tasks.runtimes import RuntimesTable
from deskq.views.widgets import theme, window_state
from deskq.views.widgets.charts import LINE_COLOURS, SPANS, Series, TimeChart, span_until
from deskq.views.widgets.empty_pane import plain_label
from deskq.views.widgets.tables import Table

_REFRESH_MS: Final = 2_000
_FAILURES: Final = (
    Column[FailureRow](
        "name", "Task", "The task that failed", lambda row: formats.plain(row.name or "unknown"), width=150
    ),
    Column[FailureRow](
        "exception", "Exception", "Why", lambda row: formats.plain(row.exception), width=220, state=lambda _: "FAILURE"
    ),
    Column[FailureRow](
        "count",
        "Count",
        "How often in the span",
        lambda row: formats.number(row.count),
        lambda r: r.count,
        numeric=True,
        width=80,
    ),
    Column[FailureRow](
        "last", "Last", "When it last failed", lambda row: formats.relative(row.last), lambda r: r.last, width=110
    ),
)


class OverviewView(QWidget):
    """One or several sessions over a span that is chosen."""

    filter_tasks = Signal(str)
    open_queue = Signal(str)

    def __init__(self, sessions: list[ProfileSession], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = "Overview" if len(sessions) == 1 else "All brokers"
        self._sessions = sessions
        self._facts: dict[str, OverviewFacts] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.GAP, theme.GAP_S, theme.GAP, theme.GAP)
        layout.setSpacing(theme.GAP_S)
        head = QHBoxLayout()
        self.numbers = [QPushButton() for _ in range(6)]
        for button in self.numbers:
            button.setFlat(True)
            head.addWidget(button)
        head.addStretch(1)
        self.span = QComboBox()
        self.span.setAccessibleName("Span of time")
        for text, seconds in SPANS:
            self.span.addItem(text, seconds)
        self.span.setCurrentIndex(int(window_state.load_text("overview/span", "0") or 0))
        self.span.currentIndexChanged.connect(self._span_changed)
        head.addWidget(self.span)
        layout.addLayout(head)
        self._by_broker = plain_label(wrap=True, muted=True)
        self._by_broker.setVisible(len(sessions) > 1)
        layout.addWidget(self._by_broker)
        self.throughput = TimeChart("Throughput", lambda value: f"{formats.rate(value)}/s")
        self.failing = TimeChart("Failures", lambda value: f"{formats.rate(value)}/s")
        self.runtimes = TimeChart("Runtime", formats.duration)
        self.depths = TimeChart("Queue depth", formats.number)
        grid = QGridLayout()
        grid.setSpacing(theme.GAP)
        for number, chart in enumerate(self.charts()):
            grid.addWidget(chart, number // 2, number % 2)
        layout.addLayout(grid, 3)
        heading = plain_label("Top failures")
        heading.setFont(theme.bold_font())
        self.failures = SmallTableModel(
            _FAILURES, key=lambda row: (row.name, row.exception), parent=self, sort="count", descending=True
        )
        self.table = Table("failures", _FAILURES)
        self.table.setModel(self.failures)
        self.table.lay_out()
        self.table.activated.connect(self._open_failure)
        failing = QVBoxLayout()
        failing.setSpacing(theme.GAP_S)
        failing.addWidget(heading)
        failing.addWidget(self.table, 1)
        self.task_runtimes = RuntimesTable()
        self.task_runtimes.chosen.connect(lambda name: self.filter_tasks.emit(filter_text(names=(name,))))
        tables = QHBoxLayout()
        tables.setSpacing(theme.GAP)
        tables.addLayout(failing, 1)
        tables.addWidget(self.task_runtimes, 1)
        layout.addLayout(tables, 1)
        self._timer = QTimer(self, interval=_REFRESH_MS)
        self._timer.timeout.connect(self._again)
        self._under_way: Counter[str] = Counter()
        for session in sessions:
            session.status_changed.connect(self._write_numbers)
        self.numbers[0].clicked.connect(lambda: self.filter_tasks.emit("state:SENT state:RECEIVED"))
        self.numbers[1].clicked.connect(self._open_running)
        self.numbers[2].clicked.connect(lambda: self.filter_tasks.emit("state:FAILURE"))
        self.numbers[4].clicked.connect(self._open_fullest)
        self._write()

    def charts(self) -> tuple[TimeChart, ...]:
        """Return the four charts."""
        return self.throughput, self.failing, self.runtimes, self.depths

    def commands(self) -> dict[str, Callable[[], None]]:
        """What the window's commands do here."""
        return {"refresh": self.refresh, "copy_row": self.table.copy_rows, "copy_cell": self.table.copy_cell}

    def refresh(self) -> None:
        """Read everything anew."""
        for session in self._sessions:
            session.spawn(self._read(session), "overview", owner=self)

    def theme_changed(self) -> None:
        """Draw in the new colours."""
        for chart in self.charts():
            chart.theme_changed()

    def showEvent(self, event: object) -> None:
        self._timer.start()
        self.refresh()

    def hideEvent(self, event: object) -> None:
        self._timer.stop()

    def _again(self) -> None:
        """Read anew where the last answer has come: a large history may take longer than the timer waits."""
        for session in self._sessions:
            if not self._under_way[session.profile.name]:
                session.spawn(self._read(session), "overview", owner=self)

    async def _read(self, session: ProfileSession) -> None:
        since, until = span_until(session.now(), self.span.currentData())
        self._under_way[session.profile.name] += 1
        try:
            facts = await session.ask(lambda reader: read_overview(reader, since, until), slot=f"overview {id(self)}")
        except UserError:
            return
        finally:
            self._under_way[session.profile.name] -= 1
        self._facts[session.profile.name] = facts
        self._write()

    def _span_changed(self) -> None:
        window_state.save_text("overview/span", str(self.span.currentIndex()))
        self.refresh()

    def _open_running(self) -> None:
        states = {state for facts in self._facts.values() for state in facts.counts.by_state}
        self.filter_tasks.emit(filter_text(states=theme.running_states(states)))

    def _write(self) -> None:
        self._write_numbers()
        if self._facts:
            self._draw(list(self._facts.values()))

    def _write_numbers(self) -> None:
        all_facts = list(self._facts.values())
        groups: dict[str, int] = dict.fromkeys(theme.STATE_COLOURS, 0)
        for facts in all_facts:
            for state, n in facts.counts.by_state.items():
                groups[theme.state_group(state)] += n
        workers = [worker for facts in all_facts for worker in facts.workers]
        queues = [queue for facts in all_facts for queue in facts.queues]
        failed = sum(point.failed for facts in all_facts for point in facts.rates)
        queues = [queue for queue in queues if queue.exists]
        fullest = max(queues, key=lambda queue: queue.ready or 0, default=None)
        texts: tuple[str, ...] = (
            f"Waiting {formats.number(groups['waiting'])}",
            f"Running {formats.number(groups['running'])}",
            f"Failed {formats.number(failed)} in {self.span.currentText()}",
            worker_words(workers),
            f"Fullest: {formats.plain(fullest.name)} {formats.number(fullest.ready)}" if fullest else "No queues",
            consumer_words(queues),
        )
        seen = workers or queues or any(groups.values())
        if not seen and not any(session.heard for session in self._sessions):  # 0 of what nobody has counted
            none = formats.NONE
            texts = (
                f"Waiting {none}",
                f"Running {none}",
                f"Failed {none}",
                "Workers unknown",
                "Queues unknown",
                "",
            )
        for button, text in zip(self.numbers, texts, strict=True):
            button.setText(text.replace("&", "&&"))
        told = {one.profile.name: problem for one in self._sessions if (problem := one.problem or one.sampling_problem)}
        if len(self._sessions) == 1:
            lines = list(told.values())
        else:
            lines = ["   ".join(_broker_line(name, facts) for name, facts in self._facts.items())]
            lines += [f"{name}: {problem}" for name, problem in told.items()]
        self._by_broker.setText("\n".join(map(formats.plain, lines)))
        self._by_broker.setVisible(len(self._sessions) > 1 or bool(told))

    def _draw(self, all_facts: list[OverviewFacts]) -> None:
        since, until = all_facts[0].since, all_facts[0].until
        gaps: list[Gap] = [gap for facts in all_facts for gap in facts.gaps]
        rates = [facts.rates for facts in all_facts]

        def series(name: str, colour: str, what: Callable[[RatePoint], int]) -> Series:
            points = per_second(rates, what)
            return Series(name, colour, [at for at, _ in points], [rate for _, rate in points])

        self.throughput.show_series(
            [
                series("received", "running", lambda point: point.received),
                series("succeeded", "success", lambda point: point.succeeded),
            ],
            gaps,
            since,
            until,
        )
        self.failing.show_series(
            [
                series("failed", "failure", lambda point: point.failed),
                series("retried", "retry", lambda point: point.retried),
            ],
            gaps,
            since,
            until,
        )
        busiest = max(all_facts, key=lambda facts: sum(point.count for point in facts.percentiles))
        at = [point.at for point in busiest.percentiles]
        self.runtimes.show_series(
            [
                Series("p50", "success", at, [point.p50 for point in busiest.percentiles]),
                Series("p90", "retry", at, [point.p90 for point in busiest.percentiles]),
                Series("p99", "failure", at, [point.p99 for point in busiest.percentiles]),
            ],
            gaps,
            since,
            until,
        )
        depths = [item for facts in all_facts for item in facts.depths.items()][: len(LINE_COLOURS)]
        self.depths.show_series(
            [
                Series(name, LINE_COLOURS[n], [point.at for point in points], [point.ready for point in points])
                for n, (name, points) in enumerate(depths)
            ],
            gaps,
            since,
            until,
        )
        self.failures.replace(row for facts in all_facts for row in facts.failures)
        self.task_runtimes.show_runtimes(row for facts in all_facts for row in facts.runtimes)

    def _open_failure(self) -> None:
        lines = self.table.selected_lines()
        row = self.failures.row_at(lines[0]) if lines else None
        if row is not None:
            kind = row.exception.partition("(")[0]
            text = filter_text(states=("FAILURE",), names=(row.name,), exceptions=(kind,) if kind else ())
            self.filter_tasks.emit(text)

    def _open_fullest(self) -> None:
        queues = [queue for facts in self._facts.values() for queue in facts.queues]
        fullest = max(queues, key=lambda queue: queue.ready or 0, default=None)
        if fullest is not None:
            self.open_queue.emit(fullest.name)


def _broker_line(name: str, facts: OverviewFacts) -> str:
    waiting = sum(queue.ready or 0 for queue in facts.queues)
    failed = sum(point.failed for point in facts.rates)
    online = sum(worker.online for worker in facts.workers)
    unknown = sum(worker.unknown for worker in facts.workers)
    more = f", {unknown:,} unknown" if unknown else ""
    return (
        f"{formats.plain(name)}: {waiting:,} ready, {failed:,} failed, {formats.count(online, 'worker')} online{more}."
    )
