"""Which runner carries out a plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from deskq.actions.executor import PlanExecutor, Progress, StepRunner
from deskq.actions.journal.journal import Journal
from deskq.actions.plan import AnyPlan, Item, Plan, Step, Verb
from deskq.profiles import Profile

AnyRunner = StepRunner[Item] | StepRunner[Step]


def runner_for(plan: AnyPlan, profile: Profile) -> AnyRunner:
    """Return what runs the steps of a plan; raises UserError where it cannot be had. It is for one plan, and closes."""
    if plan.verb in (Verb.SEND, Verb.RETRY):
        from deskq.actions.messages.publish_runner import PublishRunner

        return PublishRunner(cast("Plan[Item]", plan), profile)
    steps = cast("Plan[Step]", plan)
    if plan.verb is Verb.SCHEDULE:
        from deskq.actions.schedule_edit import ScheduleRunner, store_of

        return ScheduleRunner(store_of(str(steps.items[0].detail.get("store", "")), profile))
    if plan.verb is Verb.ABORT:
        from deskq.actions.workers.abort import AbortRunner

        return AbortRunner(profile)
    from deskq.actions.workers.control import ControlRunner

    return ControlRunner(profile)


def executor_for(
    plan: AnyPlan,
    profile: Profile,
    journal: Journal,
    tell: Callable[[Progress], None] = lambda _: None,
    runner: Callable[[], AnyRunner] | None = None,
) -> PlanExecutor[Any]:
    """Return what carries a plan out; ``runner``: makes the one that runs its steps, where it is not the usual one."""
    made: StepRunner[Any] = runner() if runner is not None else runner_for(plan, profile)
    return PlanExecutor(plan, profile, journal, made, tell)
