"""What was observed of one task, as a lattice: the record is the same for any order of events and any duplicates.

A record is a set of observations and two registers that keep the greatest bundle seen. Union and maximum are
associative, commutative and idempotent, so merging is. What it all means is worked out by ``task_summary.derive``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import blake2b
from heapq import nlargest
from typing import Final, NamedTuple, TypeVar
from zlib import crc32

import msgspec

from deskq.protocol.events import LATEST, Event

# Kinds of observation, in the order in which they sort when a worker's clock does not tell them apart.
SENT: Final = 0
RECEIVED: Final = 1
STARTED: Final = 2
CUSTOM: Final = 3
SUCCEEDED: Final = 4
FAILED: Final = 5
RETRIED: Final = 6
REJECTED: Final = 7
REVOKED: Final = 8
CANCELLED: Final = 9  # the worker gave a running acks_late task back when it lost its broker (celery/worker/request.py)
# Noted by a recorder of an attempt that began; what these and the following hold is told in ``task_notes``.
LOST: Final = 10  # the worker died while it ran the task
ENDED: Final = 11  # the worker no longer runs it, and nothing was missed: no event told of its end
UNSEEN: Final = 12  # the same, but events were missed meanwhile
# Noted by a recorder of the newest attempt, whether it began or not.
EXPIRED: Final = 13  # no worker received it before it expired, and the broker drops what has expired
GONE: Final = 14  # it waits nowhere after events were missed: it was received and ended meanwhile
STORED_SUCCESS: Final = 15  # the result backend has this outcome of it
STORED_FAILURE: Final = 16
STORED_REVOKED: Final = 17
STORED_IGNORED: Final = 18
STORED_RETRY: Final = 19
RUNNING: Final = 20  # its worker runs it, though no event told of its start
LAST_KIND: Final = RUNNING

_KINDS: Final[dict[str, int]] = {
    "task-sent": SENT,
    "task-received": RECEIVED,
    "task-started": STARTED,
    "task-succeeded": SUCCEEDED,
    "task-failed": FAILED,
    "task-retried": RETRIED,
    "task-rejected": REJECTED,
    "task-revoked": REVOKED,
    "task-cancelled": CANCELLED,
}
_KEPT_FROM_EACH_END: Final = 256
MOST_OBSERVATIONS: Final = 2 * _KEPT_FROM_EACH_END
"""A record that holds so many is full: more of them push others out of its middle."""
_MOST_MESSAGES: Final = 16
MOST_COUNTED: Final = 4_096
"""Deliveries that are counted beyond the observations that are kept."""
CLOCK_ASTRAY: Final = 0.25
"""Seconds by which a clock must differ for the difference to be kept: less is the time that an event takes."""
_EMPTY_CLOCKS: Final[dict[str, float]] = {}
T = TypeVar("T", bound=tuple[object, ...])
_new = tuple.__new__
"""Of a NamedTuple, from all its values: a third of the time that its own constructor takes."""


class Observation(NamedTuple):
    """One event of a task, without what the registers keep. All fields compare, so that any two have an order.

    ``number``: retries of SENT and RECEIVED (-1 unknown), runtime in s of SUCCEEDED (-1 unknown), 1 or 0 for REJECTED
    with or without requeue. ``text``: exception, custom state, how a task was revoked, or the ``tag_of`` of what was
    RECEIVED. ``traceback``: "" if none.
    Kinds from LOST on are a recorder's notes: see ``task_notes``.
    """

    kind: int
    timestamp: float
    clock: int
    hostname: str
    pid: int
    number: float = -1
    text: str = ""
    traceback: str = ""


class Message(NamedTuple):
    """What the newest message of the task says; ``source``: SENT or RECEIVED; "" is unknown, -1 no time."""

    retries: int
    source: int
    timestamp: float
    hostname: str
    name: str = ""
    args: str = ""
    kwargs: str = ""
    root_id: str = ""
    parent_id: str = ""
    eta: float = -1
    expires: float = -1


class TaskRoute(NamedTuple):
    """Where the newest message was sent; only task-sent tells."""

    retries: int
    timestamp: float
    queue: str
    exchange: str
    routing_key: str


class TaskOutcome(NamedTuple):
    """The repr of what the newest success returned."""

    timestamp: float
    clock: int
    hostname: str
    result: str


class More(msgspec.Struct):
    """What only the records of few tasks have.

    ``messages``: of each name with its arguments the greatest that a worker received, but for the record's greatest.
    ``outcomes``: of each other worker the greatest. ``clocks``: by how many seconds a worker's clock was found to be
    ahead of the recorder's. ``counted``: marks of the deliveries that were cut from the observations.
    """

    messages: set[Message] = msgspec.field(default_factory=set)
    outcomes: set[TaskOutcome] = msgspec.field(default_factory=set)
    clocks: dict[str, float] = msgspec.field(default_factory=dict)
    counted: set[int] = msgspec.field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.messages or self.outcomes or self.clocks or self.counted)


class TaskRecord(msgspec.Struct, gc=False):
    """Everything that was observed of the task ``uuid``. ``more`` is None where it would be empty."""

    uuid: str
    observations: set[Observation] = msgspec.field(default_factory=set)
    message: Message | None = None
    route: TaskRoute | None = None
    outcome: TaskOutcome | None = None
    more: More | None = None

    @property
    def clocks(self) -> dict[str, float]:
        """By how many seconds the clocks of workers were found to be ahead, as far as they were."""
        return self.more.clocks if self.more is not None else _EMPTY_CLOCKS

    @property
    def deliveries(self) -> int:
        """How many deliveries to workers were seen; at ``MOST_COUNTED`` of ``more.counted`` there may be more."""
        kept = sum(observation.kind == RECEIVED for observation in self.observations)
        return kept + (len(self.more.counted) if self.more is not None else 0)

    def received_messages(self) -> list[Message]:
        """Return the greatest message of each name with its arguments that a worker received."""
        known = [self.message] if self.message is not None else []
        known += self.more.messages if self.more is not None else ()
        return [message for message in known if message.source == RECEIVED]

    def outcomes(self) -> list[TaskOutcome]:
        """Return the greatest outcome of each worker."""
        known = [self.outcome] if self.outcome is not None else []
        return [*known, *(self.more.outcomes if self.more is not None else ())]

    def add(self, event: Event) -> bool:
        """Take in one event of this task; False if it was known already (or is no event of a task)."""
        kind = _KINDS.get(event.type)
        if kind is None:
            if not event.type.startswith("task-"):
                return False
            custom = event.type[5:].upper().replace("-", "_")[:64]
            return self.observe(
                Observation(CUSTOM, event.timestamp, event.clock, event.hostname, event.pid, -1, custom)
            )
        timestamp, clock, hostname = event.timestamp, event.clock, event.hostname
        number: float = -1
        text = traceback = ""
        if kind <= RECEIVED:
            if event.retries is not None:
                number = event.retries
            if kind == RECEIVED:
                text = tag_of(event.name or "", event.args or "", event.kwargs or "")
            self._offer_message(kind, event)
        elif kind == SUCCEEDED:
            if event.runtime is not None:
                number = event.runtime
            outcome = _new(TaskOutcome, (timestamp, clock, hostname, event.result or ""))
            if self.outcome is None:
                self.outcome = outcome
            else:
                self.offer_outcomes((outcome,))
        elif kind in (FAILED, RETRIED):
            traceback = event.traceback or ""
            text = _real_exception(event.exception or "", traceback)
            if kind == FAILED and text.startswith("reject requeue="):  # repr of celery.exceptions.Reject
                kind, number = REJECTED, int(text.startswith("reject requeue=True"))
        elif kind == REJECTED:
            number = 1 if event.requeue else 0
        elif kind == REVOKED:
            text = _how_revoked(event)
        return self.observe(_new(Observation, (kind, timestamp, clock, hostname, event.pid, number, text, traceback)))

    def observe(self, observation: Observation) -> bool:
        """Take in one observation; False if it was known already."""
        known = self.observations
        before = len(known)
        known.add(observation)
        if len(known) == before:
            return False
        if before >= 2 * _KEPT_FROM_EACH_END:
            self._cut()
        return True

    def merge(self, other: TaskRecord) -> None:
        """Take in all that another record of the same task holds."""
        self.observations |= other.observations
        if len(self.observations) > 2 * _KEPT_FROM_EACH_END:
            self._cut()
        self.route = _greater(self.route, other.route)
        more = other.more
        self.offer_messages(m for m in (other.message, *(more.messages if more is not None else ())) if m is not None)
        self.offer_outcomes(other.outcomes())
        if more is not None:
            for hostname, ahead in more.clocks.items():
                self.note_clock(hostname, ahead)
            self._count(more.counted)

    def note_clock(self, hostname: str, ahead: float) -> None:
        """A recorder measured by how many seconds this worker's clock is ahead of its own (negative: behind)."""
        known = self.clocks.get(hostname)
        if ahead > known if known is not None else abs(ahead) >= CLOCK_ASTRAY:
            self._with_more().clocks[hostname] = ahead

    def _with_more(self) -> More:
        if self.more is None:
            self.more = More()
        return self.more

    def _offer_message(self, kind: int, event: Event) -> None:
        retries = event.retries or 0
        eta, expires = event.eta, event.expires
        values = (
            *(retries, kind, event.timestamp, event.hostname),
            *(event.name or "", event.args or "", event.kwargs or "", event.root_id or "", event.parent_id or ""),
            epoch(eta) if eta else -1,
            epoch(expires) if expires else -1,
        )
        message = _new(Message, values)
        known = self.message
        if known is None:
            self.message = message
        elif self.more is None and (known[1] == SENT or (kind == RECEIVED and known[4:7] == message[4:7])):
            if message > known:
                self.message = message
            elif kind == RECEIVED:
                self.offer_messages((message,))
        else:
            self.offer_messages((message,))
        if kind == SENT and (event.queue is not None or event.exchange):
            route = TaskRoute(
                retries, event.timestamp, event.queue or "", event.exchange or "", event.routing_key or ""
            )
            if self.route is None or route > self.route:
                self.route = route

    def offer_messages(self, offered: Iterable[Message]) -> None:
        """Take in messages. Of those that were only sent the greatest is kept, while nothing greater was received."""
        known = [*offered]
        known += [self.message] if self.message is not None else ()
        known += self.more.messages if self.more is not None else ()
        if not known:
            return
        received: dict[tuple[str, ...], Message] = {}
        for message in known:
            if message.source == RECEIVED:
                content = (message.name, message.args, message.kwargs)
                if content not in received or message > received[content]:
                    received[content] = message
        self.message = greatest = max(known)
        others = [message for message in received.values() if message != greatest]
        if others or self.more is not None:
            self._with_more().messages = set(nlargest(_MOST_MESSAGES, others))
            self._tidy()

    def offer_outcomes(self, offered: Iterable[TaskOutcome]) -> None:
        """Take in what successes returned: of each worker the latest is kept."""
        latest: dict[str, TaskOutcome] = {}
        for outcome in (*self.outcomes(), *offered):
            if outcome.hostname not in latest or outcome > latest[outcome.hostname]:
                latest[outcome.hostname] = outcome
        if not latest:
            return
        self.outcome = greatest = max(latest.values())
        if len(latest) > 1:
            self._with_more().outcomes = set(nlargest(_MOST_MESSAGES, (o for o in latest.values() if o != greatest)))

    def _tidy(self) -> None:
        if self.more is not None and not self.more:
            self.more = None

    def _cut(self) -> None:
        """Keep the earliest and the latest observations: what is dropped from the middle does not depend on order."""
        ordered = sorted(self.observations, key=_by_time)
        self.observations = set(ordered[:_KEPT_FROM_EACH_END]) | set(ordered[-_KEPT_FROM_EACH_END:])
        dropped = ordered[_KEPT_FROM_EACH_END:-_KEPT_FROM_EACH_END]
        self._count({_mark(observation) for observation in dropped if observation.kind == RECEIVED})
        if len(self.clocks) > MOST_OBSERVATIONS:  # of workers that nothing is kept of
            known = {observation.hostname for observation in self.observations}
            self._with_more().clocks = {name: ahead for name, ahead in self.clocks.items() if name in known}

    def _count(self, marks: set[int]) -> None:
        if marks:
            counted = self._with_more().counted
            counted |= marks
            if len(counted) > MOST_COUNTED:
                counted.difference_update(nlargest(len(counted) - MOST_COUNTED, counted))


def tag_of(name: str, args: str, kwargs: str) -> str:
    """Return four letters that tell one message from another under the same id."""
    return f"{crc32(f'{name} {args} {kwargs}'.encode('utf-8', 'replace')) & 0xFFFF:04x}"


def _mark(observation: Observation) -> int:
    """Return a number that tells one delivery from another."""
    text = (
        f"{observation.timestamp!r} {observation.clock} {observation.pid} {observation.number} {observation.hostname}"
    )
    return int.from_bytes(blake2b(text.encode("utf-8", "backslashreplace"), digest_size=8).digest(), "big") >> 1


def sent_by_deskq(record: TaskRecord) -> bool:
    """Did deskq send it, by the name of the client in ``task-sent`` (see brokers/publishing.py)?"""
    return any(seen.kind == SENT and seen.hostname.startswith("deskq@") for seen in record.observations)


def _by_time(observation: Observation) -> tuple[float, Observation]:
    return (observation.timestamp, observation)


def _greater(one: T | None, other: T | None) -> T | None:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)


def epoch(text: str | None) -> float:
    """Return ISO 8601 text as epoch seconds, -1 if there is none; a time without a zone is UTC, as Celery sends it."""
    if not text:
        return -1
    try:
        moment = datetime.fromisoformat(text)
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return -1
    return seconds if 0 <= seconds < LATEST else -1


_LAST_LINE = re.compile(r"^([\w.]+)(?:: (.*))?$")


def _real_exception(exception: str, traceback: str) -> str:
    """A hard time limit, and a rejection in a threads pool, report ``ExceptionWithTraceback()``.

    The real class stands in the last line of the traceback, with the exception's ``str``; Reject's is its arguments,
    reason and requeue, and is given as its repr.
    """
    if not exception.startswith("ExceptionWithTraceback("):
        return exception
    for line in reversed(traceback.rstrip('" \n').splitlines()):
        found = _LAST_LINE.match(line.strip())
        if found:
            name = found[1].rpartition(".")[2]
            message = found[2] or ""
            if found[1] == "celery.exceptions.Reject":
                reason, _, requeue = message.removeprefix("(").removesuffix(")").rpartition(", ")
                quoted = len(reason) > 1 and reason[0] in "'\"" and reason[0] == reason[-1]
                return f"reject requeue={requeue}: {reason[1:-1] if quoted else reason}"
            return message if message.startswith(f"{name}(") else f"{name}({message})"
    return exception


def _how_revoked(event: Event) -> str:
    if event.expired:
        return "expired"
    if event.terminated:
        return f"terminated {event.signum}" if event.signum not in (None, "") else "terminated"
    return "revoked"
