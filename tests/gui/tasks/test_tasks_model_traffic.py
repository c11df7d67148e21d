"""The task table while the history moves: nothing is asked in vain, nothing stays blank, nothing is miscounted."""

from __future__ import annotations

import asyncio
import threading
import time
from array import array
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtTest import QAbstractItemModelTester

from deskq.history.reading.reader import HistoryReader
from deskq.history.reading.task_filter import Sort, TaskFilter
from deskq.models.tasks.queries import SMALL, place_by_age
from deskq.models.tasks.table import TasksModel
from deskq.services.session import ProfileSession
from tests.gui.conftest import Recorded, Run, settled, until

_FATAL = QAbstractItemModelTester.FailureReportingMode.Fatal


def delay(session: ProfileSession) -> float | None:
    return session.screen_delay


def asked(session: ProfileSession, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The slots of all questions from now on."""
    slots: list[str] = []
    ask = session.ask

    async def noted(question: Callable[[HistoryReader], Any], *, slot: str) -> Any:
        slots.append(slot)
        return await ask(question, slot=slot)

    monkeypatch.setattr(session, "ask", noted)
    return slots


def test_a_list_that_is_being_read_is_not_begun_again_by_traffic(
    recorded: Recorded, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else one that takes longer than the pause between two revisions would never end."""

    async def scenario() -> None:
        recorded.add(300)
        session = recorded.session()
        model = TasksModel(session)
        slots = asked(session, monkeypatch)
        model.choose(TaskFilter(names=("mail.*",)))
        for _ in range(20):
            session.revision_moved.emit()
        await until(lambda: model.rowCount() == 300)
        await until(lambda: "task refresh" in slots)
        own = [slot for slot in slots if slot in ("task list", "task refresh")]
        assert own[:3] == ["task list", "task list", "task refresh"]  # the head, what is below it, what has changed
        assert own.count("task list") == 2
        await session.stop()

    run(scenario())


def test_in_another_order_only_what_came_since_is_new(recorded: Recorded, run: Run) -> None:
    async def scenario() -> None:
        for name in ("a", "z", "m"):  # the newest stand in the middle
            recorded.add(3, name=name)
        session = recorded.session()
        session.start()
        model = TasksModel(session)
        model.choose(TaskFilter(), Sort("name", descending=False))
        await until(lambda: model.rowCount() == 9)
        await settled(model)
        model.set_following(False)
        counts: list[int] = []
        model.newer_changed.connect(counts.append)
        recorded.add(2)
        await until(lambda: model.newer == 2)
        assert counts == [2]
        await session.stop()

    run(scenario())


def test_the_delay_to_the_screen_is_of_what_has_just_come(recorded: Recorded, run: Run) -> None:
    async def scenario() -> None:
        begun = time.time()
        long_ago = recorded.add(1, state="running")
        recorded.history.connection.execute("UPDATE tasks SET seen = ?", (begun - 3_600,))
        recorded.add(3)
        session = recorded.session()
        session.start()
        model = TasksModel(session)
        model.choose(TaskFilter(states=("FAILURE",)))
        await until(lambda: model.counts.total == 4)
        recorded.tell(long_ago[0], "failed", exception="E()")
        recorded.history.commit(time.time())
        await until(lambda: model.rowCount() == 1)
        assert delay(session) is None
        recorded.add(1, state="failed")
        await until(lambda: model.rowCount() == 2)
        assert (delay(session) or 3_600) < 60
        await session.stop()

    run(scenario())


def test_rows_that_were_painted_blank_are_read_though_others_follow_them(
    recorded: Recorded, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        recorded.add(600)
        session = recorded.session()
        model = TasksModel(session)
        model.reload()
        await until(lambda: model.rowCount() == 600)
        model.set_shown(400, 430)
        slots = asked(session, monkeypatch)
        busy = threading.Event()
        other = asyncio.ensure_future(session.ask(lambda _: busy.wait(20), slot="other"))
        for row in range(400, 426):
            assert model.index(row, 1).data() is None
        await until(lambda: "task rows" in slots)
        for row in range(426, 431):  # scrolled further before the answer is there
            assert model.index(row, 1).data() is None
        await until(lambda: not model._missing.isActive())
        busy.set()
        assert await other
        await until(lambda: model.task_at(430) is not None)
        assert [row for row in range(400, 431) if model.task_at(row) is None] == []
        await session.stop()

    run(scenario())


@pytest.mark.parametrize("small", [SMALL, 50])
def test_what_the_history_has_forgotten_leaves_the_table(
    recorded: Recorded, run: Run, monkeypatch: pytest.MonkeyPatch, small: int
) -> None:
    """Also of a list that is too long to be compared as a whole."""
    monkeypatch.setattr("deskq.models.tasks.table.SMALL", small)
    monkeypatch.setattr("deskq.models.tasks.queries.SMALL", small)

    async def scenario() -> None:
        recorded.add(500)
        session = recorded.session()
        session.start()
        model = TasksModel(session)
        tester = QAbstractItemModelTester(model, _FATAL)
        await until(lambda: model.rowCount() == 500)
        recorded.history.connection.execute("DELETE FROM tasks WHERE id <= 100")
        await until(lambda: model.rowCount() == 400)
        recorded.history.connection.execute("DELETE FROM tasks WHERE id IN (110, 111, 115)")
        model.set_shown(380, 399)
        session.revision_moved.emit()
        await until(lambda: model.rowCount() == 397)
        assert model.row_of(112) == 397 - 10
        assert model.row_of(111) is None
        assert tester is not None
        await session.stop()

    run(scenario())


def test_a_sorted_list_that_is_cut_still_follows(recorded: Recorded, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deskq.models.tasks.table.SMALL", 250)
    monkeypatch.setattr("deskq.models.tasks.queries.SMALL", 250)

    async def scenario() -> None:
        recorded.add(230)
        session = recorded.session()
        model = TasksModel(session)
        model.choose(TaskFilter(), Sort("runtime"))
        await until(lambda: model.rowCount() == 230)
        recorded.add(100)  # slower ones
        session.revision_moved.emit()
        await until(lambda: model.rowCount() == 250)
        recorded.add(1)
        session.revision_moved.emit()
        await until(lambda: model.id_at(0) == 331)
        model.reload()
        await until(lambda: model.rowCount() == 250)
        recorded.add(1)
        session.revision_moved.emit()
        await until(lambda: model.id_at(0) == 332)
        await session.stop()

    run(scenario())


def test_a_span_slides_and_the_rows_that_stay_stay(recorded: Recorded, run: Run) -> None:
    async def scenario() -> None:
        begun = time.time()
        recorded.add(5)
        recorded.history.connection.execute("UPDATE tasks SET seen = ? + id", (begun - 100,))
        session = recorded.session()
        model = TasksModel(session)
        resets: list[bool] = []
        model.choose(TaskFilter(since=begun - 200))
        await until(lambda: model.rowCount() == 5)
        model.modelReset.connect(lambda: resets.append(True))
        model.slide(begun - 97)
        await until(lambda: model.rowCount() == 3)
        assert [model.id_at(row) for row in range(3)] == [5, 4, 3]
        await until(lambda: model.counts.total == 3)
        assert resets == []
        await session.stop()

    run(scenario())


@given(st.sets(st.integers(1, 80)), st.integers(0, 80))
def test_where_an_id_stands(numbers: set[int], wanted: int) -> None:
    rising, falling = array("q", sorted(numbers)), array("q", sorted(numbers, reverse=True))
    expected = sorted(numbers).index(wanted) if wanted in numbers else None
    assert place_by_age(rising, wanted, newest_last=True) == expected
    backwards = None if expected is None else len(numbers) - 1 - expected
    assert place_by_age(falling, wanted, newest_last=False) == backwards
