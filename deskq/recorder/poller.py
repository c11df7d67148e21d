"""The recorder's second thread: asks the broker for depths and, where the profile allows it, the workers for facts."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Final

from deskq.brokers.opening import open_broker
from deskq.brokers.ports import Binding, Broker, LoginRefused, QueueSample
from deskq.brokers.remote_control import RemoteControl
from deskq.errors import UserError
from deskq.history.writing.message_cache import MessageKeep
from deskq.profiles import Profile
from deskq.protocol.identity import Identity
from deskq.protocol.message import read_redis_message

SAMPLE_SECONDS: Final = 2.0
NAMES_SECONDS: Final = 10.0
FACTS_SECONDS: Final = 30.0
RETRY_SECONDS: Final = 5.0
REFUSED_SECONDS: Final = 30.0
_IDENTITY_SECONDS: Final = 60.0
LOOKED_INTO: Final = 50
"""Queues whose waiting messages are looked at in one round."""
REMEMBERED: Final = 50_000
"""Ids of kept messages that are remembered, so that none is written again and again."""


@dataclass(frozen=True, slots=True)
class Acted:
    """What deskq itself did at this broker: ``queues`` it sent to, and when it last told workers something."""

    queues: frozenset[str] = frozenset()
    steered: float = 0.0


@dataclass(frozen=True, slots=True)
class PollRequest:
    """What the recorder wants to know next.

    ``absent``: queues that were not there: they are looked for with the names. ``everyone``: all workers are to say
    which queues they consume, also those that were never heard; ``facts_of``: these are; ``whether_there``: nobody
    knows whether these still are.
    """

    names: Sequence[str] = ()
    absent: Sequence[str] = ()
    everyone: bool = False
    facts_of: Sequence[str] = ()
    whether_there: Sequence[str] = ()


@dataclass(slots=True)
class PollResult:
    """What one round found out; None = not asked or not answered. ``asked_at``: when workers were asked.

    ``problem``: why figures are missing or old, or the broker's alarm; "" where there is neither.
    ``broker``: who it says it is, told once for each connection.
    ``delayed``: messages that Celery's delayed delivery holds, None where there is none.
    ``muted``: whether that alarm is set, so that no worker can be heard.
    ``there``: of whom it is known whether they are, of ``connected`` by the broker; ``everyone``: all were asked.
    """

    at: float
    samples: list[QueueSample] = field(default_factory=list)
    names: set[str] | None = None
    bindings: list[Binding] | None = None
    server: str = ""
    broker: Identity | None = None
    clock_difference: float | None = None
    stats: dict[str, object] | None = None
    active_queues: dict[str, object] | None = None
    there: dict[str, bool] = field(default_factory=dict)
    connected: frozenset[str] = frozenset()
    everyone: bool = False
    asked_at: float = 0.0
    acted: Acted | None = None
    problem: str = ""
    muted: bool | None = None
    delayed: int | None = None
    asked: PollRequest = field(default_factory=PollRequest)


class Sampler:
    """Runs until stopped. ``wanted`` is called in this thread, as is ``acted``, which returns None where it has
    nothing new; results wait in ``results`` for the recorder.

    ``trusted``: the time by which kept messages are too old, None where no clock is to be trusted with that.
    """

    def __init__(
        self, profile: Profile, wanted: Callable[[], PollRequest], acted: Callable[[], Acted | None] = lambda: None
    ) -> None:
        self.results: queue.SimpleQueue[PollResult] = queue.SimpleQueue()
        self._profile = profile
        self._wanted = wanted
        self._acted = acted
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        self._broker: Broker | None = None
        self._remote: RemoteControl | None = None
        self._next_names = 0.0
        self._next_identity = 0.0
        self._workers_problem = ""
        self.trusted: float | None = None
        self._next_question = 0.0
        self._began = self._broker_took = 0.0
        self._keep = MessageKeep(profile.history_path()) if profile.keep_messages else None
        self._kept: dict[str, None] = {}  # ids that were kept, the oldest first

    @property
    def refusal(self) -> str:
        """What the status should tell of messages that are not kept, "" if they are."""
        return self._keep.refusal if self._keep is not None else ""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout: float = 1.0) -> None:
        """End; a call that hangs is left to its deadline."""
        self._stop.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        pause = 0.0
        while not self._stop.wait(pause):
            self._began = time.monotonic()
            result = PollResult(time.time())
            try:
                self._sample(result)
                result.clock_difference = self._broker.clock_difference() if self._broker is not None else None
                pause = SAMPLE_SECONDS
            except UserError as error:
                result.problem = f"The queues cannot be read: {error}"
                self._close()
                pause = REFUSED_SECONDS if isinstance(error, LoginRefused) else RETRY_SECONDS
            self.results.put(result)
            took = time.monotonic() - self._began
            pause = max(pause - took, 3 * self._broker_took, 0.2)  # a slow broker is asked less often
        self._close()
        if self._keep is not None:
            self._keep.close()

    def _sample(self, result: PollResult) -> None:
        result.acted = self._acted()
        wanted = result.asked = self._wanted()
        try:
            broker = self._sample_queues(result, wanted)
        finally:
            self._broker_took = time.monotonic() - self._began
        result.asked_at = time.time()
        if wanted.whether_there:
            result.there = broker.connected_nodes(wanted.whether_there)
            result.connected = frozenset(result.there)
        result.delayed = broker.delayed
        result.muted = broker.alarm is not None
        if broker.alarm is not None:  # nobody could answer
            result.problem = str(broker.alarm)
            return
        if broker.incomplete:
            result.problem = f"Some figures are missing: {broker.incomplete}"
        if self._profile.may_inspect_unasked and time.monotonic() >= self._next_question:
            try:
                self._ask_workers(result, wanted)
            except UserError as error:  # the queues can be seen all the same
                self._workers_problem = str(error)
                self._next_question = time.monotonic() + REFUSED_SECONDS
                self._close_remote()
            else:
                self._workers_problem = ""
        result.problem = result.problem or self._workers_problem

    def _sample_queues(self, result: PollResult, wanted: PollRequest) -> Broker:
        if self._broker is None:
            self._broker = open_broker(self._profile)
            server = self._broker.server()
            result.server = f"{server.product} {server.version}".strip()
            self._next_identity = 0.0
        if time.monotonic() >= self._next_identity:
            result.broker = self._broker.identity()
            again = _IDENTITY_SECONDS if self._profile.transport.reconnects_unseen else inf
            self._next_identity = time.monotonic() + again
        names = set(wanted.names)
        if time.monotonic() >= self._next_names:
            result.bindings = self._broker.bindings()
            bound = self._profile.transport.queues_by_bindings
            result.names = {one.queue for one in result.bindings} if bound else self._broker.queue_names()
            names |= result.names | set(wanted.absent)
            self._next_names = time.monotonic() + NAMES_SECONDS
        result.samples = self._broker.sample(sorted(names))
        self._keep_waiting(self._broker, result.samples)
        return self._broker

    def _ask_workers(self, result: PollResult, wanted: PollRequest) -> None:
        silent = [name for name in wanted.whether_there if name not in result.there]
        # Not every transport of kombu's has remote control: there a worker must have been heard first.
        everyone = wanted.everyone and (self._profile.transport.has_remote_control or bool(wanted.facts_of))
        if not (everyone or wanted.facts_of or silent):
            return
        remote = self._remote = self._remote or RemoteControl(self._profile)
        result.asked_at = time.time()
        if everyone:
            result.active_queues = remote.inspect("active_queues")
            result.everyone = True
        elif wanted.facts_of:
            result.active_queues = _asked(remote, "active_queues", wanted.facts_of)
        if wanted.facts_of:
            result.stats = _asked(remote, "stats", wanted.facts_of)
        if silent:
            replies = {} if self._stop.is_set() else _asked(remote, "ping", silent)
            result.there = result.there | {name: name in replies for name in silent}

    def _keep_waiting(self, broker: Broker, samples: Sequence[QueueSample]) -> None:
        """Keep what waits, so that a retry can send the very same; the shortest queues first, which are seen whole."""
        if self._keep is None:
            return
        filled = sorted((sample.ready, sample.name) for sample in samples if sample.ready)
        if not filled:
            return
        new, retries = [], []
        for raw in broker.waiting([name for _, name in filled[:LOOKED_INTO]]):
            message = read_redis_message(raw)
            if message is not None and message.id and message.id not in self._kept:
                self._kept[message.id] = None
                new.append((message.id, raw))
                if message.retry_of:
                    retries.append((message.id, message.retry_of))
        while len(self._kept) > REMEMBERED:
            self._kept.pop(next(iter(self._kept)))
        self._keep.keep(new, time.time(), self.trusted, retries)

    def _close(self) -> None:
        if self._broker is not None:
            self._broker.close()
            self._broker = None
        self._close_remote()

    def _close_remote(self) -> None:
        if self._remote is not None:
            self._remote.close()
            self._remote = None


def _asked(remote: RemoteControl, method: str, names: Sequence[str]) -> dict[str, object]:
    return remote.inspect(method, destination=list(names), limit=len(names))
