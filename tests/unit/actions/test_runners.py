"""Each kind of plan has its runner."""

from __future__ import annotations

import pytest

from deskq.actions.messages.call import Call, plan_send
from deskq.actions.messages.publish_runner import PublishRunner
from deskq.actions.plan import AnyPlan, Step, Verb, plan_at
from deskq.actions.runners import runner_for
from deskq.actions.schedule_edit import ScheduleRunner
from deskq.actions.workers.abort import AbortRunner
from deskq.actions.workers.control import ControlRunner
from deskq.profiles import Profile

PROFILE = Profile.from_url("redis://127.0.0.1:1/0", name="shop", result_backend="redis://127.0.0.1:1/1")
STEP = Step(target="x", command="x", detail={"store": "redbeat:redis://127.0.0.1:1/0"})
KINDS = {
    Verb.SCHEDULE: ScheduleRunner,
    Verb.CONTROL: ControlRunner,
    Verb.PAUSE: ControlRunner,
    Verb.REVOKE: ControlRunner,
    Verb.ABORT: AbortRunner,
    Verb.SEND: PublishRunner,
    Verb.RETRY: PublishRunner,
}


@pytest.mark.parametrize("verb", Verb)
def test_every_verb_has_a_runner_that_connects_to_nobody_yet(verb: Verb) -> None:
    sends = KINDS[verb] is PublishRunner
    plan: AnyPlan = plan_send(Call(task="t"), PROFILE, now=0.0) if sends else plan_at(PROFILE, verb, "x", [STEP])
    runner = runner_for(plan, PROFILE)
    runner.close()
    assert type(runner) is KINDS[verb]
