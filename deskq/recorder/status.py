"""What a recorder says of its run: a line while it goes on, a summary at its end, and how fast events come."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections import deque
from dataclasses import dataclass

import apsw

from deskq.history.rows import RecorderStatus
from deskq.history.writing.writer import History
from deskq.recorder.event_merger import Pipeline
from deskq.recorder.gap_log import Gaps
from deskq.recorder.maintenance import Maintenance
from deskq.recorder.poll_results import PollApplier
from deskq.recorder.poller import Sampler
from deskq.recorder.tracking.worker_tracker import WorkerWatch

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class State:
    """What a recorder does, ``since`` when (epoch seconds), and why, "" where that says itself."""

    name: str
    since: float
    message: str = ""

    def becomes(self, name: str, message: str) -> bool:
        """Take on another state or another reason; False if both are as they were."""
        if (name, message) == (self.name, self.message):
            return False
        if name != self.name:
            self.since = time.time()
        self.name, self.message = name, message
        _log.log(logging.WARNING if message else logging.INFO, "%s%s%s", name, ": " if message else "", message)
        return True


@dataclass(slots=True)
class RecorderSummary:
    """What one run of a recorder did."""

    events: int
    tasks: int
    malformed: int
    duplicates: int
    gaps: int
    seconds: float


class Rate:
    """Events per second over the last few times that it was asked."""

    def __init__(self) -> None:
        self._counts: deque[tuple[float, int]] = deque(maxlen=6)

    def at(self, now: float, events: int) -> float | None:
        """Return it, with so many events in all until now; None at first."""
        self._counts.append((now, events))
        then, before = self._counts[0]
        return (events - before) / (now - then) if now - then > 0.2 else None


def line(status: RecorderStatus, online: int) -> str:
    """Return one line for a terminal; ``online``: how many workers are."""
    delay = "" if status.delay is None else f" · {status.delay * 1000:,.0f} ms behind"
    rate = "" if status.events_per_second is None else f" · {status.events_per_second:,.0f}/s"
    return (
        f"{status.state} · {status.events:,} events{rate}{delay} · "
        f"{online} workers online · {status.gaps} gaps{' · ' + status.message if status.message else ''}"
    )


class StatusReport:
    """``full``: why the history cannot be written, "" while it can. ``delay``: of the last event, in seconds."""

    def __init__(
        self,
        history: History,
        workers: WorkerWatch,
        pipeline: Pipeline,
        gaps: Gaps,
        upkeep: Maintenance,
        samples: PollApplier,
        sampler: Sampler,
    ) -> None:
        self._history = history
        self._workers = workers
        self._pipeline = pipeline
        self._gaps = gaps
        self._upkeep = upkeep
        self._samples = samples
        self._sampler = sampler
        self._rate = Rate()
        self.began = time.time()
        self.state = State("connecting", self.began)
        self.delay: float | None = None
        self.full = ""

    def becomes(self, state: str, message: str) -> None:
        """Write another state, or another reason for it."""
        if self.state.becomes(state, message):
            self.put()

    def put(self) -> None:
        """Write the status, where that can be done: a full disk is told by the commit."""
        with contextlib.suppress(apsw.Error):
            self._history.put_status(self.status())

    def status(self) -> RecorderStatus:
        """Return what the history says of the recorder."""
        now = time.time()
        refusals = self._workers.refusals or self._sampler.refusal
        return RecorderStatus(
            state=self.state.name,
            since=self.state.since,
            message=self.state.message or self.full or self._upkeep.notice or refusals or self._samples.problem,
            pid=os.getpid(),
            events=self._pipeline.events,
            events_per_second=self._rate.at(now, self._pipeline.events),
            delay=self.delay,
            malformed=self._pipeline.malformed,
            duplicates=self._pipeline.duplicates,
            gaps=self._gaps.count + self._upkeep.gaps,
            server=self._samples.server,
            updated=now,
            salvaging=self._upkeep.salvaging,
            sampling=self._samples.problem,
            delayed=self._samples.delayed,
            queues_known=self._samples.queues_known,
            workers_known=self._samples.workers_known,
        )

    def summary(self) -> RecorderSummary:
        """Return what was done so far."""
        return RecorderSummary(
            self._pipeline.events,
            self._history.tasks_seen,
            self._pipeline.malformed,
            self._pipeline.duplicates,
            self._gaps.count + self._upkeep.gaps,
            round(time.time() - self.began, 3),
        )

    def line(self) -> str:
        """Return one line for a terminal."""
        return line(self.status(), len(self._workers.online()))
