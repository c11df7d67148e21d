"""Whether workers without heartbeats, or without any at work, are there: whom to ask, and what an answer means.

Where the broker tells of control queues (RabbitMQ), the connection that holds one is the answer, and nobody is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from deskq.brokers.remote_control import is_beat
from deskq.recorder.tracking.worker import DEAF_AT_WORK, Worker
from deskq.recorder.tracking.worker_tracker import WorkerWatch

QUIET: Final = 10.0
"""Seconds without a sign of life after which a worker without heartbeats is asked whether it is there."""
AGAIN: Final = 4.0
"""Seconds after which a question that nobody answered is asked again."""
SELDOM: Final = 60.0
"""The same for a worker of which it is not known whether it is there."""
ENOUGH: Final = 3
"""Questions in a row that stay without an answer before that means anything."""
MOST_ASKED: Final = 200
"""Workers that are asked in one round."""
_ANSWER_AT_WORK: Final = frozenset({"prefork", "thread"})
"""Pools whose worker answers while its tasks run; green threads may be too busy for that."""


class Presence:
    """``busy``: the names of the workers that run a task, as far as events tell."""

    def __init__(self, workers: WorkerWatch, busy: Callable[[], Collection[str]]) -> None:
        self._workers = workers
        self._busy = busy

    def to_ask(self, now: float) -> list[str]:
        """Return whom to ask next."""
        watch = self._workers
        due = [one.hostname for one in watch.workers.values() if _is_due(one, now, muted=watch.muted)]
        return due[:MOST_ASKED]

    def asked(
        self, names: Iterable[str], there: Mapping[str, bool], at: float, *, by_broker: Collection[str] = ()
    ) -> None:
        """Take in who is there of those that were asked ``at`` a time; of who is absent there, nothing told.

        ``by_broker``: of these the broker told, by their connections; the others were asked themselves.
        """
        busy = self._busy()
        for name in names:
            worker = self._workers.workers.get(name)
            if worker is None:
                continue
            worker.asked = at
            if there.get(name):
                self._workers.answered(name, at)
            elif name in there and worker.heard < at:
                worker.unanswered += 1
                if (
                    worker.unanswered >= ENOUGH
                    and worker.answers
                    and _is_death(worker, name in busy, name in by_broker)
                ):
                    self._workers.gone(name)

    def replied(self, names: Iterable[str], at: float) -> None:
        """These answered a question that everybody was asked, or they among others."""
        for name in names:
            if not is_beat(name):
                self._workers.answered(name, at)


def _is_due(worker: Worker, now: float, *, muted: bool) -> bool:
    """``muted``: the broker takes no messages, so that nobody's heartbeats come."""
    if worker.unknown:
        return now - worker.asked >= SELDOM
    if not worker.online or (worker.beats_at_work and not muted):
        return False
    if not worker.answers and not worker.asked:
        return True  # whether it answers at all decides what its silence will mean
    return now - worker.heard >= QUIET and now - worker.asked >= (AGAIN if 0 < worker.unanswered < ENOUGH else QUIET)


def _is_death(worker: Worker, busy: bool, by_broker: bool) -> bool:
    """Does silence mean its end? One that has never answered may be told not to: see ``worker.answers``.

    What a solo pool has started it tells of afterwards, so that it may be busy and deaf at any time. RabbitMQ ends the
    connection of one that is deaf for minutes.
    """
    if worker.pool in _ANSWER_AT_WORK:
        return True
    if worker.pool == DEAF_AT_WORK and not by_broker:
        return False
    return worker.events_enabled is True and not busy
