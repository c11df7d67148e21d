"""Payloads in, records out: decodes a batch, merges it into the history's records, and counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from deskq.history.beside import MALFORMED_BYTES
from deskq.history.store import History
from deskq.protocol.events import Event, MalformedEvent
from deskq.recorder.queue_watch import QueueWatch
from deskq.recorder.worker_watch import WorkerWatch

HELD_EVENTS: Final = 50_000
"""Events of tasks that are held in memory while the history cannot be written; what comes then is counted, not kept."""
HELD_BYTES: Final = 256 * 1024 * 1024
"""The same for the bytes of the deliveries that they came in."""


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

    def take(self, payloads: Iterable[Any], decode: Callable[[Any], list[Event]], now: float) -> None:
        """Merge a batch; ``now`` is when it was read, by the local clock."""
        for payload in payloads:
            try:
                events = decode(payload)
            except MalformedEvent as error:
                self.malformed += 1
                if len(self.bad) < 100:  # a flood of garbage must not become a flood of writing
                    self.bad.append((error.reason, error.raw[:MALFORMED_BYTES], len(error.raw)))
                continue
            self.pending_bytes += _size(payload)
            for event in events:
                self._event(event, now)

    def counts(self) -> tuple[int, int, int]:
        """Return the counts of events, malformed and duplicates, for ``restore``."""
        return self.events, self.malformed, self.duplicates

    def restore(self, counts: tuple[int, int, int]) -> None:
        """Take back what was counted since: the same batch is taken once more."""
        self.events, self.malformed, self.duplicates = counts

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

    def _event(self, event: Event, now: float) -> None:
        self.events += 1
        kind = event.type
        if event.uuid is not None and kind.startswith("task-"):
            if self.pending >= HELD_EVENTS or self.pending_bytes > HELD_BYTES:
                self._drop(event, now)
                return
            self.pending += 1
            record = self._history.record(event.uuid, now)
            if not record.add(event):
                self.duplicates += 1
                return
            if kind == "task-sent":
                if event.queue:
                    self._queues.sent(event.queue, now)
                return
            self._workers.task_event(event, now)
            self.last_event = (event.timestamp, event.hostname)
            if kind == "task-received":
                queue = record.route.queue if record.route is not None else self._only_queue(event.hostname)
                if queue:
                    self._queues.received(queue, now)
        elif kind.startswith("worker-") and event.hostname:
            self._workers.worker_event(event, now)
            self.last_event = (event.timestamp, event.hostname)

    def _only_queue(self, hostname: str) -> str:
        worker = self._workers.workers.get(hostname)
        return worker.queues[0] if worker is not None and len(worker.queues) == 1 else ""


def _size(payload: Any) -> int:
    """Bytes of a delivery: of Redis it is the bytes themselves, of others a tuple with the body before the rest."""
    body = payload[0] if isinstance(payload, tuple) else payload
    return len(body) if isinstance(body, bytes | str) else 0
