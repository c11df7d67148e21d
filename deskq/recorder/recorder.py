"""One recorder at work: reads the event stream, commits it, watches workers and queues, notes gaps."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import apsw

from deskq.brokers.base import BrokerError, ConnectionLost, EventSource, LoginRefused, PermissionRefused
from deskq.brokers.opening import open_broker
from deskq.history.rows import RecorderStatus
from deskq.history.salvage import Salvage
from deskq.history.store import History
from deskq.profiles import Profile
from deskq.protocol.events import MalformedEvent
from deskq.recorder.endings import SilentEndings
from deskq.recorder.gaps import Gaps
from deskq.recorder.pipeline import Pipeline
from deskq.recorder.queue_watch import QueueWatch
from deskq.recorder.sampler import FACTS_SECONDS, Sampled, Sampler, Wanted
from deskq.recorder.standstill import Standstill
from deskq.recorder.upkeep import Upkeep
from deskq.recorder.worker_watch import Missed, WorkerWatch

COMMIT_SECONDS: Final = 0.1
COMMIT_EVENTS: Final = 5_000
HELD_EVENTS: Final = 50_000
"""Events that are held in memory while the history cannot be written. What comes beyond is counted and dropped: a
reader that stopped reading would be cut off by Redis, and a queue at RabbitMQ would overflow, without a count."""
HOUSEKEEPING_SECONDS: Final = 1.0
_RECONNECT_SECONDS: Final = (0.2, 0.5, 1.0, 2.0)
_REFUSED_SECONDS: Final = (1.0, 2.0, 2.0, 5.0, 10.0, 30.0)
"""After a login that was good before is refused: a server may do that while it starts, an account may be locked."""


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
    """Runs in the thread that calls ``run`` until ``stop`` is set. ``salvage``: what became of a damaged history."""

    def __init__(
        self,
        profile: Profile,
        history: History,
        stop: threading.Event,
        say: Callable[[str], None],
        salvage: Salvage | None = None,
    ) -> None:
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
        self._standstill = Standstill()
        self._dropped, self._dropped_since = 0, 0.0
        self._rate: deque[tuple[float, int]] = deque(maxlen=6)
        self._delay: float | None = None
        self._facts_at: dict[str, float] = {}
        self._wanted = Wanted(tuple(profile.watch_queues))
        self._oldest: dict[str, float] = {}
        self._next_check = self._next_oldest = 0.0
        self._full = ""
        self._salvage = salvage
        self._upkeep = Upkeep(profile, history, say)

    def run(self) -> Summary:
        """Record until told to stop; raises LoginRefused and PermissionRefused of the first connection."""
        self._gaps.after_absence(self._history.status())
        if self._salvage is not None:
            self._upkeep.tell(self._salvage, self._began)
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
        gaps = self._gaps.count + self._upkeep.gaps
        return Summary(
            pipeline.events, self._history.tasks_seen, pipeline.malformed, pipeline.duplicates, gaps, seconds
        )

    def status_line(self) -> str:
        """Return one line for a terminal."""
        status = self._status()
        delay = "" if status.delay is None else f" · {status.delay * 1000:,.0f} ms behind"
        workers = len(self._workers.online())
        return (
            f"{status.state} · {status.events:,} events · {status.events_per_second:,.0f}/s{delay} · "
            f"{workers} workers online · {status.gaps} gaps{' · ' + status.message if status.message else ''}"
        )

    def _read(self) -> None:
        self._look_for_standstill()
        deadline = time.monotonic() + COMMIT_SECONDS
        while True:
            payloads = self._source.read(max(0.0, deadline - time.monotonic()))
            if payloads and self._pipeline.pending < HELD_EVENTS:
                self._take(payloads)
            elif payloads:
                self._drop(payloads)
            if time.monotonic() >= deadline or self._pipeline.pending >= COMMIT_EVENTS:
                break
        self._gaps.end(time.time())
        self._note_losses()
        self._housekeeping()
        self._commit()

    def _look_for_standstill(self) -> None:
        """After a sleep the silence of workers says nothing, and events may be lost: the next reading ends the gap."""
        seconds = self._standstill.passed()
        if seconds:
            now = time.time()
            cause = f"this machine slept, or the recorder was stopped, for {seconds:,.0f} s"
            self._gaps.begin(now - seconds, cause, joins=True)
            self._workers.deaf_until(now)

    def _drop(self, payloads: Sequence[Any]) -> None:
        """Count what comes while the disk is full and memory holds as much as it may."""
        self._dropped_since = self._dropped_since or time.time()
        for payload in payloads:
            with contextlib.suppress(MalformedEvent):
                self._dropped += len(self._source.decode(payload))

    def _take(self, payloads: Sequence[Any]) -> None:
        """Merge what was read; should the history prove to be damaged, again, which changes nothing twice."""
        events, duplicates = self._pipeline.events, self._pipeline.duplicates
        while True:
            try:
                self._pipeline.take(payloads, self._source.decode, time.time())
            except apsw.Error as error:
                self._failed(error)
                if self._stop.is_set():
                    return
                self._pipeline.events, self._pipeline.duplicates = events, duplicates
            else:
                return

    def _commit(self) -> None:
        now = time.time()
        try:
            written = self._history.commit(now)
            for reason, raw in self._pipeline.committed():
                self._history.put_malformed(reason, raw, now)
        except apsw.Error as error:
            self._failed(error)
            return
        if self._full:
            self._full = ""
            self._can_write(now)
        if written and self._pipeline.last_event is not None:
            self._delay = max(0.0, time.time() - self._last_event_at())

    def _last_event_at(self) -> float:
        """When the newest worker's event was sent, by the local clock; 0.0 before there was one."""
        if self._pipeline.last_event is None:
            return 0.0
        at, hostname = self._pipeline.last_event
        worker = self._workers.workers.get(hostname)
        lead = (worker.clock_difference if worker is not None else None) or 0.0
        return at - lead

    def _can_write(self, now: float) -> None:
        """There is space again: what was held is written, what was dropped becomes a gap."""
        self._gaps.flush()
        if self._dropped:
            cause = f"the disk was full: {self._dropped:,} events beyond the {HELD_EVENTS:,} held were dropped"
            self._gaps.note(self._dropped_since, now, cause, self._dropped)
            self._dropped, self._dropped_since = 0, 0.0
        self._say("The history can be written again.")
        self._set_state("recording", "")
        self._put_status()

    def _failed(self, error: apsw.Error) -> None:
        """A damaged history is exchanged at once; with anything else, such as a full disk, patience helps."""
        if self._upkeep.repaired(error):
            self._standstill.reset()
        else:
            self._cannot_write(error)

    def _cannot_write(self, error: apsw.Error) -> None:
        """Hold on to what was read: the next commit writes it."""
        reason = error.__context__ if isinstance(error.__context__, apsw.Error) else error  # what rolled it back
        problem = f"The history cannot be written ({reason}). Free some space; what was read is kept in memory."
        if problem != self._full:
            self._full = problem
            self._say(problem)
        self._state, self._message = "recording", problem
        self._stop.wait(COMMIT_SECONDS)

    def _housekeeping(self) -> None:
        while not self._sampler.results.empty():
            self._sampled(self._sampler.results.get())
        now = time.time()
        try:
            self._upkeep.retain(now, busy=self._pipeline.pending >= COMMIT_EVENTS)
        except apsw.Error as error:
            self._failed(error)
        if now < self._next_check:
            return
        self._next_check = now + HOUSEKEEPING_SECONDS
        try:
            self._workers.check(now)
            self._endings.check(now)
            for missed in self._workers.take_missed():
                self._missed(missed)
            self._wanted = self._want(now)
            self._history.put_workers(self._workers.take_changed())
            if forgotten := self._workers.forget(now):
                self._history.drop_workers(forgotten)
            self._put_status()
            if now >= self._next_oldest:
                self._next_oldest = now + 5.0
                self._oldest = self._history.oldest_waiting()
        except apsw.Error as error:
            self._failed(error)

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
            self._failed(error)

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
        attempt = refusals = 0
        while not self._stop.is_set():
            try:
                self._source.connect()
            except (LoginRefused, PermissionRefused) as error:
                if first:
                    raise
                pause = _REFUSED_SECONDS[min(refusals, len(_REFUSED_SECONDS) - 1)]
                refusals += 1
                self._set_state("disconnected", f"{error} It was accepted before: deskq tries again now and then.")
                self._wait(pause)
                continue
            except BrokerError as error:
                self._set_state("connecting" if first else "disconnected", str(error))
                pause = _RECONNECT_SECONDS[min(attempt, len(_RECONNECT_SECONDS) - 1)]
                attempt += 1
                self._wait(pause)
                continue
            now = time.time()
            self._workers.deaf_until(now)
            self._gaps.end(now)
            self._standstill.reset()
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
            self._put_status()

    def _lost(self, error: ConnectionLost) -> None:
        now = time.time()
        self._commit()
        self._source.close()
        self._note_losses()
        since = now if error.since is None else error.since
        self._gaps.begin(min(now, max(since, self._last_event_at())), str(error))
        self._set_state("disconnected", str(error))
        self._say(str(error))

    def _note_losses(self) -> None:
        for loss in self._source.losses():
            self._gaps.note(loss.since, loss.until, loss.cause, loss.count)
            self._say(loss.cause)

    def _missed(self, missed: Missed) -> None:
        cause = f"{missed.hostname} accepted {missed.count} tasks whose events did not arrive"
        self._gaps.note(missed.since, missed.until, cause, missed.count)

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
            message=self._message or self._upkeep.notice,
            pid=os.getpid(),
            events=self._pipeline.events,
            events_per_second=per_second,
            delay=self._delay,
            malformed=self._pipeline.malformed,
            duplicates=self._pipeline.duplicates,
            gaps=self._gaps.count + self._upkeep.gaps,
            server=self._server,
            updated=now,
        )

    def _put_status(self) -> None:
        with contextlib.suppress(apsw.Error):  # a full disk is told by the commit
            self._history.put_status(self._status())

    def _finish(self, sampling: bool) -> None:
        if sampling:
            self._sampler.stop()
        self._source.close()
        self._note_losses()
        self._broker.close()
        self._commit()
        with contextlib.suppress(apsw.Error):
            self._gaps.end(time.time())
            self._history.put_workers(self._workers.take_changed())
        if self._state != "disconnected":
            self._set_state("stopped", "")
        self._put_status()
