"""Who reads the history and is closed meanwhile is not spoken to again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
import shiboken6

from deskq.history.reading.reader import HistoryReader
from deskq.models.overview.gap_marks import GapMarks
from deskq.models.tasks.table import TasksModel
from deskq.services.session import ProfileSession
from deskq.views.overview.view import OverviewView
from deskq.views.queues.view import QueuesView
from deskq.views.tasks.view import TasksView
from deskq.views.workers.view import WorkersView
from tests.gui.conftest import Recorded, Run, until


def ask_for_marks(session: ProfileSession) -> Any:
    marks = GapMarks(session)
    marks._ask()
    return marks


def list_tasks(session: ProfileSession) -> Any:
    model = TasksModel(session)
    model.reload()
    return model


def shown(make: Callable[[ProfileSession], Any]) -> Callable[[ProfileSession], Any]:
    def show(session: ProfileSession) -> Any:
        view = make(session)
        view.show()
        session.revision_moved.emit()
        return view

    return show


def tasks_with_a_detail(session: ProfileSession) -> Any:
    view = TasksView(session)
    view.show()
    view.shown.show("00000000-0000-4000-8000-000000000001")
    view.second()
    return view


@pytest.mark.parametrize(
    "ask",
    [
        ask_for_marks,
        list_tasks,
        tasks_with_a_detail,
        shown(WorkersView),
        shown(QueuesView),
        shown(lambda session: OverviewView([session])),
    ],
)
def test_who_is_closed_while_it_reads(ask: Callable[[ProfileSession], Any], recorded: Recorded, run: Run) -> None:
    """The fixture `run` fails what a task raises."""

    async def scenario() -> None:
        recorded.add(3)
        recorded.history.open_gap(1.0, "a test", 2.0, 1)
        recorded.history.commit(1.0)
        session = recorded.session()
        begun, go_on = threading.Event(), threading.Event()

        def hold(_: HistoryReader) -> None:
            begun.set()
            go_on.wait(60)

        session.spawn(wait_for(session, hold), "hold")
        await until(begun.is_set)
        asker = ask(session)
        await asyncio.sleep(0)  # its task runs as far as the reader's thread
        shiboken6.delete(asker)
        go_on.set()
        await until(lambda: not session._tasks.running(), what="every task to end")
        await session.stop()

    run(scenario())


async def wait_for(session: ProfileSession, work: Callable[[HistoryReader], None]) -> None:
    await session.ask(work, slot="hold")
