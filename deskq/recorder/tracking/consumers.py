"""Consumers of queues, as reported by the workers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from deskq.recorder.tracking.worker import Worker


@dataclass(frozen=True, slots=True)
class Consumers:
    """Names of workers by queue, and when the earliest of them said so.

    ``complete``: every worker that is there has told, so that no other queue has a consumer; but of ``doubtful`` ones
    it is not known whether their worker is still there. ``gone``: the queues of workers that are offline; None: there
    is an offline worker that never said which queues it consumed.
    """

    workers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    told: Mapping[str, float] = field(default_factory=dict)
    doubtful: frozenset[str] = frozenset()
    complete: bool = False
    gone: frozenset[str] | None = frozenset()

    def count(self, queue: str, held: int = 0) -> int | None:
        """How many consume the queue; None where there may be more than those that are known.

        ``held``: messages of it that a worker holds. Where none consumes it and none that is gone did, an unknown one
        holds them, as a solo worker without heartbeats that has been busy since before anyone asked.
        """
        if not self.complete or queue in self.doubtful:
            return None
        known = len(self.workers.get(queue, ()))
        return None if held and not known and self.gone is not None and queue not in self.gone else known


def consumers_of(workers: Iterable[Worker], *, all_asked: bool) -> Consumers:
    """Return who consumes which queue, as these workers said; ``all_asked``: even those that were never heard."""
    found: dict[str, list[str]] = {}
    told: dict[str, float] = {}
    doubtful: set[str] = set()
    gone: frozenset[str] | None = frozenset()
    complete = all_asked
    for worker in workers:
        if worker.unknown:
            doubtful.update(worker.queues)
        if not worker.online:
            gone = gone | set(worker.queues) if gone is not None and worker.queues else None
            continue
        if worker.told is None or worker.duplicate_name:  # of two processes of one name one answers
            complete = False
        if worker.told is not None:
            for name in worker.queues:
                found.setdefault(name, []).append(worker.hostname)
                told[name] = min(told.get(name, worker.told), worker.told)
    return Consumers(found, told, frozenset(doubtful), complete, gone)
