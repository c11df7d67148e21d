"""Rows stay where they are while somebody aims at one, and a menu is that of the row below the pointer."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent, QMouseEvent
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication, QMenu

from deskq.models.table.columns import Column
from deskq.models.table.model import TableModel
from deskq.models.table.threaded import ThreadedTableModel
from deskq.views.widgets.still_rows import StillRows
from deskq.views.widgets.tables import Table
from tests.gui.conftest import Recorded, Run, settled, until
from tests.gui.shell.test_window import opened

Row = tuple[str, int]
COLUMNS = (
    Column[Row]("name", "Name", "", lambda row: row[0]),
    Column[Row]("count", "Count", "", lambda row: str(row[1]), lambda row: row[1], numeric=True),
)


@pytest.fixture(params=[TableModel, ThreadedTableModel])
def table(qapp: QApplication, request: pytest.FixtureRequest) -> Any:
    table = Table("still", COLUMNS)
    model = request.param(COLUMNS, key=lambda row: row[0], parent=table, sort="count")
    table.tester = QAbstractItemModelTester(model)  # type: ignore[attr-defined]
    table.setModel(model)
    table.resize(300, 300)
    table.show()
    model.replace([("a", 1), ("b", 2), ("c", 3)])
    yield table
    for menu in table.findChildren(QMenu):
        menu.close()
    table.close()
    table.deleteLater()


def move(table: Table, kind: QEvent.Type = QEvent.Type.MouseMove) -> None:
    """The pointer moves over the table."""
    button, modifiers = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    place = QPointF(20, 20)
    QApplication.sendEvent(table.viewport(), QMouseEvent(kind, place, place, button, button, modifiers))


def menu_with_one(table: Table) -> QMenu:
    """Qt does not open an empty one."""
    menu = QMenu(table)
    menu.addAction("Something")
    return menu


def right_click(table: Table, place: QPoint) -> list[QMenu]:
    """The menus that it opens."""
    asked = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, table.viewport().mapToGlobal(place))
    QApplication.sendEvent(table.viewport(), asked)
    return [menu for menu in table.window().findChildren(QMenu) if menu.isVisible()]


def test_no_row_moves_comes_or_goes_while_the_pointer_moves(table: Any) -> None:
    model = table.model()
    move(table)
    model.replace([("c", 0), ("b", 9), ("d", 1)])
    assert model.rows() == [("a", 1), ("b", 9), ("c", 0)]
    QApplication.sendEvent(table.viewport(), QEvent(QEvent.Type.Leave))
    assert model.rows() == [("c", 0), ("d", 1), ("b", 9)]


def test_what_a_person_asks_for_is_shown_at_once(table: Any) -> None:
    model = table.model()
    move(table)
    model.sort(1, Qt.SortOrder.DescendingOrder)
    assert [name for name, _ in model.rows()] == ["c", "b", "a"]
    model.keep_only(lambda row: row[1] > 1)
    assert [name for name, _ in model.rows()] == ["c", "b"]


def test_it_is_over_when_the_pointer_rests_and_not_while_a_menu_is_open(table: Any, run: Run) -> None:
    async def scenario() -> None:
        model = table.model()
        table.menu = lambda: menu_with_one(table)
        (menu,) = right_click(table, QPoint(20, 20))
        model.replace([("a", 7), ("b", 2), ("c", 3)])
        still = table.findChild(StillRows)
        still._settled.timeout.emit()
        assert [name for name, _ in model.rows()] == ["a", "b", "c"]
        assert still._settled.isActive()
        menu.close()
        await until(lambda: [name for name, _ in model.rows()] == ["b", "c", "a"])

    run(scenario())


def test_a_menu_is_that_of_the_row_below_the_pointer(table: Any) -> None:
    asked = []

    def menu() -> QMenu:
        asked.append(table.selected_lines())
        return menu_with_one(table)

    table.menu = menu
    table.selectRow(2)
    assert right_click(table, QPoint(20, 250)) == []  # below the last row
    right_click(table, table.visualRect(table.model().index(1, 0)).center())
    assert asked == [[1]]
    table.selectAll()
    right_click(table, table.visualRect(table.model().index(1, 0)).center())
    assert asked[1:] == [[0, 1, 2]]
    for menu_open in table.findChildren(QMenu):
        menu_open.close()
    QApplication.sendEvent(table.viewport(), QEvent(QEvent.Type.Leave))
    table.model().replace([])
    table.open_menu()
    assert len(asked) == 2


def test_tasks_stay_too_and_nothing_is_called_new_for_it(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        recorded.add(3)
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            view: Any = app.window.show_view("shop", "tasks")
            await until(lambda: view.model.rowCount() == 3)
            view.table.findChild(StillRows)._settled.setInterval(600_000)  # a busy machine takes longer than a second
            move(view.table)
            recorded.add(2)
            view.model.refresh()
            await settled(view.model)
            assert view.model.rowCount() == 3
            assert view.newer.isHidden()
            QApplication.sendEvent(view.table.viewport(), QEvent(QEvent.Type.Leave))
            await until(lambda: view.model.rowCount() == 5)

    run(scenario())


@pytest.mark.parametrize("name", ["tasks", "queues", "workers", "schedules"])
def test_beside_the_rows_of_a_view_there_is_no_menu(
    name: str, recorded: Recorded, run: Run, qapp: QApplication
) -> None:
    async def scenario() -> None:
        recorded.add(1)
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            view: Any = app.window.show_view("shop", name)
            assert view.table.menu is not None
            assert right_click(view.table, QPoint(20, view.table.viewport().height() - 2)) == []

    run(scenario())
