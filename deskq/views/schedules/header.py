"""What stands above a table of schedules: the filter, how many there are, and what is wrong with the stores."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from deskq import formats
from deskq.services.schedules.following import Schedules
from deskq.services.schedules.shown import ScheduleSummary, merged_summary, overdue_message
from deskq.views.widgets import theme
from deskq.views.widgets.empty_pane import plain_label


class ScheduleHeading(QWidget):
    """``bar``: a row for more widgets, behind the filter and the count. ``line``: the filter."""

    def __init__(self) -> None:
        super().__init__()
        self.bar = QHBoxLayout()
        self.bar.setContentsMargins(theme.GAP, theme.GAP, theme.GAP, theme.GAP_S)
        self.line = QLineEdit()
        self.line.setPlaceholderText("Filter by name, task or queue   ( / )")
        self.line.setAccessibleName("Filter schedules")
        self.line.setClearButtonEnabled(True)
        self.totals = plain_label(muted=True)
        self.bar.addWidget(self.line, 1)
        self.bar.addSpacing(theme.GAP)
        self.bar.addWidget(self.totals)
        self.below = QVBoxLayout(self)
        self.below.setContentsMargins(0, 0, 0, 0)
        self.below.setSpacing(0)
        self.below.addLayout(self.bar)
        self.problems = plain_label(wrap=True)
        self.problems.setContentsMargins(theme.GAP_M, 0, theme.GAP_M, theme.GAP_S)
        self.problems.hide()

    def show_state(self, followed: Mapping[str, Schedules], sorted_by: str, *, from_history: bool) -> None:
        """Say how many there are and what is wrong; ``sorted_by``: the title of the column that sorts."""
        summary = merged_summary([schedules.summary for schedules in followed.values()])
        self.totals.setText(total_words(summary, sorted_by if from_history else ""))
        told = list(_problems(followed))
        if summary.complete and (late := overdue_message(summary, time.time())):
            told.append(late)
        self.problems.setText(formats.plain_lines("\n".join(told)))
        self.problems.setVisible(bool(told) and bool(summary.count))


def total_words(summary: ScheduleSummary, from_history: str = "") -> str:
    """Return how many schedules there are, and what is not known yet.

    ``from_history``: the title of the column that sorts, if the history fills it.
    """
    if not summary.count:
        return ""
    if summary.count < summary.expected:
        return f"{summary.count:,} of {summary.expected:,} schedules read so far"
    if not summary.complete:
        return f"{formats.count(summary.count, 'schedule')} so far"
    words = [formats.count(summary.count, "schedule"), f"{summary.on:,} enabled"]
    if summary.unknown:
        words.append(f"next run of {summary.unknown:,} still unknown")
    if from_history and summary.looked_up < summary.count:
        words.append(f"{from_history} looked up for {summary.looked_up:,} so far")
    return " · ".join(words)


def _problems(followed: Mapping[str, Schedules]) -> Iterable[str]:
    for name, schedules in followed.items():
        if schedules.beats:
            where = f"{name}: " if len(followed) > 1 else ""
            yield f"{where}{', '.join(schedules.beats)} replied at the last manual refresh."
        for state in schedules.stores:
            beat = state.beat.words if state.beat.alive is not True else ""
            if beat and state.beat.last is not None:
                beat += f" Last activity of beat: {formats.relative(state.beat.last)}."
            for words in (state.problem, *state.warnings, beat):
                if words and (state.count or state.problem):
                    yield f"{name}, {state.title}: {words}" if len(followed) > 1 else f"{state.title}: {words}"
