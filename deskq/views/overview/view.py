"""The overview: is it healthy, what fails, what waits; for one broker or for all."""

from __future__ import annotations

from collections import Counter
from typing import Final

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from deskq import formats
from deskq.errors import UserError
from deskq.history.reading.filter_language import filter_text
from deskq.history.reading.task_filter import Moment
from deskq.history.rows import FailureRow, Gap, TaskRuntimes
from deskq.models.overview.overview import OverviewFacts, read_overview
from deskq.services.session import ProfileSession
from deskq.views.overview.lines import FAILURES, THROUGHPUT, depth_lines, rate_lines, runtime_lines
from deskq.views.overview.numbers import NUMBERS, broker_line, fullest, numbers
from deskq.views.overview.tables import At, FailuresTable, RuntimesTable
from deskq.views.widgets import theme, window_state
from deskq.views.widgets.charts.time_chart import SPANS, TimeChart, span_until
from deskq.views.widgets.empty_pane import LineButton, plain_label
from deskq.views.widgets.page import Commands, Page
from deskq.views.widgets.requests import FilterTasks, OpenQueue

_REFRESH_MS: Final = 2_000
_FULLEST: Final = 4
"""The place of the fullest queue among the numbers."""


class OverviewView(Page):
    """One or several sessions over a span that is chosen."""

    def __init__(self, sessions: list[ProfileSession], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = "Overview" if len(sessions) == 1 else "All brokers"
        self._sessions = sessions
        self._facts: dict[str, OverviewFacts] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.GAP, theme.GAP_S, theme.GAP, theme.GAP)
        layout.setSpacing(theme.GAP_S)
        head = QHBoxLayout()
        self.numbers = [LineButton() if place >= _FULLEST else QPushButton() for place in range(NUMBERS)]
        for button in self.numbers:
            button.setFlat(True)
            head.addWidget(button)
        if len(sessions) > 1:  # sums: there is no table of the tasks of all
            for button in (self.numbers[number] for number in range(NUMBERS) if number != _FULLEST):
                button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
                button.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        head.addStretch(1)
        self.span = QComboBox()
        self.span.setAccessibleName("Time span")
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
        failing = FailuresTable(several=len(sessions) > 1)
        failing.chosen.connect(self._open_failure)
        self.failures, self.table = failing.model, failing.table
        self.task_runtimes = RuntimesTable(several=len(sessions) > 1)
        self.task_runtimes.chosen.connect(self._open_succeeded)
        tables = QHBoxLayout()
        tables.setSpacing(theme.GAP)
        tables.addWidget(failing, 1)
        tables.addWidget(self.task_runtimes, 1)
        layout.addLayout(tables, 1)
        self._timer = QTimer(self, interval=_REFRESH_MS)
        self._timer.timeout.connect(self._again)
        self._under_way: Counter[str] = Counter()
        for session in sessions:
            session.status_changed.connect(self._write_numbers)
        self.numbers[0].clicked.connect(lambda: self._ask_for_tasks("state:SENT state:RECEIVED"))
        self.numbers[1].clicked.connect(self._open_running)
        self.numbers[2].clicked.connect(self._open_failed)
        self.numbers[_FULLEST].clicked.connect(self._open_fullest)
        self._write()

    def charts(self) -> tuple[TimeChart, ...]:
        """Return the four charts."""
        return self.throughput, self.failing, self.runtimes, self.depths

    def commands(self) -> Commands:
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
        self._ask_for_tasks(filter_text(states=theme.running_states(states)))

    def _write(self) -> None:
        self._write_numbers()
        if self._facts:
            self._draw()

    def _write_numbers(self) -> None:
        for button, text in zip(
            self.numbers, numbers(self._sessions, self._facts, self.span.currentText()), strict=True
        ):
            button.setText(text.replace("&", "&&"))
            button.setVisible(bool(text))
        told = {one.profile.name: problem for one in self._sessions if (problem := one.problem or one.sampling_problem)}
        if len(self._sessions) == 1:
            lines = list(told.values())
        else:
            of_each = (broker_line(session, self._facts.get(session.profile.name)) for session in self._sessions)
            lines = ["   ".join(of_each), *(f"{name}: {problem}" for name, problem in told.items())]
        self._by_broker.setText("\n".join(map(formats.plain, lines)))
        self._by_broker.setVisible(len(self._sessions) > 1 or bool(told))

    def _draw(self) -> None:
        """Of one broker each chart has its lines and the gaps; of several it has one line for each, with its name."""
        several = len(self._sessions) > 1
        names = [session.profile.name for session in self._sessions]
        read = {name: self._facts[name] for name in names if name in self._facts}
        since, until = next((facts.since, facts.until) for facts in read.values())
        gaps: list[Gap] = [] if several else [gap for facts in read.values() for gap in facts.gaps]
        for chart, lines in (
            (self.throughput, rate_lines(read, THROUGHPUT, several=several)),
            (self.failing, rate_lines(read, FAILURES, several=several)),
            (self.runtimes, runtime_lines(read, several=several)),
            (self.depths, depth_lines(read, several=several)),
        ):
            chart.show_series(lines, gaps, since, until)
        self.failures.replace(At(name, row) for name, facts in read.items() for row in facts.failures.most)
        self.task_runtimes.show_rows(At(name, row) for name, facts in read.items() for row in facts.runtimes)

    def _filter(self, profile: str, text: str) -> None:
        self.request(FilterTasks(profile, text))

    def _ask_for_tasks(self, text: str) -> None:
        """Show the tasks behind a number; over several brokers there is no list of all of them."""
        if len(self._sessions) == 1:
            self._filter(self._sessions[0].profile.name, text)

    def _open_failed(self) -> None:
        for facts in self._facts.values():
            self._ask_for_tasks(filter_text(states=("FAILURE",), ended=_from(facts.failures.since)))

    def _open_failure(self, profile: str, row: FailureRow) -> None:
        since = self._facts[profile].failures.since
        self._filter(
            profile, filter_text(states=("FAILURE",), names=(row.name,), kinds=(row.kind,), ended=_from(since))
        )

    def _open_succeeded(self, profile: str, row: TaskRuntimes) -> None:
        self._filter(profile, filter_text(states=("SUCCESS",), names=(row.name,), ended=_from(row.since)))

    def _open_fullest(self) -> None:
        of_each = [(profile, queue) for profile, facts in self._facts.items() if (queue := fullest(facts.queues))]
        if not of_each:
            return
        profile, queue = max(of_each, key=lambda found: found[1].ready or 0)
        self.request(OpenQueue(profile, queue.name))


def _from(since: float) -> tuple[Moment, ...]:
    return (Moment(">=", since),)
