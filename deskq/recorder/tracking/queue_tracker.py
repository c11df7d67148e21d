"""Queues as the history keeps them: depths from samples, rates from the broker or from events, who consumes them."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from deskq.brokers.ports import QueueSample
from deskq.history.rows import STREAM, QueueRow
from deskq.recorder.tracking.bound_queues import BoundQueues
from deskq.recorder.tracking.consumers import Consumers

RATE_SECONDS: Final = 10.0
SPARK_SECONDS: Final = 10.0
SPARK_POINTS: Final = 60
UNCHANGED_SECONDS: Final = 60.0
MAX_QUEUES: Final = 20_000
MAX_NAMED: Final = 1_000
"""Names of queues that only tasks and the journal tell of: the latest."""
LONGEST_NAME: Final = 1_024
"""Characters; a longer name that an event brings is no queue's (AMQP allows 255 bytes)."""

Sample = tuple[str, float, int | None, int | None, int | None]


@dataclass(slots=True)
class _Flow:
    """Counts of the last RATE_SECONDS, in slots of a second."""

    slots: deque[tuple[int, int]] = field(default_factory=deque)

    def add(self, now: float, count: int = 1) -> None:
        second = int(now)
        if self.slots and self.slots[-1][0] == second:
            self.slots[-1] = (second, self.slots[-1][1] + count)
        else:
            self.slots.append((second, count))
            while self.slots[0][0] < second - RATE_SECONDS:
                self.slots.popleft()

    def rate(self, now: float) -> float:
        return sum(n for second, n in self.slots if now - RATE_SECONDS <= second) / RATE_SECONDS


@dataclass(slots=True)
class _Queue:
    spark: deque[int | None] = field(default_factory=lambda: deque(maxlen=SPARK_POINTS))
    spark_slot: int = 0
    written: Sample | None = None
    sent: _Flow | None = None
    received: _Flow | None = None


class QueueWatch:
    """All queues of one profile; does no I/O.

    ``names``: those to sample in every round; ``absent``: those that were not there when they were last sampled, and
    are to be looked for now and then. A queue is shown if it is there, if the profile watches it, or if a worker
    says that it consumes it. ``bound``: what leads to them.
    """

    def __init__(self, known: Iterable[QueueRow] = (), watched: Sequence[str] = ()) -> None:
        self.names: set[str] = set(watched)
        self.absent: set[str] = set()
        self.gone: set[str] = set()
        self.bound = BoundQueues()
        self._watched = frozenset(watched)
        self._named: OrderedDict[str, None] = OrderedDict()
        self._in_use: frozenset[str] = frozenset()
        self._queues: dict[str, _Queue] = {}
        self._sum: Sample | None = None
        self.add_known(known)

    def add_known(self, known: Iterable[QueueRow]) -> None:
        """Take in queues as the history has them, as far as nothing is known of them."""
        for row in known:
            if row.name not in self._queues:
                queue = self._queue(row.name)
                queue.spark.extend(row.spark)
                queue.spark_slot = int(row.sampled // SPARK_SECONDS)
            self.names.add(row.name)

    def sent(self, name: str, now: float) -> None:
        """Count a message that was sent to the queue."""
        if name not in self.names:
            self.named((name,))
        if len(self.names) < MAX_QUEUES and self._has_room(name):
            queue = self._queue(name)
            queue.sent = queue.sent or _Flow()
            queue.sent.add(now)

    def named(self, names: Iterable[str]) -> None:
        """Take in names that a task or the journal of actions tells of: no binding need lead there (Redis)."""
        for name in names:
            if name in self._named:
                self._named.move_to_end(name)
            elif name and len(name) <= LONGEST_NAME:
                self._named[name] = None
                if len(self._named) > MAX_NAMED:
                    self.absent.discard(self._named.popitem(last=False)[0])
            else:
                continue
            if name not in self.names and len(self.names) < MAX_QUEUES:
                self.names.add(name)
                self.absent.discard(name)

    def received(self, name: str, now: float, count: int = 1) -> None:
        """Count messages that workers took from the queue."""
        if self._has_room(name):
            queue = self._queue(name)
            queue.received = queue.received or _Flow()
            queue.received.add(now, count)

    def found(self, names: Iterable[str], in_use: Iterable[str], *, complete: bool) -> None:
        """Take in the names that the broker and the workers report; what nobody names any more is gone."""
        self._in_use = frozenset(in_use)
        reported = set(names) | self._in_use | self._watched
        self.absent -= reported
        kept = reported | (self._named.keys() - self.absent)
        if complete:
            self.gone |= self.names - kept
            for name in [name for name in self._queues if name not in kept]:
                del self._queues[name]
        self.names = kept if complete else self.names | kept

    def take_gone(self) -> list[str]:
        """Return the names that are no longer shown, since the last call."""
        gone, self.gone = sorted(self.gone), set()
        return gone

    def rows(
        self,
        samples: Sequence[QueueSample],
        consumers: Consumers,
        oldest: Mapping[str, float],
        now: float,
        delayed: Callable[[str], int | None] = lambda _: None,
    ) -> tuple[list[QueueRow], list[Sample]]:
        """Return the rows of these samples and those of the samples that are worth keeping."""
        rows: list[QueueRow] = []
        kept: list[Sample] = []
        shown = [sample for sample in samples if self._is_shown(sample, consumers)]
        for sample in shown:
            queue = self._queue(sample.name)
            count = sample.consumers
            if count is None:
                count = consumers.count(sample.name, sample.unacked or 0)
            workers = tuple(consumers.workers.get(sample.name, ())) if count != 0 else ()  # the broker knows better
            exists = sample.exists or bool(workers and sample.ready is not None)
            self._draw(queue, sample, now)
            rows.append(
                QueueRow(
                    name=sample.name,
                    ready=sample.ready if exists else None,
                    unacked=sample.unacked if exists else None,
                    consumers=count if exists else None,
                    priorities=sample.priorities,
                    in_rate=_rate(sample.in_rate, queue.sent, now),
                    out_rate=_rate(sample.out_rate, queue.received if queue.sent else None, now),
                    oldest=oldest.get(sample.name) if sample.ready else None,
                    sampled=sample.at,
                    no_consumer=exists and count == 0 and sample.kind != STREAM,
                    spark=tuple(queue.spark),
                    workers=workers,
                    exists=exists,
                    told=consumers.told.get(sample.name) if workers else None,
                    delayed=delayed(sample.name),
                    kind=sample.kind,
                )
            )
            measured: Sample = (sample.name, sample.at, sample.ready, sample.unacked, count)
            if _worth_keeping(queue.written, measured):
                queue.written = measured
                kept.append(measured)
        if shown:
            total: Sample = ("", shown[0].at, _sum(s.ready for s in shown), _sum(s.unacked for s in shown), None)
            if _worth_keeping(self._sum, total):
                self._sum = total
                kept.append(total)
        return rows, kept

    def _is_shown(self, sample: QueueSample, consumers: Consumers) -> bool:
        name = sample.name
        if sample.exists or name in self._watched or name in self._in_use or name in consumers.workers:
            self.absent.discard(name)
            self.gone.discard(name)
            self.names.add(name)
            return True
        if name in self.names:
            self.names.discard(name)
            self.gone.add(name)
        if name in self._named:
            self.absent.add(name)
        return False

    def _has_room(self, name: str) -> bool:
        return name in self._queues or (len(self._queues) < MAX_QUEUES and len(name) <= LONGEST_NAME)

    def _queue(self, name: str) -> _Queue:
        queue = self._queues.get(name)
        if queue is None:
            queue = self._queues[name] = _Queue()
        return queue

    def _draw(self, queue: _Queue, sample: QueueSample, now: float) -> None:
        slot = int(now // SPARK_SECONDS)
        if not queue.spark:
            queue.spark.append(sample.ready)
        elif slot == queue.spark_slot:
            queue.spark[-1] = sample.ready
        else:
            for _ in range(min(slot - queue.spark_slot - 1, SPARK_POINTS)):
                queue.spark.append(None)
            queue.spark.append(sample.ready)
        queue.spark_slot = slot


def _rate(measured: float | None, counted: _Flow | None, now: float) -> float | None:
    return measured if measured is not None else counted.rate(now) if counted is not None else None


def _sum(numbers: Iterable[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def _worth_keeping(before: Sample | None, now: Sample) -> bool:
    return before is None or before[2:] != now[2:] or now[1] - before[1] >= UNCHANGED_SECONDS
