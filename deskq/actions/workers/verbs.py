"""What workers can be told by Celery's remote control: the verbs, their arguments, and what takes each back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from deskq.errors import UserError

Kind = Literal["count", "seconds", "rate", "task", "queue", "text"]
RESTART: Final = "Lasts until the worker restarts."


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a verb, by Celery's name. ``default``: None where it must be given, "" where it may be absent."""

    key: str
    title: str
    kind: Kind
    default: Any = None
    example: str = ""


@dataclass(frozen=True, slots=True)
class ControlVerb:
    """A command of Celery's remote control. ``words``: what it does, with {arguments}; ``lasts``: for how long.

    ``first``: the command that is asked right before it, "" if none.
    """

    name: str
    title: str
    words: str
    parameters: tuple[Parameter, ...] = ()
    changes: bool = True
    lasts: str = ""
    first: str = ""

    @property
    def method(self) -> str:
        """The name of Celery's command."""
        return self.name.replace("-", "_")


# Celery hands what stands before the slash to float(): it would take “inf” and “nan” for rates.
_RATE: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?(/[smh])?")

_COUNT: Final = Parameter("n", "Processes or threads", "count", 1)
_TASK: Final = Parameter("task_name", "Task", "task", example="mail.send")
_QUEUE: Final = Parameter("queue", "Queue", "queue", example="emails")

VERBS: Final = {
    verb.name: verb
    for verb in (
        ControlVerb("ping", "Ping", "asks whether it answers", changes=False),
        ControlVerb("report", "Report", "asks for its version and settings", changes=False),
        ControlVerb("clock", "Clock", "asks for its logical clock", changes=False),
        ControlVerb("active-queues", "Active queues", "asks which queues it consumes", changes=False),
        ControlVerb("memsample", "Memory sample", "asks for the memory it uses", changes=False),
        ControlVerb(
            "memdump",
            "Memory samples so far",
            "asks for the memory samples since the last dump, and the memory in use after garbage collection",
            changes=False,
            first="memsample",
        ),
        ControlVerb("stats", "Statistics", "asks for its statistics", changes=False),
        ControlVerb("shutdown", "Shut down", "shuts down when its running tasks have ended"),
        ControlVerb("pool-grow", "Grow the pool", "grows the pool by {n}", (_COUNT,), lasts=RESTART),
        ControlVerb("pool-shrink", "Shrink the pool", "shrinks the pool by {n}", (_COUNT,), lasts=RESTART),
        ControlVerb(
            "autoscale",
            "Autoscale",
            "scales the pool between {min} and {max}",
            (Parameter("max", "Maximum", "count", example="10"), Parameter("min", "Minimum", "count", 0)),
            lasts=RESTART,
        ),
        ControlVerb("pool-restart", "Restart the pool", "restarts the pool; running tasks are terminated"),
        ControlVerb(
            "add-consumer",
            "Consume a queue",
            "consumes “{queue}” too",
            (
                _QUEUE,
                Parameter("exchange", "Exchange", "text", ""),
                Parameter("exchange_type", "Exchange type", "text", ""),
                Parameter("routing_key", "Routing key", "text", ""),
            ),
            lasts=RESTART,
        ),
        ControlVerb(
            "cancel-consumer", "Stop consuming a queue", "no longer consumes “{queue}”", (_QUEUE,), lasts=RESTART
        ),
        ControlVerb(
            "rate-limit",
            "Rate limit",
            "starts at most {rate_limit} of {task_name}",
            (_TASK, Parameter("rate_limit", "Rate", "rate", example="10/m")),
            lasts=RESTART,
        ),
        ControlVerb(
            "time-limit",
            "Time limits",
            "limits {task_name} to {hard}, softly {soft}",
            (_TASK, Parameter("soft", "Soft limit", "seconds", ""), Parameter("hard", "Hard limit", "seconds", "")),
            lasts=RESTART,
        ),
        ControlVerb("enable-events", "Enable events", "sends task events", lasts=RESTART),
        ControlVerb(
            "disable-events", "Disable events", "stops sending task events, so its tasks do not appear", lasts=RESTART
        ),
    )
}

_CANNOT_END: Final = (
    "This worker's pool (threads, solo) cannot terminate a running task: it keeps running until the worker restarts."
)
_ADVICE: Final = (
    ("not supported with autoscale", "Autoscale is on: change its limits instead."),
    ("Autoscale not enabled", "Start the worker with --autoscale to use this."),
    ("Pool restarts not enabled", "Set worker_pool_restarts = True in the app."),
    ("unknown task", "This worker has no task of that name."),
    ("not implemented", "The worker's pool does not support this."),
    ("has no attribute", "The worker's pool does not support this."),
)


def answer_text(verb: ControlVerb, reply: object) -> str:
    """Return a worker's answer as text: words as they are, also those in ``ok`` or ``error``, the rest as JSON."""
    if isinstance(reply, dict) and len(reply) == 1 and isinstance(words := next(iter(reply.values())), str):
        return words
    if reply is None:  # memsample has no word for what it lacks
        return "no data: psutil is not installed on the worker" if verb.name == "memsample" else "nothing"
    return reply.strip() if isinstance(reply, str) else json.dumps(reply, ensure_ascii=False, indent=2, default=str)


def read_arguments(verb: ControlVerb, given: Mapping[str, str], *, in_form: bool = False) -> dict[str, Any]:
    """Return the arguments as Celery takes them, from text that people wrote.

    Raises UserError that names one as its field is called ``in_form``, else as it is written on the command line.
    """

    def name(parameter: Parameter) -> str:
        return f"“{parameter.title}”" if in_form else parameter.key

    unknown = set(given) - {parameter.key for parameter in verb.parameters}
    if unknown:
        raise UserError(f"{verb.name} has no argument “{min(unknown)}”.")
    found: dict[str, Any] = {}
    for parameter in verb.parameters:
        text = given.get(parameter.key, "").strip()
        if not text:
            if parameter.default is None:
                if in_form:
                    raise UserError(f"Fill in “{parameter.title}”, such as {parameter.example}.")
                added = f"Add {parameter.key}=…, such as {parameter.key}={parameter.example}."
                raise UserError(f"{verb.name} needs the {parameter.title.lower()}. {added}")
            if parameter.default != "":
                found[parameter.key] = parameter.default
            continue
        found[parameter.key] = _value(name(parameter), parameter, text)
    if verb.name == "time-limit":
        if "soft" not in found and "hard" not in found:
            fields = "Fill in the soft limit, the hard limit or both" if in_form else "Add soft=30, hard=60 or both"
            raise UserError(f"{fields}. What is left out becomes no limit.")
        if found.get("soft", 0) > found.get("hard", float("inf")):
            raise UserError("The soft limit must not be longer than the hard limit.")
    if verb.name == "autoscale" and found["min"] > found["max"]:
        least, most = ("“At least”", "“At most”") if in_form else ("min", "max")
        raise UserError(f"{least} is more than {most}.")
    return found


def described(verb: ControlVerb, arguments: Mapping[str, Any]) -> str:
    """Return what the verb does, in words."""
    shown = {parameter.key: _in_words(parameter, arguments.get(parameter.key)) for parameter in verb.parameters}
    return verb.words.format(**shown)


def _in_words(parameter: Parameter, value: Any) -> str:
    if value is None:  # left out, or what a limit is taken back to
        return "no limit"
    return f"{value:g} s" if parameter.kind == "seconds" and isinstance(value, (int, float)) else str(value)


def advice(words: str) -> str:
    """Return a worker's refusal, with what to change where that is known."""
    if "does not implement" in words or words.startswith("NotImplementedError"):
        return _CANNOT_END
    told = next((text for sign, text in _ADVICE if sign in words), "")
    return f"{words.strip().rstrip('.')}. {told}".strip() if told else words


def _value(name: str, parameter: Parameter, text: str) -> Any:
    if parameter.kind == "count":
        if not text.isdecimal() or not 0 <= int(text) <= 100_000:
            raise UserError(f"{name} must be a whole number from 0 to 100,000, not “{text}”.")
        return int(text)
    if parameter.kind == "seconds":
        try:
            seconds = float(text)
        except ValueError:
            seconds = -1.0
        if not 0 < seconds < 1e9:
            raise UserError(f"{name} must be a number of seconds, not “{text}”.")
        return seconds
    if parameter.kind == "rate" and _RATE.fullmatch(text) is None:
        raise UserError(f"{name} must be a number, such as 10/s, 10/m or 10/h, or 0 for no limit; not “{text}”.")
    return text
