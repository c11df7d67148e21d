"""Return in dialogs: it presses the button that has the focus or is marked, and throws nothing away."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QHBoxLayout, QLineEdit, QPushButton, QWidget

from deskq.views.widgets.dialog import Dialog
from tests.gui.conftest import Recorded, Run, until
from tests.gui.shell.test_window import opened

_PLAIN = Qt.KeyboardModifier.NoModifier


@pytest.mark.parametrize("named", [True, False])
def test_return_presses_what_is_marked_or_has_the_focus(named: bool, qapp: QApplication) -> None:
    """The buttons are made before they have a place in the dialog, as in most: Qt would have chosen Cancel."""
    dialog = Dialog()
    line, cancel, go = QLineEdit(), QPushButton("Cancel"), QPushButton("Go")
    pressed: list[str] = []
    cancel.clicked.connect(lambda: pressed.append("cancel"))
    cancel.clicked.connect(dialog.reject)
    go.clicked.connect(lambda: pressed.append("go"))
    if named:
        dialog.press_by_return(go)
    layout = QHBoxLayout(dialog)
    for widget in (line, cancel, go):
        layout.addWidget(widget)
    go.setEnabled(False)
    dialog.show()
    dialog.activateWindow()
    go.setEnabled(True)
    assert [button.text() for button in (cancel, go) if button.isDefault()] == ["Go"] * named
    line.setFocus()
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert pressed == ["go"] * named
    go.setFocus()
    QTest.keyClick(go, Qt.Key.Key_Enter)
    assert pressed == ["go"] * (named + 1)
    assert dialog.isVisible()
    cancel.setFocus()
    QTest.keyClick(cancel, Qt.Key.Key_Return)
    assert pressed[-1] == "cancel"
    assert not dialog.isVisible()
    dialog.deleteLater()


def test_return_gives_up_no_retry(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        (failed,) = recorded.add(1, state="failed")
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            dialog: Any = app.window.acting.retry("shop", [failed], "shop", "emails")
            await until(lambda: dialog.model.rowCount() == 1, 30, "the task")
            for field in (dialog.queue.lineEdit(), dialog.args, dialog.kwargs, dialog.rate, dialog.table):
                field.setFocus()
                QTest.keyClick(field, Qt.Key.Key_Return)
                assert dialog.isVisible(), field
            dialog.cancel.setFocus()
            QTest.keyClick(dialog.cancel, Qt.Key.Key_Return)
            assert not dialog.isVisible()

    run(scenario())


def test_what_is_typed_before_a_dialog_is_activated_is_not_lost(qapp: QApplication, run: Run) -> None:
    """Until then the keys reach the window that opened it, where Qt drops them."""

    async def scenario() -> None:
        window = QWidget()
        window.show()
        window.activateWindow()
        await until(window.isActiveWindow)
        dialog = Dialog(window)
        name, place, go = QLineEdit(), QLineEdit(), QPushButton("Go")
        pressed: list[bool] = []
        go.clicked.connect(pressed.append)
        layout = QHBoxLayout(dialog)
        for widget in (name, place, go):
            layout.addWidget(widget)
        dialog.open()
        handle = window.windowHandle()
        for key, text in ((Qt.Key.Key_A, "a"), (Qt.Key.Key_B, "b"), (Qt.Key.Key_Tab, "\t"), (Qt.Key.Key_C, "c")):
            QApplication.sendEvent(handle, QKeyEvent(QEvent.Type.KeyPress, key, _PLAIN, text))
        repeated = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_R, _PLAIN, "r", True)
        QApplication.sendEvent(handle, repeated)
        for key in (Qt.Key.Key_Tab, Qt.Key.Key_Space, Qt.Key.Key_Return):
            QApplication.sendEvent(handle, QKeyEvent(QEvent.Type.KeyPress, key, _PLAIN))
        await until(lambda: place.text() == "c")
        assert name.text() == "ab"
        assert (dialog.isVisible(), go.hasFocus(), pressed) == (True, True, [])
        QTest.keyClick(name, Qt.Key.Key_X)
        assert name.text() in ("abx", "x")
        clicked: list[int] = []
        button = QPushButton("Behind", window)
        button.clicked.connect(lambda: clicked.append(1))
        button.show()
        QTest.mouseClick(handle, Qt.MouseButton.LeftButton, _PLAIN, button.geometry().center())
        closing = QEvent(QEvent.Type.Close)
        QApplication.sendEvent(handle, closing)
        assert (clicked, closing.isAccepted(), window.isVisible()) == ([], False, True)
        dialog.close()
        QTest.mouseClick(handle, Qt.MouseButton.LeftButton, _PLAIN, button.geometry().center())
        assert clicked == [1]
        window.close()
        window.deleteLater()

    run(scenario())
