"""No command acts on rows that do not match the filter in force, and a plan over successes says so."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from deskq.views.widgets.requests import Refuse, Request, RetryTasks
from tests.gui.conftest import Recorded, Run, until
from tests.gui.shell.test_window import opened


class Heard:
    """What a Tasks view asked for, and what it refused."""

    def __init__(self, view: Any) -> None:
        self.retries: list[list[str | int]] = []
        self.refused: list[str] = []
        view.requested.disconnect()  # no dialog: what would open it is what is looked at
        view.requested.connect(self._requested)

    def _requested(self, request: Request) -> None:
        match request:
            case RetryTasks(_, tasks):
                self.retries.append(list(tasks))
            case Refuse(reason):
                self.refused.append(reason)


@pytest.mark.parametrize("typed", [False, True])
def test_rows_of_the_former_filter_cannot_be_chosen(
    typed: bool, recorded: Recorded, run: Run, qapp: QApplication
) -> None:
    async def scenario() -> None:
        recorded.add(20)
        failed = recorded.add(5, state="failed")
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            view: Any = app.window.show_view("shop", "tasks")
            heard = Heard(view)
            view.set_filter("state:SUCCESS")
            await until(lambda: view.model.rowCount() == 20)
            view.set_paused(True)
            view.table.selectAll()
            if typed:  # and left at once, before it would have been applied by itself
                app.window.activateWindow()
                view.focus_filter()
                await until(view.filter_bar.line.hasFocus)
                QTest.keyClicks(view.filter_bar.line, "state:FAILURE")
                app.window.run_command("back")
            else:
                view.set_filter("state:FAILURE")
            view.table.selectAll()
            assert view.table.selected_lines() == []
            QTest.keyClick(view.table, Qt.Key.Key_J)
            assert view.table.selected_tasks() == []
            app.window.run_command("retry")
            assert heard.retries == []
            assert "still loading" in heard.refused[-1]
            await until(lambda: view.model.rowCount() == 5)
            view.table.selectAll()
            app.window.run_command("retry")
            await until(lambda: heard.retries)
            assert sorted(map(str, heard.retries[0])) == sorted(failed)

    run(scenario())


def test_a_search_that_has_not_begun_has_found_nothing(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        recorded.add(20)
        recorded.add(1, name="shop.order")
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            view: Any = app.window.show_view("shop", "tasks")
            heard = Heard(view)
            await until(lambda: view.model.rowCount() == 21)
            view.set_filter("shop.order")
            app.window.run_command("retry_all")
            await until(lambda: heard.refused or heard.retries)
            assert heard.retries == []
            await until(lambda: view.model.rowCount() == 1)
            app.window.run_command("retry_all")
            await until(lambda: heard.retries)
            assert len(heard.retries[0]) == 1

    run(scenario())


def test_rows_that_have_moved_on_are_left_out(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        running = recorded.add(3, state="started")
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            view: Any = app.window.show_view("shop", "tasks")
            heard = Heard(view)
            view.set_filter("state:STARTED")
            await until(lambda: view.model.rowCount() == 3)
            view.set_paused(True)
            recorded.tell(running[1], "succeeded", result="'ok'", runtime=1.0)
            recorded.history.commit(1.0)
            await until(lambda: "SUCCESS" in {row.state for row in view.model.near_rows()})
            view.table.selectAll()
            assert len(view.table.selected_lines()) == 3
            app.window.run_command("retry")
            await until(lambda: heard.retries)
            assert sorted(map(str, heard.retries[0])) == [running[0], running[2]]
            assert heard.refused == ["Left out: the filter no longer matches 1 of 3 selected tasks."]

    run(scenario())


def test_a_plan_over_successes_says_so(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        tasks = [*recorded.add(2), *recorded.add(1, state="failed")]
        async with opened(qapp) as app:
            app.add(recorded.profile, start=False)
            dialog = app.window.acting.retry("shop", list(tasks), "shop", "emails")
            await until(lambda: dialog.heading.text().startswith("Retry 3"))
            assert dialog.heading.text() == "Retry 3 tasks (2 succeeded) on “emails” at shop (DEV)"
            dialog.reject()
            dialog = app.window.acting.retry("shop", list(tasks[:2]), "shop", "emails")
            await until(lambda: dialog.heading.text().startswith("Retry 2"))
            assert dialog.heading.text() == "Retry 2 tasks (all succeeded) on “emails” at shop (DEV)"
            dialog.reject()

    run(scenario())
