"""The tables of the overview, with the broker of each row where there are several: what fails, and what takes time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from deskq import formats
from deskq.history.rows import FailureRow, TaskRuntimes
from deskq.models.table.columns import Column
from deskq.models.table.model import TableModel
from deskq.views.widgets import theme
from deskq.views.widgets.empty_pane import plain_label
from deskq.views.widgets.tables import Table

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class At(Generic[R]):
    """A row of one profile's history."""

    profile: str
    row: R


_FAILURES: Final = (
    Column[FailureRow]("name", "Task", "Task name", lambda row: formats.plain(row.name or "unknown"), width=150),
    Column[FailureRow](
        "exception",
        "Exception",
        "Exception, grouped by type",
        lambda row: formats.plain(row.exception),
        width=220,
        state=lambda _: "FAILURE",
    ),
    Column[FailureRow](
        "count",
        "Count",
        "Failures in the time span",
        lambda row: formats.number(row.count),
        lambda r: r.count,
        numeric=True,
        width=80,
    ),
    Column[FailureRow](
        "last", "Last", "Time of the last failure", lambda row: formats.relative(row.last), lambda r: r.last, width=110
    ),
)


def _seconds(key: str, title: str, tip: str) -> Column[TaskRuntimes]:
    def value(row: TaskRuntimes) -> float:
        return float(getattr(row, key))

    return Column(key, title, tip, lambda row: formats.duration(value(row)), value, numeric=True, width=75)


_RUNTIMES: Final = (
    Column[TaskRuntimes]("name", "Task", "Task name", lambda row: formats.plain(row.name), width=200),
    Column[TaskRuntimes](
        "count",
        "Count",
        "Tasks that succeeded in the hours of the time span: workers report the runtime only on success",
        lambda row: formats.number(row.count),
        lambda row: row.count,
        numeric=True,
        width=70,
    ),
    _seconds("p50", "p50", "Median runtime"),
    _seconds("p90", "p90", "90th percentile of the runtime"),
    _seconds("p99", "p99", "99th percentile of the runtime"),
    Column[TaskRuntimes](
        "total",
        "Total",
        "Estimated total runtime: count × p50",
        lambda row: formats.duration(row.p50 * row.count),
        lambda row: row.p50 * row.count,
        numeric=True,
        width=80,
    ),
)


class _BrokersTable(QWidget, Generic[R]):
    """A heading and a table of rows of one or several profiles."""

    def __init__(
        self,
        heading: str,
        name: str,
        columns: tuple[Column[R], ...],
        key: Callable[[R], object],
        sort: str,
        several: bool,
    ) -> None:
        super().__init__()
        title = plain_label(heading)
        title.setFont(theme.bold_font())
        shown = tuple(map(_at_a_broker, columns))
        if several:
            broker: Column[At[R]] = Column(
                "broker", "Broker", "Profile of the broker", lambda at: formats.plain(at.profile)
            )
            shown = (shown[0], broker, *shown[1:])
        self.model = TableModel(
            shown, key=lambda at: (at.profile, key(at.row)), parent=self, sort=sort, descending=True
        )
        self.table = Table(f"{name}-of-all" if several else name, shown)
        self.table.setModel(self.model)
        self.table.lay_out()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.GAP_S)
        layout.addWidget(title)
        layout.addWidget(self.table, 1)

    def show_rows(self, rows: Iterable[At[R]]) -> None:
        """Show these."""
        self.model.replace(rows)

    def chosen_row(self) -> At[R] | None:
        """Return the selected row, None if there is none."""
        lines = self.table.selected_lines()
        return self.model.row_at(lines[0]) if lines else None


class FailuresTable(_BrokersTable[FailureRow]):
    """``chosen``: the profile and the FailureRow of the row that was activated."""

    chosen = Signal(str, object)

    def __init__(self, *, several: bool) -> None:
        super().__init__("Top failures", "failures", _FAILURES, lambda row: (row.name, row.kind), "count", several)
        self.table.activated.connect(self._activated)

    def _activated(self) -> None:
        if (at := self.chosen_row()) is not None:
            self.chosen.emit(at.profile, at.row)


class RuntimesTable(_BrokersTable[TaskRuntimes]):
    """``chosen``: the profile and the TaskRuntimes of the row that was activated."""

    chosen = Signal(str, object)

    def __init__(self, *, several: bool) -> None:
        super().__init__("Runtimes by task", "task-runtimes", _RUNTIMES, lambda row: row.name, "total", several)
        self.table.activated.connect(self._activated)

    def _activated(self) -> None:
        if (at := self.chosen_row()) is not None:
            self.chosen.emit(at.profile, at.row)


def _at_a_broker(column: Column[R]) -> Column[At[R]]:
    """The same column for rows that know their broker."""

    def of_row(value: Callable[[R], Any] | None) -> Callable[[At[R]], Any] | None:
        return None if value is None else lambda at: value(at.row)

    return Column(
        column.key,
        column.title,
        column.tip,
        lambda at: column.text(at.row),
        of_row(column.sort),
        column.numeric,
        width=column.width,
        state=of_row(column.state),
    )
