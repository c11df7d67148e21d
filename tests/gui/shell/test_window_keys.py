"""Keys of the window: a button, a field and a table each get what is theirs."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QMetaMethod, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QDialog, QLineEdit, QWidget

from deskq.app import App
from deskq.profiles import Profile
from deskq.views.widgets.page import Page
from tests.gui.conftest import Recorded, Run, until
from tests.gui.shell.test_window import opened


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
            await focused(view.detail.span)
            view.detail.span.addItem("Ten years", 0.0)
            QTest.keyClicks(view.detail.span, "t")
            assert view.detail.span.currentText() == "Ten years"
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
            assert app.window.view() == view
            assert "ValueError" in view.filter_bar.line.text()

    run(scenario())


def test_the_focus_stays_in_the_view_when_its_profile_is_connected_again(
    recorded: Recorded, run: Run, qapp: QApplication
) -> None:
    """As from the dialog of profiles: afterwards Return and letters go to the view, not to the sidebar."""

    async def scenario() -> None:
        recorded.add(1)
        async with opened(qapp) as app:
            window = app.window
            await active(app)
            dialog = QDialog(window)
            line = QLineEdit(dialog)
            dialog.open()
            dialog.activateWindow()
            await focused(line)
            app.add(recorded.profile, start=False)
            await app._reconnect(recorded.profile)
            dialog.close()
            view: Any = window.view()
            await until(lambda: view.model.rowCount() == 1)
            assert view.isAncestorOf(window.focusWidget())
            assert not window.sidebar.hasFocus()
            await app.remove("shop")
            assert window.focusWidget() is window.welcome.url

    run(scenario())


def test_a_profile_that_is_not_connected_has_no_problem(run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        async with opened(qapp) as app:
            app.window.show()
            app.add(Profile.from_url("redis://127.0.0.1:1/0", name="later"), start=False)
            view: Any = app.window.show_view("later", "tasks")
            await until(lambda: view.nothing.problem, what="the answer that there is no history")
            assert view.empty.title.text() == "Not connected yet"

    run(scenario())


def drawn(app: App) -> list[QWidget]:
    """The pages that are on screen: all but one would be drawn over."""
    pages = map(app.window.stack.widget, range(app.window.stack.count()))
    return [page for page in pages if page is not None and page.isVisible()]


@pytest.mark.parametrize("by_key", [True, False])
def test_the_first_broker_is_shown_alone(by_key: bool, run: Run, qapp: QApplication) -> None:
    """The page that is left has the focus: where it goes then must not choose another page."""

    async def scenario() -> None:
        async with opened(qapp) as app:
            await active(app)
            welcome = app.window.welcome
            await focused(welcome.url)
            QTest.keyClicks(welcome.url, "redis://127.0.0.1:1/0")
            if by_key:
                QTest.keyClick(welcome.url, Qt.Key.Key_Return)
            else:
                await focused(welcome.connect_button)
                QTest.mouseClick(welcome.connect_button, Qt.MouseButton.LeftButton)
            await until(lambda: app.sessions, what="the guards to be read")
            view: Any = app.window.view()
            assert drawn(app) == [view]
            assert view.title == "Tasks"
            assert "Tasks" in app.window.windowTitle()
            assert app.window.sidebar.currentIndex().data() == "Tasks"
            assert view.isAncestorOf(app.window.focusWidget())
            assert app.window.focusWidget() is not view.filter_bar.line
            (name,) = app.sessions
            await app.remove(name)
            assert drawn(app) == [welcome]

    run(scenario())


def test_a_view_that_asks_for_another_as_it_is_shown(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(recorded.profile, start=False)
            await active(app)
            window = app.window

            def ask(_before: object, now: QWidget | None) -> None:
                workers = window.stack.page_at("shop", "workers")
                if workers is not None and now is not None and workers.isAncestorOf(now):
                    window.show_view("shop", "queues")

            qapp.focusChanged.connect(ask)
            try:
                window.show_view("shop", "workers")
            finally:
                qapp.focusChanged.disconnect(ask)
            assert drawn(app) == [window.view()]
            shown = window.view()
            assert isinstance(shown, Page)
            assert shown.title in window.windowTitle()
            assert window.sidebar.currentIndex().data() == shown.title

    run(scenario())


def test_the_focus_goes_with_the_rows(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    """From the pane that says why there are none to the table, so that its keys work."""

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(recorded.profile)
            await active(app)
            view: Any = app.window.show_view("shop", "tasks")
            assert view.empty.isVisible()
            assert not view.table.isVisible()
            recorded.add(1)
            await until(view.table.hasFocus)
            view.set_filter("task:none.such")
            await until(view.empty.isVisible)
            view.set_filter("")
            await until(view.table.hasFocus)

    run(scenario())
