"""Searching for text: found rows show at once, the search can be stopped, and it keeps nobody waiting."""

from __future__ import annotations

import pytest
from PySide6.QtTest import QAbstractItemModelTester

from deskq.history.reading import text_search as history_search
from deskq.history.reading.task_filter import Sort, TaskFilter
from deskq.models.tasks import queries as task_questions
from deskq.models.tasks.diff import runs
from deskq.models.tasks.table import TasksModel
from deskq.views.tasks import search_strip
from deskq.views.tasks.view import TasksView
from tests.gui.conftest import Recorded, Run, until

COUNT = 1_500


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices of twenty tasks, and no patience before the strip shows."""
    for name in ("_FIRST", "_FEWEST", "_MOST"):
        monkeypatch.setattr(history_search, name, 20)
    for module in (history_search, task_questions):
        monkeypatch.setattr(module, "RECENT", 200)
    monkeypatch.setattr(search_strip, "SHOWN_AFTER_MS", 0)


def test_first_matches_show_while_the_search_goes_on(slow: None, recorded: Recorded, run: Run) -> None:
    async def scenario() -> None:
        recorded.add(COUNT)
        session = recorded.session()
        model = TasksModel(session)
        tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
        model.choose(TaskFilter(text="mail 0"))
        await until(lambda: model.rowCount() > 0)
        assert model.search is not None
        assert not model.search.done
        assert await session.ask(lambda reader: reader.newest_id(), slot="another") == COUNT
        assert not model.search.done  # somebody else was answered in between
        model.choose(TaskFilter(text="nowhere"))
        await until(lambda: model.rowCount() == 0)
        model.choose(TaskFilter(text="mail 149"))
        await until(lambda: model.search is not None and model.search.done)
        expected = [number for number in range(COUNT, 0, -1) if "149" in str(number)]
        shown = [model.id_at(row) for row in range(model.rowCount())]
        assert set(expected) <= set(shown)
        assert shown == sorted(shown, reverse=True)
        await until(lambda: not model.counts.capped and model.counts.total == len(shown))
        assert tester is not None
        await session.stop()

    run(scenario())


def test_a_search_is_stopped_and_continued_while_tasks_come(slow: None, recorded: Recorded, run: Run) -> None:
    async def scenario() -> None:
        recorded.add(COUNT)
        session = recorded.session()
        session.start()
        view = TasksView(session)
        view.resize(900, 500)
        view.show()
        view.set_filter("mail")
        assert view.model.sort_by == Sort()
        await until(lambda: view.search.running and view.search.isVisible() and view.model.rowCount() > 0)
        view.go_back()
        await until(lambda: view.search.text.text().startswith("Stopped at "))
        assert "older tasks were not searched" in view.search.text.text()
        assert view.search.button.text() == "Continue"
        found = view.model.rowCount()
        assert 0 < found < COUNT
        recorded.add(5)
        await until(lambda: view.model.rowCount() == found + 5)
        assert view.model.counts.capped
        view.search.button.click()
        await until(lambda: view.model.rowCount() == COUNT + 5)
        await until(view.search.isHidden)
        await until(lambda: not view.model.counts.capped and view.model.counts.total == COUNT + 5)
        recorded.add(3)
        await until(lambda: view.model.counts.total == COUNT + 8)
        view.set_filter("state:FAILURE mail")
        await until(lambda: view.model.rowCount() == 0 and view.empty.title.text() == "No task matches")
        await until(lambda: view.model.counts.by_state == {"SUCCESS": COUNT + 8})
        view.set_filter("")
        await until(lambda: view.model.search is None and view.search.isHidden())
        view.close()
        view.deleteLater()
        await session.stop()

    run(scenario())


def test_adjoining_rows_are_one_run() -> None:
    assert list(runs([])) == []
    assert list(runs([3])) == [(3, 3)]
    assert list(runs([1, 2, 3, 5, 7, 8])) == [(1, 3), (5, 5), (7, 8)]
