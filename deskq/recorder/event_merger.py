"""Payloads in, records out: decodes a batch, merges it into the history's records, and counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from deskq.history.writing.side_tables import MALFORMED_BYTES
from deskq.history.writing.writer import History
from deskq.protocol.events import Event, MalformedEvent
from deskq.recorder.tracking.queue_tracker import QueueWatch
from deskq.recorder.tracking.worker_tracker import WorkerWatch

HELD_EVENTS: Final = 50_000
"""Events of tasks that are held in memory while the history cannot be written; what comes then is counted, not kept."""
HELD_BYTES: Final = 256 * 1024 * 1024
"""The same for the bytes of the deliveries that they came in."""
CLOCK_UNKNOWN: Final = 2.0
"""Seconds by which an event of a worker whose clock was not measured may be off before that counts as its clock's."""
_MERGED_BYTES: Final = 8 * 1024 * 1024
"""After so many bytes what was decoded is merged, so that a batch of large ones does not fill memory twice."""


class Pipeline:
    """Takes in what a source delivers. Raises nothing for bad input: it is counted and its beginning kept.

    ``dropped``: events of tasks that found no room since ``dropped_since`` (None: none did).
    """

    def __init__(self, history: History, workers: WorkerWatch, queues: QueueWatch) -> None:
        self._history = history
        self._workers = workers
        self._queues = queues
        self.events = 0
        self.malformed = 0
        self.duplicates = 0
        self.pending = 0
        self.pending_bytes = 0
        self.dropped = 0
        self.dropped_since: float | None = None
        self.last_event: tuple[float, str] | None = None  # timestamp and worker of the newest worker's event
        self.bad: list[tuple[str, bytes, int]] = []

    @property
    def last_event_at(self) -> float:
        """When the newest worker's event was sent, by the local clock; 0.0 before there was one."""
        if self.last_event is None:
            return 0.0
        at, hostname = self.last_event
        worker = self._workers.workers.get(hostname)
        return at - ((worker.clock_difference if worker is not None else None) or 0.0)

    def take(self, payloads: Iterable[Any], decode: Callable[[Any], list[Event]], now: float) -> None:
        """Merge a batch; ``now`` is when it was read, by the local clock."""
        batch: list[Event] = []
        size = 0
        for payload in payloads:
            try:
                batch += decode(payload)
            except MalformedEvent as error:
                self.malformed += 1
                if len(self.bad) < 100:  # a flood of garbage must not become a flood of writing
                    self.bad.append((error.reason, error.raw[:MALFORMED_BYTES], len(error.raw)))
                continue
            size += len(payload) if type(payload) is bytes else _size(payload)
            if size > _MERGED_BYTES:
                self._merge(batch, size, now)
                batch, size = [], 0
        self._merge(batch, size, now)

    def counts(self) -> tuple[int, int, int, int]:
        """Return the counts of events, malformed, duplicates and malformed that are kept, for ``restore``."""
        return self.events, self.malformed, self.duplicates, len(self.bad)

    def restore(self, counts: tuple[int, int, int, int]) -> None:
        """Take back what was counted since: the same batch is taken once more."""
        self.events, self.malformed, self.duplicates, bad = counts
        del self.bad[bad:]

    def committed(self) -> list[tuple[str, bytes, int]]:
        """Begin a new batch; returns the malformed deliveries to keep: reason, beginning, size."""
        self.pending = self.pending_bytes = 0
        bad, self.bad = self.bad, []
        return bad

    def take_dropped(self) -> tuple[float, int] | None:
        """Return since when how many events were dropped, None if none were; and begin anew."""
        if self.dropped_since is None:
            return None
        dropped = (self.dropped_since, self.dropped)
        self.dropped_since, self.dropped = None, 0
        return dropped

    def _drop(self, event: Event, now: float) -> None:
        """There is no room for it. It is still a sign of its worker's life."""
        if self.dropped_since is None:
            self.dropped_since = now
        self.dropped += 1
        if event.type != "task-sent" and event.hostname:
            self._workers.task_event(event, now)

    def _merge(self, batch: list[Event], size: int, now: float) -> None:
        """Merge events; what is counted for each worker and queue is told once for all of them."""
        record_of, bound = self._history.record, self._queues.bound.queue_of
        clocks = self._workers.clocks
        self.events += len(batch)
        self.pending_bytes += size
        room = HELD_EVENTS - self.pending if self.pending_bytes <= HELD_BYTES else 0
        kept = 0
        heard: dict[str, int] = {}
        taken: dict[str, int] = {}
        last: Event | None = None
        try:
            for event in batch:
                kind, uuid, hostname = event.type, event.uuid, event.hostname
                if uuid is not None and kind.startswith("task-"):
                    if kept >= room:
                        self._drop(event, now)
                        continue
                    kept += 1
                    if kind == "task-sent" and (event.exchange or event.routing_key != event.queue):
                        event.queue = bound(event.exchange or "", event.routing_key or "", event.queue or "")
                    record = record_of(uuid, now)
                    ahead = clocks.get(hostname)
                    if ahead is None:  # no clock is known: when it came is the best that tells the order
                        ahead = event.timestamp - now
                        if not -CLOCK_UNKNOWN < ahead < CLOCK_UNKNOWN and kind != "task-sent":
                            record.note_clock(hostname, round(ahead, 1))
                    elif ahead:
                        record.note_clock(hostname, ahead)
                    if not record.add(event):
                        self.duplicates += 1
                    elif kind == "task-sent":
                        if event.queue:
                            self._queues.sent(event.queue, now)
                    else:
                        last = event
                        heard[hostname] = heard.get(hostname, 0) + (kind == "task-started")
                        if kind == "task-received":
                            queue = record.route.queue if record.route is not None else self._only_queue(hostname)
                            if queue:
                                taken[queue] = taken.get(queue, 0) + 1
                elif kind.startswith("worker-") and hostname:
                    self._heard(heard, now)  # in the order in which they came: it may be this worker's farewell
                    self._workers.worker_event(event, now)
                    last = event
        finally:  # also where the history proves to be damaged: what was merged is no news when it is taken again
            self._heard(heard, now)
            for queue, count in taken.items():
                self._queues.received(queue, now, count)
            if last is not None:
                self.last_event = (last.timestamp, last.hostname)
            self.pending += kept

    def _heard(self, heard: dict[str, int], now: float) -> None:
        for hostname, started in heard.items():
            self._workers.tasks_heard(hostname, started, now)
        heard.clear()

    def _only_queue(self, hostname: str) -> str:
        worker = self._workers.workers.get(hostname)
        return worker.queues[0] if worker is not None and len(worker.queues) == 1 else ""


def _size(payload: Any) -> int:
    """Bytes of a delivery: of Redis it is the bytes themselves, of others a tuple with the body before the rest."""
    body = payload[0] if isinstance(payload, tuple) else payload
    return len(body) if isinstance(body, bytes | str) else 0
