"""Rates of the overview: counts divided by the seconds in which they were counted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import apsw
import pytest

from deskq.history.reading.reader import HistoryReader
from deskq.history.rows import QueueRow, RatePoint, WorkerRow
from deskq.history.writing.writer import History
from deskq.models.overview.overview import consumer_words, per_second, read_overview, worker_words
from deskq.protocol.events import Event

AT = 1_800_000_000.0
"""A multiple of ten seconds, as the counts are kept."""


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    history = History(tmp_path / "history.sqlite")
    with apsw.Connection(str(history.path)) as connection:
        connection.execute("UPDATE facts SET value = ? WHERE key = 'created'", (str(AT),))
    yield history
    history.close()


def record(history: History, *, seconds: int) -> None:
    """One task received each second."""
    for number in range(seconds):
        at = AT + number + 0.5
        uuid = str(uuid4())
        history.record(uuid, at).add(
            Event(type="task-received", timestamp=at, uuid=uuid, hostname="w", name="shop.pay")
        )
    history.commit(AT + seconds)


def rates(history: History, until: float) -> list[tuple[float, float | None]]:
    reader = HistoryReader(history.path)
    try:
        return per_second([read_overview(reader, AT, until).rates], lambda point: point.received)
    finally:
        reader.close()


def test_a_span_that_is_not_over_is_no_fall(history: History) -> None:
    record(history, seconds=14)
    assert rates(history, AT + 14) == [(AT + 5, 1.0), (AT + 12, 1.0)]


def test_of_a_moment_no_rate_is_told(history: History) -> None:
    record(history, seconds=11)
    assert rates(history, AT + 11)[-1][1] is None


def test_a_gap_takes_its_seconds_away(history: History) -> None:
    record(history, seconds=20)
    history.open_gap(AT + 4, "the broker restarted", AT + 8)
    history.open_gap(AT + 20, "the broker restarted")
    found = rates(history, AT + 40)
    assert found[0][1] == pytest.approx(10 / 6)
    assert [rate for _, rate in found[1:]] == [1.0, None, None]


def test_several_brokers_are_added_where_all_are_known() -> None:
    one = [RatePoint(0.0, 10.0, 50, 0, 0, 0), RatePoint(10.0, 10.0, 50, 0, 0, 0)]
    two = [RatePoint(0.0, 5.0, 10, 0, 0, 0), RatePoint(10.0, 0.0, 0, 0, 0, 0)]
    assert per_second([one, two], lambda point: point.received) == [(5.0, 7.0), (15.0, None)]
    assert per_second([two, one], lambda point: point.received) == [(5.0, 7.0), (15.0, None)]


def queue(name: str, ready: int, consumers: int | None, *, exists: bool = True) -> QueueRow:
    none = exists and consumers == 0
    return QueueRow(name, ready, 0, consumers, None, None, None, None, AT, none, exists=exists)


@pytest.mark.parametrize(
    ("queues", "words"),
    [
        ([queue("a", 3, 1)], "Every queue has a consumer"),
        ([queue("a", 3, 0), queue("b", 3, 1)], "No consumer: a"),
        ([queue("a", 0, 0), queue("b", 3, 1)], "Every queue with messages has a consumer"),
        ([queue("a", 3, None), queue("b", 3, 1)], "Consumers unknown: a"),
        ([queue("celery", 0, 0, exists=False), queue("b", 3, 1)], "Every queue has a consumer"),
        ([queue("celery", 0, 0, exists=False)], "No queues"),
    ],
)
def test_all_is_well_only_where_that_is_known(queues: list[QueueRow], words: str) -> None:
    assert consumer_words(queues) == words


def test_workers_of_which_nothing_is_known_are_told_apart() -> None:
    online = WorkerRow("a", True, AT, AT)
    assert worker_words([online]) == "Workers 1 of 1"
    assert worker_words([online, WorkerRow("b", False, AT, AT, unknown=True)]) == "Workers 1 of 2, 1 unknown"
