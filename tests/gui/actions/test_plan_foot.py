"""The foot of a dialog that acts: its buttons before, while and after a plan is carried out, and what it says last."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial
from typing import Any

from PySide6.QtWidgets import QApplication

from deskq.actions.executor import Progress, StepResult, StepRunner
from deskq.actions.plan import Outcome, Step, Verb, plan_at
from deskq.actions.safety import guard_at
from deskq.profiles import Profile, Safety
from deskq.views.actions.plan_foot import PlanFoot, result_text
from tests.gui.conftest import Run, until

PROFILE = Profile.from_url("redis://127.0.0.1:1/0", name="shop", safety=Safety.FREE)


class Gated(StepRunner[Step]):
    """Does one step after the other, each when it is let."""

    def __init__(self) -> None:
        self.gate = threading.Event()

    def check(self) -> None:
        pass

    def run_steps(self, steps: Sequence[Step]) -> Sequence[StepResult]:
        assert self.gate.wait(20)
        return [StepResult(Outcome.DONE) for _ in steps]

    def close(self) -> None:
        pass


def test_a_plan_is_stopped_and_another_may_follow(run: Run, qapp: QApplication) -> None:
    plan = plan_at(PROFILE, Verb.SCHEDULE, "Grow", [Step(target=f"w{n}", command="grow", detail={}) for n in range(3)])

    async def scenario() -> None:
        foot = PlanFoot("Grow", "items")
        foot.show()
        ended: list[Any] = []
        foot.ended.connect(ended.append)
        foot.act_at(PROFILE, partial(guard_at, PROFILE))
        assert not foot.go.isEnabled()  # the dialog lets it be pressed once it is known what guards the change
        await until(lambda: foot.guard.allows)
        assert not foot.stop()
        runner = Gated()
        foot.begin(plan, lambda: runner)
        assert (foot.running, foot.cancel.text(), foot.bar.isVisible(), foot.bar.maximum()) == (True, "Stop", True, 3)
        assert foot.stop()
        assert foot.message.text() == "Stopping after the items in progress…"
        runner.gate.set()
        await until(lambda: bool(ended), 20, "the end")
        assert ended[0].held_back >= 2
        foot.end("Over.", again="Grow again")
        assert (foot.message.text(), foot.cancel.text(), foot.go.text()) == ("Over.", "Close", "Grow again")
        assert foot.go.isEnabled()
        assert not foot.bar.isVisible()
        foot.end("Over.")
        assert not foot.go.isVisible()
        foot.deleteLater()

    run(scenario())


def test_the_end_says_what_became_of_the_others() -> None:
    result = Progress(10, done=4, failed=1, unknown=2, words="The queue is\nfull.")
    assert result_text(result, "4 tasks sent", "not sent") == (
        "4 tasks sent, 1 failed, 2 unknown, 3 not sent. The queue is⏎full."
    )
    assert result_text(Progress(4, done=4), "4 of 4 done", "not started") == "4 of 4 done."
