"""The Tasks view: its filter, its scrolling, and the detail of rows that have not been read yet."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from deskq.models.tasks.columns import TASK_COLUMNS
from deskq.profiles import Safety
from deskq.views.widgets.requests import Refuse
from tests.gui.conftest import Recorded, Run, until
from tests.gui.shell.test_window import opened


def test_clear_filter_clears_the_span_too(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        recorded.add(3)
        recorded.history.connection.execute("UPDATE tasks SET seen = 1000 + id")
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            view: Any = app.window.show_view("shop", "tasks")
            await until(lambda: view.model.rowCount() == 3)
            view.filter_bar.span.setCurrentIndex(2)
            await until(lambda: view.empty.title.text() == "No task matches")
            view.empty.button.click()
            await until(lambda: view.model.rowCount() == 3)
            assert view.filter_bar.span.currentIndex() == 0

    run(scenario())


def test_the_last_hour_goes_on(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        recorded.add(4)
        recorded.history.connection.execute("UPDATE tasks SET seen = ? + id", (time.time() - 3_603.0,))
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            view: Any = app.window.show_view("shop", "tasks")
            view.set_filter("since:1h")
            await until(lambda: 0 < view.model.rowCount() < 4)
            await until(lambda: view.model.rowCount() == 0, 30, "the last of them to be older than an hour")

    run(scenario())


def test_another_filter_begins_at_the_top(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        recorded.add(400)
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            view: Any = app.window.show_view("shop", "tasks")
            await until(lambda: view.model.rowCount() == 400)
            bar = view.table.verticalScrollBar()
            await until(lambda: bar.maximum() > 0)
            bar.setValue(bar.maximum() // 2)
            view.set_filter("state:SUCCESS")
            resets: list[bool] = []
            view.model.modelReset.connect(lambda: resets.append(True))
            await until(lambda: resets and view.model.rowCount() == 400)
            await until(lambda: bar.value() == 0)
            recorded.add(1)
            await until(lambda: view.model.rowCount() == 401)
            assert bar.value() == 0

    run(scenario())


def test_the_detail_of_a_row_that_is_not_read_yet(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        uuids = recorded.add(500)
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            view: Any = app.window.show_view("shop", "tasks")
            await until(lambda: view.model.rowCount() == 500)
            view.shown.show_current()
            await until(lambda: view.detail.detail is not None and view.detail.detail.row.uuid == uuids[-1])
            assert view.model.task_at(450) is None
            view.table.selectRow(450)
            await until(lambda: view.detail.detail.row.uuid == uuids[49])
            assert view.table.currentIndex().row() == 450

    run(scenario())


def test_tasks_that_were_never_in_sight_are_retried_too(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        uuids = recorded.add(700)
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            view: Any = app.window.show_view("shop", "tasks")
            await until(lambda: view.model.rowCount() == 700)
            view.requested.disconnect()
            asked: list[list[str]] = []
            view.requested.connect(lambda request: asked.append(request.tasks))
            view.table.selectAll()
            app.window.run_command("retry")
            await until(lambda: asked)
            assert asked == [uuids[::-1]]

    run(scenario())


def test_rows_that_were_never_in_sight_are_copied_too(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        uuids = recorded.add(1_200)
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            view: Any = app.window.show_view("shop", "tasks")
            await until(lambda: view.model.rowCount() == 1_200)
            view.table.selectAll()
            clipboard = QApplication.clipboard()
            clipboard.clear()
            app.window.run_command("copy_uuid")
            await until(clipboard.text)
            assert clipboard.text().split("\n") == uuids[::-1]
            clipboard.clear()
            QTest.keyClick(view.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
            await until(clipboard.text)
            lines = clipboard.text().split("\n")
            assert lines[0].split("\t")[:2] == ["State", "Task"]
            assert [line.split("\t")[:2] for line in lines[1:]] == [["Success", "mail.send"]] * 1_200

    run(scenario())


@pytest.mark.parametrize("safety", [Safety.ASK, Safety.READ_ONLY])
def test_the_menu_of_a_task(safety: Safety, recorded: Recorded, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        recorded.add(1)
        async with opened(qapp) as app:
            app.add(replace(recorded.profile, safety=safety))
            app.window.show()
            view: Any = app.window.show_view("shop", "tasks")
            await until(lambda: view.model.rowCount() == 1)
            view.table.selectRow(0)
            view.table.open_menu()
            (menu,) = [each for each in view.findChildren(QMenu) if each.isVisible()]
            titles = [action.text() for action in menu.actions()]
            menu.close()
            assert {"Open detail", "Copy id"} <= set(titles)
            assert ("Revoke all that match…" in titles) is (safety is Safety.ASK)

    run(scenario())


def test_a_filter_that_is_not_understood_says_so(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        recorded.add(3)
        recorded.add(1, "failed")
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            view: Any = app.window.show_view("shop", "tasks")
            bar = view.filter_bar
            refused: list[str] = []
            asked: list[Any] = []
            view.requested.connect(
                lambda request: (
                    refused.append(request.reason) if isinstance(request, Refuse) else asked.append(request.tasks)
                )
            )
            await until(lambda: view.model.rowCount() == 4)
            view.set_filter("state:FAILURE")
            await until(lambda: view.model.rowCount() == 1)
            assert not bar.said.isVisible()

            view.set_filter("color:red")  # neither rows of another meaning nor none: those of before, and a sentence
            assert "“color:” is not a filter field" in bar.said.text()
            assert "The table still shows the previous filter." in bar.said.text()
            assert bar.said.isVisible()
            assert bar.line.accessibleDescription() == bar.said.text()
            assert view.model.rowCount() == 1
            view.commands()["retry_all"]()
            view.commands()["revoke_all"]()
            assert len(refused) == 2
            assert "“color:”" in refused[0]
            bar.toggle_states(("SUCCESS",))  # a button keeps what was typed
            assert bar.line.text() == "color:red"
            bar._menu.aboutToShow.emit()
            assert not any(action.isEnabled() for action in bar._menu.actions())

            view.set_filter("state:FAILURE exception:ValueError")
            await until(lambda: view.model.answers and view.model.rowCount() == 1 and not bar.said.isVisible())
            view.commands()["retry_all"]()
            await until(lambda: asked == [[4]])

            view.set_filter("task:none.such")
            await until(lambda: view.empty.title.text() == "No task matches")
            view.set_filter("state:FALURE")
            await until(lambda: view.empty.title.text() == "Filter not understood")
            assert "Did you mean FAILURE?" in view.empty.reason.text()
            view.empty.button.click()
            await until(lambda: view.model.rowCount() == 4 and not bar.said.isVisible())

    run(scenario())


def test_a_state_that_no_task_is_in_is_told(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        (first,) = recorded.add(1, "running")
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            view: Any = app.window.show_view("shop", "tasks")
            await until(lambda: view.model.rowCount() == 1)
            view.set_filter("state:progress")
            await until(view.filter_bar.said.isVisible)
            assert view.filter_bar.said.text() == "No task is in the state “PROGRESS”."
            await until(lambda: view.empty.reason.text() == view.filter_bar.said.text())
            recorded.tell(first, "progress")
            recorded.history.commit(time.time())
            await until(lambda: view.model.rowCount() == 1)
            await until(lambda: not view.filter_bar.said.isVisible(), 30, "the states to be read again")

    run(scenario())


def test_nobody_is_interrupted_while_typing(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        recorded.add(3)
        recorded.add(1, "failed")
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            view: Any = app.window.show_view("shop", "tasks")
            bar = view.filter_bar
            await until(lambda: view.model.rowCount() == 4)
            view.focus_filter()
            await until(bar.line.hasFocus)
            QTest.keyClicks(bar.line, "state:")
            await until(lambda: not bar._soon.isActive())
            assert not bar.said.isVisible()
            QTest.keyClick(bar.line, Qt.Key.Key_Return)  # that is all, then

            assert "state: needs a value" in bar.said.text()
            QTest.keyClicks(bar.line, "FAILURE")
            await until(lambda: view.model.rowCount() == 1 and not bar.said.isVisible())

    run(scenario())


def shows(view: Any, uuid: str) -> bool:
    return view.detail.detail is not None and view.detail.detail.row.uuid == uuid


def test_a_runtime_between_two_events_is_marked(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    """Only a success tells its runtime; the time from the start of a failure to its end is less exact, and says so."""

    async def scenario() -> None:
        (done,) = recorded.add(1)
        (failed,) = recorded.add(1, "failed")
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            view: Any = app.window.show_view("shop", "tasks")
            await until(lambda: view.model.rowCount() == 2)
            column = next(n for n, one in enumerate(TASK_COLUMNS) if one.key == "runtime")
            texts = [view.model.index(row, column).data() for row in range(2)]
            assert texts[0].startswith("≈ ")
            assert texts[1] == "10 ms"
            copied = [view.model.columns[column].exact_text(view.model.task_at(row)) for row in range(2)]
            assert copied[0].startswith("≈ ")
            assert copied[1] == "0.010000 s"
            for row, exact in ((0, False), (1, True)):
                view.table.selectRow(row)
                QApplication.clipboard().clear()
                view.commands()["copy_json"]()
                await until(lambda: QApplication.clipboard().text())  # a row may have to be read first
                told = json.loads(QApplication.clipboard().text())
                assert told["runtime_exact"] is exact
            for uuid, mark in ((failed, True), (done, False)):
                view.shown.show(uuid)
                await until(partial(shows, view, uuid))
                form = view.detail._form
                shown = {
                    form.itemAt(row, form.ItemRole.LabelRole).widget().text(): form.itemAt(
                        row, form.ItemRole.FieldRole
                    ).widget()
                    for row in range(form.rowCount())
                }
                assert shown["Runtime"].text().startswith("≈ ") is mark

    run(scenario())


def test_no_command_acts_on_other_rows_than_the_task_that_was_opened(
    recorded: Recorded, run: Run, qapp: QApplication
) -> None:
    """As from the journal: the row that was selected before is not the task in sight."""

    async def scenario() -> None:
        first, second = recorded.add(2)
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            view: Any = app.window.show_view("shop", "tasks")
            await until(lambda: view.model.rowCount() == 2)
            view.table.selectRow(view.model.rowCount() - 1)
            asked: list[Any] = []
            view.requested.disconnect()
            view.requested.connect(asked.append)
            app.window.run_command("retry")
            await until(lambda: asked)
            assert asked.pop().tasks == [first]
            app.window.show_task("shop", second)
            await until(lambda: view.detail.detail is not None and view.detail.detail.row.uuid == second)
            app.window.run_command("retry")
            view.table.selectRow(0)
            app.window.run_command("retry")
            await until(lambda: asked)
            assert [request.tasks for request in asked] == [[second]]

    run(scenario())
