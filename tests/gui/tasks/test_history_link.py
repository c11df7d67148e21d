"""The window's reader when the file it reads is exchanged for another."""

from __future__ import annotations

import time

import pytest

from deskq.history.reading.task_filter import TaskFilter
from deskq.history.recovery.quarantine import exchange
from deskq.history.recovery.salvage import Salvage
from deskq.history.rows import RecorderStatus
from deskq.models.tasks.table import TasksModel
from tests.gui.conftest import Recorded, Run, until


def test_a_history_that_was_salvaged_is_followed(recorded: Recorded, run: Run) -> None:
    async def scenario() -> None:
        recorded.add(5)
        session = recorded.session()
        session.start()
        model = TasksModel(session)
        await until(lambda: model.rowCount() == 5)
        before = await session.ask(lambda reader: reader.revision(), slot="test")
        recorded.tell("held", "received", name="held")
        exchange(recorded.history, recorded.history.next_id)
        assert await session.ask(lambda reader: reader.revision(), slot="test") != before
        recorded.history.commit(0)
        await until(lambda: model.rowCount() == 1)
        salvage = Salvage(recorded.history)
        while salvage.step(0):
            pass
        assert salvage.ended[0].tasks == 5
        await until(lambda: model.rowCount() == 6)
        recorded.add(2)
        await until(lambda: model.rowCount() == 8)
        assert await session.ask(lambda reader: len(reader.tasks(TaskFilter())), slot="test") == 8
        await session.stop()

    run(scenario())


def test_a_long_table_reaches_back_when_all_is_salvaged(
    recorded: Recorded, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("table", "queries"):
        monkeypatch.setattr(f"deskq.models.tasks.{module}.SMALL", 250)

    async def scenario() -> None:
        recorded.add(300)
        exchange(recorded.history, recorded.history.next_id)
        recorded.add(260)
        recorded.history.put_status(RecorderStatus(state="recording", salvaging=0.5, updated=time.time()))
        session = recorded.session()
        session.start()
        model = TasksModel(session)
        await until(lambda: model.rowCount() == 260)
        await until(lambda: session.status is not None and session.status.salvaging == 0.5)
        salvage = Salvage(recorded.history)
        while salvage.step(0):
            pass
        recorded.history.put_status(RecorderStatus(state="recording", updated=time.time()))
        await until(lambda: model.rowCount() == 560)
        await session.stop()

    run(scenario())
