"""The overview's table of runtimes by task."""

from __future__ import annotations

from deskq.history.rows import TaskRuntimes
from deskq.views.overview.view import OverviewView
from tests.gui.conftest import Recorded, Run, until


def test_runtimes_by_task_in_the_overview(recorded: Recorded, run: Run) -> None:
    async def scenario() -> None:
        recorded.add(20, name="mail.send")
        recorded.add(5, name="shop.report")
        session = recorded.session()
        view = OverviewView([session])
        asked: list[str] = []
        view.filter_tasks.connect(asked.append)
        view.resize(1_000, 700)
        view.show()
        runtimes = view.task_runtimes
        await until(lambda: runtimes.model.rowCount() == 2)
        counts = {runtimes.model.index(row, 0).data(): runtimes.model.index(row, 1).data() for row in range(2)}
        assert counts == {"mail.send": "20", "shop.report": "5"}
        runtimes.table.selectRow(0)
        runtimes.table.activated.emit(runtimes.model.index(0, 0))
        assert asked == [f"task:{runtimes.model.index(0, 0).data()}"]
        runtimes.show_runtimes([TaskRuntimes("a", 1, 1, 1, 1), TaskRuntimes("a", 9, 2, 2, 2)])
        assert runtimes.model.rowCount() == 1
        assert runtimes.model.index(0, 1).data() == "9"
        view.close()
        view.deleteLater()
        await session.stop()

    run(scenario())
