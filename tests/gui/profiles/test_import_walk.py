"""From the first start to the schedules of an imported app, through the window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from deskq.profiles import Profile, ProfileFile
from deskq.views.profiles.import_preview import ImportPreview
from deskq.views.profiles.import_source import ImportSource
from tests.gui.conftest import Run, until
from tests.gui.shell.test_window import opened

APP = """
from celery import Celery
app = Celery("shop", broker={broker!r})
app.conf.update(
    beat_schedule={{"tidy": {{"task": "shop.tidy", "schedule": 60}}}}, task_acks_late=True, timezone="Asia/Kolkata",
    broker_transport_options={{"odd": 1}},
)
"""


def write_app(folder: Path, broker: str) -> Path:
    (folder / "shop.py").write_text(APP.format(broker=broker))
    return folder


async def read(app: Any, folder: Path) -> Any:
    """Import by the keyboard alone; the preview."""
    app.import_profile()
    dialog = app._dialog
    source = dialog.findChild(ImportSource)
    QTest.keyClicks(source.name, "shop")
    QTest.keyClicks(source.folder, str(folder))
    QTest.keyClick(source.folder, Qt.Key.Key_Return)
    await until(lambda: dialog.findChild(ImportPreview) is not None, 30)
    return dialog.findChild(ImportPreview)


def test_a_new_profile_opens_with_its_schedules(redis_url: str, run: Run, qapp: QApplication, tmp_path: Path) -> None:
    write_app(tmp_path, redis_url)

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.window.show()
            preview = await read(app, tmp_path)
            text = preview.detail.text()
            assert "broker_transport_options.odd: cannot be kept, because a profile has no such option" in text
            assert "timezone: taken (the schedule store asks the app)" in text
            assert "Not needed: task_acks_late" in text
            QTest.keyClick(preview.accept_button, Qt.Key.Key_Return)
            dialog: Any = app._dialog
            await until(lambda: "Imported shop" in dialog.message.text())
            await until(lambda: "shop" in app.sessions, what="the profile in the window")
            await until(dialog.connect_button.isEnabled)
            dialog.connect_button.click()
            await until(lambda: app._dialog is None)
            await until(lambda: app.window.view() is not app.window.welcome)
            view: Any = app.window.show_view("shop", "schedules")
            await until(lambda: view.model.rowCount() == 1, 30, "the app's own schedule, unasked")
            assert view.model.row_at(0).entry.name == "tidy"

    run(scenario())


def test_an_import_over_a_saved_profile_counts_in_the_window_at_once(
    redis_url: str, run: Run, qapp: QApplication, tmp_path: Path
) -> None:
    before = Profile.from_url("redis://127.0.0.1:1/0", name="shop")
    ProfileFile().save([before])
    write_app(tmp_path, redis_url)

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.window.show()
            app.add(before, start=False)
            preview = await read(app, tmp_path)
            preview.list.item(0).setCheckState(Qt.CheckState.Checked)
            preview.accept_button.click()
            known = app.sessions.get  # it is away for a moment
            await until(lambda: (now := known("shop")) and now.profile.url == redis_url, what="the imported profile")
            assert not app.sessions["shop"].connected
            dialog: Any = app._dialog
            await until(lambda: not dialog._tasks.running())
            dialog.close()
            await until(lambda: app._dialog is None)

    run(scenario())
