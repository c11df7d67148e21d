"""Work that ends with the object it is for: tasks of the loop, and what a thread still has to tell.

Tasks are started here alone, so that each has an owner that ends it, and somebody who hears what it raises.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

from PySide6.QtCore import QObject
from shiboken6 import isValid

from deskq.errors import UserError


class BackgroundTasks:
    """The tasks of one owner.

    ``sink``: takes the sentence of a UserError that a task raises; whatever else one raises, and that too without a
    sink, reaches the handler of the loop. ``owner``: when it is destroyed its tasks are cancelled, as those of a
    dialog that is closed while it still reads: they would go on with widgets that are no longer there.
    """

    def __init__(self, sink: Callable[[str], object] | None = None, *, owner: QObject | None = None) -> None:
        self._sink = sink
        self._owner = owner
        self._running: set[asyncio.Task[Any]] = set()
        self._waiting: list[tuple[str, Callable[[], object]]] = []
        self._closed = False

    def start(self, work: Coroutine[Any, Any, object], name: str, *, owner: QObject | None = None) -> None:
        """Start a task; ``owner``: as that of all, for this one. After ``close`` the work is not begun."""
        if self._closed:
            work.close()
            return
        task = self._begin(work, name)
        task.add_done_callback(self._report)
        task.add_done_callback(self._tell_waiting)
        if (owner := owner or self._owner) is not None:
            connection = owner.destroyed.connect(lambda *_: task.cancel())
            task.add_done_callback(lambda _: QObject.disconnect(connection))

    async def finish(self, work: Coroutine[Any, Any, object], name: str) -> None:
        """Do some work to its end, also where whoever waits for that here is cancelled. Raises what it raises."""
        task = self._begin(work, name)
        task.add_done_callback(self._tell_waiting)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(self._report)
            raise

    def running(self, name: str = "") -> bool:
        """Does a task of this name run? Any at all, where none is given."""
        return any(name in ("", task.get_name()) for task in self._running)

    def when_ended(self, tell: Callable[[], object], name: str = "") -> None:
        """Call ``tell`` once no task of this name runs any more (of any name where none is given): at once, or later.

        Who asks for the same again is told once.
        """
        if not self.running(name):
            tell()
        elif (name, tell) not in self._waiting:
            self._waiting.append((name, tell))

    def cancel(self) -> None:
        """Cancel all that runs."""
        for task in list(self._running):
            task.cancel()

    def close(self) -> None:
        """Cancel all that runs, and take no more."""
        self._closed = True
        self.cancel()

    async def wait(self, seconds: float | None = None) -> None:
        """Return when what runs now has ended, after ``seconds`` at the latest: it goes on, then."""
        if self._running:
            await asyncio.wait(set(self._running), timeout=seconds)

    def _begin(self, work: Coroutine[Any, Any, object], name: str) -> asyncio.Task[object]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def _report(self, task: asyncio.Task[Any]) -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        if self._sink is not None and isinstance(error, UserError):
            self._sink(str(error))
        else:
            task.get_loop().call_exception_handler({"message": task.get_name(), "exception": error, "task": task})

    def _tell_waiting(self, _task: asyncio.Task[Any]) -> None:
        over = [waiting for waiting in self._waiting if not self.running(waiting[0])]
        for waiting in over:
            self._waiting.remove(waiting)
            waiting[1]()


def tell_from_thread(loop: asyncio.AbstractEventLoop, owner: QObject, tell: Callable[[], object]) -> None:
    """Call ``tell`` in the loop; without effect where the owner or the loop has ended meanwhile."""
    with contextlib.suppress(RuntimeError):  # the loop is closed
        loop.call_soon_threadsafe(lambda: tell() if isValid(owner) else None)
