"""Revocations as plans: who gets a task later drops it, and who runs it by now is asked again before it is ended.

``terminate`` ends the process of a worker, whatever it runs by then (celery/worker/control.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from deskq.actions.executor import StepResult
from deskq.actions.plan import Outcome, Plan, Step, Verb, plan_at, tasks_named
from deskq.actions.who_runs import ended_already, last_seen, runs, silent_nodes, terminated
from deskq.actions.workers.replies import SILENT, refusal, result_of
from deskq.actions.workers.verbs import advice
from deskq.brokers.opening import check_can_steer
from deskq.brokers.remote_control import RemoteControl, having_told
from deskq.errors import UserError
from deskq.profiles import Profile

SIGNALS: Final = ("TERM", "KILL", "INT", "QUIT", "HUP", "USR1")
_ANSWER_SECONDS: Final = 3.0
_QUERY_SECONDS: Final = 1.5


def plan_revoke(
    tasks: Sequence[tuple[str, str]], profile: Profile, *, terminate: bool = False, signal: str = "TERM"
) -> Plan[Step]:
    """Return the plan that revokes tasks, (id, name) each; with ``terminate`` those that run are ended by a signal."""
    check_can_steer(profile)
    if not tasks:
        raise UserError("No task is selected.")
    if terminate and signal not in SIGNALS:
        raise UserError(f"“{signal}” is not a signal for this: use one of {', '.join(SIGNALS)}.")
    word, by = ("terminate", f" by SIG{signal}") if terminate else ("revoke", "")
    how = f"Revoke and terminate ({signal})" if terminate else "Revoke"
    more = {"terminate": True, "signal": f"SIG{signal}"} if terminate else {}
    return plan_at(
        profile,
        Verb.REVOKE,
        f"{how} {tasks_named(tasks)}",
        (
            Step(
                target=uuid,
                command=f"{word} {f'{name} {uuid}'.strip()}{by}",
                detail={"method": "revoke", "arguments": {"task_id": uuid, **more}},
                source=uuid,
                task=name,
            )
            for uuid, name in tasks
        ),
    )


def plan_revoke_stamped(
    stamps: Mapping[str, str], profile: Profile, *, terminate: bool = False, signal: str = "TERM"
) -> Plan[Step]:
    """Return the plan that revokes every task with one of these stamped headers, seen or unseen."""
    check_can_steer(profile)
    if not stamps:
        raise UserError("No stamped header is given.")
    if terminate and signal not in SIGNALS:
        raise UserError(f"“{signal}” is not a signal for this: use one of {', '.join(SIGNALS)}.")
    more = {"terminate": True, "signal": f"SIG{signal}"} if terminate else {}
    return plan_at(
        profile,
        Verb.REVOKE,
        f"{'Revoke and terminate' if terminate else 'Revoke'} tasks stamped "
        f"{', '.join(f'{key}={value}' for key, value in stamps.items())}",
        (
            Step(
                target=f"{key}={value}",
                command=f"revoke_by_stamped_headers {key}={value}{f' by SIG{signal}' if terminate else ''}",
                detail={"method": "revoke_by_stamped_headers", "arguments": {"headers": {key: [value]}, **more}},
            )
            for key, value in stamps.items()
        ),
    )


class Revoker:
    """Revokes what steps of one method name, for ControlRunner. Blocking; raises BrokerError."""

    def __init__(self, profile: Profile, remote: RemoteControl) -> None:
        self._profile = profile
        self._remote = remote

    def stamped(self, steps: Sequence[Step], arguments: dict[str, Any]) -> dict[str, StepResult]:
        """Tell all workers of a stamped header."""
        told = self._noted_by(self._tell_all("revoke_by_stamped_headers", arguments))
        return {step.id: told for step in steps}

    def revoke(self, steps: Sequence[Step], *, terminate: bool, signal: object) -> dict[str, StepResult]:
        """All are told first, so that none of them begins; then it is asked who runs what, and ended there."""
        ids = [_task_of(step) for step in steps]
        replies = self._tell_all("revoke", {"task_id": ids})
        noted = self._noted_by(replies)
        if not terminate:
            over = ended_already(self._profile, ids) if noted.outcome is Outcome.DONE else {}
            return {step.id: _changes_nothing(noted, over.get(_task_of(step), "")) for step in steps}
        with having_told():
            answers, ended = self._terminated(ids, signal)
        rest = [uuid for uuid in ids if uuid not in ended]
        if rest and noted.outcome is Outcome.DONE:
            ended |= self._not_found(rest, replies, answers)
        else:
            ended |= dict.fromkeys(rest, noted)
        return {step.id: ended[_task_of(step)] for step in steps}

    def _terminated(self, ids: Sequence[str], signal: object) -> tuple[dict[str, object], dict[str, StepResult]]:
        """Ask who runs these and end them there; the answers, and how it ended for those that run."""
        answers = self._remote.inspect("query_task", timeout=_QUERY_SECONDS, arguments={"ids": ids})
        runners: dict[str, list[str]] = {}
        for worker, reply in answers.items():
            for uuid in ids:
                if runs(reply, uuid):
                    runners.setdefault(worker, []).append(uuid)
        ended: dict[str, StepResult] = {}
        for worker, running in runners.items():
            told = {"task_id": running, "terminate": True, "signal": signal}
            reply = self._remote.inspect(
                "revoke", destination=[worker], timeout=_ANSWER_SECONDS, limit=1, arguments=told
            ).get(worker)
            ended |= _terminated(worker, running, reply)
        return answers, ended

    def _not_found(
        self, ids: Sequence[str], noted: Mapping[str, object], answers: Mapping[str, object]
    ) -> dict[str, StepResult]:
        """How it ended for tasks that nobody who answered runs: who is silent may run them on, and be busy or frozen.

        What the history knows of a task decides first; without it every node that the broker knows must have answered.
        """
        idle = StepResult(
            Outcome.GONE if answers else Outcome.UNKNOWN,
            f"None of the workers that replied ({len(answers):,}) runs the task: it is revoked, and nothing "
            "was terminated.",
        )
        seen = last_seen(self._profile, ids)
        silence = silent_nodes(self._profile, answers, noted) if len(seen) < len(ids) else ""
        found = {}
        for uuid in ids:
            worker = seen.get(uuid)
            if worker is None and silence:
                found[uuid] = StepResult(Outcome.UNKNOWN, f"{silence} Nothing was terminated.")
            elif worker and worker not in answers:
                words = f"{worker} had the task and does not reply: it may still run. Nothing was terminated."
                found[uuid] = StepResult(Outcome.UNKNOWN, words)
            else:
                found[uuid] = idle
        return found

    def _tell_all(self, method: str, arguments: dict[str, Any]) -> dict[str, object]:
        """Any worker may get the task: all are told."""
        return self._remote.inspect(method, timeout=1.0, arguments=arguments)

    def _noted_by(self, replies: Mapping[str, object]) -> StepResult:
        """Who answers has noted it."""
        noted = [worker for worker, reply in replies.items() if isinstance(reply, dict) and "ok" in reply]
        if noted:
            names = ", ".join(sorted(noted)[:3]) + (" …" if len(noted) > 3 else "")
            return StepResult(
                Outcome.DONE, f"noted by {len(noted):,} {'worker' if len(noted) == 1 else 'workers'}: {names}"
            )
        refused = next((words for reply in replies.values() if (words := refusal(reply))), "")
        return StepResult(Outcome.FAILED, advice(refused)) if refused else StepResult(Outcome.UNKNOWN, SILENT)


def _changes_nothing(noted: StepResult, state: str) -> StepResult:
    """How a revocation that was noted ended for a task that had ended before, where ``state`` says so."""
    return (
        StepResult(Outcome.GONE, f"The task had already ended ({state}), so there was nothing to revoke. {noted.words}")
        if state
        else noted
    )


def _task_of(step: Step) -> str:
    return str(dict(step.detail.get("arguments") or {}).get("task_id"))


def _terminated(worker: str, tasks: Sequence[str], reply: object) -> dict[str, StepResult]:
    """How it ended for each task that a worker said a moment ago that it runs."""
    ending = result_of(reply, None)
    if ending.outcome is not Outcome.DONE:
        return dict.fromkeys(tasks, ending._replace(words=f"{worker}: {ending.words}"))
    gone = StepResult(Outcome.GONE, f"The task had just ended on {worker}: nothing was terminated.")
    done, over = StepResult(Outcome.DONE, f"terminated on {worker}"), terminated(reply)
    return {uuid: done if uuid in over else gone for uuid in tasks}
