"""What the journal tells of tasks: for many at once, by its indexes."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from deskq.actions.journal.journal import Journal
from deskq.actions.journal.task_actions import actions_on_task, actions_on_tasks
from deskq.actions.plan import Outcome
from tests.unit.actions.journal.test_journal import PROFILE, plan_of


def test_many_tasks_are_looked_up_at_once() -> None:
    plan = plan_of(1_200)
    with closing(Journal()) as journal:
        journal.begin(plan, PROFILE)
        journal.mark(plan.id, [(number, Outcome.DONE, "") for number in range(1_199)])
        journal.end(plan.id)
        sources = [f"old-{number}" for number in range(1_200)]
        found = actions_on_tasks(journal, [*sources, "new-7", "", "nobody"])
        assert set(found) == {*sources[:-1], "new-7"}  # the last one was not sent
        assert all([trace.other for trace in found[f"old-{n}"]] == [f"new-{n}"] for n in range(1_199))
        (trace,) = found["new-7"]
        assert (trace.kind, trace.other, trace.profile) == ("retry of", "old-7", "shop")
        assert found["old-7"] == actions_on_task(journal, "old-7")
        assert actions_on_task(journal, "") == []


def test_no_table_is_read_whole() -> None:
    with closing(Journal()) as journal:
        journal.begin(plan_of(3), PROFILE)
        asked: list[tuple[str, Any]] = []

        def note(_cursor: Any, sql: str, values: Any) -> bool:
            asked.append((sql, values))
            return True

        journal._connection.exec_trace = note
        actions_on_tasks(journal, ["old-1", "new-2"])
        journal.retries_of(["old-1", "old-2"])
        journal._connection.exec_trace = None
        assert len(asked) == 2
        for sql, values in asked:
            steps = [row[3] for row in journal._connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
            assert steps
            assert not [step for step in steps if step.startswith("SCAN")]
