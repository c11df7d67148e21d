"""One recorder at work: reads the event stream, commits it, watches workers and queues, notes gaps."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import apsw

from deskq.brokers.base import BrokerError, ConnectionLost, EventSource, LoginRefused, PermissionRefused
from deskq.brokers.opening import open_broker
from deskq.history.rows import RecorderStatus
from deskq.history.store import History
from deskq.profiles import Profile
from deskq.recorder import RECOVERED
from deskq.recorder.endings import SilentEndings
from deskq.recorder.gaps import Gaps
from deskq.recorder.pipeline import HELD_EVENTS, Pipeline
from deskq.recorder.queue_watch import QueueWatch
from deskq.recorder.sampler import FACTS_SECONDS, Sampled, Sampler, Wanted
from deskq.recorder.standstill import Standstill, StandstillWatch
from deskq.recorder.worker_watch import Missed, WorkerWatch

COMMIT_SECONDS: Final = 0.1
COMMIT_EVENTS: Final = 5_000
HOUSEKEEPING_SECONDS: Final = 1.0
RETENTION_SECONDS: Final = 60.0
_RECONNECT_SECONDS: Final = (0.2, 0.5, 1.0, 2.0)


@dataclass(slots=True)
class Summary:
    """What one run of a recorder did."""

    events: int
    tasks: int
    malformed: int
    duplicates: int
    gaps: int
    seconds: float


class Recorder:
    """Runs in the thread that calls ``run`` until ``stop`` is set."""

    def __init__(self, profile: Profile, history: History, stop: threading.Event, say: Callable[[str], None]) -> None:
        self._profile = profile
        self._history = history
        self._stop = stop
        self._say = say
        self._workers = WorkerWatch(history.workers())
        self._queues = QueueWatch(history.queues(), profile.watch_queues)
        self._pipeline = Pipeline(history, self._workers, self._queues)
        self._endings = SilentEndings(history, self._workers)
        self._sampler = Sampler(profile, lambda: self._wanted)
        self._broker = open_broker(profile)
        self._source: EventSource = self._broker.event_source()
        self._began = time.time()
        self._state, self._since, self._message, self._server = "connecting", self._began, "", ""
        self._gaps = Gaps(history)
        self._rate: deque[tuple[float, int]] = deque(maxlen=6)
        self._delay: float | None = None
        self._facts_at: dict[str, float] = {}
        self._wanted = Wanted(tuple(profile.watch_queues))
        self._oldest: dict[str, float] = {}
        self._next_check = self._next_retention = self._next_oldest = 0.0
        self._full = ""
        self._next_try = 0.0
        self.standstill = StandstillWatch()

    def run(self) -> Summary:
        """Record until told to stop; raises LoginRefused and PermissionRefused, and BrokerError of the first try."""
        self._note_absence()
        started = False
        try:
            self._put_status()
            self._connect(first=True)
            self._sampler.start()
            started = True
            while not self._stop.is_set():
                try:
                    self._read()
                except ConnectionLost as error:
                    self._lost(error)
                    self._connect(first=False)
        except BrokerError as error:
            self._set_state("disconnected", str(error))
            raise
        finally:
            self._finish(started)
        return self.summary()

    def summary(self) -> Summary:
        """Return what was done so far."""
        pipeline = self._pipeline
        seconds = round(time.time() - self._began, 3)
        return Summary(
            pipeline.events,
            self._history.tasks_seen,
            pipeline.malformed,
            pipeline.duplicates,
            self._gaps.count,
            seconds,
        )

    def status_line(self) -> str:
        """Return one line for a terminal."""
        status = self._status()
        delay = "" if status.delay is None else f" · {status.delay * 1000:,.0f} ms behind"
        workers = len(self._workers.online())
        return (
            f"{status.state} · {status.events:,} events · {status.events_per_second:,.0f}/s{delay} · "
            f"{workers} workers online · {self._gaps.count} gaps{' · ' + status.message if status.message else ''}"
        )

    def _read(self) -> None:
        stood_still = self.standstill.round(time.time())
        if stood_still is not None:
            self._woke(stood_still)
        deadline = time.monotonic() + COMMIT_SECONDS
        while True:
            payloads = self._source.read(max(0.0, deadline - time.monotonic()))
            if payloads:
                self._pipeline.take(payloads, self._source.decode, time.time())
            if time.monotonic() >= deadline or (self._pipeline.pending >= COMMIT_EVENTS and not self._full):
                break
        self._housekeeping()
        self._commit()

    def _commit(self) -> None:
        now = time.time()
        if now < self._next_try and not self._stop.is_set():
            return
        try:
            written = self._history.commit(now)
            for reason, raw, size in self._pipeline.committed():
                self._gaps.later(partial(self._history.put_malformed, reason, raw, now, size))
            self._note_dropped(now)
            self._gaps.write()
            if self._full:
                self._history.put_status(self._status())  # nothing may have been there to write
        except apsw.Error as error:
            self._cannot_write(error)
            self._next_try = time.time() + min(4.0, 1.0 + 2 * (time.time() - now))  # the socket must be read meanwhile
            return
        if self._full:
            self._full = ""
            self._say(RECOVERED)
            self._set_state(self._state, "")
        if written and self._pipeline.last_event is not None:
            at, hostname = self._pipeline.last_event
            worker = self._workers.workers.get(hostname)
            lead = (worker.clock_difference if worker is not None else None) or 0.0
            self._delay = max(0.0, time.time() - (at - lead))

    def _cannot_write(self, error: apsw.Error) -> None:
        """Hold on to what was read: the next commit writes it."""
        problem = f"The history cannot be written ({error}). Free some space; what was read is kept in memory."
        if problem != self._full:
            self._full = problem
            self._say(problem)
        self._message = problem

    def _note_dropped(self, now: float) -> None:
        dropped = self._pipeline.take_dropped()
        if dropped is not None:
            since, count = dropped
            cause = f"the history could not be written, and no more than {HELD_EVENTS:,} events are kept in memory"
            self._gaps.note(since, now, cause, count)

    def _woke(self, still: Standstill) -> None:
        """Nobody read the events: a gap, up to a new connection, since the old one may be dead without a word."""
        cause = f"this machine slept, or the recorder stood still, for {_span(still.seconds)}"
        self._say(f"{cause[0].upper()}{cause[1:]}.")
        self._gaps.begin(still.since, cause)
        self._workers.deaf_until(time.time())
        with contextlib.suppress(ConnectionLost):
            for _ in range(100):  # what the system kept for us meanwhile
                payloads = self._source.read(0.0)
                if not payloads:
                    break
                self._pipeline.take(payloads, self._source.decode, time.time())
        self._commit()
        self._source.close()
        self._connect(first=False)

    def _housekeeping(self) -> None:
        while not self._sampler.results.empty():
            self._sampled(self._sampler.results.get())
        now = time.time()
        if now < self._next_check:
            return
        self._next_check = now + HOUSEKEEPING_SECONDS
        try:
            self._workers.check(now)
            self._endings.check(now)
            for missed in self._workers.take_missed():
                self._missed(missed)
            self._wanted = self._want(now)
            self._put_workers()
            self._put_status()
            if now >= self._next_oldest:
                self._next_oldest = now + 5.0
                self._oldest = self._history.oldest_waiting()
            if now >= self._next_retention and self._profile.retention_days > 0:
                deleted = self._history.forget_before(now - self._profile.retention_days * 86_400)
                self._next_retention = now + (HOUSEKEEPING_SECONDS if deleted else RETENTION_SECONDS)
        except apsw.Error as error:
            self._cannot_write(error)

    def _put_workers(self) -> None:
        rows = self._workers.take_changed()
        forgotten = self._workers.take_forgotten()
        if forgotten:
            self._gaps.later(partial(self._history.drop_workers, forgotten))
        try:
            self._history.put_workers(rows)
        except apsw.Error:
            self._workers.changed.update(row.hostname for row in rows if row.hostname in self._workers.workers)
            raise

    def _want(self, now: float) -> Wanted:
        """What the sampler should ask in its next round."""
        online = self._workers.online()
        facts = tuple(name for name in online if now - self._facts_at.get(name, 0.0) >= FACTS_SECONDS)
        return Wanted(tuple(self._queues.names), facts, tuple(self._endings.worth_asking(now)))

    def _sampled(self, result: Sampled) -> None:
        now = time.time()
        if result.server:
            self._server = result.server
        if result.stats is not None or result.active_queues is not None:
            self._facts_at.update(dict.fromkeys(result.asked.facts_of, now))
            self._workers.replies(result.stats or {}, result.active_queues or {})
        consumers = self._consumers()
        try:
            if result.names is not None:
                in_use = [name for worker in self._workers.workers.values() if worker.online for name in worker.queues]
                self._history.drop_queues(self._queues.found(result.names, in_use, complete=bool(result.names)))
            wanted = [sample for sample in result.samples if sample.name in self._queues.names]
            rows, kept = self._queues.rows(wanted, consumers, self._oldest, now)
            if rows:
                self._history.put_queues(rows, kept)
            if result.active is not None:
                self._endings.active(result.active, now, self._gaps.ended)
        except apsw.Error as error:
            self._cannot_write(error)

    def _consumers(self) -> dict[str, list[str]] | None:
        """Worker names by queue; None until some worker has told its queues."""
        if not any(worker.queues for worker in self._workers.workers.values()):
            return None
        consumers: dict[str, list[str]] = {}
        for worker in self._workers.workers.values():
            if worker.online:
                for name in worker.queues:
                    consumers.setdefault(name, []).append(worker.hostname)
        return consumers

    def _connect(self, *, first: bool) -> None:
        attempt = 0
        while not self._stop.is_set():
            try:
                self._source.connect()
            except (LoginRefused, PermissionRefused):
                raise
            except BrokerError as error:
                self._set_state("connecting" if first else "disconnected", str(error))
                pause = _RECONNECT_SECONDS[min(attempt, len(_RECONNECT_SECONDS) - 1)]
                attempt += 1
                self._wait(pause)
                continue
            now = time.time()
            self._workers.deaf_until(now)
            self.standstill.restart()
            self._gaps.end(now)
            self._set_state("recording", "")
            return

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._stop.is_set() and time.monotonic() < deadline:
            self._housekeeping_while_deaf()
            self._stop.wait(min(0.05, max(0.0, deadline - time.monotonic())))

    def _housekeeping_while_deaf(self) -> None:
        """Without a connection nobody's silence means anything; only the status goes on."""
        while not self._sampler.results.empty():
            self._sampled(self._sampler.results.get())
        now = time.time()
        if now >= self._next_check:
            self._next_check = now + HOUSEKEEPING_SECONDS
            if self._full:
                self._commit()
            self._put_status()

    def _lost(self, error: ConnectionLost) -> None:
        now = time.time()
        self._commit()
        self._source.close()
        self._gaps.begin(now, str(error))
        self._set_state("disconnected", str(error))
        self._say(str(error))

    def _missed(self, missed: Missed) -> None:
        cause = f"{missed.hostname} accepted {missed.count} tasks whose events did not arrive"
        self._gaps.note(missed.since, missed.until, cause, missed.count)

    def _note_absence(self) -> None:
        """While no recorder ran, events were lost: that is a gap from the last sign of the one before."""
        before = self._history.status()
        if before is None:
            return
        self._gaps.later(partial(self._history.close_open_gaps, before.updated))
        if before.updated:
            self._gaps.begin(before.updated, "the recorder was not running")

    def _set_state(self, state: str, message: str) -> None:
        if (state, message) != (self._state, self._message):
            if state != self._state:
                self._since = time.time()
            self._state, self._message = state, message
            self._put_status()

    def _status(self) -> RecorderStatus:
        now = time.time()
        self._rate.append((now, self._pipeline.events))
        (then, events), (_, latest) = self._rate[0], self._rate[-1]
        per_second = (latest - events) / (now - then) if now - then > 0.2 else 0.0
        return RecorderStatus(
            state=self._state,
            since=self._since,
            message=self._message or self._refusals(),
            pid=os.getpid(),
            events=self._pipeline.events,
            events_per_second=per_second,
            delay=self._delay,
            malformed=self._pipeline.malformed,
            duplicates=self._pipeline.duplicates,
            gaps=self._gaps.count,
            server=self._server,
            updated=now,
        )

    def _refusals(self) -> str:
        refused = self._workers.refused
        if not refused:
            return ""
        return f"Too many or too long names of workers: {refused:,} events of theirs are left out of the Workers view."

    def _put_status(self) -> None:
        with contextlib.suppress(apsw.Error):  # a full disk is told by the commit
            self._history.put_status(self._status())

    def _finish(self, sampling: bool) -> None:
        if sampling:
            self._sampler.stop()
        self._source.close()
        self._broker.close()
        self._commit()
        self._gaps.end(time.time())
        with contextlib.suppress(apsw.Error):
            self._put_workers()
        if self._state != "disconnected":
            self._set_state("stopped", "")
        self._put_status()


def _span(seconds: float) -> str:
    """600 -> "10 min 0 s"."""
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"
