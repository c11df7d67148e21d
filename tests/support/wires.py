"""Events of one task as Celery's processes can really send them, drawn at random, with what happened beside them.

A client sends a message, a worker's parent process receives it and hands it to a child, the child runs it and writes
"accepted" and "ready" into a pipe of its own; the parent reads its broker and its children's pipes in any order, and
sends every event (celery/concurrency/asynpool.py, celery/worker/request.py). A child that retries or replaces its task
sends the next message before it is ready. Each parent has a logical clock of its own and each machine its own idea of
the time. Events of one process arrive in their order, those of different ones in any.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from deskq.protocol.events import Event
from deskq.protocol.task_record import LOST, Observation, TaskRecord

UUID: Final = "5e0fb9bd-33c4-4c1c-8ee0-4bd7d1c3b0aa"
BEGAN: Final = 1_700_000_000.0
_PAUSES: Final = (0.0, 0.0001, 0.002, 0.02, 0.02, 0.3, 4.0)
_FINAL: Final = ("success", "success", "failure", "time limit", "reject", "revoked")
_STATES: Final = {
    **dict.fromkeys(("success",), "SUCCESS"),
    **dict.fromkeys(("failure", "time limit"), "FAILURE"),
    "reject": "REJECTED",
    "revoked": "REVOKED",
}


@dataclass(eq=False)
class Execution:
    """One run of the task; ``started`` and ``finished`` as its worker's events say. ``vague``: its start is told by
    an event that could as well be another's of its worker: the parent read its children's pipes in another order.
    """

    kind: str
    name: str
    args: str
    retries: int
    worker: str = ""
    started: float | None = None
    finished: float | None = None
    runtime: float | None = None
    exception: str = ""
    vague: bool = False

    @property
    def state(self) -> str:
        """The state in which it leaves the task."""
        return _STATES[self.kind]


@dataclass
class Message:
    """What waits in the queue."""

    name: str
    args: str
    retries: int = 0
    parent: str | None = None
    not_before: float = 0.0


@dataclass(eq=False)
class _Child:
    pid: int
    clock: int
    pipe: deque[tuple[str, Execution, Message]] = field(default_factory=deque)
    busy: tuple[Execution, Message, float, float] | None = None  # … began, ends


@dataclass(eq=False)
class _Worker:
    hostname: str
    pid: int
    ahead: float
    clock: int
    children: list[_Child]
    waiting: deque[tuple[Execution, Message]] = field(default_factory=deque)


def _client(worker: _Worker, child: _Child) -> str:
    """As whom a child tells that it sent a message (celery.utils.nodenames.anon_nodename)."""
    return f"gen{child.pid}@{worker.hostname.rpartition('@')[2]}"


class Wire:
    """One history. ``events`` as they arrive; ``truth``: the run that counts; ``ahead``: of each worker's clock."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.now = BEGAN
        self.pid = 1_000
        self.queue: list[Message] = []
        self.sent: dict[str, list[Event]] = {}
        self.notes: list[Observation] = []
        self.runs: list[Execution] = []
        self.script: deque[str] = deque()
        self.measured = random.random() < 0.8
        self.tells_sent = random.random() < 0.3
        skews = (0.0, 0.0, 0.01, -0.1, 5.0, -5.0, 3_600.0, -3_600.0) if self.measured else (0.0, 0.0, 0.005)
        self.workers = [self._worker(f"w{n}@host{n}", random.choice(skews)) for n in range(random.choice((1, 1, 2, 3)))]
        self.ahead = {worker.hostname: worker.ahead for worker in self.workers}
        for stage in range(random.choice((1, 1, 1, 2))):
            if stage:
                self.now += random.uniform(2.5, 50)  # a client uses the id again, once it has the result
            name = random.choice(("shop.a", "shop.a", f"shop.{stage}"))
            self._live(Message(name, f"({stage},)"))
        self.truth = self.runs[-1]
        self.events = self._arrived()

    def record(self, order: list[Event] | None = None) -> TaskRecord:
        """Return the record of these events, in the order in which they arrive or another."""
        record = TaskRecord(UUID)
        for event in self.events if order is None else order:
            record.add(event)
            ahead = self.ahead.get(event.hostname, 0.0)
            if self.measured and abs(ahead) >= 0.25:
                record.note_clock(event.hostname, round(ahead, 1))
        for note in self.notes:
            record.observe(note)
        return record

    def starts_of(self, run: Execution) -> set[float]:
        """Return when the worker of this run told of any start."""
        return {e.timestamp for e in self.events if e.type == "task-started" and e.hostname == run.worker}

    def _worker(self, hostname: str, ahead: float) -> _Worker:
        self.pid += 10
        pid = self.pid
        clock = self.random.choice((1, 50, 10_000))
        children = [_Child(pid + 1 + n, clock) for n in range(self.random.choice((1, 2, 4)))]
        return _Worker(hostname, pid, ahead, clock, children)

    def _live(self, message: Message) -> None:
        """One message and all that follows from it, until nothing is left to do."""
        middle = ("retry", "retry", "retry", "requeue", "replace", "kill", "replace alike")
        self.script = deque(self.random.choice(middle) for _ in range(self.random.choice((0, 1, 1, 2, 3, 6))))
        self.script.append(self.random.choice(_FINAL))
        self._send(message, "client@host", 1)
        while True:
            steps = self._possible()
            if not steps:
                return
            step, *values = self.random.choice(steps)
            self.now += self.random.choice(_PAUSES)
            step(*values)
            if self.random.random() < 0.1:  # workers hear one another's heartbeats
                latest = max(worker.clock for worker in self.workers)
                for worker in self.workers:
                    worker.clock = latest + 1

    def _possible(self) -> list[Any]:
        steps: list[Any] = []
        for worker in self.workers:
            steps += [(self._receive, worker, m) for m in self.queue if m.not_before <= self.now]
            for child in worker.children:
                if child.busy is None and worker.waiting:
                    steps.append((self._begin, worker, child))
                if child.busy is not None:
                    steps.append((self._finish, worker, child))
                if child.pipe:
                    steps.append((self._handle, worker, child))
        if not steps and self.queue:
            self.now = max(self.now, min(message.not_before for message in self.queue))
            return self._possible()
        return steps

    def _tell(self, worker: _Worker, kind: str, child: _Child | None = None, **fields: Any) -> float:
        """A worker sends an event; the child's own ones have its own clock."""
        source: _Worker | _Child = child or worker
        source.clock += self.random.choice((1, 1, 2, 7))
        at = self.now + worker.ahead
        event = Event(
            type=f"task-{kind}",
            uuid=UUID,
            hostname=worker.hostname,
            pid=source.pid,
            clock=source.clock,
            timestamp=at,
            **fields,
        )
        self.sent.setdefault(f"{worker.hostname} {source.pid}", []).append(event)
        return at

    def _send(self, message: Message, hostname: str, pid: int, ahead: float = 0.0) -> None:
        self.queue.append(message)
        if not self.tells_sent:
            return
        event = Event(
            type="task-sent",
            uuid=UUID,
            hostname=hostname,
            pid=pid,
            timestamp=self.now + ahead,
            name=message.name,
            args=message.args,
            kwargs="{}",
            retries=message.retries,
            queue="q",
            parent_id=message.parent,
        )
        self.sent.setdefault(f"{hostname} {pid}", []).append(event)

    def _receive(self, worker: _Worker, message: Message) -> None:
        self.queue.remove(message)
        kind = self.script.popleft()
        run = Execution(kind, message.name, message.args, message.retries, worker.hostname)
        self.runs.append(run)
        self._tell(
            worker,
            "received",
            name=message.name,
            args=message.args,
            kwargs="{}",
            retries=message.retries,
            parent_id=message.parent,
        )
        if kind == "revoked":
            run.finished = self._tell(worker, "revoked", terminated=False, expired=False)
        else:
            worker.waiting.append((run, message))

    def _begin(self, worker: _Worker, child: _Child) -> None:
        run, message = worker.waiting.popleft()
        lasts = self.random.choice((0.0, 0.001, 0.01, 0.5, 30.0))
        child.busy = (run, message, self.now, self.now + lasts)
        child.pipe.append(("accepted", run, message))
        if self.random.random() < 0.2:
            self._tell(worker, "progress", child)

    def _finish(self, worker: _Worker, child: _Child) -> None:
        assert child.busy is not None
        run, message, began, ends = child.busy
        self.now = max(self.now, ends)
        if run.kind == "kill":
            self._kill(worker, message)
            return
        child.busy = None
        run.runtime = self.now - began
        if run.kind == "retry":
            wait = self.random.choice((0.0, 0.0, 0.0, 0.01, 20.0))
            again = Message(message.name, message.args, message.retries + 1, message.parent or UUID, self.now + wait)
            self._send(again, _client(worker, child), child.pid, worker.ahead)
        elif run.kind.startswith("replace"):
            name = message.name if run.kind == "replace alike" else f"{message.name}x"
            self._send(Message(name, message.args + "!", 0, UUID), _client(worker, child), child.pid, worker.ahead)
        child.pipe.append((run.kind, run, message))

    def _kill(self, worker: _Worker, message: Message) -> None:
        """The worker dies with all that its pipes hold; another of its name comes, and the broker delivers again."""
        last = self.sent[f"{worker.hostname} {worker.pid}"][-1]
        noted = self.now + self.random.uniform(8, 16)
        self.notes.append(Observation(LOST, noted, last.clock, worker.hostname, worker.pid))
        self.queue.append(message)
        self.queue += [waiting for _, waiting in worker.waiting]
        lost = [run for run, _ in worker.waiting]
        self.script.extendleft(run.kind for run in reversed(lost))
        self.runs = [run for run in self.runs if run not in lost]
        self.workers[self.workers.index(worker)] = self._worker(worker.hostname, worker.ahead)

    def _handle(self, worker: _Worker, child: _Child) -> None:
        what, run, message = child.pipe.popleft()
        if what == "accepted":
            run.started = self._tell(worker, "started")
            unheard = [r for r in self.runs if r.worker == run.worker and r.started is None and r.kind != "revoked"]
            for other in unheard:
                if self.runs.index(other) < self.runs.index(run):
                    other.vague = run.vague = True
            return
        error: dict[str, Any] = {"exception": f"{what}({self.runs.index(run)})", "traceback": "Traceback"}
        if what == "success":
            run.finished = self._tell(worker, "succeeded", result=f"'{self.runs.index(run)}'", runtime=run.runtime)
        elif what == "failure":
            run.exception = error["exception"]
            run.finished = self._tell(worker, "failed", **error)
        elif what == "time limit":
            run.exception = "TimeLimitExceeded(1,)"
            for _ in range(self.random.choice((1, 2))):
                run.finished = self._tell(worker, "failed", exception=run.exception, traceback="Traceback")
        elif what == "retry":
            self._tell(worker, "retried", **error)
        elif what in ("requeue", "reject"):
            again = what == "requeue"
            run.exception = f"reject requeue={again}: no"
            if not again:
                self._tell(worker, "failed", exception=run.exception, traceback="Traceback")
            run.finished = self._tell(worker, "rejected", requeue=again)
            if again:
                self.queue.append(message)

    def _arrived(self) -> list[Event]:
        """Mix what the processes sent; each one's own order stays."""
        left = [deque(events) for events in self.sent.values()]
        arrived: list[Event] = []
        while left:
            source = self.random.choice(left)
            arrived.append(source.popleft())
            if not source:
                left.remove(source)
        return arrived
