"""Runtimes by task and hour: within 1 % of the exact percentiles, merged in any order, and there after an upgrade."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import apsw
from hypothesis import given, settings
from hypothesis import strategies as st

from deskq.history.reading.reader import HistoryReader
from deskq.history.runtime_histogram import bin_of, merged, percentile
from deskq.history.writing.database import VERSION
from deskq.history.writing.writer import History
from deskq.protocol.events import Event
from tests.unit.history.test_history import NOW, add_task, uuid_of

HOUR = NOW // 3_600 * 3_600
runtimes = st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=200)
bins = st.dictionaries(st.integers(-700, 2_000), st.integers(1, 1_000), max_size=30)


@given(runtimes, st.sampled_from([0.0, 0.5, 0.9, 0.99, 1.0]))
@settings(max_examples=300, deadline=None)
def test_a_percentile_errs_by_at_most_one_percent(values: list[float], share: float) -> None:
    found = percentile(Counter(map(bin_of, values)), share)
    exact = sorted(values)[math.floor(share * (len(values) - 1))]
    assert abs(found - exact) <= 0.010_001 * exact


@given(runtimes, runtimes)
@settings(deadline=None)
def test_merged_bins_are_the_bins_of_all(one: list[float], other: list[float]) -> None:
    assert merged(Counter(map(bin_of, one)), Counter(map(bin_of, other))) == Counter(map(bin_of, one + other))


@given(bins, bins, bins)
def test_merging_knows_no_order(one: dict[int, int], other: dict[int, int], third: dict[int, int]) -> None:
    assert merged(one, other) == merged(other, one)
    assert merged(merged(one, other), third) == merged(one, merged(other, third))
    assert merged(one, {}) == one


def end(history: History, number: int, name: str, at: float, runtime: float) -> None:
    common = {"hostname": "w1", "pid": 1, "uuid": uuid_of(number)}
    record = history.record(uuid_of(number), at)
    record.add(Event(type="task-received", timestamp=at - runtime, clock=1, name=name, **common))  # type: ignore[arg-type]
    record.add(Event(type="task-succeeded", timestamp=at, clock=2, runtime=runtime, **common))  # type: ignore[arg-type]


def test_runtimes_by_task_and_hour(tmp_path: Path) -> None:
    history = History(tmp_path / "history.sqlite")
    for number in range(1, 101):
        end(history, number, "slow", HOUR + number, float(number))
        end(history, 1_000 + number, "slow", HOUR + 3_600 + number, 1_000.0)
        end(history, 2_000 + number, "quick", HOUR + number, 0.01)
        if number % 7 == 0:
            history.commit(NOW)
    history.commit(NOW)
    end(history, 2_001, "quick", HOUR + 1, 0.01)  # told again
    history.commit(NOW)
    reader = HistoryReader(history.path)
    slow, quick = reader.charts.task_runtimes(HOUR, HOUR + 7_200)
    assert (slow.name, slow.count, quick.name, quick.count) == ("slow", 200, "quick", 100)
    assert [(point.at, point.count) for point in slow.hours] == [(HOUR, 100), (HOUR + 3_600, 100)]
    assert abs(slow.hours[0].p50 - 50) <= 0.5
    assert abs(slow.hours[0].p99 - 99) <= 1
    assert abs(slow.p90 - 1_000) <= 10
    assert abs(quick.p50 - 0.01) <= 0.0001
    assert [found.name for found in reader.charts.task_runtimes(HOUR, HOUR + 7_200, limit=1)] == ["slow"]
    assert reader.charts.task_runtimes(HOUR + 9_000, HOUR + 9_001) == []
    reader.close()
    history.close()


def make_version_1(old: Path, change: str = "") -> None:
    connection = apsw.Connection(str(old))
    connection.execute("ALTER TABLE tasks DROP COLUMN counted")
    connection.execute("DROP TABLE task_runtimes; PRAGMA auto_vacuum = none; PRAGMA journal_mode = delete; VACUUM")
    connection.execute(f"{change}; PRAGMA user_version = 1; PRAGMA journal_mode = wal")
    connection.close()


def test_runtimes_that_no_worker_measured_are_not_counted_by_an_upgrade(tmp_path: Path) -> None:
    """Those of failures are the time between two events. Where tasks were deleted, nothing is counted once more."""
    old = tmp_path / "history.sqlite"
    history = History(old)
    for number in range(1, 31):
        add_task(history, number, state="failed" if number % 3 == 0 else "succeeded", name="mod.task")
    history.commit(NOW)
    history.close()
    make_version_1(old, "DELETE FROM tasks WHERE id = 15")
    History(old).close()
    reader = HistoryReader(old)
    (found,) = reader.charts.task_runtimes(NOW, NOW + 1_000)
    assert found.count == 20
    reader.close()


def test_version_1_is_upgraded_and_its_runtimes_are_counted(tmp_path: Path) -> None:
    """A history as version 1 made it: neither the table nor pages that can be given back."""
    old = tmp_path / "history.sqlite"
    history = History(old)
    for number in range(1, 201):
        add_task(history, number, name=f"mod.task{number % 3}")
    history.commit(NOW)
    reader = HistoryReader(old)
    expected = reader.charts.task_runtimes(NOW, NOW + 1_000)
    reader.close()
    history.close()
    make_version_1(old)
    History(old).close()
    backup = apsw.Connection(str(old.with_name("history.sqlite.v1.backup")))
    assert backup.pragma("user_version") == 1
    assert backup.execute("SELECT count(*) FROM tasks").get == 200
    backup.close()
    reader = HistoryReader(old)
    assert reader.number("PRAGMA user_version") == VERSION
    assert reader.charts.task_runtimes(NOW, NOW + 1_000) == expected
    assert sum(found.count for found in expected) == 200
    reader.close()
