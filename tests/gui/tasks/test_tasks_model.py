"""The task table over a history that moves: rows come, go and change where they should, and nothing else does."""

from __future__ import annotations

import random
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPersistentModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester

from deskq.history.reading.task_filter import Sort, TaskFilter
from deskq.models.table.columns import RowRole
from deskq.models.tasks.diff import changes
from deskq.models.tasks.table import TasksModel
from tests.gui.conftest import Recorded, Run, settled, until

_FATAL = QAbstractItemModelTester.FailureReportingMode.Fatal


def shown(model: TasksModel) -> list[str]:
    return [str(model.index(row, 1).data() or "") for row in range(model.rowCount())]


def has_rows(model: TasksModel, count: int) -> bool:
    return model.rowCount() == count


def test_new_tasks_appear_at_the_top(recorded: Recorded, run: Run) -> None:
    async def scenario() -> None:
        recorded.add(3, name="first")
        session = recorded.session()
        session.start()
        model = TasksModel(session)
        tester = QAbstractItemModelTester(model, _FATAL)
        await until(lambda: model.rowCount() == 3)
        assert model.counts.by_state == {"SUCCESS": 3}
        kept = QPersistentModelIndex(model.index(0, 0))
        task = model.task_at(0)
        recorded.add(2, name="second", state="failed")
        await until(lambda: model.rowCount() == 5)
        assert shown(model) == ["second", "second", "first", "first", "first"]
        assert kept.row() == 2
        assert kept.data(RowRole) == task
        assert model.counts.by_state == {"SUCCESS": 3, "FAILURE": 2}
        assert tester is not None
        await session.stop()

    run(scenario())


def test_a_row_that_changes_is_changed_in_its_place(recorded: Recorded, run: Run) -> None:
    async def scenario() -> None:
        (uuid,) = recorded.add(1, state="running")
        recorded.add(2)
        session = recorded.session()
        session.start()
        model = TasksModel(session)
        await until(lambda: model.rowCount() == 3)
        told: list[tuple[int, int]] = []
        model.dataChanged.connect(lambda first, last: told.append((first.row(), last.row())))
        recorded.tell(uuid, "failed", exception="E()")
        recorded.history.commit(0)
        await until(lambda: model.index(2, 0).data() == "Failed")
        assert told == [(2, 2)]
        await session.stop()

    run(scenario())


def test_a_row_leaves_when_the_filter_no_longer_lets_it_through(recorded: Recorded, run: Run) -> None:
    async def scenario() -> None:
        running = recorded.add(3, state="running")
        recorded.add(5)
        session = recorded.session()
        session.start()
        model = TasksModel(session)
        tester = QAbstractItemModelTester(model, _FATAL)
        model.choose(TaskFilter(states=("STARTED",)))
        await until(lambda: model.rowCount() == 3)
        recorded.tell(running[1], "succeeded", result="1")
        recorded.history.commit(0)
        await until(lambda: model.rowCount() == 2)
        assert [model.task_at(row).uuid for row in range(2)] == [running[2], running[0]]  # type: ignore[union-attr]
        assert tester is not None
        await session.stop()

    run(scenario())


def test_scrolled_away_rows_stay_and_new_ones_are_counted(recorded: Recorded, run: Run) -> None:
    async def scenario() -> None:
        recorded.add(4)
        session = recorded.session()
        session.start()
        model = TasksModel(session)
        await until(lambda: model.rowCount() == 4)
        await settled(model)
        model.set_following(False)
        recorded.add(3)
        await until(lambda: model.newer == 3)
        assert model.rowCount() == 4
        model.set_following(True)
        await until(lambda: model.rowCount() == 7)
        await until(lambda: model.newer == 0)
        await session.stop()

    run(scenario())


def test_pause_holds_the_table_still(recorded: Recorded, run: Run) -> None:
    async def scenario() -> None:
        recorded.add(2)
        session = recorded.session()
        session.start()
        model = TasksModel(session)
        await until(lambda: model.rowCount() == 2)
        await settled(model)
        model.set_paused(True)
        recorded.add(1)
        await until(lambda: model.newer == 1)
        assert model.rowCount() == 2
        model.set_paused(False)
        await until(lambda: model.rowCount() == 3)
        await session.stop()

    run(scenario())


def test_thousands_of_rows_are_there_and_read_when_they_are_looked_at(recorded: Recorded, run: Run) -> None:
    async def scenario() -> None:
        recorded.add(450)
        session = recorded.session()
        session.start()
        model = TasksModel(session)
        await until(lambda: model.rowCount() == 450)
        last = model.index(449, 11)
        model.set_shown(440, 449)
        assert last.data() is None
        await until(lambda: last.data() == "(1,)")
        model.choose(TaskFilter(), Sort("runtime", descending=True))
        await until(lambda: model.index(0, 11).data() == "(450,)")
        await session.stop()

    run(scenario())


def test_a_profile_without_history_says_why(recorded: Recorded, run: Run) -> None:
    async def scenario() -> None:
        recorded.history.close()
        recorded.profile.history_path().unlink()
        session = recorded.session()
        model = TasksModel(session)
        problems: list[str] = []
        model.problem.connect(problems.append)
        model.reload()
        await until(lambda: problems)
        assert "No history" in problems[0]
        await session.stop()

    run(scenario())


@given(st.sets(st.integers(0, 60)), st.sets(st.integers(0, 60)))
@settings(max_examples=300)
def test_changes_turn_one_list_into_the_other(old: set[int], new: set[int]) -> None:
    current, wanted = sorted(old, reverse=True), sorted(new, reverse=True)
    result = list(current)
    for change in changes(current, wanted):
        if change.insert:
            result[change.row : change.row] = change.ids
        else:
            assert result[change.row : change.row + len(change.ids)] == list(change.ids)
            del result[change.row : change.row + len(change.ids)]
    assert result == wanted


def test_random_traffic_under_a_filter_agrees_with_the_history(recorded: Recorded, run: Run) -> None:
    async def scenario() -> None:
        dice = random.Random(7)
        session = recorded.session()
        session.start()
        model = TasksModel(session)
        tester = QAbstractItemModelTester(model, _FATAL)
        model.choose(TaskFilter(states=("STARTED",)))
        running: list[str] = []
        for _ in range(15):
            running += recorded.add(dice.randrange(1, 6), state="running")
            for uuid in dice.sample(running, k=min(len(running), dice.randrange(0, 5))):
                running.remove(uuid)
                recorded.tell(uuid, "succeeded", result="1")
            recorded.history.commit(0)
            await until(partial(has_rows, model, len(running)))
            tasks = [model.task_at(row) for row in range(model.rowCount())]
            assert [task.uuid for task in tasks if task is not None] == sorted(running, reverse=True)
        assert model.data(model.index(0, 0), Qt.ItemDataRole.DisplayRole) == "Running"
        assert tester is not None
        await session.stop()

    run(scenario())
