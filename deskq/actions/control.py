"""Telling workers, as plans: each worker, or each task, is a step with the answer it got.

Facts of Celery's remote control (celery/worker/control.py): an error is ``{"error": words}``; ``shutdown`` answers
nothing; ``terminate`` ends the process whatever it runs by then, so that it is asked again right before.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from deskq.actions.control_verbs import VERBS, ControlVerb, advice, described
from deskq.actions.plan import Outcome, Step, StepPlan, Verb
from deskq.actions.running import last_seen_with, runs, terminated
from deskq.actions.steps import Ending
from deskq.brokers.base import BrokerError, LoginRefused
from deskq.brokers.remote_control import RemoteControl
from deskq.errors import UserError
from deskq.profiles import Profile

SIGNALS: Final = ("TERM", "KILL", "INT", "QUIT", "HUP", "USR1")
_ANSWER_SECONDS: Final = 3.0
_SHUTDOWN_SECONDS: Final = 8.0
_TOGETHER: Final = 500  # ids, or workers, in one control message
_SILENT: Final = "No answer. It may have been done all the same."
# Celery says so, too, where it was started with events: its set of groups is empty then, which means all of them.
_NOT_OFF: Final = (
    "It says that they are off. Where it was started with -E or worker_send_task_events they are not, and Celery "
    "cannot turn them off: start it without."
)
# What it says first where nothing had to be changed; names of queues stand in other answers.
_ALREADY: Final = ("task events already", "already consuming")
_INFO: Final = re.compile(r"(\w+)=(\S+)")


def plan_control(verb: ControlVerb, arguments: Mapping[str, Any], workers: Sequence[str], profile: Profile) -> StepPlan:
    """Return the plan that tells each of these workers; raises UserError where there is none."""
    if not workers:
        raise UserError("No worker is online that could be told.")
    where = f"“{workers[0]}”" if len(workers) == 1 else f"{len(workers):,} workers"
    detail = {"method": verb.method, "arguments": dict(arguments)}
    return StepPlan(
        verb=Verb.CONTROL,
        profile=profile.name,
        environment=profile.environment.value,
        title=f"{verb.title}: {where} at {profile.name} ({profile.environment.value})",
        items=tuple(_step(worker, verb, arguments, detail) for worker in workers),
    )


def plan_pause(queue: str, workers: Sequence[str], profile: Profile) -> StepPlan:
    """Return the plan that pauses a queue: each of its workers no longer consumes it. Undone, it is consumed again."""
    if not workers:
        raise UserError(f"Nobody consumes “{queue}”, as far as is known: there is nothing to pause.")
    verb = VERBS["cancel-consumer"]
    detail = {"method": verb.method, "arguments": (arguments := {"queue": queue})}
    return StepPlan(
        verb=Verb.PAUSE,
        profile=profile.name,
        environment=profile.environment.value,
        title=f"Pause “{queue}” at {profile.name} ({profile.environment.value})",
        # The way back is known beforehand: a worker that does not answer may have left the queue all the same.
        items=tuple(
            replace(_step(worker, verb, arguments, detail), undo=_detail("add_consumer", arguments, worker))
            for worker in workers
        ),
    )


def plan_revoke(
    tasks: Sequence[tuple[str, str]], profile: Profile, *, terminate: bool = False, signal: str = "TERM"
) -> StepPlan:
    """Return the plan that revokes tasks, (id, name) each; with ``terminate`` those that run are ended by a signal."""
    if not tasks:
        raise UserError("No task is chosen.")
    if terminate and signal not in SIGNALS:
        raise UserError(f"“{signal}” is no signal for this: name one of {', '.join(SIGNALS)}.")
    what = f"{len(tasks):,} tasks" if len(tasks) != 1 else f"“{tasks[0][1] or tasks[0][0]}”"
    word, by = ("terminate", f" by SIG{signal}") if terminate else ("revoke", "")
    how = f"Revoke and terminate ({signal})" if terminate else "Revoke"
    more = {"terminate": True, "signal": f"SIG{signal}"} if terminate else {}
    return StepPlan(
        verb=Verb.REVOKE,
        profile=profile.name,
        environment=profile.environment.value,
        title=f"{how} {what} at {profile.name} ({profile.environment.value})",
        items=tuple(
            Step(
                target=uuid,
                command=f"{word} {name} {uuid}{by}",
                detail={"method": "revoke", "arguments": {"task_id": uuid, **more}},
                source=uuid,
                task=name,
            )
            for uuid, name in tasks
        ),
    )


def plan_revoke_stamped(
    stamps: Mapping[str, str], profile: Profile, *, terminate: bool = False, signal: str = "TERM"
) -> StepPlan:
    """Return the plan that revokes every task with one of these stamped headers, seen or unseen."""
    if not stamps:
        raise UserError("No stamped header is given.")
    if terminate and signal not in SIGNALS:
        raise UserError(f"“{signal}” is no signal for this: name one of {', '.join(SIGNALS)}.")
    more = {"terminate": True, "signal": f"SIG{signal}"} if terminate else {}
    return StepPlan(
        verb=Verb.REVOKE,
        profile=profile.name,
        environment=profile.environment.value,
        title=f"{'Revoke and terminate' if terminate else 'Revoke'} tasks stamped "
        f"{', '.join(f'{key}={value}' for key, value in stamps.items())} at {profile.name} "
        f"({profile.environment.value})",
        items=tuple(
            Step(
                target=f"{key}={value}",
                command=f"revoke_by_stamped_headers {key}={value}{f' by SIG{signal}' if terminate else ''}",
                detail={"method": "revoke_by_stamped_headers", "arguments": {"headers": {key: [value]}, **more}},
            )
            for key, value in stamps.items()
        ),
    )


def _step(worker: str, verb: ControlVerb, arguments: Mapping[str, Any], detail: Mapping[str, Any]) -> Step:
    return Step(target=worker, command=_command(verb.method, arguments, worker), detail=detail)


def _command(method: str, arguments: Mapping[str, Any], worker: str) -> str:
    told = "".join(f" {key}={value}" for key, value in arguments.items())
    verb = VERBS.get(method.replace("_", "-"))
    return f"{method}{told} → {worker}" + (f": {described(verb, arguments)}" if verb is not None else "")


class ControlDoer:
    """Tells workers by remote control; see steps.Doer. Blocking."""

    together = _TOGETHER

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._remote = RemoteControl(profile)

    def check(self) -> None:
        """See Doer."""
        if self._profile.silent:
            raise UserError(
                f"“{self._profile.name}” is silent: its workers are neither asked nor told anything. "
                "Turn that off in the profile to steer them."
            )

    def do(self, steps: Sequence[Step]) -> Sequence[Ending]:
        """See Doer. Steps that say the same to different workers are one message."""
        endings: dict[str, Ending] = {}
        groups: dict[str, list[Step]] = {}
        for step in steps:
            groups.setdefault(_alike(step), []).append(step)
        begun = False
        for group in groups.values():
            try:
                endings |= self._do_alike(group)
            except LoginRefused:
                if not begun:
                    raise
                endings |= {step.id: Ending(Outcome.FAILED, "The broker refused the login.") for step in group}
            except BrokerError as error:
                endings |= {step.id: Ending(Outcome.UNKNOWN, f"{error} It may have been told.") for step in group}
            begun = True
        return [endings[step.id] for step in steps]

    def close(self) -> None:
        """See Doer."""
        self._remote.close()

    def _do_alike(self, steps: list[Step]) -> dict[str, Ending]:
        method = str(steps[0].detail.get("method"))
        arguments = dict(steps[0].detail.get("arguments") or {})
        if method == "revoke":
            return self._revoke(steps, terminate=bool(arguments.get("terminate")), signal=arguments.get("signal"))
        if method == "revoke_by_stamped_headers":
            return {step.id: self._told_to_all(method, arguments) for step in steps}
        if VERBS.get(method.replace("_", "-")) is None:
            return {step.id: Ending(Outcome.FAILED, f"“{method}” is no command that deskq sends.") for step in steps}
        workers = [step.target for step in steps]
        if method == "shutdown":
            return self._shut_down(steps, workers)
        before = self._before(method, arguments, workers)
        needless = {worker: words for worker in workers if (words := _needless(method, arguments, before.get(worker)))}
        told = [worker for worker in workers if worker not in needless]
        replies = self._ask(method, arguments, told) if told else {}
        found = {}
        for step in steps:
            if step.target in needless:
                found[step.id] = Ending(Outcome.GONE, needless[step.target])
            else:
                undo = _undo(method, arguments, step.target, before.get(step.target))
                found[step.id] = _ending(replies.get(step.target), undo)
        return found

    def _ask(self, method: str, arguments: dict[str, Any], workers: Sequence[str]) -> dict[str, object]:
        return self._remote.inspect(
            method, destination=workers, timeout=_ANSWER_SECONDS, limit=len(workers), arguments=arguments
        )

    def _before(self, method: str, arguments: Mapping[str, Any], workers: Sequence[str]) -> dict[str, object]:
        """What is so now, where that decides what is to be done or what takes it back; changes nothing."""
        if method in ("add_consumer", "cancel_consumer"):
            return self._ask("active_queues", {}, workers)
        if method in ("rate_limit", "time_limit"):
            wanted = {"taskinfoitems": ["rate_limit", "time_limit", "soft_time_limit"], "builtins": True}
            return self._ask("registered", wanted, workers)
        if method == "autoscale":
            return self._ask("stats", {}, workers)
        return {}

    def _shut_down(self, steps: Sequence[Step], workers: Sequence[str]) -> dict[str, Ending]:
        """It answers nothing: it is done for who was there before and no longer answers."""
        there = set(self._ask("ping", {}, workers))
        if there:
            self._remote.inspect("shutdown", destination=sorted(there), timeout=0.1)
        left, until = set(there), time.monotonic() + _SHUTDOWN_SECONDS
        while left and time.monotonic() < until:
            answers = self._remote.inspect("ping", destination=sorted(left), timeout=1.0, limit=len(left))
            left &= set(answers)
        return {
            step.id: Ending(Outcome.GONE, "It does not answer: it is down, or busy.")
            if step.target not in there
            else Ending(Outcome.UNKNOWN, "It was told, and still answers.")
            if step.target in left
            else Ending(Outcome.DONE, "It no longer answers: it ends when its tasks have ended.")
            for step in steps
        }

    def _revoke(self, steps: Sequence[Step], *, terminate: bool, signal: object) -> dict[str, Ending]:
        """All are told first, so that none of them begins; then it is asked who runs what, and ended there."""
        ids = [_task_of(step) for step in steps]
        noted = self._told_to_all("revoke", {"task_id": ids})
        if not terminate:
            return {step.id: noted for step in steps}
        answers = self._remote.inspect("query_task", timeout=_ANSWER_SECONDS / 2, arguments={"ids": ids})
        runners: dict[str, list[str]] = {}
        for worker, reply in answers.items():
            for uuid in ids:
                if runs(reply, uuid):
                    runners.setdefault(worker, []).append(uuid)
        ended: dict[str, Ending] = {}
        for worker, running in runners.items():
            told = {"task_id": running, "terminate": True, "signal": signal}
            ended |= _terminated(worker, running, self._ask("revoke", told, [worker]).get(worker))
        rest = [uuid for uuid in ids if uuid not in ended]
        ended |= self._not_found(rest, noted, answers) if rest else {}
        return {step.id: ended[_task_of(step)] for step in steps}

    def _not_found(self, ids: Sequence[str], noted: Ending, answers: Mapping[str, object]) -> dict[str, Ending]:
        """How it ended for tasks that nobody who answered runs: who last had them may run them on, and be busy."""
        if noted.outcome is not Outcome.DONE:
            return dict.fromkeys(ids, noted)
        idle = Ending(
            Outcome.GONE if answers else Outcome.UNKNOWN,
            f"No worker that answered ({len(answers):,}) runs it: nothing was terminated. "
            "It is revoked, should it come.",
        )
        silent = {uuid: name for uuid, name in last_seen_with(self._profile, ids).items() if name not in answers}
        words = "{} had it and does not answer: it may run on. Nothing was terminated."
        return {uuid: Ending(Outcome.UNKNOWN, words.format(silent[uuid])) if uuid in silent else idle for uuid in ids}

    def _told_to_all(self, method: str, arguments: dict[str, Any]) -> Ending:
        """Any worker may get the task: all are told, and who answers has noted it."""
        replies = self._remote.inspect(method, timeout=1.0, arguments=arguments)
        noted = [worker for worker, reply in replies.items() if isinstance(reply, dict) and "ok" in reply]
        if noted:
            names = ", ".join(sorted(noted)[:3]) + (" …" if len(noted) > 3 else "")
            return Ending(
                Outcome.DONE, f"noted by {len(noted):,} {'worker' if len(noted) == 1 else 'workers'}: {names}"
            )
        refused = next((words for reply in replies.values() if (words := _refusal(reply))), "")
        return Ending(Outcome.FAILED, advice(refused)) if refused else Ending(Outcome.UNKNOWN, _SILENT)


def _alike(step: Step) -> str:
    """What is the same for steps that are one message: revocations but for their ids, the rest but for the worker."""
    arguments = dict(step.detail.get("arguments") or {})
    if step.detail.get("method") == "revoke":
        arguments.pop("task_id", None)
    return f"{step.detail.get('method')} {sorted(arguments.items(), key=str)}"


def _task_of(step: Step) -> str:
    return str(dict(step.detail.get("arguments") or {}).get("task_id"))


def _terminated(worker: str, tasks: Sequence[str], reply: object) -> dict[str, Ending]:
    """How it ended for each task that a worker said a moment ago that it runs."""
    ending = _ending(reply, None)
    if ending.outcome is not Outcome.DONE:
        return dict.fromkeys(tasks, ending._replace(words=f"{worker}: {ending.words}"))
    gone = Ending(Outcome.GONE, f"It ended on {worker} in this moment: nothing was terminated.")
    done, over = Ending(Outcome.DONE, f"terminated on {worker}"), terminated(reply)
    return {uuid: done if uuid in over else gone for uuid in tasks}


def _ending(reply: object, undo: Mapping[str, Any] | None) -> Ending:
    if reply is None:
        return Ending(Outcome.UNKNOWN, _SILENT, undo)
    refused = _refusal(reply)
    if refused:
        return Ending(Outcome.FAILED, advice(refused))
    words = str(reply.get("ok", reply)) if isinstance(reply, dict) else str(reply)
    if words == "task events already disabled":
        return Ending(Outcome.FAILED, _NOT_OFF)
    if words.startswith(_ALREADY):
        return Ending(Outcome.GONE, words[:2_000])
    return Ending(Outcome.DONE, words[:2_000], undo)


def _refusal(reply: object) -> str:
    return str(reply["error"])[:2_000] if isinstance(reply, dict) and "error" in reply else ""


def _consumed(reply: object, queue: str) -> Mapping[str, Any] | None:
    """The queue as a worker says that it consumes it."""
    queues = reply if isinstance(reply, list) else []
    return next((each for each in queues if isinstance(each, dict) and each.get("name") == queue), None)


def _needless(method: str, arguments: Mapping[str, Any], before: object) -> str:
    """Why a worker need not be told, "" if it must."""
    if before is None or method not in ("add_consumer", "cancel_consumer"):
        return ""
    consumes = _consumed(before, str(arguments.get("queue"))) is not None
    if method == "add_consumer":
        return "It consumes it already." if consumes else ""
    return "" if consumes else "It does not consume it."


def _undo(method: str, arguments: Mapping[str, Any], worker: str, before: object) -> Mapping[str, Any] | None:
    """The detail of the step that takes it back, with its command; None where what was before is not known."""
    opposite = {
        "pool_grow": "pool_shrink",
        "pool_shrink": "pool_grow",
        "enable_events": "disable_events",
        "disable_events": "enable_events",
    }
    if method in opposite:
        return _detail(opposite[method], arguments, worker)
    if method == "add_consumer":
        return _detail("cancel_consumer", {"queue": arguments.get("queue")}, worker) if before is not None else None
    if method == "cancel_consumer":
        return _consumer_again(_consumed(before, str(arguments.get("queue"))), worker)
    if method == "autoscale":
        scaler = before.get("autoscaler") if isinstance(before, dict) else None
        if isinstance(scaler, dict) and {"max", "min"} <= set(scaler):
            return _detail("autoscale", {"max": scaler["max"], "min": scaler["min"]}, worker)
        return None
    if method in ("rate_limit", "time_limit"):
        return _limits_again(method, str(arguments.get("task_name")), worker, before)
    return None


def _consumer_again(queue: Mapping[str, Any] | None, worker: str) -> Mapping[str, Any] | None:
    if queue is None:
        return None
    exchange = queue.get("exchange")
    told: dict[str, Any] = {"queue": queue.get("name")}
    if isinstance(exchange, dict) and exchange.get("name"):
        told["exchange"] = exchange["name"]
        told["exchange_type"] = exchange.get("type") or "direct"
    if queue.get("routing_key"):
        told["routing_key"] = queue["routing_key"]
    return _detail("add_consumer", told, worker)


def _limits_again(method: str, task: str, worker: str, before: object) -> Mapping[str, Any] | None:
    lines = [line for line in before if isinstance(line, str)] if isinstance(before, list) else []
    line = next((line for line in lines if line == task or line.startswith(f"{task} [")), None)
    if line is None:
        return None
    known = dict(_INFO.findall(line.removeprefix(task)))
    if method == "rate_limit":
        rate = known.get("rate_limit", "0").rstrip("]")
        return _detail(method, {"task_name": task, "rate_limit": rate}, worker)
    limits: dict[str, Any] = {"task_name": task}
    for key, name in (("soft", "soft_time_limit"), ("hard", "time_limit")):
        try:
            limits[key] = float(known[name].rstrip("]")) if name in known else None
        except ValueError:
            return None
    return _detail(method, limits, worker)


def _detail(method: str, arguments: Mapping[str, Any], worker: str) -> Mapping[str, Any]:
    kept = dict(arguments)
    return {"method": method, "arguments": kept, "command": _command(method, kept, worker)}
