"""What a recorder does each second beside the events: workers are judged, what was missed is noted."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Final

import apsw

from deskq.history.writing.writer import History
from deskq.recorder.gap_log import Gaps
from deskq.recorder.maintenance import Maintenance
from deskq.recorder.poll_results import PollApplier
from deskq.recorder.poller import PollRequest, Sampler
from deskq.recorder.tracking.worker_tracker import WorkerWatch
from deskq.recorder.unfinished.lost_tasks import LostTaskDetector

HOUSEKEEPING_SECONDS: Final = 1.0


class Housekeeping:
    """``wanted``: what the poller is to ask for. ``failed`` takes why the history could not be written."""

    def __init__(
        self,
        history: History,
        workers: WorkerWatch,
        gaps: Gaps,
        upkeep: Maintenance,
        endings: LostTaskDetector,
        samples: PollApplier,
        wanted: PollRequest,
        *,
        put_status: Callable[[], object],
        failed: Callable[[apsw.Error], object],
    ) -> None:
        self._history = history
        self._workers = workers
        self._gaps = gaps
        self._upkeep = upkeep
        self._endings = endings
        self._samples = samples
        self.wanted = wanted
        self._put_status = put_status
        self._failed = failed
        self._next = 0.0

    def round(self, sampler: Sampler, *, busy: bool, full: bool) -> None:
        """Do what is due; ``busy``: events wait to be written, ``full``: the history cannot be written."""
        self._take_samples(sampler)
        now = time.time()
        try:
            if not full:
                self._upkeep.retain(busy=busy)
        except apsw.Error as error:
            self._failed(error)
        if not self._due():
            return
        try:
            self._workers.check(now)
            self._workers.forget_long_gone(self._upkeep.trusted)
            self._endings.check(now, self._gaps.ended)
            for missed in self._workers.take_missed():
                self._gaps.note(missed.since, missed.until, missed.cause, missed.count)
            self.wanted = self._samples.wanted(now)
            self.put_workers()
            self._put_status()
        except apsw.Error as error:
            self._failed(error)

    def round_without_events(self, sampler: Sampler) -> bool:
        """Take what the poller found; without a connection nobody's silence means anything. Is a second over?"""
        self._take_samples(sampler)
        return self._due()

    def put_workers(self) -> None:
        """Write the workers that have changed; raises apsw.Error, and they are still to be written then."""
        rows = self._workers.take_changed()
        forgotten = self._workers.take_forgotten()
        if forgotten:
            self._gaps.later(partial(self._history.drop_workers, forgotten))
        try:
            self._history.put_workers(rows)
        except apsw.Error:
            self._workers.changed.update(row.hostname for row in rows if row.hostname in self._workers.workers)
            raise

    def _due(self) -> bool:
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + HOUSEKEEPING_SECONDS
        return True

    def _take_samples(self, sampler: Sampler) -> None:
        self._upkeep.round(time.time(), self._workers)
        sampler.trusted = self._upkeep.trusted
        try:
            while not sampler.results.empty():
                result = sampler.results.get()
                self._upkeep.witness(result.clock_difference)
                self._samples.take(result)
        except apsw.Error as error:
            self._failed(error)
