"""Queues that have a consumer, according to the workers in a history."""

from __future__ import annotations

from collections.abc import Iterable

from deskq.history.rows import QueueRow, WorkerRow


def consumed_queues(workers: Iterable[WorkerRow], queues: Iterable[QueueRow]) -> frozenset[str] | None:
    """Return the queues that somebody consumes, by the history; None where it does not know of all workers.

    A worker of which it is not known whether it is there may still consume what it said it does.
    """
    there = [worker for worker in workers if worker.online or worker.unknown]
    if not any(worker.online for worker in there) or any(w.duplicate_name or not w.queues for w in there):
        return None
    found = {name for worker in there for name in worker.queues}
    return frozenset(found | {queue.name for queue in queues if queue.consumers})
