"""Keys of the window: a button, a field and a table each get what is theirs."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QMetaMethod, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget

from deskq.app import App
from tests.gui.conftest import Recorded, Run, until
from tests.gui.test_window import opened


async def active(app: App) -> None:
    """Shortcuts work in the active window alone: without it no key would be taken from anything."""
    app.window.show()
    app.window.activateWindow()
    await until(app.window.isActiveWindow, what="the window to be active")


async def focused(widget: QWidget) -> None:
    widget.setFocus()
    await until(widget.hasFocus, what="the focus")


def test_return_in_the_field_for_a_url_connects(run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        async with opened(qapp) as app:
            await active(app)
            welcome = app.window.welcome
            given: list[str] = []
            app.window.connect_url_requested.disconnect()
            app.window.connect_url_requested.connect(given.append)
            await focused(welcome.url)
            QTest.keyClicks(welcome.url, "redis://127.0.0.1:1/0")
            QTest.keyClick(welcome.url, Qt.Key.Key_Return)
            assert given == ["redis://127.0.0.1:1/0"]

    run(scenario())


@pytest.mark.parametrize("key", [Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter])
def test_buttons_are_pressed_by_keys(key: Qt.Key, recorded: Recorded, run: Run, qapp: QApplication) -> None:
    """Each button that can have the focus, of each view that has some."""

    async def scenario() -> None:
        recorded.add(3)
        recorded.add(1, state="failed")
        async with opened(qapp) as app:
            app.add(recorded.profile, start=False)
            await active(app)
            tried = 0
            for kind in ("tasks", "workers", "queues", "overview", "schedules"):
                view: Any = app.window.show_view("shop", kind)
                for button in view.findChildren(QAbstractButton):
                    takes_focus = button.focusPolicy() & Qt.FocusPolicy.TabFocus
                    menu = getattr(button, "menu", lambda: None)()
                    if not (button.isVisible() and button.isEnabled() and takes_focus) or menu is not None:
                        continue
                    pressed: list[str] = []
                    if button.isSignalConnected(QMetaMethod.fromSignal(button.clicked)):
                        button.clicked.disconnect()  # what it does is another matter
                    button.clicked.connect(lambda *_, pressed=pressed: pressed.append("clicked"))
                    await focused(button)
                    QTest.keyClick(button, key)
                    assert len(pressed) == 1, f"{kind}: {button.text()}"
                    tried += 1
            assert tried > 5

    run(scenario())


def test_a_list_is_searched_by_letters(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(recorded.profile, start=False)
            await active(app)
            view: Any = app.window.show_view("shop", "queues")
            await focused(view.span)
            view.span.addItem("Ten years", 0.0)
            QTest.keyClicks(view.span, "t")
            assert view.span.currentText() == "Ten years"
            await focused(app.window.sidebar)
            QTest.keyClicks(app.window.sidebar, "gt")
            await until(lambda: app.window.view().title == "Tasks")

    run(scenario())


def test_tables_have_their_keys(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        (failed,) = recorded.add(1, state="failed")
        async with opened(qapp) as app:
            app.add(recorded.profile)
            await active(app)
            view: Any = app.window.show_view("shop", "tasks")
            await until(lambda: view.model.rowCount() == 1)
            await focused(view.table)
            QTest.keyClick(view.table, Qt.Key.Key_Space)
            assert not view.filter_bar.live.isChecked()
            QTest.keyClick(view.table, Qt.Key.Key_Return)
            await until(lambda: view.detail.detail is not None and view.detail.detail.row.uuid == failed)

            overview: Any = app.window.show_view("shop", "overview")
            await until(lambda: overview.failures.rowCount() == 1)
            overview.table.selectRow(0)
            await focused(overview.table)
            QTest.keyClick(overview.table, Qt.Key.Key_Return)
            assert app.window.view() is view
            assert "ValueError" in view.filter_bar.line.text()

    run(scenario())
