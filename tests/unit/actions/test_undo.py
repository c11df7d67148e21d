"""Steps that are no messages: journalled first, stopped after errors, taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import apsw
import pytest

from deskq import paths
from deskq.actions.executor import PlanExecutor, StepResult, StepRunner
from deskq.actions.journal.journal import Journal
from deskq.actions.journal.pauses import pauses
from deskq.actions.plan import Outcome, Plan, Step, Verb
from deskq.actions.safety import Confirmation, Forbidden
from deskq.actions.undo import undo_plan
from deskq.actions.workers.control import plan_pause
from deskq.errors import UserError
from deskq.profiles import Profile, Safety

PROFILE = Profile.from_url("redis://h/0", name="shop", safety=Safety.FREE)


class Doing(StepRunner[Step]):
    """Does what a function says, one step at a time, and remembers what it was asked."""

    def __init__(self, answer: Callable[[Step], StepResult]) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.closed = False

    def check(self) -> None:
        pass

    def run_steps(self, steps: Sequence[Step]) -> Sequence[StepResult]:
        self.asked += [step.target for step in steps]
        return [self.answer(step) for step in steps]

    def close(self) -> None:
        self.closed = True


def plan_of(*targets: str) -> Plan[Step]:
    steps = tuple(
        Step(target=target, command=f"grow {target} by 2", detail={"grow": 2}, undo={"grow": -2, "command": "shrink"})
        for target in targets
    )
    return Plan(verb=Verb.SCHEDULE, profile="shop", environment="production", title="Grow pools", items=steps)


@pytest.fixture
def journal() -> Iterator[Journal]:
    one = Journal()
    yield one
    one.close()


def test_each_step_is_on_disk_before_it_is_done(journal: Journal) -> None:
    plan = plan_of("w1", "w2")
    seen: list[list[str]] = []

    def answer(step: Step) -> StepResult:
        seen.append([item.outcome for item in journal.items(plan.id)])
        return StepResult(Outcome.DONE, f"{step.target} grew")

    doing = Doing(answer)
    result = PlanExecutor(plan, PROFILE, journal, doing).run(None)
    assert seen == [["sending", "planned"], ["done", "sending"]]
    assert (result.done, result.phase) == (2, "done")
    assert doing.closed
    assert [item.words for item in journal.items(plan.id)] == ["w1 grew", "w2 grew"]


def test_it_stops_after_three_errors(journal: Journal) -> None:
    doing = Doing(lambda _: StepResult(Outcome.FAILED, "autoscale is on"))
    result = PlanExecutor(plan_of("a", "b", "c", "d"), PROFILE, journal, doing).run(None)
    assert doing.asked == ["a", "b", "c"]
    assert (result.failed, result.held_back, result.phase) == (3, 1, "stopped")
    assert "autoscale is on" in result.words


def test_what_failed_inside_is_unknown(journal: Journal) -> None:
    def answer(_step: Step) -> StepResult:
        raise RuntimeError("no idea")

    plan = plan_of("a", "b")
    with pytest.raises(RuntimeError):
        PlanExecutor(plan, PROFILE, journal, Doing(answer)).run(None)
    assert [item.outcome for item in journal.items(plan.id)] == ["unknown", "not sent"]


def test_safety_is_asked_here(journal: Journal) -> None:
    doing = Doing(lambda _: StepResult(Outcome.DONE))
    careful = Profile.from_url("redis://h/0", name="shop", safety=Safety.ASK)
    plan = plan_of("a")
    with pytest.raises(Forbidden):
        PlanExecutor(plan, careful, journal, doing).run(None)
    assert doing.asked == []
    assert doing.closed
    assert journal.actions() == []
    assert PlanExecutor(plan, careful, journal, doing).run(Confirmation(plan.id)).done == 1


def test_an_action_is_taken_back_once(journal: Journal) -> None:
    doing = Doing(lambda step: StepResult(Outcome.DONE if step.target != "b" else Outcome.FAILED))
    plan = plan_of("a", "b", "c")
    PlanExecutor(plan, PROFILE, journal, doing).run(None)
    back = undo_plan(journal, plan.id)
    assert [(step.target, step.command, step.detail["grow"]) for step in back.items] == [
        ("c", "shrink", -2),
        ("a", "shrink", -2),
    ]
    PlanExecutor(back, PROFILE, journal, doing).run(None)
    assert journal.undone_by(plan.id) == back.id
    with pytest.raises(UserError, match="already"):
        undo_plan(journal, plan.id)
    again = undo_plan(journal, back.id)
    assert [step.detail["grow"] for step in again.items] == [2, 2]


def test_what_could_not_be_taken_back_may_be_tried_again(journal: Journal) -> None:
    plan = plan_of("a")
    PlanExecutor(plan, PROFILE, journal, Doing(lambda _: StepResult(Outcome.DONE))).run(None)
    failing = Doing(lambda _: StepResult(Outcome.FAILED, "somebody else changed it"))
    PlanExecutor(undo_plan(journal, plan.id), PROFILE, journal, failing).run(None)
    assert journal.undone_by(plan.id) == ""
    back = undo_plan(journal, plan.id)
    PlanExecutor(back, PROFILE, journal, Doing(lambda _: StepResult(Outcome.DONE))).run(None)
    assert journal.undone_by(plan.id) == back.id


def test_what_was_not_taken_back_is_left(journal: Journal) -> None:
    plan = plan_of("a", "b", "c")
    PlanExecutor(plan, PROFILE, journal, Doing(lambda _: StepResult(Outcome.DONE))).run(None)
    endings = {"c": Outcome.DONE, "b": Outcome.FAILED, "a": Outcome.UNKNOWN}
    PlanExecutor(
        undo_plan(journal, plan.id), PROFILE, journal, Doing(lambda step: StepResult(endings[step.target]))
    ).run(None)
    assert journal.undone_by(plan.id) == ""
    left = undo_plan(journal, plan.id)
    assert [step.target for step in left.items] == ["b"]  # to shrink “a” twice is not to take it back
    PlanExecutor(left, PROFILE, journal, Doing(lambda _: StepResult(Outcome.DONE))).run(None)
    assert journal.undone_by(plan.id) == left.id


def test_two_who_take_the_same_back_do_it_once(journal: Journal) -> None:
    plan = plan_of("a", "b")
    PlanExecutor(plan, PROFILE, journal, Doing(lambda _: StepResult(Outcome.DONE))).run(None)
    first, second = undo_plan(journal, plan.id), undo_plan(journal, plan.id)
    PlanExecutor(first, PROFILE, journal, Doing(lambda _: StepResult(Outcome.DONE))).run(None)
    doing = Doing(lambda _: StepResult(Outcome.DONE))
    with pytest.raises(UserError, match="undone since the preview"):
        PlanExecutor(second, PROFILE, journal, doing).run(None)
    assert doing.asked == []


def test_a_queue_stays_paused_where_it_was_not_resumed(journal: Journal) -> None:
    plan = plan_pause("emails", ["w1", "w2", "w3"], PROFILE)
    PlanExecutor(plan, PROFILE, journal, Doing(lambda _: StepResult(Outcome.DONE))).run(None)
    assert [pause.workers for pause in pauses(journal, "shop")] == [("w1", "w2", "w3")]
    endings = {"w1": Outcome.DONE, "w2": Outcome.UNKNOWN, "w3": Outcome.FAILED}
    PlanExecutor(
        undo_plan(journal, plan.id), PROFILE, journal, Doing(lambda step: StepResult(endings[step.target]))
    ).run(None)
    assert [pause.workers for pause in pauses(journal, "shop")] == [("w2", "w3")]
    again = undo_plan(journal, plan.id)
    assert [(step.target, step.detail["method"]) for step in again.items] == [
        ("w3", "add_consumer"),
        ("w2", "add_consumer"),
    ]
    PlanExecutor(again, PROFILE, journal, Doing(lambda _: StepResult(Outcome.GONE))).run(None)
    assert pauses(journal, "shop") == []
    with pytest.raises(UserError, match="already"):
        undo_plan(journal, plan.id)


def test_what_takes_it_back_may_be_known_only_afterwards(journal: Journal) -> None:
    plan = Plan(
        verb=Verb.SCHEDULE,
        profile="shop",
        environment="production",
        title="Edit",
        items=(Step(target="nightly", command="set nightly", detail={"new": 1}),),
    )
    doing = Doing(lambda _: StepResult(Outcome.DONE, undo={"old": 0, "command": "set nightly back"}))
    PlanExecutor(plan, PROFILE, journal, doing).run(None)
    (step,) = undo_plan(journal, plan.id).items
    assert (step.detail["old"], step.command) == (0, "set nightly back")


def test_a_journal_of_the_first_version_is_kept() -> None:
    path = paths.state_dir() / "journal.sqlite"
    Journal(path).close()
    connection = apsw.Connection(str(path))
    connection.execute("ALTER TABLE actions DROP COLUMN undoes")
    connection.execute("ALTER TABLE items DROP COLUMN undo")
    connection.execute("INSERT INTO actions VALUES ('x', 1, 'anna', 'shop', '', '', '', 'retry', 'Retry', '{}', 2)")
    connection.pragma("user_version", 1)
    connection.close()
    journal = Journal(path)
    try:
        assert [(row.id, row.undoes) for row in journal.actions()] == [("x", "")]
        PlanExecutor(plan_of("a"), PROFILE, journal, Doing(lambda _: StepResult(Outcome.DONE))).run(None)
    finally:
        journal.close()
