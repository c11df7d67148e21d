"""The window's reader when the file it reads is exchanged for another."""

from __future__ import annotations

from deskq.history.query import TaskFilter
from deskq.history.salvage import repair
from deskq.models.tasks import TasksModel
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
        assert repair(recorded.history).tasks == 5
        assert await session.ask(lambda reader: reader.revision(), slot="test") != before
        recorded.history.commit(0)
        await until(lambda: model.rowCount() == 6)
        recorded.add(2)
        await until(lambda: model.rowCount() == 8)
        assert await session.ask(lambda reader: len(reader.tasks(TaskFilter())), slot="test") == 8
        await session.stop()

    run(scenario())
