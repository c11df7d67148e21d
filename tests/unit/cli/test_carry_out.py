"""A plan on the command line: its exit status and what is printed of its end, for messages and for other steps."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from deskq.actions.executor import StepResult, StepRunner
from deskq.actions.journal.journal import journal_path
from deskq.actions.plan import Outcome, Plan, Step, Verb, plan_at
from deskq.cli.carry_out import carry_out
from deskq.cli.options.shared import ActingOptions
from deskq.profiles import Profile, Safety

PROFILE = Profile.from_url("redis://127.0.0.1:1/0", name="shop", safety=Safety.FREE)


class Answering(StepRunner[Step]):
    """Ends each step as it was made to."""

    batch_size = 10

    def __init__(self, *results: StepResult) -> None:
        self.results = results

    def check(self) -> None:
        pass

    def run_steps(self, steps: Sequence[Step]) -> Sequence[StepResult]:
        return self.results

    def close(self) -> None:
        pass


def carried(*results: StepResult, form: str = "table", dry_run: bool = False) -> tuple[Plan[Step], int]:
    steps = [Step(target=f"w{number}", command="grow", detail={}) for number, _ in enumerate(results)]
    plan = plan_at(PROFILE, Verb.SCHEDULE, "Grow", steps)
    options = ActingOptions(format=form, dry_run=dry_run, yes=True)
    return plan, carry_out(plan, PROFILE, options, named="worker", runner=lambda: Answering(*results))


def test_steps_say_what_was_answered(capsys: pytest.CaptureFixture[str]) -> None:
    plan, status = carried(StepResult(Outcome.DONE, "it grew"), StepResult(Outcome.GONE))
    assert status == 0
    assert capsys.readouterr().out == f"w0: done. it grew\n2 of 2 done. See: deskq journal {plan.id}\n"


@pytest.mark.parametrize(("outcome", "status"), [(Outcome.FAILED, 1), (Outcome.UNKNOWN, 3)])
def test_the_status_says_how_it_ended(outcome: Outcome, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    plan, found = carried(StepResult(Outcome.DONE), StepResult(outcome, "no\x1b answer"), form="json")
    assert found == status
    told = json.loads(capsys.readouterr().out)
    assert told["plan"] == plan.id
    assert [(each["worker"], each["outcome"]) for each in told["outcomes"]] == [("w0", "done"), ("w1", outcome.value)]
    assert told["outcomes"][1]["words"] == "no\x1b answer"


def test_a_dry_run_touches_nothing() -> None:
    assert carried(StepResult(Outcome.DONE), dry_run=True)[1] == 0
    assert not journal_path().exists()
