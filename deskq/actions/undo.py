"""What takes an action of the journal back: the plan, and who carries it out."""

from __future__ import annotations

from deskq.actions.plan import StepPlan, Verb
from deskq.actions.steps import Doer
from deskq.errors import UserError
from deskq.profiles import Profile


def doer_of(plan: StepPlan, profile: Profile) -> Doer:
    """Return what carries out a plan that was made from the journal; raises UserError where nothing can."""
    if plan.verb is Verb.SCHEDULE:
        from deskq.actions.schedule_edit import ScheduleDoer, store_of

        return ScheduleDoer(store_of(str(plan.items[0].detail.get("store", "")), profile))
    if plan.verb in (Verb.CONTROL, Verb.PAUSE):
        from deskq.actions.workers.control import ControlDoer

        return ControlDoer(profile)
    raise UserError("This cannot be undone.")
