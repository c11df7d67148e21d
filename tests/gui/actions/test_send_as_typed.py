"""The send dialog while one types: the first keys, what cannot be sent, and fields that stay where they are."""

from __future__ import annotations

from typing import Any

from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tests.gui.conftest import Recorded, Run, until
from tests.gui.shell.test_window import opened


def test_what_is_typed_first_is_the_task(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            dialog: Any = app.window.acting.send("shop")
            dialog.activateWindow()
            await until(lambda: qapp.focusWidget() in (dialog.fields.task, dialog.fields.task.lineEdit()), what="focus")
            QTest.keyClicks(dialog.fields.task.lineEdit(), "mail.send")
            assert dialog.fields.task.currentText() == "mail.send"
            dialog.reject()

    run(scenario())


def test_the_preview_shows_nothing_that_cannot_be_sent(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            dialog: Any = app.window.acting.send("shop", queue="emails")
            fields = dialog.fields
            assert not any(pane.toPlainText() for pane in dialog.texts.values())
            fields.task.setEditText("mail.send")
            fields.args.setPlainText("[1]")
            assert all(pane.toPlainText() for pane in dialog.texts.values())
            fields.args.setPlainText("[1")
            assert not any(pane.toPlainText() for pane in dialog.texts.values())
            assert "JSON" in dialog.message.text()
            assert not dialog.copy.isEnabled()
            fields.args.setPlainText("[12]")
            assert "12" in dialog.texts["Python"].toPlainText()
            assert dialog.copy.isEnabled()
            dialog.reject()

    run(scenario())


def test_fields_stay_where_they_are_when_a_task_is_known(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        recorded.add(3, name="mail.send")
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            dialog: Any = app.window.acting.send("shop")
            fields = dialog.fields
            below = (fields.args, fields.kwargs, fields.when, fields.headers, fields.times)

            def places() -> list[int]:
                dialog.layout().activate()
                return [field.mapTo(dialog, field.rect().topLeft()).y() for field in below]

            before = places()
            assert not fields.arguments.sides.isEnabled()
            fields.task.setEditText("mail.send")
            await until(lambda: fields.arguments.known, 30, "the form")
            assert fields.arguments.sides.isEnabled()
            assert places() == before
            dialog.reject()

    run(scenario())
