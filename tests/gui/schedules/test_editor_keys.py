"""The schedule editor by keyboard: Return goes on to the preview, once there is something to save."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from deskq.profiles import Profile
from deskq.schedules.model import Entry
from deskq.schedules.opening import open_store
from deskq.views.schedules.editor.dialog import ScheduleDialog


def test_return_goes_on_to_the_preview(qapp: QApplication) -> None:
    store = open_store("redbeat:redis://127.0.0.1:1/0", Profile.from_url("redis://127.0.0.1:1/0", name="shop"))
    dialog = ScheduleDialog(store, None, None)
    wanted: list[Entry] = []
    dialog.accepted_entry.connect(wanted.append)
    dialog.show()
    QTest.keyClick(dialog.fields.name, Qt.Key.Key_Return)
    assert (wanted, dialog.isVisible()) == ([], True)
    dialog.fields.name.setText("nightly")
    dialog.fields.task.setCurrentText("mail.send")
    QTest.keyClick(dialog.fields.name, Qt.Key.Key_Return)
    assert [(entry.name, entry.task) for entry in wanted] == [("nightly", "mail.send")]
    dialog.done(0)
    store.close()
