"""Aborting abortable tasks (celery.contrib.abortable), as plans: the state ABORTED in the result backend."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from deskq.actions.executor import StepResult, StepRunner
from deskq.actions.plan import Outcome, Plan, Step, Verb, plan_at, tasks_named
from deskq.brokers.ports import BrokerError
from deskq.brokers.remote_control import RemoteControl
from deskq.doctor.observed import WorkerSettings
from deskq.errors import UserError
from deskq.profiles import Profile
from deskq.results.abort.port import ABORTED, AbortStore
from deskq.results.opening import open_marker

NOTE: Final = (
    "Only tasks that call is_aborted() stop; others keep running, and a waiting task still starts. Stored results stay."
)
_ANSWER_SECONDS: Final = 1.5


def plan_abort(tasks: Sequence[tuple[str, str]], stored: Mapping[str, str], profile: Profile) -> Plan[Step]:
    """Return the plan that aborts tasks, (id, name) each; ``stored`` as from stored_states. Raises UserError."""
    if not tasks:
        raise UserError("No task is selected.")
    return plan_at(
        profile,
        Verb.ABORT,
        f"Abort {tasks_named(tasks)}",
        (
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
    return {uuid: record.state or "not a JSON record" for uuid, record in records.items() if record is not None}


def found_aborted(profile: Profile, ids: Sequence[str]) -> set[str]:
    """Return which of these tasks are stored as aborted, none where that cannot be looked up. Blocking."""
    with contextlib.suppress(UserError):
        return {uuid for uuid, state in (stored_states(profile, ids) if ids else {}).items() if state == ABORTED}
    return set()


class AbortRunner(StepRunner[Step]):
    """Marks records in the result backend; see executor.StepRunner. Blocking."""

    batch_size: ClassVar = 100

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._store: AbortStore = open_marker(profile)
        self._expires: float | None = None
        self._may_begin = True

    def check(self) -> None:
        """See StepRunner. Workers are asked how they store results, unless the profile is silent; none need answer."""
        self._store.get("")  # can it be asked at all?
        if self._profile.silent:
            return
        with contextlib.closing(RemoteControl(self._profile)) as remote, contextlib.suppress(BrokerError):
            replies = remote.inspect("conf", timeout=_ANSWER_SECONDS)
            storing = [reply for reply in replies.values() if isinstance(reply, dict) and reply.get("result_backend")]
            self._follow([WorkerSettings.from_reply(reply) for reply in storing])

    def run_steps(self, steps: Sequence[Step]) -> Sequence[StepResult]:
        """See StepRunner."""
        results: list[StepResult] = []
        for step in steps:
            try:
                done = self._store.mark(
                    str(step.detail["task_id"]), expires=self._expires, create_missing=self._may_begin
                )
            except UserError as error:
                if not results:
                    raise
                rest = [StepResult(Outcome.FAILED, str(error))] * (len(steps) - len(results))
                return [*results, *rest]
            results.append(StepResult(Outcome(done.outcome), done.words))
        return results

    def close(self) -> None:
        """See StepRunner."""
        self._store.close()

    def _follow(self, settings: Sequence[WorkerSettings]) -> None:
        """What is stored lasts as long as what workers store; where they differ, as long as it does anywhere."""
        if settings:
            spans = [each.result_expires for each in settings]
            self._expires = 0.0 if None in spans else max(span for span in spans if span is not None)
            self._may_begin = all(each.result_serializer == "json" for each in settings)
