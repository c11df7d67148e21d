"""Tasks that ended without a word: their worker died with them, or says that it no longer runs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from deskq.history.store import History
from deskq.protocol.task_record import IGNORED, LOST, UNSEEN, Observation, TaskRecord
from deskq.protocol.task_summary import Attempt, derive
from deskq.recorder.worker_watch import WorkerWatch

ASK_AFTER: Final = 10.0
"""Seconds after which it is asked whether a task that is said to run still does."""
LOST_AFTER: Final = 4.0
"""Seconds that a dead worker's last events get to arrive."""
_LONGEST_PAUSE: Final = 300.0


@dataclass(slots=True)
class _Doubt:
    asked_again: float
    pause: float = ASK_AFTER
    absent: int = 0


class SilentEndings:
    """Finds them and notes them in the history as observations, which a real ending that comes late overrules."""

    def __init__(self, history: History, workers: WorkerWatch) -> None:
        self._history = history
        self._workers = workers
        self._doubts: dict[str, _Doubt] = {}
        self._running: dict[str, str] = {}

    def check(self, now: float) -> None:
        """Look through the running tasks: those of a dead process are lost, the others are asked for in time."""
        self._running = {}
        for uuid, worker, since in self._history.running():
            self._running[uuid] = worker
            record: TaskRecord | None = None
            known = self._workers.workers.get(worker)
            if known is not None and (not known.online or len(known.pids) == 1):
                record = self._history.record(uuid, now)
                for attempt in _unfinished(record):
                    alive = self._workers.is_alive(attempt.worker, attempt.pid)
                    if alive is False and now - known.since >= LOST_AFTER:
                        _note(record, attempt, LOST, now)
            self._doubts.setdefault(uuid, _Doubt(max(now, min(since, now)) + ASK_AFTER))
        for uuid in [uuid for uuid in self._doubts if uuid not in self._running]:
            del self._doubts[uuid]

    def worth_asking(self, now: float) -> list[str]:
        """Return the online workers that should be asked what they run."""
        online = set(self._workers.online())
        return sorted(
            {self._running[uuid] for uuid, doubt in self._doubts.items() if doubt.asked_again <= now} & online
        )

    def active(self, replies: Mapping[str, set[str]], now: float, gap_since: float | None) -> None:
        """Take in who runs what; a task that is absent twice in a row has ended.

        ``gap_since``: when the last gap ended: what started before it may have ended in it.
        """
        for uuid, doubt in self._doubts.items():
            ids = replies.get(self._running.get(uuid, ""))
            if ids is None or doubt.asked_again > now:
                continue
            if uuid in ids:
                doubt.absent = 0
                doubt.pause = min(doubt.pause * 2, _LONGEST_PAUSE)
                doubt.asked_again = now + doubt.pause
                continue
            doubt.absent += 1
            doubt.asked_again = now + 2.0  # its ending may be under way
            if doubt.absent >= 2:
                record = self._history.record(uuid, now)
                for attempt in _unfinished(record):
                    worker = self._workers.workers.get(attempt.worker)
                    started = attempt.started or 0.0
                    missed = (worker is not None and worker.missed > 0) or (
                        gap_since is not None and gap_since >= started
                    )
                    _note(record, attempt, UNSEEN if missed else IGNORED, now)


def _unfinished(record: TaskRecord) -> list[Attempt]:
    return [a for a in derive(record).attempts if a.started is not None and a.ending is None]


def _note(record: TaskRecord, attempt: Attempt, kind: int, now: float) -> None:
    """The note sorts directly behind the last that its process said, so that it never speaks of a later attempt."""
    clock = max(
        (o.clock for o in record.observations if (o.hostname, o.pid) == (attempt.worker, attempt.pid)), default=-1
    )
    record.observe(Observation(kind, now, clock, attempt.worker, attempt.pid))
