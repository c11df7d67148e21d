"""The rows that a history holds, as the rest of deskq sees them. Times are epoch seconds UTC; None = not known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from deskq.protocol.task_states import FINAL_STATES, NOT_STARTED
from deskq.protocol.task_summary import runtime_is_measured

STREAM: Final = "stream"


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One line of the task table. ``seen`` is when deskq first heard of it, by this machine's clock.

    ``exchange`` and ``routing_key``: what it was sent with, "" where that is the queue itself or not known. ``ahead``:
    by how many seconds the clock of its worker is ahead of ours, as far as it is known; of running tasks only.
    """

    id: int
    uuid: str
    name: str
    state: str
    queue: str
    worker: str
    seen: float
    sent: float | None
    received: float | None
    started: float | None
    finished: float | None
    runtime: float | None
    eta: float | None
    expires: float | None
    args: str
    kwargs: str
    result: str
    exception: str
    retries: int
    deliveries: int
    root_id: str
    parent_id: str
    revoked: str
    ran_twice: bool
    exchange: str = ""
    routing_key: str = ""
    ahead: float | None = None

    @property
    def retries_parent(self) -> bool:
        """Does deskq's own mark say that it retries its parent? Celery gives a child its parent's root, never its own.

        A retry that kept its root does not have the mark.
        """
        return bool(self.parent) and self.root_id == self.uuid

    @property
    def ended(self) -> bool:
        """Is its state one that it keeps?"""
        return self.state in FINAL_STATES

    @property
    def runs(self) -> bool:
        """Does a worker run it, as far as is known? It may have a state of its own then, told by ``send_event``."""
        return self.state not in FINAL_STATES | NOT_STARTED | {""}

    @property
    def parent(self) -> str:
        """The other task that sent it, "" for none: ``Task.retry`` and ``Task.replace`` name the task itself."""
        return self.parent_id if self.parent_id != self.uuid else ""

    @property
    def runtime_exact(self) -> bool | None:
        """Whether the worker measured the runtime; if not, it is the difference of two event times."""
        return None if self.runtime is None else runtime_is_measured(self.state)


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """One worker node. ``since``: heard of without a break, or offline, since then; ``frequency``: heartbeat, s.

    ``began``: since when it is online, by the local clock; None where nobody listened as it came, nor did it say.
    ``unknown``: nothing tells whether it is there; ``online`` is False then, and ``since`` its last sign of life.
    """

    hostname: str
    online: bool
    since: float
    first_seen: float
    last_heartbeat: float | None = None
    pid: int | None = None
    software: str = ""
    pool: str | None = None
    concurrency: int | None = None
    load: tuple[float, float, float] | None = None
    active: int | None = None
    processed: int | None = None
    frequency: float | None = None
    clock_difference: float | None = None
    events_enabled: bool | None = None
    queues: tuple[str, ...] = ()
    duplicate_name: bool = False
    missed: int = 0
    unknown: bool = False
    began: float | None = None

    @property
    def presence(self) -> str:
        """The word for it: "online", "offline" or "unknown"."""
        return "online" if self.online else "unknown" if self.unknown else "offline"


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One queue at its last sample. ``priorities``: ready messages by priority; ``spark``: ready every 10 s, to now.

    ``delayed``: tasks for it that Celery's delayed delivery holds, as far as events tell. ``kind``: RabbitMQ's type of
    it, "" where that is unknown; of a STREAM ``ready`` is what it keeps, whoever has read it.
    ``workers``: those that said they consume it, the earliest of them at ``told``; there may be more where
    ``consumers`` is None.
    """

    name: str
    ready: int | None
    unacked: int | None
    consumers: int | None
    priorities: dict[int, int] | None
    in_rate: float | None
    out_rate: float | None
    oldest: float | None
    sampled: float
    no_consumer: bool
    spark: tuple[int | None, ...] = ()
    workers: tuple[str, ...] = ()
    exists: bool = True
    told: float | None = None
    delayed: int | None = None
    kind: str = ""


@dataclass(frozen=True, slots=True)
class RecorderStatus:
    """What a recorder last said of itself. ``delay``: seconds from the worker's event to the commit.

    ``salvaging``: how much of a damaged history was looked through, 0 to 1; None if none is salvaged.
    ``delayed``: messages that Celery's delayed delivery holds, None where there is none.
    ``sampling``: why figures of queues and workers are missing or old, "" where they are not.
    ``gaps``: those of the whole history. ``queues_known``, ``workers_known``: whether all were asked for; until then
    none is not the same as 0.
    """

    state: str = "stopped"
    since: float = 0.0
    message: str = ""
    pid: int = 0
    events: int = 0
    events_per_second: float | None = None
    delay: float | None = None
    malformed: int = 0
    duplicates: int = 0
    gaps: int = 0
    server: str = ""
    updated: float = 0.0
    salvaging: float | None = None
    sampling: str = ""
    delayed: int | None = None
    queues_known: bool = False
    workers_known: bool = False
    writer_alive: bool = False


@dataclass(frozen=True, slots=True)
class SamplePoint:
    """Depths at one time; ``at`` alone is a hole in the record."""

    at: float
    ready: int | None
    unacked: int | None = None
    consumers: int | None = None


@dataclass(frozen=True, slots=True)
class RatePoint:
    """Counts in the ``seconds`` that follow ``at``."""

    at: float
    seconds: float
    received: int
    succeeded: int
    failed: int
    retried: int


@dataclass(frozen=True, slots=True)
class PercentilePoint:
    """Runtimes, in s, of the ``count`` tasks that ended in the span beginning ``at``."""

    at: float
    p50: float
    p90: float
    p99: float
    count: int


@dataclass(frozen=True, slots=True)
class TaskRuntimes:
    """Runtimes, in s, of one task in a span, and the same for each hour in which one ended."""

    name: str
    count: int
    p50: float
    p90: float
    p99: float
    hours: list[PercentilePoint] = field(default_factory=list)

    @property
    def since(self) -> float:
        """The beginning of the first of these hours."""
        return self.hours[0].at if self.hours else 0.0


@dataclass(frozen=True, slots=True)
class Gap:
    """A span in which events were lost; ``estimate`` of how many, where something tells."""

    id: int
    started: float
    ended: float | None
    cause: str
    estimate: int | None


@dataclass(frozen=True, slots=True)
class FailureRow:
    """Failures of one task with one type of exception; ``exception`` is that of one of them."""

    name: str
    exception: str
    count: int
    last: float

    @property
    def kind(self) -> str:
        """The type of the exception."""
        return self.exception.partition("(")[0]


@dataclass(frozen=True, slots=True)
class Failures:
    """Tasks that failed since a moment, and the most frequent ones; ``capped``: there may be more."""

    since: float = 0.0
    count: int = 0
    capped: bool = False
    most: list[FailureRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MalformedRow:
    """A delivery that was no event; ``raw`` is its beginning, ``size`` its length in bytes."""

    at: float
    reason: str
    size: int
    raw: bytes
    id: int = 0


@dataclass(frozen=True, slots=True)
class StateCounts:
    """Tasks by state; ``capped``: counting stopped at a limit, so there are more."""

    by_state: dict[str, int] = field(default_factory=dict)
    capped: bool = False

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.by_state.values())


@dataclass(frozen=True, slots=True)
class Facets:
    """What can be chosen in the filter bar."""

    names: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
