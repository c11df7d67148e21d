"""Tasks recorded as running: notice when their worker has died or no longer runs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from deskq.history.writing.writer import History
from deskq.protocol.task_attempts import Attempt
from deskq.protocol.task_record import ENDED, GONE, LOST, UNSEEN, Observation, TaskRecord
from deskq.protocol.task_summary import derive
from deskq.recorder.tracking.worker_tracker import WorkerWatch
from deskq.recorder.unfinished.stored_notes import stored_note
from deskq.recorder.unfinished.witnesses import WitnessAnswer, Witnesses
from deskq.results.record import ResultRecord

ASK_AFTER: Final = 10.0
"""Seconds after which it is asked whether a task that is said to run still does, though nothing speaks against it."""
SUSPECT_AFTER: Final = 2.0
"""The same where the worker's heartbeat counts fewer, or where it sends none."""
ASK_AGAIN: Final = 4.0
"""Seconds between two questions for one task that its worker's heartbeats speak against."""
LOST_AFTER: Final = 4.0
"""Seconds that a dead worker's last events get to arrive."""
GRACE: Final = 1.0
"""The same for a worker that was asked: it tells of an end before it answers that it no longer runs the task."""
LOOK_UP_WITHIN: Final = 15.0
"""Seconds that the result backend gets to answer before it is noted what is known without it."""
_LONGEST_PAUSE: Final = 300.0


@dataclass(slots=True)
class _Suspect:
    """One attempt that is said to run ``since`` a time by its worker's clock; the other times are local.

    ``processes``: of the attempts that have not ended, (worker, pid); None: to be looked up. ``verdict``: what is to be
    noted of those in ``ended``, since it was ``noticed``.
    """

    worker: str
    since: float
    listed: float
    ask_at: float
    asked: float = 0.0
    pause: float = ASK_AFTER
    present: float = -1.0
    processes: set[tuple[str, int]] | None = None
    verdict: int | None = None
    noticed: float = 0.0
    ended: frozenset[tuple[str, int]] = frozenset()
    looked_up: bool = False
    stored: ResultRecord | None = None


class RunningTasks:
    """Notes ends in the history as observations, which a real ending that comes late overrules."""

    def __init__(self, history: History, workers: WorkerWatch, witnesses: Witnesses) -> None:
        self._history = history
        self._workers = workers
        self._witnesses = witnesses
        self._doubts: dict[str, _Suspect] = {}

    def check(self, now: float, gap_ended: float | None) -> None:
        """Look through them: those of a dead process are lost, unless they may have ended before, in a gap.

        One that goes on running costs no reading or writing. ``gap_ended``: when events were missed last.
        """
        running: dict[str, _Suspect] = {}
        for uuid, worker, since in self._history.running():
            doubt = self._doubts.get(uuid)
            if doubt is None or (doubt.worker, doubt.since) != (worker, since):  # another attempt, another doubt
                known = self._workers.workers.get(worker)
                tells = known is not None and known.active is not None
                doubt = _Suspect(worker, since, now, now + (ASK_AFTER if tells else SUSPECT_AFTER))
            running[uuid] = doubt
            if doubt.processes is None:
                doubt.processes = {(a.worker, a.pid) for a in _unfinished(self._history.peek(uuid, now))}
            dead = frozenset(process for process in doubt.processes if self._is_dead(*process, now))
            if dead and doubt.verdict is None:
                ran_after = gap_ended is None or max(self._began(doubt), doubt.present) > gap_ended
                doubt.verdict, doubt.noticed, doubt.ended = LOST if ran_after else UNSEEN, now, dead
            if doubt.verdict is not None and self._may_note(doubt, now):
                self._note(uuid, doubt, now)
        self._doubts = running

    def busy(self) -> set[str]:
        """Return the workers that run a task, as far as events tell."""
        return {doubt.worker for doubt in self._doubts.values()}

    def to_ask(self, now: float) -> dict[str, frozenset[str]]:
        """Return the tasks that their workers should be asked for."""
        wanted: dict[str, set[str]] = {}
        fewer = self._count_fewer()
        online = set(self._workers.online())
        for uuid, doubt in self._doubts.items():
            if doubt.worker not in online or doubt.verdict is not None:
                continue
            suspect = doubt.worker in fewer and now - doubt.listed >= SUSPECT_AFTER and now - doubt.asked >= ASK_AGAIN
            if suspect or doubt.ask_at <= now:
                wanted.setdefault(doubt.worker, set()).add(uuid)
        return {worker: frozenset(ids) for worker, ids in wanted.items()}

    def to_look_up(self, now: float, gap_ended: float | None) -> frozenset[str]:
        """Return the tasks that the result backend is asked for: it may know how they ended.

        Where workers are not asked, those too that may have ended in a gap.
        """
        in_doubt = {uuid for uuid, doubt in self._doubts.items() if doubt.verdict is not None and not doubt.looked_up}
        if gap_ended is not None and not self._witnesses.may_ask:
            due = ((uuid, doubt) for uuid, doubt in self._doubts.items() if doubt.ask_at <= now)
            in_doubt |= {uuid for uuid, doubt in due if self._began(doubt) <= gap_ended}
        return frozenset(in_doubt)

    def answered(self, answer: WitnessAnswer, now: float, gap_ended: float | None) -> None:
        """Take in who runs what, and what the result backend holds. ``gap_ended``: when events were missed last."""
        for uuid, record in answer.stored.items():
            doubt = self._doubts.get(uuid)
            if doubt is not None:
                doubt.looked_up, doubt.stored = True, record
                self._told_by_the_store(uuid, doubt, now)
        for name, ids in answer.question.runs.items():
            running = answer.runs.get(name)
            for uuid in ids if running is not None else ():
                doubt = self._doubts.get(uuid)
                if running is not None and doubt is not None and doubt.worker == name:
                    self._told_by_its_worker(uuid, doubt, uuid in running, answer.asked_at, now, gap_ended)

    def _told_by_the_store(self, uuid: str, doubt: _Suspect, now: float) -> None:
        """Workers were not asked: an outcome alone is enough."""
        if doubt.verdict is None and not self._witnesses.may_ask:
            doubt.pause = min(doubt.pause * 2, _LONGEST_PAUSE)
            doubt.ask_at, doubt.looked_up = now + doubt.pause, False
            note = stored_note(doubt.stored, _newest(self._history.peek(uuid, now)), now)
            if note is not None:
                self._history.record(uuid, now).observe(note)

    def _told_by_its_worker(
        self, uuid: str, doubt: _Suspect, runs: bool, asked_at: float, now: float, gap_ended: float | None
    ) -> None:
        doubt.asked = asked_at
        if runs:
            doubt.present = asked_at
            doubt.pause = min(doubt.pause * 2, _LONGEST_PAUSE)
            doubt.ask_at = now + doubt.pause
            return
        doubt.ask_at = now + ASK_AGAIN
        worker = self._workers.workers.get(doubt.worker)
        if asked_at < doubt.listed or (worker is not None and len(worker.pids) > 1):
            return  # it began later; or two processes have one name, and it may be the other one that runs it
        began = self._began(doubt)
        missed = (worker is not None and worker.missed > 0) or (gap_ended is not None and gap_ended >= began)
        doubt.verdict, doubt.noticed = UNSEEN if missed else ENDED, now
        # delivered twice: the other worker was not asked
        doubt.ended = frozenset(process for process in doubt.processes or () if process[0] == doubt.worker)

    def _count_fewer(self) -> set[str]:
        """Return the workers whose last heartbeat counts fewer running tasks than began before it."""
        known: dict[str, int] = {}
        for doubt in self._doubts.values():
            worker = self._workers.workers.get(doubt.worker)
            if worker is not None and worker.heartbeat is not None and doubt.listed <= worker.heartbeat:
                known[doubt.worker] = known.get(doubt.worker, 0) + 1
        return {
            name
            for name, count in known.items()
            if (active := self._workers.workers[name].active) is not None and count > active
        }

    def _may_note(self, doubt: _Suspect, now: float) -> bool:
        waited = now - doubt.noticed
        looked = doubt.looked_up or not self._witnesses.may_look_up or waited >= LOOK_UP_WITHIN
        return looked and (doubt.verdict == LOST or waited >= GRACE)

    def _note(self, uuid: str, doubt: _Suspect, now: float) -> None:
        """What the result backend holds counts more than that it ended somehow."""
        assert doubt.verdict is not None
        known = self._history.peek(uuid, now)
        attempts = [a for a in _unfinished(known) if (a.worker, a.pid) in doubt.ended]
        newest = _newest(known)
        stored = None
        if any(_same(newest, attempt) for attempt in attempts):
            stored = stored_note(doubt.stored, newest, doubt.noticed)
        record = self._history.record(uuid, now)
        if stored is not None:
            record.observe(stored)
        for attempt in attempts:
            if stored is None or not _same(newest, attempt):
                record.observe(self._note_of(known, attempt, doubt))
        doubt.processes, doubt.verdict, doubt.looked_up, doubt.ended = None, None, False, frozenset()

    def _note_of(self, record: TaskRecord, attempt: Attempt, doubt: _Suspect) -> Observation:
        """The note sorts directly behind the last that its process said, so that it never speaks of a later attempt."""
        assert doubt.verdict is not None
        process = (attempt.worker, attempt.pid)
        clock = max((o.clock for o in record.observations if (o.hostname, o.pid) == process), default=-1)
        if attempt.noticed is not None:  # no event told of its start
            return Observation(GONE, doubt.noticed, max(attempt.retries, 0), *process)
        return Observation(doubt.verdict, doubt.noticed, clock, *process, self._last_sign(doubt))

    def _last_sign(self, doubt: _Suspect) -> float:
        """Return by its worker's clock when it was last known to run, -1 if that was told by its events alone."""
        worker = self._workers.workers.get(doubt.worker)
        ahead = worker.clock_difference if worker is not None else None
        if worker is None or ahead is None:
            return -1
        if doubt.verdict == LOST and not worker.online:
            return worker.since + ahead
        return doubt.present + ahead if doubt.present >= 0 else -1

    def _began(self, doubt: _Suspect) -> float:
        """Return when it began, by the local clock as far as the difference is known."""
        worker = self._workers.workers.get(doubt.worker)
        return doubt.since - ((worker.clock_difference if worker is not None else None) or 0.0)

    def _is_dead(self, hostname: str, pid: int, now: float) -> bool:
        worker = self._workers.workers.get(hostname)
        return (
            worker is not None and self._workers.is_alive(hostname, pid) is False and now - worker.since >= LOST_AFTER
        )


def _unfinished(record: TaskRecord) -> list[Attempt]:
    attempts = derive(record).attempts
    return [a for a in attempts if (a.started is not None or a.custom) and a.ending is None and not a.replaced]


def _newest(record: TaskRecord) -> Attempt:
    """Return the attempt that counts."""
    summary = derive(record)
    return summary.attempts[summary.counts] if summary.attempts else Attempt()


def _same(one: Attempt, other: Attempt) -> bool:
    return (one.worker, one.pid, one.retries, one.started) == (other.worker, other.pid, other.retries, other.started)
