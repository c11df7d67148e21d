"""Telling workers, as plans: each worker, or each task, is a step with the answer it got.

Facts of Celery's remote control (celery/worker/control.py): an error is ``{"error": words}``; ``shutdown`` answers
nothing. Revocations are in revoke.py.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

from deskq.actions.executor import StepResult, StepRunner
from deskq.actions.plan import Outcome, Plan, Step, Verb, plan_at
from deskq.actions.workers.replies import result_of
from deskq.actions.workers.revoke import Revoker
from deskq.actions.workers.verbs import VERBS, ControlVerb, described
from deskq.brokers.opening import check_can_steer
from deskq.brokers.ports import BrokerError, LoginRefused
from deskq.brokers.remote_control import NotTold, RemoteControl, having_told, only_asking
from deskq.errors import UserError
from deskq.profiles import Profile

_ANSWER_SECONDS: Final = 3.0
_SHUTDOWN_SECONDS: Final = 8.0
_TOGETHER: Final = 500  # ids, or workers, in one control message
_INFO: Final = re.compile(r"(\w+)=(\S+)")


def plan_control(
    verb: ControlVerb, arguments: Mapping[str, Any], workers: Sequence[str], profile: Profile
) -> Plan[Step]:
    """Return the plan that tells each of these workers; raises UserError where there is none."""
    check_can_steer(profile)
    if not workers:
        raise UserError("No worker is online.")
    where = f"“{workers[0]}”" if len(workers) == 1 else f"{len(workers):,} workers"
    detail = {"method": verb.method, "arguments": dict(arguments)}
    return plan_at(
        profile,
        Verb.CONTROL,
        f"{verb.title}: {where}",
        (_step(worker, verb, arguments, detail) for worker in workers),
    )


def plan_pause(queue: str, workers: Sequence[str], profile: Profile) -> Plan[Step]:
    """Return the plan that pauses a queue: each of its workers no longer consumes it. Undone, it is consumed again."""
    check_can_steer(profile)
    if not workers:
        raise UserError(f"No known worker consumes “{queue}”: there is nothing to pause.")
    verb = VERBS["cancel-consumer"]
    detail = {"method": verb.method, "arguments": (arguments := {"queue": queue})}
    return plan_at(
        profile,
        Verb.PAUSE,
        f"Pause “{queue}”",
        # The way back is known beforehand: a worker that does not answer may have left the queue all the same.
        (
            replace(_step(worker, verb, arguments, detail), undo=_detail("add_consumer", arguments, worker))
            for worker in workers
        ),
    )


def _step(worker: str, verb: ControlVerb, arguments: Mapping[str, Any], detail: Mapping[str, Any]) -> Step:
    return Step(target=worker, command=_command(verb.method, arguments, worker), detail=detail)


def _command(method: str, arguments: Mapping[str, Any], worker: str) -> str:
    told = "".join(f" {key}={value}" for key, value in arguments.items())
    verb = VERBS.get(method.replace("_", "-"))
    return f"{method}{told} → {worker}" + (f": {described(verb, arguments)}" if verb is not None else "")


class ControlRunner(StepRunner[Step]):
    """Tells workers by remote control; see executor.StepRunner. Blocking."""

    batch_size: ClassVar = _TOGETHER

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._remote = RemoteControl(profile)

    def check(self) -> None:
        """See StepRunner."""
        if self._profile.silent:
            raise UserError(
                f"“{self._profile.name}” is silent: its workers cannot be inspected or controlled. "
                "Turn that off in the profile to control them."
            )
        self._remote.check()

    def run_steps(self, steps: Sequence[Step]) -> Sequence[StepResult]:
        """See StepRunner. Steps that say the same to different workers are one message."""
        results: dict[str, StepResult] = {}
        groups: dict[str, list[Step]] = {}
        for step in steps:
            groups.setdefault(_alike(step), []).append(step)
        begun = False
        for group in groups.values():
            try:
                results |= self._do_alike(group)
            except (LoginRefused, NotTold) as error:
                if not begun:
                    raise
                results |= {step.id: StepResult(Outcome.FAILED, f"{error} The command was not sent.") for step in group}
            except BrokerError as error:
                results |= {
                    step.id: StepResult(Outcome.UNKNOWN, f"{error} The worker may have received the command.")
                    for step in group
                }
            begun = True
        return [results[step.id] for step in steps]

    def close(self) -> None:
        """See StepRunner."""
        self._remote.close()

    def _do_alike(self, steps: list[Step]) -> dict[str, StepResult]:
        method = str(steps[0].detail.get("method"))
        arguments = dict(steps[0].detail.get("arguments") or {})
        if method == "revoke":
            revoker = Revoker(self._profile, self._remote)
            return revoker.revoke(steps, terminate=bool(arguments.get("terminate")), signal=arguments.get("signal"))
        if method == "revoke_by_stamped_headers":
            return Revoker(self._profile, self._remote).stamped(steps, arguments)
        if VERBS.get(method.replace("_", "-")) is None:
            return {
                step.id: StepResult(Outcome.FAILED, f"“{method}” is not a command that deskq sends.") for step in steps
            }
        workers = [step.target for step in steps]
        if method == "shutdown":
            return self._shut_down(steps, workers)
        with only_asking():
            before = self._before(method, arguments, workers)
        needless = {worker: words for worker in workers if (words := _needless(method, arguments, before.get(worker)))}
        told = [worker for worker in workers if worker not in needless]
        replies = self._ask(method, arguments, told) if told else {}
        found = {}
        for step in steps:
            if step.target in needless:
                found[step.id] = StepResult(Outcome.GONE, needless[step.target])
            else:
                undo = _undo(method, arguments, step.target, before.get(step.target))
                found[step.id] = result_of(replies.get(step.target), undo)
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

    def _shut_down(self, steps: Sequence[Step], workers: Sequence[str]) -> dict[str, StepResult]:
        """It answers nothing: it is done for who was there before and no longer answers."""
        with only_asking():
            there = set(self._ask("ping", {}, workers))
        if there:
            self._remote.inspect("shutdown", destination=sorted(there), timeout=0.1)
        left, until = set(there), time.monotonic() + _SHUTDOWN_SECONDS
        with having_told():
            while left and time.monotonic() < until:
                answers = self._remote.inspect("ping", destination=sorted(left), timeout=1.0, limit=len(left))
                left &= set(answers)
        return {
            step.id: StepResult(Outcome.GONE, "No reply: the worker is down or busy.")
            if step.target not in there
            else StepResult(Outcome.UNKNOWN, "The command was sent; the worker still replies.")
            if step.target in left
            else StepResult(Outcome.DONE, "The worker no longer replies: it stops when its running tasks have ended.")
            for step in steps
        }


def _alike(step: Step) -> str:
    """What is the same for steps that are one message: revocations but for their ids, the rest but for the worker."""
    arguments = dict(step.detail.get("arguments") or {})
    if step.detail.get("method") == "revoke":
        arguments.pop("task_id", None)
    return f"{step.detail.get('method')} {sorted(arguments.items(), key=str)}"


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
        return "The worker already consumes the queue." if consumes else ""
    return "" if consumes else "The worker does not consume the queue."


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
