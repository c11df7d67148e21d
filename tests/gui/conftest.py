"""The event loop of the window, and sessions on histories that the test writes itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import qasync
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication

from deskq.history.writing.writer import History
from deskq.models.tasks.table import TasksModel
from deskq.profiles import Profile
from deskq.protocol.events import Event
from deskq.services.background.gc_tuning import GuiThreadCollector
from deskq.services.session import ProfileSession
from deskq.views.widgets import theme
from tests.support.waiting import PATIENCE

Run = Callable[[Coroutine[Any, Any, Any]], Any]


async def until(predicate: Callable[[], Any], timeout: float = 15, what: str = "the condition") -> None:
    """Let the loop run until the condition holds; AssertionError after `timeout` seconds, as with `wait_until`."""
    timeout *= PATIENCE
    deadline = time.monotonic() + timeout
    while not predicate():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout} s for {what}")
        await asyncio.sleep(0.02)


async def settled(model: TasksModel) -> None:
    """Returns when no question is under way: what one finds that was asked before still comes into the table."""
    await until(lambda: not (model._busy or model._loading or model._again), what="the table to be up to date")


@pytest.fixture
def run(qapp: QApplication) -> Iterator[Run]:
    """Runs a coroutine on Qt's own loop, as the program does; what a task raises unheard fails the test."""
    qapp.setQuitOnLastWindowClosed(False)  # as the program sets it: the loop outlives the window
    loop = qasync.QEventLoop(qapp, already_running=False)
    asyncio.set_event_loop(loop)
    failures: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: failures.append(context))
    theme.apply_scheme("light")
    collector = GuiThreadCollector()
    collector.start()
    yield loop.run_until_complete
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    loop.close()
    asyncio.set_event_loop(None)
    collector.stop()
    assert failures == []


class Recorded:
    """A history in the test's own hands, and a session that follows it as it would a service's."""

    def __init__(self, folder: Path, name: str = "shop") -> None:
        self.profile = Profile.from_url("redis://127.0.0.1:1/0", name=name, history=str(folder / f"{name}.sqlite"))
        self.history = History(self.profile.history_path())
        self.number = 0

    def add(self, count: int = 1, state: str = "succeeded", name: str = "mail.send") -> list[str]:
        """Commit tasks; their ids."""
        added = []
        for _ in range(count):
            self.number += 1
            uuid = f"00000000-0000-4000-8000-{self.number:012}"
            self.tell(uuid, "received", name=name, args=f"({self.number},)", kwargs="{}", retries=0, root_id=uuid)
            self.tell(uuid, "started")
            if state == "succeeded":
                self.tell(uuid, "succeeded", result="'ok'", runtime=0.01 * self.number)
            elif state == "failed":
                self.tell(uuid, "failed", exception="ValueError('<b>no</b>')", traceback=TRACEBACK)
            added.append(uuid)
        self.history.commit(time.time())
        return added

    def tell(self, uuid: str, kind: str, **fields: Any) -> None:
        """One event, committed with the next commit."""
        self.number_of_event = getattr(self, "number_of_event", 0) + 1
        event = Event(
            type=f"task-{kind}",
            uuid=uuid,
            hostname="w1@host",
            pid=1,
            clock=self.number_of_event,
            timestamp=time.time(),
            **fields,
        )
        self.history.record(uuid, time.time()).add(event)

    def session(self) -> ProfileSession:
        """A session that is not started."""
        return ProfileSession(self.profile)


TRACEBACK = (
    "Traceback (most recent call last):\n"
    '  File "/srv/venv/lib/python3.11/site-packages/celery/app/trace.py", line 1, in trace_task\n    R = fun()\n'
    '  File "/srv/shop/mail.py", line 7, in send\n    raise ValueError("<b>no</b>")\n'
    "ValueError: <b>no</b>\n"
)


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Recorded]:
    one = Recorded(tmp_path)
    yield one
    one.history.close()
