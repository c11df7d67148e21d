"""Aborting abortable tasks (celery.contrib.abortable), as plans: the state ABORTED in the result backend."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Final

from deskq.actions.plan import Outcome, Step, StepPlan, Verb, tasks_named
from deskq.actions.steps import Ending
from deskq.brokers.ports import BrokerError
from deskq.brokers.remote_control import RemoteControl
from deskq.doctor.observed import WorkerSettings
from deskq.errors import UserError
from deskq.profiles import Profile
from deskq.results.abort.port import ABORTED, Marker
from deskq.results.opening import open_marker

NOTE: Final = (
    "Only tasks that look for it, with is_aborted(), stop; others run on, and one that waits still begins. "
    "A result that is stored stays."
)
_ANSWER_SECONDS: Final = 1.5


def plan_abort(tasks: Sequence[tuple[str, str]], stored: Mapping[str, str], profile: Profile) -> StepPlan:
    """Return the plan that aborts tasks, (id, name) each; ``stored`` as from stored_states. Raises UserError."""
    if not tasks:
        raise UserError("No task is chosen.")
    return StepPlan(
        verb=Verb.ABORT,
        profile=profile.name,
        environment=profile.environment.value,
        title=f"Abort {tasks_named(tasks)} at {profile.name} ({profile.environment.value})",
        items=tuple(
            Step(
                target=uuid,
                command=f"store the state ABORTED of {f'{name} {uuid}'.strip()} in {profile.result_backend}; "
                f"stored now: {stored.get(uuid) or 'nothing'}",
                detail={"method": "abort", "task_id": uuid},
                source=uuid,
                task=name,
            )
            for uuid, name in tasks
        ),
    )


def stored_states(profile: Profile, ids: Sequence[str]) -> dict[str, str]:
    """Return the states that the result backend keeps, without tasks that it does not know. Blocking.

    Raises UserError where it cannot be asked, or where nothing can be aborted.
    """
    with contextlib.closing(open_marker(profile)) as store:
        records = {uuid: store.get(uuid) for uuid in ids}
    return {uuid: record.state or "no record in JSON" for uuid, record in records.items() if record is not None}


def found_aborted(profile: Profile, ids: Sequence[str]) -> set[str]:
    """Return which of these tasks are stored as aborted, none where that cannot be looked up. Blocking."""
    with contextlib.suppress(UserError):
        return {uuid for uuid, state in (stored_states(profile, ids) if ids else {}).items() if state == ABORTED}
    return set()


class AbortDoer:
    """Marks records in the result backend; see steps.Doer. Blocking."""

    together = 100

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._store: Marker = open_marker(profile)
        self._expires: float | None = None
        self._may_begin = True

    def check(self) -> None:
        """See Doer. Workers are asked how they store results, unless the profile is silent; none need answer."""
        self._store.get("")  # can it be asked at all?
        if self._profile.silent:
            return
        with contextlib.closing(RemoteControl(self._profile)) as remote, contextlib.suppress(BrokerError):
            replies = remote.inspect("conf", timeout=_ANSWER_SECONDS)
            storing = [reply for reply in replies.values() if isinstance(reply, dict) and reply.get("result_backend")]
            self._follow([WorkerSettings.from_reply(reply) for reply in storing])

    def do(self, steps: Sequence[Step]) -> Sequence[Ending]:
        """See Doer."""
        endings: list[Ending] = []
        for step in steps:
            try:
                done = self._store.mark(str(step.detail["task_id"]), expires=self._expires, may_begin=self._may_begin)
            except UserError as error:
                if not endings:
                    raise
                rest = [Ending(Outcome.FAILED, str(error))] * (len(steps) - len(endings))
                return [*endings, *rest]
            endings.append(Ending(Outcome(done.outcome), done.words))
        return endings

    def close(self) -> None:
        """See Doer."""
        self._store.close()

    def _follow(self, settings: Sequence[WorkerSettings]) -> None:
        """What is stored lasts as long as what workers store; where they differ, as long as it does anywhere."""
        if settings:
            spans = [each.result_expires for each in settings]
            self._expires = 0.0 if None in spans else max(span for span in spans if span is not None)
            self._may_begin = all(each.result_serializer == "json" for each in settings)
