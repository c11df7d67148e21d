"""What is to come for one schedule: its next runs in its own zone and here, changes of the clock, and what it sends."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from deskq import formats
from deskq.models.table.columns import Column
from deskq.models.table.model import TableModel
from deskq.services.schedules.following import UpcomingRuns, day_time, wall_time
from deskq.services.schedules.shown import ShownSchedule
from deskq.views.widgets import theme
from deskq.views.widgets.empty_pane import LineLabel, plain_label
from deskq.views.widgets.tables import Table


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run to come."""

    at: float
    zone: str
    mark: str


def _here(at: float) -> str:
    return day_time(datetime.fromtimestamp(at, UTC).astimezone())


RUN_COLUMNS: Final[tuple[Column[RunRow], ...]] = (
    Column("there", "In its zone", "Time in the schedule's zone", lambda run: wall_time(run.at, run.zone), width=175),
    Column(
        "here",
        "Here",
        "Time on this machine",
        lambda run: _here(run.at),
        width=175,
    ),
    Column("in", "In", "Time until the run", lambda run: formats.relative(run.at), lambda run: run.at, True, width=70),
    Column(
        "mark",
        "Clock",
        "Effect of a clock change on the run",
        lambda run: {"skipped": "moved: hour skipped", "doubled": "hour repeated"}.get(run.mark, ""),
        state=lambda run: "retry" if run.mark else None,
        width=120,
    ),
)


class ScheduleDetail(QWidget):
    """The selected schedule; the buttons say what is asked for by ``wanted``: "edit", "switch", "delete", …"""

    wanted = Signal(str)

    def __init__(self, *, may_change: bool) -> None:
        super().__init__()
        self._shown: ShownSchedule | None = None
        self.heading = LineLabel()
        self.heading.setFont(theme.bold_font())
        self.sentence = plain_label(wrap=True)
        self.problem = plain_label(wrap=True)
        self.facts = plain_label(wrap=True, muted=True)
        self.changes = plain_label(wrap=True)
        self.buttons = {
            name: QPushButton(title)
            for name, title in (
                ("edit", "Edit…"),
                ("switch", "Disable…"),
                ("duplicate", "Duplicate…"),
                ("delete", "Delete…"),
            )
        }
        self.model = TableModel(RUN_COLUMNS, key=lambda run: run.at, parent=self, sort="in")
        self.table = Table("schedule-runs", RUN_COLUMNS)
        self.table.setModel(self.model)
        self.table.lay_out()
        self.table.setAccessibleName("Next runs")
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(theme.GAP_M, theme.GAP_S, theme.GAP, theme.GAP)
        left = QVBoxLayout()
        head = QHBoxLayout()
        head.addWidget(self.heading, 1)
        for name, button in self.buttons.items():
            button.setAutoDefault(False)
            button.clicked.connect(lambda _=False, name=name: self.wanted.emit(name))
            head.addWidget(button)
        left.addLayout(head)
        for label in (self.sentence, self.problem, self.changes, self.facts):
            left.addWidget(label)
        left.addStretch(1)
        layout.addLayout(left, 1)
        layout.addWidget(self.table, 1)
        self.allow(may_change)
        self.show_schedule(None)

    def allow(self, may_change: bool) -> None:
        """Show the buttons only where something may be changed at all."""
        for button in self.buttons.values():
            button.setVisible(may_change)

    def show_schedule(self, shown: ShownSchedule | None) -> None:
        """Describe an entry; its runs come by :meth:`show_ahead`."""
        same = shown is not None and self._shown is not None and shown.key == self._shown.key
        self._shown = shown
        self.setEnabled(shown is not None)
        if not same:
            self.model.replace([])
            self.changes.setText("")
        if shown is None:
            for label in (self.heading, self.sentence, self.problem, self.facts):
                label.setText("")
            return
        entry = shown.entry
        self.heading.setText(formats.plain(entry.name))
        self.sentence.setText(formats.plain(f"{shown.row.sentence}   {_and_zone(shown)}"))
        told = (entry.problem, *shown.warnings, shown.row.why_not)
        self.problem.setText(formats.plain_lines("\n".join(filter(None, told))))
        self.problem.setVisible(bool(self.problem.text()))
        self.facts.setText(formats.plain_lines("\n".join(_facts(shown))))
        self.buttons["switch"].setText("Disable…" if entry.enabled else "Enable…")
        for name in ("edit", "switch", "delete"):
            self.buttons[name].setEnabled(not shown.row.why_not)
            self.buttons[name].setToolTip(formats.tooltip(shown.row.why_not))

    def show_ahead(self, ahead: UpcomingRuns) -> None:
        """Show the next runs."""
        self.model.replace(RunRow(run.at, ahead.zone, run.mark) for run in ahead.runs)
        told = [change.sentence for change in ahead.changes]
        self.changes.setText(formats.plain_lines("\n".join(told)))
        self.changes.setVisible(bool(told))

    def tick(self) -> None:
        """Say anew how long it is until then."""
        self.model.tick()


def _and_zone(shown: ShownSchedule) -> str:
    return f"(its zone: {shown.row.zone})" if shown.row.zone else ""


def _facts(shown: ShownSchedule) -> list[str]:
    entry = shown.entry
    facts = [f"sends {entry.task}{_arguments(entry.args, entry.kwargs)}"]
    if entry.options:
        facts.append(
            ", ".join(f"{key} {json.dumps(value, ensure_ascii=False)}" for key, value in entry.options.items())
        )
    if entry.one_off:
        facts.append("one-off: beat disables it after the run")
    if entry.start_time is not None:
        facts.append(f"not before {wall_time(entry.start_time, shown.row.zone)}")
    if entry.expires_at is not None:
        facts.append(f"not after {wall_time(entry.expires_at, shown.row.zone)}")
    if entry.shared_with:
        facts.append(f"timing shared with {', '.join(entry.shared_with[:5])}")
    if entry.description:
        facts.append(entry.description)
    facts.append(f"stored in {shown.row.title}{f' ({entry.origin})' if entry.origin else ''}")
    return facts


def _arguments(args: list[object], kwargs: dict[str, object]) -> str:
    parts = [json.dumps(value, ensure_ascii=False, default=str) for value in args]
    parts += [f"{key}={json.dumps(value, ensure_ascii=False, default=str)}" for key, value in kwargs.items()]
    return f"({', '.join(parts)})"
