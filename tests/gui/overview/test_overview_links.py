"""Figures of the overview that are links: each leads to the rows that it counts, and to no other."""

from __future__ import annotations

import time
from typing import Any

from PySide6.QtWidgets import QApplication

from deskq.protocol.events import Event
from tests.gui.conftest import Recorded, Run, settled, until
from tests.gui.shell.test_window import opened


def test_each_figure_leads_to_what_it_counts(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    """With failures of long ago, one that waited long before it failed, and a time span left in the table of tasks.

    What failed before the history began is not in its figures.
    """

    async def scenario() -> None:
        now = time.time()
        recorded.add(4)
        recorded.add(3, state="failed")
        for number, (seen, failed) in enumerate(((7_200, 7_000), (7_200, 7_001), (7_200, 0))):
            uuid = f"10000000-0000-4000-8000-{number:012}"
            common: dict[str, Any] = {"uuid": uuid, "hostname": "w1@host", "pid": 1}
            received = Event(type="task-received", name="mail.late", timestamp=now - seen, clock=1, **common)
            ended = Event(type="task-failed", exception="MyValueError(1)", timestamp=now - failed, clock=2, **common)
            for event in (received, ended):
                recorded.history.record(uuid, now - seen).add(event)
        recorded.history.commit(now)
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            view = app.window.show_view("shop", "tasks")
            tasks: Any = view
            overview: Any = app.window.show_view("shop", "overview")
            await until(lambda: overview._facts)
            assert overview.numbers[2].text() == "Failed 4 in 15 min"

            async def shown(filtered: str) -> int:
                assert app.window.view() is view
                await until(lambda: tasks.filter_bar.line.text().startswith(filtered))
                await settled(tasks.model)
                count = int(tasks.model.rowCount())
                tasks.filter_bar.span.setCurrentIndex(1)
                app.window.show_view("shop", "overview")
                return count

            overview.numbers[2].click()
            assert await shown("state:FAILURE ended:>=") == 4
            for line, (name, count) in enumerate((("mail.send", 3), ("mail.late", 1))):
                row = overview.failures.row_at(line).row
                assert (row.name, row.count) == (name, count)
                overview.table.selectRow(line)
                overview.table.activated.emit(overview.failures.index(line, 0))
                assert await shown(f"state:FAILURE task:{name}") == count
            runtimes = overview.task_runtimes
            runtimes.table.selectRow(0)
            runtimes.table.activated.emit(runtimes.model.index(0, 0))
            assert await shown("state:SUCCESS task:mail.send") == runtimes.model.row_at(0).row.count == 4

    run(scenario())


def test_a_chip_leaves_the_span_of_the_filter_as_it_is(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        recorded.add(1, state="failed")
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            tasks: Any = app.window.show_view("shop", "tasks")
            tasks.set_filter("task:mail.send since:15m")
            tasks.counts_bar.clicked.emit(("FAILURE",))
            assert tasks.filter_bar.line.text() == "state:FAILURE task:mail.send since:15m"

    run(scenario())
