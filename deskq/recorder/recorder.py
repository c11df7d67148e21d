"""One recorder at work: reads the event stream, commits it, watches workers and queues, notes gaps."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import apsw

from deskq.brokers.opening import open_broker
from deskq.brokers.ports import BrokerError, ConnectionLost, EventSource
from deskq.history.recovery.quarantine import SetAside
from deskq.history.writing.writer import History
from deskq.profiles import Profile
from deskq.recorder import RECOVERED
from deskq.recorder.connecting import Connecting
from deskq.recorder.event_merger import HELD_EVENTS, Pipeline
from deskq.recorder.gap_log import Gaps
from deskq.recorder.housekeeping import Housekeeping
from deskq.recorder.maintenance import Maintenance
from deskq.recorder.poll_results import PollApplier
from deskq.recorder.poller import Acted, PollRequest, Sampler
from deskq.recorder.status import RecorderSummary, StatusReport
from deskq.recorder.stopping import Stop
from deskq.recorder.suspend_detector import StandstillWatch, SuspendDetector
from deskq.recorder.tracking.queue_tracker import QueueWatch
from deskq.recorder.tracking.worker_tracker import WorkerWatch
from deskq.recorder.unfinished.lost_tasks import LostTaskDetector

COMMIT_SECONDS: Final = 0.1
SALVAGING_SECONDS: Final = 0.02
"""The same while a damaged history is being salvaged: a slice of that follows each commit."""
COMMIT_EVENTS: Final = 5_000


class Recorder:
    """Runs in the thread that calls ``run`` until ``stop`` is set."""

    def __init__(
        self,
        profile: Profile,
        history: History,
        stop: Stop,
        say: Callable[[str], None],
        aside: SetAside | None = None,
        acted: Callable[[], Acted | None] = lambda: None,
    ) -> None:
        self._history = history
        self._stop = stop
        self._say = say
        self._workers = WorkerWatch(history.workers())
        self._queues = QueueWatch(history.queues(), profile.watch_queues)
        self._pipeline = Pipeline(history, self._workers, self._queues)
        self._endings = LostTaskDetector(profile, history, self._workers)
        self._sampler = Sampler(profile, lambda: self._housekeeping.wanted, acted)
        self._broker = open_broker(profile)
        self._source: EventSource = self._broker.event_source()
        self._gaps = Gaps(history)
        samples = PollApplier(history, self._workers, self._queues, self._endings)
        self._upkeep = Maintenance(profile, history, say)
        self._report = StatusReport(
            history, self._workers, self._pipeline, self._gaps, self._upkeep, samples, self._sampler
        )
        self._housekeeping = Housekeeping(
            history,
            self._workers,
            self._gaps,
            self._upkeep,
            self._endings,
            samples,
            PollRequest(tuple(profile.watch_queues)),
            put_status=self._report.put,
            failed=self._failed,
        )
        self._connecting = Connecting(self._source, stop, self._gaps, self._report, self._wait)
        self._next_try = 0.0
        self.standstill = StandstillWatch()
        self._aside = aside
        self._unread = bool(history.waits_for)  # what it holds of workers, queues and the last recorder
        self._first_connected = self._report.began

    def run(self) -> RecorderSummary:
        """Record until told to stop; raises LoginRefused and PermissionRefused of the first connection."""
        before = self._history.status()
        if self._aside is not None:
            self._upkeep.tell(self._aside)
        last_sign = self._aside.last_sign if self._aside is not None else before.updated if before is not None else 0.0
        self._gaps.begin_after_absence(last_sign, self._report.began)
        self._upkeep.begin(self._report.began, last_sign)
        if self._unread:
            self._cannot_write(apsw.FullError(self._history.waits_for))
        started = False
        try:
            self._report.put()
            self._connect(first=True)
            self._sampler.start()
            self._endings.start()
            started = True
            while not self._stop.is_set():
                try:
                    self._read()
                except ConnectionLost as error:
                    self._lost(error)
                    self._connect(first=False)
        except BrokerError as error:
            self._report.becomes("disconnected", str(error))
            raise
        finally:
            self._finish(started)
        return self.summary()

    def summary(self) -> RecorderSummary:
        """Return what was done so far."""
        return self._report.summary()

    def status_line(self) -> str:
        """Return one line for a terminal."""
        return self._report.line()

    def _read(self) -> None:
        stood_still = self.standstill.round(time.time())
        if stood_still is not None:
            self._woke(stood_still)
        deadline = time.monotonic() + (SALVAGING_SECONDS if self._upkeep.busy else COMMIT_SECONDS)
        while True:
            payloads = self._source.read(max(0.0, deadline - time.monotonic()))
            if payloads:
                self._take(payloads)
            if time.monotonic() >= deadline or (self._pipeline.pending >= COMMIT_EVENTS and not self._report.full):
                break
        busy = self._pipeline.pending >= COMMIT_EVENTS
        self._note_losses()
        self._housekeeping.round(self._sampler, busy=busy, full=bool(self._report.full))
        self._commit()
        if not busy:
            self._salvage()

    def _salvage(self) -> None:
        """Bring a little more of a damaged history into the new one."""
        if self._report.full:
            return
        try:
            self._workers.add_known(self._upkeep.salvage(time.time()), heard=time.time())
        except apsw.Error as error:
            self._failed(error)

    def _take(self, payloads: Sequence[Any]) -> None:
        """Merge what was read; should the history prove to be damaged, again, which changes nothing twice."""
        before = self._pipeline.counts()
        while True:
            try:
                self._pipeline.take(payloads, self._source.decode, time.time())
            except apsw.Error as error:
                if not self._failed(error):
                    self._stop.wait(COMMIT_SECONDS)
                if self._stop.is_set():
                    return
                self._pipeline.restore(before)
            else:
                return

    def _commit(self) -> None:
        now = time.time()
        if time.monotonic() < self._next_try and not self._stop.is_set():
            return
        try:
            written = self._history.commit(now)
            if self._unread:
                self._read_at_last()
            for reason, raw, size in self._pipeline.committed():
                self._gaps.later(partial(self._history.put_malformed, reason, raw, now, size))
            self._gaps.note_dropped(self._pipeline.take_dropped(), now, HELD_EVENTS)
            self._gaps.write()
            if self._report.full:
                self._history.put_status(self._report.status())  # nothing may have been there to write
        except apsw.Error as error:
            if self._failed(error):
                return
            took = max(0.0, time.time() - now)  # the socket must be read meanwhile
            self._next_try = time.monotonic() + min(4.0, 1.0 + 2 * took)
            return
        if self._report.full:
            self._report.full = ""
            self._say(RECOVERED)
            self._report.becomes(self._report.state.name, "")
        if written and self._pipeline.last_event is not None:
            self._report.delay = max(0.0, time.time() - self._pipeline.last_event_at)

    def _read_at_last(self) -> None:
        """There was no room to open the history when this recorder began: take in what the one before left there."""
        now = time.time()
        self._unread = False
        self._workers.add_known(self._history.workers(), heard=now)
        self._queues.add_known(self._history.queues())
        before = self._history.status()
        if before is not None:
            self._gaps.note_absence(before.updated, self._first_connected)
            self._upkeep.begin(now, before.updated)

    def _failed(self, error: apsw.Error) -> bool:
        """Exchange a damaged history at once and return True; with anything else, a full disk, patience helps."""
        if self._upkeep.repaired(error):
            self.standstill.restart()
            self._gaps.moved()
            self._workers.changed.update(self._workers.workers)
            return True
        self._cannot_write(error)
        return False

    def _cannot_write(self, error: apsw.Error) -> None:
        """Hold on to what was read: the next commit writes it."""
        rolled_back = isinstance(error.__context__, apsw.Error)  # the first error is the reason
        reason = self._history.waits_for or str(error.__context__ if rolled_back else error)
        problem = f"The history cannot be written ({reason}). Free some space; what was read is kept in memory."
        if problem != self._report.full:
            self._report.full = problem
            self._say(problem)
        self._report.state.becomes(self._report.state.name, problem)

    def _woke(self, still: SuspendDetector) -> None:
        """Nobody read the events: a gap, up to a new connection, since the old one may be dead without a word."""
        self._say(f"{still.cause[0].upper()}{still.cause[1:]}.")
        self._gaps.begin(still.since, still.cause)
        self._workers.silent_until(time.time())
        with contextlib.suppress(ConnectionLost):
            for _ in range(100):  # what the system kept for us meanwhile
                payloads = self._source.read(0.0)
                if not payloads:
                    break
                self._take(payloads)
        self._commit()
        self._source.close()
        self._connect(first=False)

    def _connect(self, *, first: bool) -> None:
        if self._connecting.connect(first=first):
            now = time.time()
            if first:
                self._first_connected = now
            self._workers.silent_until(now)
            self.standstill.restart()
            self._gaps.end(now)
            self._report.becomes("recording", "")

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._stop.is_set() and time.monotonic() < deadline:
            if self._housekeeping.round_without_events(self._sampler):
                if self._report.full:
                    self._commit()
                self._report.put()
            self._salvage()
            self._stop.wait(min(0.05, max(0.0, deadline - time.monotonic())))

    def _lost(self, error: ConnectionLost) -> None:
        now = time.time()
        self._commit()
        self._source.close()
        self._note_losses()
        since = now if error.since is None else error.since
        self._gaps.begin(min(now, max(since, self._pipeline.last_event_at)), str(error))
        self._report.becomes("disconnected", str(error))
        self._say(str(error))
        self._connecting.wait_after_loss()

    def _note_losses(self) -> None:
        for loss in self._source.losses():
            self._gaps.note(loss.since, loss.until, loss.cause, loss.count)
            self._say(loss.cause)

    def _finish(self, sampling: bool) -> None:
        if sampling:
            self._sampler.stop()
            self._endings.stop()
        self._source.close()
        self._broker.close()
        self._upkeep.close()
        self._commit()
        self._gaps.end(time.time(), read_again=False)
        with contextlib.suppress(apsw.Error):
            self._housekeeping.put_workers()
        if self._report.state.name != "disconnected":
            self._report.becomes("stopped", "")
        self._report.put()
