"""A search in slices finds what one question finds, in the same order, and counts what there is."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deskq.history.reading import text_search as history_search
from deskq.history.reading.reader import HistoryReader
from deskq.history.reading.task_filter import Bound, TaskFilter
from deskq.history.reading.text_search import Search
from deskq.history.writing.writer import History
from tests.unit.history.test_history import NOW, add_task, uuid_of

COUNT = 1_500


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    opened = History(tmp_path / "history.sqlite")
    for number in range(1, COUNT + 1):
        state = ("succeeded", "failed", "running")[number % 3]
        kwargs = f"{{'user': 'Anna{number % 50}'}}" if number % 2 else "{'rate': '100%'}"
        add_task(opened, number, state=state, name=f"shop.task{number % 7}", kwargs=kwargs, queue=f"q{number % 4}")
    opened.commit(NOW)
    yield opened
    opened.close()


@pytest.fixture
def reader(history: History, monkeypatch: pytest.MonkeyPatch) -> Iterator[HistoryReader]:
    monkeypatch.setattr(history_search, "_FIRST", 100)
    monkeypatch.setattr(history_search, "_FEWEST", 40)
    monkeypatch.setattr(history_search, "_MOST", 130)
    monkeypatch.setattr(history_search, "RECENT", 200)
    monkeypatch.setattr(history_search, "MOST_RECENT", 300)
    opened = HistoryReader(history.path)
    yield opened
    opened.close()


def work_off(search: Search, reader: HistoryReader) -> array[int]:
    found: array[int] = array("q")
    while not search.progress.done:
        before = search.progress.searched
        found += search.slice(reader)
        assert search.progress.searched > before
    while search.count_slice(reader):
        pass
    return found


filters = st.builds(
    TaskFilter,
    states=st.sampled_from([(), ("FAILURE",), ("FAILURE", "STARTED")]),
    names=st.sampled_from([(), ("shop.task3",), ("shop.*",)]),
    queues=st.sampled_from([(), ("q1",)]),
    text=st.sampled_from(
        [
            "",
            "anna7",
            "ANNA",
            "100%",
            "valueerror(",
            "shop.task5",
            "task",
            "nowhere",
            "anna 30",
            "0000-0000",
            uuid_of(77),
        ]
    ),
    phrases=st.sampled_from([(), ("'user': 'Anna3",), ("user", "Anna")]),
    args=st.sampled_from([(), ("(1",), ("3", "77")]),
    exceptions=st.sampled_from([(), ("valueerror",)]),
    ids=st.sampled_from([(), (uuid_of(77)[:-1],)]),
    runtime=st.sampled_from([(), (Bound(">", 20.0), Bound("<=", 110.0))]),
    since=st.sampled_from([None, NOW + 900]),
    until=st.sampled_from([None, NOW + 1_200]),
)


@given(filters)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_finds_and_counts_what_one_question_does(reader: HistoryReader, task_filter: TaskFilter) -> None:
    search = Search(task_filter)
    assert work_off(search, reader) == reader.task_ids(task_filter)
    assert search.counts(reader) == reader.counts(task_filter)
    assert search.progress.searched == search.progress.total


def test_counts_follow_what_changes_and_comes(history: History, reader: HistoryReader) -> None:
    task_filter = TaskFilter(text="shop")
    search = Search(task_filter)
    work_off(search, reader)
    for first in range(COUNT + 1, COUNT + 1_000, 150):
        for number in range(first, first + 150):
            add_task(history, number, name="shop.more")
        history.commit(NOW)
        assert search.counts(reader) == reader.counts(task_filter)
    assert reader.counts(task_filter).total > COUNT


def test_a_search_that_is_stopped_says_so_and_goes_on(reader: HistoryReader) -> None:
    search = Search(TaskFilter(text="anna"))
    first = search.slice(reader)
    assert len(first) == 50
    search.stopped = True
    stopped = search.progress
    assert (stopped.stopped, stopped.done) == (True, False)
    assert search.counts(reader).capped
    search.stopped = False
    rest = work_off(search, reader)
    assert first + rest == reader.task_ids(TaskFilter(text="anna"))
    assert search.progress.done
    assert not search.counts(reader).capped


def test_an_empty_history_is_searched_at_once(tmp_path: Path) -> None:
    History(tmp_path / "empty.sqlite").close()
    reader = HistoryReader(tmp_path / "empty.sqlite")
    search = Search(TaskFilter(text="x"))
    assert not search.slice(reader)
    assert search.progress.done
    assert search.counts(reader).total == 0
    reader.close()
