"""One profile in the window: its recorder process, its history, and the ways to ask its broker and workers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar

from PySide6.QtCore import QObject, Signal

from deskq import log
from deskq.brokers.opening import open_broker
from deskq.brokers.ports import Broker, LoginRefused
from deskq.brokers.remote_control import RemoteControl
from deskq.errors import UserError
from deskq.files.locks import is_locked
from deskq.formats import clock_time
from deskq.history.reading.reader import HistoryReader
from deskq.history.rows import RecorderStatus
from deskq.profiles import Profile, profile_to_json
from deskq.recorder import RECOVERED
from deskq.services.background.background_tasks import BackgroundTasks
from deskq.services.history_queries import HistoryLink
from deskq.system import own_command

if TYPE_CHECKING:
    from deskq.results.record import ResultRecord
    from deskq.results.store import ResultStore
    from deskq.schedules.profile_reader import ScheduleReader

_log = logging.getLogger(__name__)

T = TypeVar("T")
POLL_SECONDS: Final = 0.1
STATUS_SECONDS: Final = 1.0
SILENT_SECONDS: Final = 10.0
"""A recorder writes its status every second: one that is silent for so long stands still."""
STOP_SECONDS: Final = 8.0
_SAYS: Final = "deskq: "
_RESTART_SECONDS: Final = (1.0, 2.0, 5.0, 10.0, 30.0)


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
        self._control = ThreadPoolExecutor(1, thread_name_prefix=f"control {profile.name}")
        self._queue_io = ThreadPoolExecutor(1, thread_name_prefix=f"broker {profile.name}")
        self._results_io = ThreadPoolExecutor(1, thread_name_prefix=f"results {profile.name}")
        self._schedules_io = ThreadPoolExecutor(1, thread_name_prefix=f"schedules {profile.name}")
        self._results: ResultStore | None = None
        self._schedules: ScheduleReader | None = None
        self._remote: RemoteControl | None = None
        self._broker: Broker | None = None
        self._tasks = BackgroundTasks(self._say)
        self._stopping = False
        self._started = False

    def start(self) -> None:
        """Begin to record (or to follow the service that does) and to watch the history."""
        if not self._started:
            self._started = True
            self.connected = True
            if self.profile.has_broker:
                self.spawn(self._keep_recording(), "recorder")
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
        loop = asyncio.get_running_loop()
        await asyncio.gather(
            loop.run_in_executor(self._control, self._close_remote),
            loop.run_in_executor(self._queue_io, self._close_broker),
            loop.run_in_executor(self._results_io, self._close_results),
            loop.run_in_executor(self._schedules_io, self._close_schedules),
        )
        for executor in (self._results_io, self._schedules_io, self._control, self._queue_io):
            executor.shutdown(wait=False)
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
        return await asyncio.get_running_loop().run_in_executor(self._control, self._with_remote, verb)

    async def broker(self, verb: Callable[[Broker], T]) -> T:
        """Run a question to the broker in the session's broker thread."""
        return await asyncio.get_running_loop().run_in_executor(self._queue_io, self._with_broker, verb)

    async def result(self, task_id: str) -> tuple[ResultRecord | None, str]:
        """Read what the result backend keeps of a task, and where; None if it keeps nothing. Raises UserError."""
        return await asyncio.get_running_loop().run_in_executor(self._results_io, self._read_result, task_id)

    async def schedules(self, verb: Callable[[ScheduleReader], T]) -> T:
        """Run a question to the profile's schedule stores in the session's thread for them."""
        return await asyncio.get_running_loop().run_in_executor(self._schedules_io, self._with_schedules, verb)

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

    def _heard(self, line: str) -> None:
        """The recorder says on standard error what it may not be able to write into the history."""
        if line.startswith(_SAYS):
            said = line.removeprefix(_SAYS)
            self._say("" if said == RECOVERED else said)

    async def _keep_recording(self) -> None:
        """Keep a recorder alive, unless a service writes this history already."""
        path = self.profile.history_path()
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            if await loop.run_in_executor(self._queue_io, is_locked, path):
                await asyncio.sleep(2.0)
                continue
            began = loop.time()
            code, last_words = await self._run_recorder()
            _log.info("the recorder of %s ended with status %d: %s", self.profile.name, code, last_words)
            if code == LoginRefused.EXIT_STATUS:
                self._say(last_words)
                self.login_refused.emit(last_words)
                return
            if code == 2 and await loop.run_in_executor(self._queue_io, is_locked, path):
                self._say("")  # a service was quicker to take the history: it is followed
                continue
            if code == 2:  # said clearly what is wrong; a wrong password is not tried again
                self._say(last_words or "The recorder refused to start.")
                return
            failures = 0 if loop.time() - began > 60 else failures + 1
            self._say(f"The recorder stopped unexpectedly ({last_words or code}). Restarting it.")
            await asyncio.sleep(_RESTART_SECONDS[min(failures, len(_RESTART_SECONDS) - 1)])

    async def _run_recorder(self) -> tuple[int, str]:
        """Run one recorder to its end; it also ends when this process dies, since its standard input closes."""
        process = await asyncio.create_subprocess_exec(
            *recorder_command(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stderr is not None
        last = ""
        try:
            process.stdin.write(profile_to_json(self.profile).encode() + b"\n")
            await process.stdin.drain()
            while line := await _line_of(process.stderr):
                text = line.decode("utf-8", "replace").strip()
                if not log.relay(text):
                    last = text or last
                    self._heard(last)
            return await process.wait(), last.removeprefix(_SAYS)
        except (BrokenPipeError, ConnectionResetError):
            return await process.wait(), last
        finally:
            if process.returncode is None:
                process.stdin.close()
                with contextlib.suppress(TimeoutError, asyncio.CancelledError):
                    await asyncio.wait_for(asyncio.shield(process.wait()), STOP_SECONDS)
                if process.returncode is None:
                    process.kill()
                    with contextlib.suppress(asyncio.CancelledError):
                        await process.wait()  # else the loop could end before it has heard of the end

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

    def _with_remote(self, verb: Callable[[RemoteControl], T]) -> T:
        if not self.profile.has_broker:
            raise UserError(f"“{self.profile.name}” is a history file without a broker: workers cannot be inspected.")
        if self._remote is None:
            self._remote = RemoteControl(self.profile)
        return verb(self._remote)

    def _with_broker(self, verb: Callable[[Broker], T]) -> T:
        if self._broker is None:
            self._broker = open_broker(self.profile)
        try:
            return verb(self._broker)
        except UserError:
            self._close_broker()
            raise

    def _read_result(self, task_id: str) -> tuple[ResultRecord | None, str]:
        from deskq.results.opening import open_results

        if self._results is None:
            self._results = open_results(self.profile)
        try:
            return self._results.get(task_id), self._results.place
        except UserError:
            self._close_results()
            raise

    def _with_schedules(self, verb: Callable[[ScheduleReader], T]) -> T:
        from deskq.schedules.profile_reader import ScheduleReader

        if self._schedules is None:
            self._schedules = ScheduleReader(self.profile)
        return verb(self._schedules)

    def _close_schedules(self) -> None:
        if self._schedules is not None:
            self._schedules.close()
            self._schedules = None

    def _close_results(self) -> None:
        if self._results is not None:
            self._results.close()
            self._results = None

    def _close_remote(self) -> None:
        if self._remote is not None:
            self._remote.close()
            self._remote = None

    def _close_broker(self) -> None:
        if self._broker is not None:
            self._broker.close()
            self._broker = None


async def _line_of(stream: asyncio.StreamReader) -> bytes:
    """Return the next line, without its end if it is overlong; b"" at the end."""
    try:
        return await stream.readline()
    except ValueError:  # longer than the reader's limit, which it then has thrown away
        return b"(an overlong message)\n"


def recorder_command() -> list[str]:
    """The command line of a child recorder: this program, frozen or not. It holds nothing secret."""
    return own_command("record", "--child")
