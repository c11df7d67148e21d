"""Retention: what is too old or too much goes, successes before failures, and everything that hung on it goes too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from deskq.history.reading.reader import HistoryReader
from deskq.history.reading.task_filter import TaskFilter
from deskq.history.writing.retention import NEWEST_KEPT, Retention
from deskq.history.writing.writer import History
from tests.support.waiting import wait_until
from tests.unit.history.test_history import NOW, add_task, uuid_of

DAY = 86_400.0


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    opened = History(tmp_path / "history.sqlite")
    yield opened
    opened.close()


def fill(history: History, first: int, count: int, *, failed_every: int = 10, **fields: str) -> None:
    for number in range(first, first + count):
        add_task(history, number, state="succeeded" if number % failed_every else "failed", **fields)
        if number % 2_000 == 0:
            history.commit(NOW)
    history.commit(NOW)


def work_off(retention: Retention, now: float) -> int:
    steps = 0
    while retention.step(now):
        steps += 1
        assert steps < 10_000
    return steps


def counted(history: History) -> tuple[dict[str, int], dict[str, int]]:
    """Tasks by state as the tallies say, and as the table has them."""
    reader = HistoryReader(history.path)
    states = Counter(row.state for row in reader.rows(reader.task_ids(TaskFilter())))
    told = reader.counts().by_state
    reader.close()
    return told, dict(states)


def test_successes_go_by_age_and_failures_later(history: History) -> None:
    fill(history, 1, 3_000)
    last = NOW + 3_000  # the task N was first seen at NOW + N
    retention = Retention(history, 10, 20, 0)
    work_off(retention, last)
    assert retention.deleted == 0
    work_off(retention, NOW + 2_000 + 10 * DAY)
    told, there = counted(history)
    assert told == there == {"SUCCESS": 900, "FAILURE": 300}
    work_off(retention, NOW + 1_000 + 20 * DAY)
    told, there = counted(history)
    assert told == there == {"FAILURE": 201}
    work_off(retention, last + 30 * DAY)
    assert counted(history) == ({}, {})
    assert retention.deleted == 3_000


@pytest.mark.parametrize(
    ("days", "failed_days", "left"),
    [(0, 0, {"SUCCESS": 900, "FAILURE": 100}), (0, 1, {"SUCCESS": 900}), (1, 0, {"FAILURE": 100}), (1, 1, {}),
     (5, 1, {"SUCCESS": 900}), (1, 5, {"FAILURE": 100})],
)  # fmt: skip
def test_zero_keeps_all(history: History, days: float, failed_days: float, left: dict[str, int]) -> None:
    fill(history, 1, 1_000)
    work_off(Retention(history, days, failed_days, 0), NOW + 1_001 + 2 * DAY)
    assert counted(history) == (left, left)


def test_what_was_kept_is_not_looked_through_again(history: History) -> None:
    fill(history, 1, 5_000, failed_every=1)
    retention = Retention(history, 1, 0, 0)
    now = NOW + 5_001 + DAY
    assert work_off(retention, now) > 1
    fill(history, 5_001, 10)
    assert work_off(retention, now) == 0


def test_the_size_keeps_its_limit_while_tasks_come(history: History) -> None:
    long = "{'x': '" + "y" * 400 + "'}"
    limit = 4_000_000
    retention = Retention(history, 0, 0, limit / 1e6)
    for first in range(1, 20_001, 1_000):
        fill(history, first, 1_000, kwargs=long)
        work_off(retention, NOW)
        checkpoint(history)
        assert history.path.stat().st_size <= limit
    told, there = counted(history)
    assert told == there
    assert there["FAILURE"] == 2_000  # a success of any age went before them
    assert there["SUCCESS"] >= NEWEST_KEPT * 9 // 10
    reader = HistoryReader(history.path)
    assert reader.task_row(uuid_of(1)) is None
    assert reader.task_row(uuid_of(10)) is not None
    assert reader.task_row(uuid_of(19_999)) is not None
    reader.close()


def test_failures_go_when_successes_do_not_suffice(history: History) -> None:
    fill(history, 1, 8_000, failed_every=2, kwargs="y" * 400)
    retention = Retention(history, 0, 0, 2)
    work_off(retention, NOW)
    told, there = counted(history)
    assert told == there
    reader = HistoryReader(history.path)
    oldest = reader.task_ids(TaskFilter(states=("FAILURE",)))[-1]
    reader.close()
    assert 2_000 < oldest < 8_000 - NEWEST_KEPT


def test_what_hung_on_tasks_goes_with_them(history: History) -> None:
    fill(history, 1, 500, name="old.name", queue="old.queue")
    history.put_queues([], [("old.queue", NOW + number, number, 0, 1) for number in range(300)])
    history.put_queues([], [("new.queue", NOW + 20 * DAY, 1, 0, 1), ("", NOW, 1, 0, 1)])
    history.open_gap(NOW, "long ago", NOW + 1)
    add_task(history, 20 * int(DAY), name="new.name", queue="new.queue")
    history.commit(NOW)
    work_off(Retention(history, 5, 5, 0), NOW + 20 * DAY + 10)
    left = {
        table: history.connection.execute(f"SELECT count(*) FROM {table}").get
        for table in ("tasks", "rates", "runtimes", "task_runtimes", "queue_samples", "gaps")
    }
    assert left == {"tasks": 1, "rates": 1, "runtimes": 1, "task_runtimes": 1, "queue_samples": 1, "gaps": 0}
    texts = {text for (text,) in history.connection.execute("SELECT text FROM texts")}
    assert {"new.name", "new.queue", "w1", "SUCCESS"} <= texts
    assert not {"old.name", "old.queue"} & texts


def test_a_text_that_comes_back_while_texts_are_swept_stays(history: History) -> None:
    fill(history, 1, 500, name="old.name")
    add_task(history, 20 * int(DAY), name="new.name")
    history.commit(NOW)
    retention = Retention(history, 5, 5, 0)
    back = 30 * int(DAY)
    while retention.step(NOW + 20 * DAY + 10):
        if retention.deleted == 500 and back < 30 * int(DAY) + 3:
            add_task(history, back, name="old.name")
            history.commit(NOW)
            back += 1
    reader = HistoryReader(history.path)
    assert [row.name for row in reader.tasks(TaskFilter(), limit=3)] == ["old.name"] * 3
    reader.close()


def test_a_task_that_was_forgotten_and_is_told_of_again_is_a_new_one(history: History) -> None:
    fill(history, 1, 20)
    history.record(uuid_of(3), NOW)
    work_off(Retention(history, 1, 1, 0), NOW + 5 * DAY)
    add_task(history, 3)
    add_task(history, 4)
    history.commit(NOW)
    assert counted(history) == ({"SUCCESS": 2}, {"SUCCESS": 2})


def checkpoint(history: History) -> None:
    """Move all of the log into the file; SQLite refuses while another thread is at it."""
    wait_until(lambda: not history.connection.execute("PRAGMA wal_checkpoint(truncate)").get[0], 10, "the checkpoint")


def test_free_pages_are_given_back(history: History) -> None:
    fill(history, 1, 12_000, kwargs="y" * 900)
    checkpoint(history)
    before = history.path.stat().st_size
    work_off(Retention(history, 1, 1, 0), NOW + 11_000 + DAY)
    checkpoint(history)
    assert history.path.stat().st_size < before // 4


def test_without_a_clock_to_trust_nothing_goes_for_its_age_and_the_size_is_kept(history: History) -> None:
    fill(history, 1, 3_000, kwargs="y" * 900)
    retention = Retention(history, 1, 1, 0)
    while retention.step(None):
        pass
    assert retention.deleted == 0
    size = int(history.connection.pragma("page_count")) * 4_096
    retention = Retention(history, 1, 1, size / 2e6)
    while retention.step(None):
        pass
    assert 1_000 < retention.deleted < 2_000


def test_tasks_of_a_clock_that_was_ahead_go_with_their_neighbours(history: History) -> None:
    """They stand in the way of no others, and a clock that is behind takes none for old."""
    for number in range(1, 401):
        uuid = add_task(history, number)
        if 100 < number <= 300:
            history.record(uuid, NOW)
            history._changed[uuid].seen = NOW + 400 * DAY
    history.commit(NOW)
    retention = Retention(history, 10, 10, 0)
    for wrong in (0.0, NOW - 300 * DAY, NOW + 9 * DAY):
        work_off(retention, wrong)
        assert retention.deleted == 0
    work_off(retention, NOW + 350 + 10 * DAY)
    assert retention.deleted == 349
    work_off(retention, NOW + 401 + 10 * DAY)
    assert counted(history) == ({}, {})
