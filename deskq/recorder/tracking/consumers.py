"""Consumers of queues, as reported by the workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


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
