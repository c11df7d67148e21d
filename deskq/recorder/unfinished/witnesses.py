"""Ask the workers and the result backend, in a thread, about tasks whose events are missing."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from deskq.brokers.remote_control import RemoteControl
from deskq.errors import UserError
from deskq.profiles import Profile
from deskq.results.opening import open_results
from deskq.results.record import ResultRecord
from deskq.results.store import ResultStore

MOST_LOOKED_UP: Final = 200
"""Records that are looked up for one question."""
_LOOK_UP_SECONDS: Final = 5.0
_REFUSED_SECONDS: Final = 10.0
"""How long nobody is asked after a question that failed."""


@dataclass(frozen=True, slots=True)
class WitnessQuestion:
    """``runs``: tasks that are said to run, by worker. ``waits``: tasks that are said to wait; every worker is asked.

    ``stored``: tasks that are looked up in the result backend in any case; so are all that no worker has.
    """

    runs: Mapping[str, frozenset[str]] = field(default_factory=dict)
    waits: frozenset[str] = frozenset()
    stored: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.runs or self.waits or self.stored)


@dataclass(slots=True)
class WitnessAnswer:
    """``asked_at``: when it was asked, by the local clock. A worker that did not answer is absent.

    ``runs``: when each task began that a worker runs, by the worker's clock (-1 unknown). ``holds``: what else a worker
    keeps, of those that told all of it; None if nobody was asked for that. ``limited``: names of tasks with a rate
    limit: a worker keeps those where no question finds them. ``stored``: of each task that was looked up its record.
    """

    question: WitnessQuestion
    asked_at: float
    runs: dict[str, dict[str, float]] = field(default_factory=dict)
    holds: dict[str, set[str]] | None = None
    limited: set[str] = field(default_factory=set)
    stored: dict[str, ResultRecord | None] = field(default_factory=dict)


class Witnesses:
    """Takes one question at a time; ``answers`` holds what came of them. A silent profile's workers are not asked."""

    def __init__(self, profile: Profile) -> None:
        self.answers: queue.SimpleQueue[WitnessAnswer] = queue.SimpleQueue()
        self.may_ask = profile.may_inspect_unasked
        self.may_look_up = _store_of(profile) is not None
        self._profile = profile
        self._questions: queue.SimpleQueue[WitnessQuestion | None] = queue.SimpleQueue()
        self._idle = threading.Event()
        self._idle.set()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="witnesses", daemon=True)
        self._remote: RemoteControl | None = None
        self._store: ResultStore | None = None
        self._no_workers_before = self._no_store_before = 0.0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout: float = 3.0) -> None:
        """End; a call that hangs is left to its deadline."""
        self._stopped.set()
        self._questions.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout)

    @property
    def idle(self) -> bool:
        """Has the last question been answered?"""
        return self._idle.is_set()

    def ask(self, question: WitnessQuestion) -> None:
        """Ask, if the last question has been answered."""
        if self._idle.is_set():
            self._idle.clear()
            self._questions.put(question)

    def _run(self) -> None:
        while (question := self._questions.get()) is not None:
            answer = WitnessAnswer(question, time.time())
            with contextlib.suppress(UserError):
                self._ask_workers(answer)
            with contextlib.suppress(UserError):
                self._look_up(answer)
            self._idle.set()
            self.answers.put(answer)
        self._close_remote()
        self._close_store()

    def _ask_workers(self, answer: WitnessAnswer) -> None:
        question = answer.question
        if not self.may_ask or time.monotonic() < self._no_workers_before or not (question.runs or question.waits):
            return
        try:
            remote = self._remote = self._remote or RemoteControl(self._profile)
            if question.waits:
                self._ask_everyone(remote, answer)
            else:
                names = sorted(question.runs)
                replies = remote.inspect("active", destination=names, limit=len(names), arguments={"safe": True})
                answer.runs = _running(replies)
        except UserError:
            self._no_workers_before = time.monotonic() + _REFUSED_SECONDS
            self._close_remote()
            raise

    def _ask_everyone(self, remote: RemoteControl, answer: WitnessAnswer) -> None:
        """Ask what waits before what runs: what goes from the one to the other meanwhile is found in the second."""
        scheduled, reserved = remote.inspect("scheduled"), remote.inspect("reserved")
        answer.runs = _running(remote.inspect("active", arguments={"safe": True}))
        registered = remote.inspect("registered")
        answer.holds = {}
        for worker in answer.runs:
            replies = (scheduled.get(worker), reserved.get(worker), registered.get(worker))
            if all(isinstance(reply, list) for reply in replies):
                answer.holds[worker] = _ids(replies[0]) | _ids(replies[1])
        for reply in registered.values():
            lines = [line for line in reply if isinstance(line, str)] if isinstance(reply, list) else []
            answer.limited |= {line.split(" [", 1)[0] for line in lines if "rate_limit=" in line}

    def _look_up(self, answer: WitnessAnswer) -> None:
        """Look up whatever no worker has, as far as there is time."""
        if not self.may_look_up or time.monotonic() < self._no_store_before:
            return
        question = answer.question
        found = {uuid for ids in (*answer.runs.values(), *(answer.holds or {}).values()) for uuid in ids}
        absent = {uuid for worker, ids in question.runs.items() if worker in answer.runs for uuid in ids}
        wanted = sorted(question.stored) + sorted(((absent | question.waits) - found) - question.stored)
        deadline = time.monotonic() + _LOOK_UP_SECONDS
        try:
            store = self._store = self._store or open_results(self._profile)
            for uuid in wanted[:MOST_LOOKED_UP]:
                if self._stopped.is_set() or time.monotonic() > deadline:
                    return
                answer.stored[uuid] = store.get(uuid)
        except UserError:
            self._no_store_before = time.monotonic() + _REFUSED_SECONDS
            self._close_store()
            raise

    def _close_remote(self) -> None:
        if self._remote is not None:
            self._remote.close()
            self._remote = None

    def _close_store(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None


def _store_of(profile: Profile) -> ResultStore | None:
    """Return a store that has not connected yet, None if the profile has none that can be looked into."""
    with contextlib.suppress(UserError):
        return open_results(profile)
    return None


def _running(replies: Mapping[str, object]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for worker, reply in replies.items():
        if isinstance(reply, list):
            requests = [entry for entry in reply if isinstance(entry, dict) and isinstance(entry.get("id"), str)]
            found[worker] = {request["id"]: _epoch(request.get("time_start")) for request in requests}
    return found


def _epoch(began: object) -> float:
    """Older Celery tells ``time_start`` by the worker's monotonic clock, which says nothing here."""
    return float(began) if isinstance(began, int | float) and began > 1e9 else -1


def _ids(reply: object) -> set[str]:
    found: set[str] = set()
    for entry in reply if isinstance(reply, list) else ():
        request = entry.get("request", entry) if isinstance(entry, dict) else None
        if isinstance(request, dict) and isinstance(request.get("id"), str):
            found.add(request["id"])
    return found
