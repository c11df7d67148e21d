"""What the detail says of the times of attempts: on one clock, and nothing where nothing is known."""

from __future__ import annotations

from typing import Final

import pytest
from PySide6.QtWidgets import QApplication

from deskq.actions.messages.retry_candidates import Candidate, Grade
from deskq.history.rows import Facets, StateCounts, TaskRow
from deskq.models.tasks.detail import on_one_clock
from deskq.protocol import task_record as kinds
from deskq.protocol.task_attempts import Attempt
from deskq.views.actions.retry_dialog import COLUMNS
from deskq.views.tasks.detail import _ran_for, times_text
from deskq.views.tasks.filter_bar import CountsBar, FilterBar
from deskq.views.widgets import theme
from deskq.views.widgets.theme import Scheme

_SCHEMES: Final[tuple[Scheme, ...]] = ("light", "dark", "light")


@pytest.mark.parametrize(
    ("attempt", "times", "ran"),
    [
        (Attempt(received=1, started=2, finished=2, noticed=9, ending=kinds.ENDED), "ended (no event)", ""),
        (
            Attempt(received=1, started=2, finished=5, noticed=9, ending=kinds.LOST),
            "last seen +3.00 s → lost",
            "",
        ),
        (Attempt(received=1, started=2, finished=2, noticed=9, ending=kinds.STORED_FAILURE), "failed", ""),
        (
            Attempt(received=1, started=2, finished=4, noticed=9, ending=kinds.STORED_FAILURE),
            "failed +2.00 s",
            "ran for ≈ 2.00 s",
        ),
        (Attempt(received=1, started=2, finished=4, ending=kinds.FAILED), "failed +2.00 s", "ran for ≈ 2.00 s"),
        (
            Attempt(received=1, started=2, finished=4, runtime=1.5, ending=kinds.SUCCEEDED),
            "success +2.00 s",
            "ran for 1.50 s",
        ),
        (Attempt(received=1, started=2), "", ""),
        (Attempt(received=1, started=2, replaced=True), "", ""),
    ],
)
def test_an_end_that_nobody_knows_has_no_time(attempt: Attempt, times: str, ran: str) -> None:
    steps = times_text(attempt).split("started +1.00 s")
    assert steps[1].removeprefix(" → ") == times
    assert _ran_for(attempt) == ran


def test_attempts_of_workers_whose_clocks_differ_stand_in_their_order() -> None:
    by_ahead = Attempt(0, "ahead", 1, 1_000.0, 1_005.1, 1_005.2, 1_005.3)
    retried = Attempt(1, "right", 2, 1_005.3, 1_000.4, 1_000.5, 1_000.6)
    again = Attempt(2, "ahead", 1, 1_005.6, 1_005.7, 1_005.8, 1_005.9)
    found = on_one_clock([by_ahead, retried, again], {"ahead": 5.0})
    assert [round(attempt.sent or 0, 1) for attempt in found] == [1_000.0, 1_005.3, 1_000.6]
    assert [round(attempt.finished or 0, 1) for attempt in found] == [1_000.3, 1_000.6, 1_000.9]


def test_counts_are_readable_after_a_change_of_the_theme(qapp: QApplication) -> None:
    bar = CountsBar()
    try:
        bar.show()
        for scheme in _SCHEMES:
            theme.apply_scheme(scheme)
            qapp.processEvents()  # widgets hear of it later
            for group, button in bar._buttons.items():
                wanted = qapp.palette().text().color() if group == "all" else theme.state_colour(group)
                assert button.palette().buttonText().color() == wanted, (scheme, group)
    finally:
        bar.deleteLater()


def test_tasks_with_states_of_their_own_are_counted_as_running(qapp: QApplication) -> None:
    bar = CountsBar()
    try:
        chosen: list[tuple[str, ...]] = []
        bar.clicked.connect(chosen.append)
        counts = StateCounts(by_state={"PROGRESS": 2, "STARTED": 1, "SUCCESS": 1})
        bar.show_counts(counts, ())
        running = bar._buttons["running"]
        assert running.text() == "Running 3"
        running.click()
        assert chosen == [("STARTED", "PROGRESS")]
        bar.show_counts(counts, chosen[0])
        assert running.isChecked()
        assert not bar._buttons["all"].isChecked()
    finally:
        bar.deleteLater()


def test_a_state_that_was_counted_is_known_at_once(qapp: QApplication) -> None:
    bar = FilterBar()
    try:
        bar.set_facets(Facets(states=("STARTED",)))
        bar.set_text("state:PROGRESS")
        assert bar.doubt
        bar.add_states(StateCounts(by_state={"OTHER": 0, "PROGRESS": 1}))
        assert bar.doubt == ""
        bar.set_text("state:OTHER")
        assert bar.doubt
    finally:
        bar.deleteLater()


def test_a_task_that_has_not_ended_is_called_alike_where_it_is_retried() -> None:
    """Its state stands there in the words of the task table, and no head says that it ended."""
    sent = received = started = finished = runtime = eta = expires = None
    times = (sent, received, started, finished, runtime, eta, expires)
    row = TaskRow(1, "u", "t", "RECEIVED", "q", "w", 1.0, *times, "", "", "", "", 0, 1, "u", "", "", False)
    column = next(column for column in COLUMNS if column.key == "state")
    assert (column.title, column.text(Candidate(row, Grade.REBUILT, "t"))) == ("State", "Waiting")
