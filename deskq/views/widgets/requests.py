"""What a page asks its window for: another page, or a dialog that changes something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deskq.actions.messages.call import Call


@dataclass(frozen=True, slots=True)
class OpenSchedule:
    """Show a schedule among the others of its profile; ``place`` as ShownSchedule has it."""

    profile: str
    place: tuple[str, Any]


@dataclass(frozen=True, slots=True)
class OpenTask:
    """Show the detail of a task."""

    profile: str
    uuid: str


@dataclass(frozen=True, slots=True)
class OpenQueue:
    """Show the detail of a queue."""

    profile: str
    queue: str


@dataclass(frozen=True, slots=True)
class FilterTasks:
    """Show the tasks that match ``text``, in the filter language."""

    profile: str
    text: str


@dataclass(frozen=True, slots=True)
class RetryTasks:
    """Preview a retry; ``tasks`` are ids or the history's numbers, ``choose``: the queue is to be chosen."""

    profile: str
    tasks: Sequence[str | int]
    choose: bool = False


@dataclass(frozen=True, slots=True)
class RevokeTasks:
    """Preview revoking; ``tasks`` are (id, name)."""

    profile: str
    tasks: Sequence[tuple[str, str]]
    terminate: bool = False


@dataclass(frozen=True, slots=True)
class AbortTasks:
    """Preview aborting; ``tasks`` are (id, name)."""

    profile: str
    tasks: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class ControlWorkers:
    """Ask or tell workers; ``verb`` is one of ``deskq.actions.workers.verbs``."""

    profile: str
    verb: str
    workers: Sequence[str]


@dataclass(frozen=True, slots=True)
class PauseQueue:
    """Preview pausing a queue on these workers."""

    profile: str
    queue: str
    workers: Sequence[str]


@dataclass(frozen=True, slots=True)
class ResumeQueue:
    """Preview resuming a queue on the workers that left it."""

    profile: str
    queue: str


@dataclass(frozen=True, slots=True)
class SendTask:
    """Open the dialog that sends a task: to ``queue``, like the task ``like``, or with ``call``."""

    profile: str
    queue: str = ""
    like: str = ""
    call: Call | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """Say why what was asked for is not done."""

    reason: str


Request = (
    OpenSchedule
    | OpenTask
    | OpenQueue
    | FilterTasks
    | RetryTasks
    | RevokeTasks
    | AbortTasks
    | ControlWorkers
    | PauseQueue
    | ResumeQueue
    | SendTask
    | Refuse
)
