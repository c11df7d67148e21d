"""One profile in the window: its recorder process, its history, and the ways to ask its broker and workers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from PySide6.QtCore import QObject, Signal

from deskq.brokers.opening import open_broker
from deskq.brokers.ports import Broker, LoginRefused
from deskq.brokers.remote_control import RemoteControl
from deskq.errors import UserError
from deskq.formats import clock_time
from deskq.history.reading.reader import HistoryReader
from deskq.history.rows import RecorderStatus
from deskq.profiles import Profile
from deskq.services.background.background_tasks import BackgroundTasks
from deskq.services.background.own_thread import OwnThread
from deskq.services.history_queries import HistoryLink
from deskq.services.recorder_child import STOP_SECONDS, RecorderChild

if TYPE_CHECKING:
    from deskq.results.record import ResultRecord
    from deskq.results.store import ResultStore
    from deskq.schedules.profile_reader import ScheduleReader

T = TypeVar("T")
POLL_SECONDS: Final = 0.1
STATUS_SECONDS: Final = 1.0
SILENT_SECONDS: Final = 10.0
"""A recorder writes its status every second: one that is silent for so long stands still."""


class ProfileSession(QObject):
    """Everything of one profile. All methods are called on the GUI thread; nothing blocks it.

    ``status`` is None until the history has been read; ``problem`` is "" or a sentence for people. ``screen_delay``:
    seconds from an event's arrival at the recorder to the row in the table, None while no table follows.
    """

    revision_moved = Signal()
    status_changed = Signal()
    salvage_ended = Signal()
    """All that could be read of a damaged history is in the new one: it reaches farther back than before."""
    login_refused = Signal(str)

    def __init__(self, profile: Profile, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.profile = profile
        self.status: RecorderStatus | None = None
        self.problem = ""
        self._problem_at = 0.0
        self.connected = False
        self.screen_delay: float | None = None
        self._history = HistoryLink(profile.history_path())
        name = profile.name
        self._remote = OwnThread(f"control {name}", partial(_open_remote, profile), lasting=True)
        self._broker = OwnThread(f"broker {name}", partial(open_broker, profile))
        self._results = OwnThread(f"results {name}", partial(_open_results, profile))
        self._schedules = OwnThread(f"schedules {name}", partial(_open_schedules, profile), lasting=True)
        self._tasks = BackgroundTasks(self._say)
        self._stopping = False
        self._started = False

    def start(self) -> None:
        """Begin to record (or to follow the service that does) and to watch the history."""
        if not self._started:
            self._started = True
            self.connected = True
            if self.profile.has_broker:
                child = RecorderChild(self.profile, self._broker.run, self._say)
                self.spawn(self._keep_recording(child), "recorder")
            self.spawn(self._watch(), "watch")
            self.status_changed.emit()

    async def stop(self) -> None:
        """End the recorder and every task of this session; ends within seconds."""
        if self._stopping:
            return
        self._stopping = True
        self.connected = False
        self._tasks.close()
        await self._tasks.wait(STOP_SECONDS + 2)
        await self._history.close()
        await asyncio.gather(self._remote.close(), self._broker.close(), self._results.close(), self._schedules.close())
        self.status_changed.emit()

    @property
    def heard(self) -> bool:
        """Has the broker been heard, or is it a file that needs none? If not, numbers are unknown rather than 0."""
        return not self.profile.has_broker or (self.status is not None and self.status.state == "recording")

    @property
    def queues_known(self) -> bool:
        """Was the broker asked for all its queues? Until then none is unknown rather than 0."""
        return self.heard and (not self.profile.has_broker or (self.status is not None and self.status.queues_known))

    @property
    def workers_known(self) -> bool:
        """Were all workers asked who they are? Never on silent profiles, where some may not have been heard."""
        return self.heard and (not self.profile.has_broker or (self.status is not None and self.status.workers_known))

    def now(self) -> float:
        """Return the time up to which views show: now, but for a history file the last that is recorded in it."""
        if not self.profile.has_broker and self.status is not None and not self.status.writer_alive:
            return self.status.updated
        return time.time()

    @property
    def sampling_problem(self) -> str:
        """Why figures of queues and workers are missing or old, "" where they are not or nobody records."""
        status = self.status
        return status.sampling if status is not None and status.state == "recording" else ""

    async def ask(self, question: Callable[[HistoryReader], T], *, slot: str) -> T:
        """Ask the history; see HistoryLink.ask."""
        return await self._history.ask(question, slot=slot)

    async def inspect(
        self, method: str, destination: list[str] | None = None, *, wait: float = 1.0
    ) -> dict[str, object]:
        """Ask workers by Celery's remote control: hostname -> reply; who is silent for ``wait`` s is absent."""
        return await self.control(lambda remote: remote.inspect(method, destination=destination, timeout=wait))

    async def control(self, verb: Callable[[RemoteControl], T]) -> T:
        """Run a verb of remote control in the session's control thread."""
        return await self._remote.use(verb)

    async def broker(self, verb: Callable[[Broker], T]) -> T:
        """Run a question to the broker in the session's broker thread."""
        return await self._broker.use(verb)

    async def result(self, task_id: str) -> tuple[ResultRecord | None, str]:
        """Read what the result backend keeps of a task, and where; None if it keeps nothing. Raises UserError."""
        return await self._results.use(lambda store: (store.get(task_id), store.place))

    async def schedules(self, verb: Callable[[ScheduleReader], T]) -> T:
        """Run a question to the profile's schedule stores in the session's thread for them."""
        return await self._schedules.use(verb)

    def spawn(self, work: Coroutine[Any, Any, None], name: str, owner: QObject | None = None) -> None:
        """Start a task that lives at most as long as the session, and as its ``owner``, where it has one.

        What it raises reaches the loop's handler.
        """
        self._tasks.start(work, f"{self.profile.name}: {name}", owner=owner)

    def _say(self, problem: str) -> None:
        if problem != self.problem:
            self.problem = problem
            self._problem_at = time.time()
            self.status_changed.emit()

    async def _keep_recording(self, child: RecorderChild) -> None:
        try:
            await child.keep_alive()
        except LoginRefused as refusal:
            self._say(str(refusal))
            self.login_refused.emit(str(refusal))

    async def _watch(self) -> None:
        """Announce new revisions at most ten times a second, and the recorder's status once a second."""
        revision = -1
        loop = asyncio.get_running_loop()
        next_status, began = 0.0, time.time()
        while True:
            try:
                now = await self.ask(lambda reader: reader.revision(), slot="revision")
                if loop.time() >= next_status:
                    next_status = loop.time() + STATUS_SECONDS
                    status = await self.ask(lambda reader: reader.status(), slot="status")
                    silent = time.time() - (status.updated or began)
                    if status.writer_alive and silent > SILENT_SECONDS and not self.problem:
                        since = (
                            f" since {clock_time(status.updated)}. The data shown may be outdated."
                            if status.updated
                            else " yet."
                        )
                        self._say(f"No update from the recorder{since}")
                    elif status != self.status:
                        before, self.status = self.status, status
                        if before is not None and before.salvaging is not None and status.salvaging is None:
                            self.salvage_ended.emit()
                        if status.state == "recording" and status.updated > self._problem_at:
                            self.problem = ""
                        elif status.state == "disconnected" or (status.state == "connecting" and status.message):
                            self.problem = status.message
                        self.status_changed.emit()
                if now != revision:
                    revision = now
                    self.revision_moved.emit()
            except UserError as error:
                if not self.profile.has_broker:
                    self._say(str(error))
                await asyncio.sleep(0.3)  # the recorder has not made the file yet
            await asyncio.sleep(POLL_SECONDS)


def _open_remote(profile: Profile) -> RemoteControl:
    if not profile.has_broker:
        raise UserError(f"“{profile.name}” is a history file without a broker: workers cannot be inspected.")
    return RemoteControl(profile)


def _open_results(profile: Profile) -> ResultStore:
    from deskq.results.opening import open_results

    return open_results(profile)


def _open_schedules(profile: Profile) -> ScheduleReader:
    from deskq.schedules.profile_reader import ScheduleReader

    return ScheduleReader(profile)
