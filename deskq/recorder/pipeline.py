"""Payloads in, records out: decodes a batch, merges it into the history's records, and counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from deskq.history.store import History
from deskq.protocol.events import Event, MalformedEvent
from deskq.recorder.queue_watch import QueueWatch
from deskq.recorder.worker_watch import WorkerWatch


class Pipeline:
    """Takes in what a source delivers. Raises nothing for bad input: it is counted and its beginning kept."""

    def __init__(self, history: History, workers: WorkerWatch, queues: QueueWatch) -> None:
        self._history = history
        self._workers = workers
        self._queues = queues
        self.events = 0
        self.malformed = 0
        self.duplicates = 0
        self.pending = 0
        self.last_event: tuple[float, str] | None = None  # timestamp and worker of the newest worker's event
        self.bad: list[tuple[str, bytes]] = []

    def take(self, payloads: Iterable[Any], decode: Callable[[Any], list[Event]], now: float) -> None:
        """Merge a batch; ``now`` is when it was read, by the local clock."""
        for payload in payloads:
            try:
                events = decode(payload)
            except MalformedEvent as error:
                self.malformed += 1
                if len(self.bad) < 100:  # a flood of garbage must not become a flood of writing
                    self.bad.append((error.reason, error.raw))
                continue
            for event in events:
                self._event(event, now)

    def committed(self) -> list[tuple[str, bytes]]:
        """Begin a new batch; returns the malformed deliveries to keep."""
        self.pending = 0
        bad, self.bad = self.bad, []
        return bad

    def _event(self, event: Event, now: float) -> None:
        self.events += 1
        kind = event.type
        if event.uuid is not None and kind.startswith("task-"):
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
