"""There is one way in which anything is changed: one executor touches what changes, and asks the guard first."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import deskq
from deskq.actions.executor import PlanExecutor, StepResult, StepRunner
from deskq.actions.journal.journal import Journal
from deskq.actions.plan import Item, Plan, Step, Verb
from deskq.actions.runners import executor_for
from deskq.actions.safety import Confirmation, Forbidden
from deskq.profiles import PasswordStore, Profile, ProfileFile, Safety, SavedProfiles

PACKAGE = Path(deskq.__file__).parent
RUNNERS = {"ControlRunner", "AbortRunner", "ScheduleRunner", "PublishRunner", "runner_for"}
CARRIES = {"PlanExecutor", "executor_for", "StepsDialog", "carry_out"}
USERS = {
    # .publish sends tasks, .resolve looks for them
    "open_publisher": {"actions/messages/publish_runner.py", "actions/resolving.py"},
    "open_marker": {"actions/workers/abort.py"},  # .mark overwrites results
}
"""What changes something, and the modules that may use it."""


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Every call in a module, by the name of what is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", ""), node


TREES = {path: ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")}


@pytest.mark.parametrize(("name", "modules"), USERS.items())
def test_only_runners_use_what_changes_something(name: str, modules: set[str]) -> None:
    imported = {
        path.relative_to(PACKAGE).as_posix()
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and name in {each.name for each in node.names}
    }
    assert imported == modules


def test_one_module_of_them_has_tasks_published() -> None:
    """Others that publish are the clients of brokers themselves."""
    publishing = {path.relative_to(PACKAGE) for path, tree in TREES.items() if "publish" in {n for n, _ in calls(tree)}}
    assert {path.name for path in publishing if path.parts[0] not in ("brokers", "demo")} == {"publish_runner.py"}


def test_steps_are_run_by_the_executor_alone() -> None:
    """Whoever makes a runner hands it to what carries a plan out; nobody else has it run anything."""
    doing = {path.name for path, tree in TREES.items() if "run_steps" in {name for name, _ in calls(tree)}}
    assert doing == {"executor.py"}
    for path, tree in TREES.items():
        made = [node for name, node in calls(tree) if name in RUNNERS]
        handed = {
            id(inner)
            for name, node in calls(tree)
            if name in CARRIES
            for inner in ast.walk(node)
            if isinstance(inner, ast.Call)
        }
        if path.parent.name != "actions":
            assert [node.lineno for node in made if id(node) not in handed] == [], path


def test_the_executor_asks_the_guard(deskq_home: Path) -> None:
    """Whatever level the profile that is acted on has, or a confirmation says."""
    SavedProfiles(ProfileFile(), PasswordStore()).put(
        Profile.from_url("redis://127.0.0.1:1/0", name="prod", safety=Safety.READ_ONLY)
    )
    free = Profile.from_url("redis://127.1:1", name="prod2", safety=Safety.FREE)
    step = Step(target="x", command="x", detail={"store": "redbeat:redis://127.1:1/00"})
    journal = Journal()
    try:
        plan: Plan[Item] = Plan(verb=Verb.SEND, profile="prod2", environment="development", title="t", items=())
        with pytest.raises(Forbidden, match="“prod” is read-only, and this is its broker"):
            executor_for(plan, free, journal).run(Confirmation(plan.id, "prod"))
        elsewhere = Profile.from_url("amqp://127.0.0.1:1", name="prod2", safety=Safety.FREE)
        for verb, profile in ((Verb.CONTROL, free), (Verb.SCHEDULE, elsewhere)):
            steps = Plan(verb=verb, profile="prod2", environment="development", title="t", items=(step,))
            with pytest.raises(Forbidden, match="“prod” is read-only, and this is its broker"):
                PlanExecutor(steps, profile, journal, _Untouched()).run(Confirmation(steps.id, "prod"))
        assert journal.actions() == []
    finally:
        journal.close()


class _Untouched(StepRunner[Step]):
    """A runner that must not be asked to do anything."""

    def check(self) -> None:
        raise AssertionError("the guard comes first")

    def run_steps(self, steps: Sequence[Step]) -> Sequence[StepResult]:
        raise AssertionError("the guard comes first")

    def close(self) -> None:
        pass
