"""Tasks that ended without a word: their worker died with them, or says that it no longer runs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from deskq.history.store import History
from deskq.protocol.task_attempts import Attempt
from deskq.protocol.task_record import ENDED, LOST, UNSEEN, Observation, TaskRecord
from deskq.protocol.task_summary import derive
from deskq.recorder.worker_watch import WorkerWatch

ASK_AFTER: Final = 10.0
"""Seconds after which it is asked whether a task that is said to run still does."""
LOST_AFTER: Final = 4.0
"""Seconds that a dead worker's last events get to arrive."""
_LONGEST_PAUSE: Final = 300.0


@dataclass(slots=True)
class _Doubt:
    """``processes``: of the attempts that have not ended, (worker, pid); None: to be looked up."""

    worker: str
    since: float
    asked_again: float
    processes: set[tuple[str, int]] | None = None
    pause: float = ASK_AFTER
    absent: int = 0


class SilentEndings:
    """Finds them and notes them in the history as observations, which a real ending that comes late overrules."""

    def __init__(self, history: History, workers: WorkerWatch) -> None:
        self._history = history
        self._workers = workers
        self._doubts: dict[str, _Doubt] = {}

    def check(self, now: float) -> None:
        """Look through the running tasks: those of a dead process are lost, the others are asked for in time.

        A task that goes on running costs no reading and no writing.
        """
        running: dict[str, _Doubt] = {}
        for uuid, worker, since in self._history.running():
            doubt = self._doubts.get(uuid)
            if doubt is None or (doubt.worker, doubt.since) != (worker, since):  # another attempt, another doubt
                doubt = _Doubt(worker, since, now + ASK_AFTER)
            running[uuid] = doubt
            if doubt.processes is None:
                doubt.processes = {(a.worker, a.pid) for a in _unfinished(self._history.peek(uuid, now))}
            dead = {process for process in doubt.processes if self._is_dead(*process, now)}
            if dead:
                doubt.processes = None
                for attempt in _unfinished(self._history.peek(uuid, now)):
                    if (attempt.worker, attempt.pid) in dead:
                        _note(self._history.record(uuid, now), attempt, LOST, now)
        self._doubts = running

    def busy(self) -> set[str]:
        """Return the workers that run a task, as far as events tell."""
        return {doubt.worker for doubt in self._doubts.values()}

    def worth_asking(self, now: float) -> list[str]:
        """Return the online workers that should be asked what they run."""
        online = set(self._workers.online())
        return sorted({doubt.worker for doubt in self._doubts.values() if doubt.asked_again <= now} & online)

    def active(self, replies: Mapping[str, set[str]], now: float, gap_since: float | None) -> None:
        """Take in who runs what; a task that is absent twice in a row has ended.

        ``gap_since``: when the last gap ended: what started before it may have ended in it.
        """
        for uuid, doubt in self._doubts.items():
            ids = replies.get(doubt.worker)
            if ids is None or doubt.asked_again > now:
                continue
            worker = self._workers.workers.get(doubt.worker)
            if uuid in ids:
                doubt.absent = 0
                doubt.pause = min(doubt.pause * 2, _LONGEST_PAUSE)
                doubt.asked_again = now + doubt.pause
                continue
            doubt.asked_again = now + 2.0  # its ending may be under way
            if worker is not None and len(worker.pids) > 1:
                continue  # two processes of one name: it may be the other one that runs it
            doubt.absent += 1
            if doubt.absent >= 2:
                for attempt in _unfinished(self._history.peek(uuid, now)):
                    if attempt.worker != doubt.worker:
                        continue  # delivered twice, and the other worker was not asked
                    missed = (worker is not None and worker.missed > 0) or (
                        gap_since is not None and gap_since >= (attempt.started or 0.0)
                    )
                    _note(self._history.record(uuid, now), attempt, UNSEEN if missed else ENDED, now)

    def _is_dead(self, hostname: str, pid: int, now: float) -> bool:
        worker = self._workers.workers.get(hostname)
        return (
            worker is not None and self._workers.is_alive(hostname, pid) is False and now - worker.since >= LOST_AFTER
        )


def _unfinished(record: TaskRecord) -> list[Attempt]:
    return [a for a in derive(record).attempts if a.started is not None and a.ending is None]


def _note(record: TaskRecord, attempt: Attempt, kind: int, now: float) -> None:
    """The note sorts directly behind the last that its process said, so that it never speaks of a later attempt."""
    clock = max(
        (o.clock for o in record.observations if (o.hostname, o.pid) == (attempt.worker, attempt.pid)), default=-1
    )
    record.observe(Observation(kind, now, clock, attempt.worker, attempt.pid))
