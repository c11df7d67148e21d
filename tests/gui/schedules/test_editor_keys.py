"""The schedule editor: Return goes on to the preview once there is something to save; its next runs are true."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from deskq.profiles import Profile
from deskq.schedules.model import Entry
from deskq.schedules.opening import open_store
from deskq.views.schedules.editor.dialog import ScheduleDialog
from tests.gui.conftest import Run, until


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


def test_a_new_schedule_of_redbeat_does_not_run_at_once(qapp: QApplication, run: Run) -> None:
    store = open_store("redbeat:redis://127.0.0.1:1/0", Profile.from_url("redis://127.0.0.1:1/0", name="shop"))

    async def go() -> None:
        dialog = ScheduleDialog(store, None, None)
        dialog.show()
        dialog.fields.name.setText("nightly")
        dialog.fields.task.setEditText("mail.send")
        dialog.fields.changed.emit()
        await until(lambda: dialog.after_model.rowCount() == 10, what="its next runs")
        assert [row.at % 3_600 for row in dialog.after_model.rows()] == [0.0] * 10  # hourly, as it is stored
        dialog.done(0)

    run(go())
    store.close()
