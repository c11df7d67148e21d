"""What the Queues view says of consumers, of pauses, and of queues that are not there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtWidgets import QApplication

from deskq.actions.journal.pauses import Pause
from deskq.history.rows import QueueRow
from deskq.profiles import Profile
from deskq.services.session import ProfileSession
from deskq.views.queues.columns import consumers, queue_columns
from deskq.views.queues.view import QueuesView

NOW = 1_795_000_000.0
ROW = QueueRow("emails", 3, 0, 1, None, None, None, None, NOW, False, workers=("w1",), told=NOW)
PAUSE = Pause("emails", "a", "anna", NOW - 60, ("w1", "w2"), NOW - 1)


def shown(row: QueueRow, pause: Pause | None = None) -> dict[str, str]:
    columns = {column.key: column for column in queue_columns(lambda _: pause)}
    state = columns["state"]
    assert state.state is not None
    return {
        "state": state.text(row),
        "group": str(state.state(row)),
        "consumers": columns["consumers"].text(row),
        "by": consumers(row),
    }


@pytest.mark.parametrize(
    ("changes", "state", "group", "count", "by"),
    [
        ({}, "consumed", "success", "1", "w1"),
        ({"consumers": 3}, "consumed", "success", "3", "w1 and 2 more"),
        ({"consumers": 3, "workers": ()}, "consumed", "success", "3", "3 consumers"),
        ({"consumers": None}, "consumed", "success", "≥ 1", "w1 (others unknown)"),
        ({"consumers": None, "workers": ()}, "unknown", "waiting", "–", "unknown"),
        ({"consumers": 0, "workers": (), "no_consumer": True}, "no consumer", "failure", "0", "no worker"),
        ({"consumers": 0, "workers": (), "exists": False}, "does not exist", "waiting", "0", "unknown"),
    ],
)
def test_what_is_known_of_consumers(changes: dict[str, object], state: str, group: str, count: str, by: str) -> None:
    found = shown(replace(ROW, **changes))  # type: ignore[arg-type]
    assert found == {"state": state, "group": group, "consumers": count, "by": by}


@pytest.mark.parametrize(
    ("told", "still"),
    [(PAUSE.at - 30, ""), (PAUSE.confirmed, ""), (PAUSE.confirmed + 5, "; still consumed by w1")],
)
def test_what_workers_said_before_they_confirmed_a_pause_is_outdated(told: float, still: str) -> None:
    state = shown(replace(ROW, told=told), PAUSE)["state"]
    assert state.startswith("paused by anna since ")
    assert state.partition(";")[1] + state.partition(";")[2] == still


def test_a_paused_queue_without_consumers_has_no_consumer_left() -> None:
    row = replace(ROW, consumers=0, told=PAUSE.confirmed + 5)
    assert "consumed" not in shown(row, PAUSE)["state"]


@pytest.mark.parametrize(
    ("url", "hidden"),
    [
        ("redis://127.0.0.1:1/0", {"delayed"}),
        ("amqp://127.0.0.1:1//", set()),
        ("sqs://", {"delayed", "unacked"}),
    ],
)
def test_what_a_broker_can_never_tell_is_hidden_until_somebody_shows_it(
    url: str, hidden: set[str], qapp: QApplication
) -> None:
    def opened() -> QueuesView:
        return QueuesView(ProfileSession(Profile.from_url(url, name="shop")))

    def absent(view: QueuesView) -> set[str]:
        return {c.key for number, c in enumerate(view.table.columns) if view.table.isColumnHidden(number)}

    view = opened()
    assert absent(view) == hidden
    for number, column in enumerate(view.table.columns):
        if column.key in hidden:
            view.table._show_column(number, True)
    again = opened()
    assert absent(again) == set()
    for each in (view, again):
        each.deleteLater()
