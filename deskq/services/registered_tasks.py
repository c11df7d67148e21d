"""Which tasks the workers of a profile have registered, as far as all of them told."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from deskq.brokers.remote_control import RemoteControl, registered_names
from deskq.formats import clock_time, count, plain
from deskq.history.rows import WorkerRow

if TYPE_CHECKING:
    from deskq.services.session import ProfileSession

_CAME_MEANWHILE: Final = 10.0
"""A recorder that just began may hear so late of a worker that was there before: they send heartbeats every 2 s."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What workers answered that were asked ``at`` a time. ``pids``: which processes they were, where it is known."""

    at: float
    tasks: Mapping[str, frozenset[str]]
    pids: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class Registered:
    """The names of the tasks that workers have registered: so many ``workers`` told, all there are."""

    names: frozenset[str]
    workers: int
    at: float

    def lacks(self, task: str) -> bool:
        """Does no worker register it? Of Celery's own tasks workers do not tell, and each has them."""
        return bool(task) and not task.startswith("celery.") and task.split(" [", 1)[0] not in self.names

    def words(self, task: str, now: float) -> str:
        """Return a sentence where no worker registers a task, else ""."""
        if not self.lacks(task):
            return ""
        asked = f"{count(self.workers, 'worker')} answered at {clock_time(self.at, now)}"
        return f"No worker has registered the task “{plain(task)}” ({asked})."


def registered_by(answers: Answers | None, workers: Iterable[WorkerRow]) -> Registered | None:
    """Return what is registered if all workers that are online, by the history, have told; None if not all have.

    One that began after the others were asked has told nothing, and one of which it is not known whether it is there
    may have what the others lack.
    """
    online = [worker for worker in workers if worker.online or worker.unknown]
    if answers is None or not online or not all(_told(worker, answers) for worker in online):
        return None
    return Registered(frozenset().union(*answers.tasks.values()), len(answers.tasks), answers.at)


def _told(worker: WorkerRow, answers: Answers) -> bool:
    if worker.hostname not in answers.tasks or worker.since > answers.at + _CAME_MEANWHILE:
        return False
    return answers.pids.get(worker.hostname) in (None, worker.pid)


async def ask_workers(session: ProfileSession) -> Answers:
    """Ask all workers of a profile once, by Celery's remote control; raises UserError."""
    asked = await session.control(answers_of)
    workers = await session.ask(lambda reader: reader.workers(), slot="registered tasks")
    return replace(asked, pids={worker.hostname: worker.pid for worker in workers})


def answers_of(remote: RemoteControl, limit: int | None = None) -> Answers:
    """Ask all workers which tasks they have registered; blocking, returns as soon as ``limit`` have answered.

    Raises BrokerError.
    """
    at = time.time()
    return Answers(at, registered_names(remote.inspect("registered", limit=limit)), {})
