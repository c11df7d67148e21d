"""Consumers of queues, as reported by the workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Consumers:
    """Names of workers by queue, and when the earliest of them said so.

    ``complete``: every worker that is there has told, so that no other queue has a consumer; but of ``doubtful`` ones
    it is not known whether their worker is still there.
    """

    workers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    told: Mapping[str, float] = field(default_factory=dict)
    doubtful: frozenset[str] = frozenset()
    complete: bool = False

    def count(self, queue: str) -> int | None:
        """How many consume the queue; None where there may be more than those that are known."""
        return len(self.workers.get(queue, ())) if self.complete and queue not in self.doubtful else None
