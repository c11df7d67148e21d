"""What a worker's answer to a control message means for the step that sent it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from deskq.actions.executor import StepResult
from deskq.actions.plan import Outcome
from deskq.actions.workers.verbs import advice

SILENT: Final = "No reply. The command may still have been carried out."
# Celery says so, too, where it was started with events: its set of groups is empty then, which means all of them.
_NOT_OFF: Final = (
    "The worker reports them as off. If it was started with -E or worker_send_task_events they stay on: "
    "restart it without."
)
# What it says first where nothing had to be changed; names of queues stand in other answers.
_ALREADY: Final = ("task events already", "already consuming")


def result_of(reply: object, undo: Mapping[str, Any] | None) -> StepResult:
    """Return how it ended for who answered so; None = no answer."""
    if reply is None:
        return StepResult(Outcome.UNKNOWN, SILENT, undo)
    refused = refusal(reply)
    if refused:
        return StepResult(Outcome.FAILED, advice(refused))
    words = str(reply.get("ok", reply)) if isinstance(reply, dict) else str(reply)
    if words == "task events already disabled":
        return StepResult(Outcome.FAILED, _NOT_OFF)
    if words.startswith(_ALREADY):
        return StepResult(Outcome.GONE, words[:2_000])
    return StepResult(Outcome.DONE, words[:2_000], undo)


def refusal(reply: object) -> str:
    """Return a worker's words where it refuses, "" where it does not."""
    return str(reply["error"])[:2_000] if isinstance(reply, dict) and "error" in reply else ""
