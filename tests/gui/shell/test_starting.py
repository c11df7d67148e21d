"""How the window starts, is started again, opens a history by itself, asks for a password, and shows a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog

from deskq import crash_log as crash
from deskq.app import App
from deskq.crash_log import CrashLog
from deskq.instance import forward_to_running
from deskq.models.broker_tree import KindRole
from deskq.profiles import PasswordStore, Profile, ProfileFile, Safety, Secret
from deskq.services.instance_server import InstanceServer
from deskq.views.shell.crash_report import CrashReportDialog, CrashReports
from deskq.views.shell.password_dialog import PasswordDialog
from tests.gui.conftest import Recorded, Run, until
from tests.gui.shell.test_window import opened
from tests.support.servers import RedisServer


def dialogs(app: App, kind: type[QDialog]) -> list[Any]:
    return [child for child in app.window.findChildren(kind) if child.isVisible()]


def test_a_second_start_opens_in_the_first_window(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    recorded.add(3)
    file = Profile.of_history(recorded.profile.history_path())

    async def scenario() -> None:
        async with opened(qapp) as app:
            handover = InstanceServer()
            handover.opened.connect(app.open)
            assert handover.listen()
            app.window.showMinimized()
            assert await asyncio.get_running_loop().run_in_executor(None, forward_to_running, [file])
            await until(lambda: list(app.sessions) == [file.name])
            assert not app.window.isMinimized()
            view: Any = app.window.view()
            await until(lambda: view.model.rowCount() == 3)
            assert await asyncio.get_running_loop().run_in_executor(None, forward_to_running, [file])
            await asyncio.sleep(0)
            assert list(app.sessions) == [file.name]  # the same again opens nothing twice
            handover.close()
            assert forward_to_running([file]) is False

    run(scenario())


def test_a_second_start_shows_the_profile_that_it_names(run: Run, qapp: QApplication) -> None:
    """Of one broker there may be two profiles, one of them read-only; of one name two brokers."""
    careful = Profile.from_url("redis://127.0.0.1:1/0", name="shop, careful", safety=Safety.READ_ONLY)
    free = Profile.from_url("redis://127.0.0.1:1/0", name="shop")
    other = Profile.from_url("redis://127.0.0.1:2/0", name="shop")

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.open([careful, free])
            for profile, name in ((careful, "shop, careful"), (free, "shop"), (other, "shop (2)"), (other, "shop (2)")):
                app.open([profile])
                assert app.window.session() is app.sessions[name]
                assert app.sessions[name].profile.safety is profile.safety
            assert list(app.sessions) == ["shop, careful", "shop", "shop (2)"]

    run(scenario())


def test_a_history_shows_as_it_was_and_nothing_is_asked(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    recorded.add(4)
    path = recorded.profile.history_path()
    recorded.history.close()  # no recorder is running into it

    async def scenario() -> None:
        async with opened(qapp) as app:
            await app.open_history(path)
            (session,) = app.sessions.values()
            view: Any = app.window.view()
            await until(lambda: view.model.rowCount() == 4)
            assert "history file" in app.window.windowTitle()
            await until(lambda: session.status is not None and "no recorder is running" in app.window.bar.text.text())
            for kind in ("overview", "workers", "queues"):
                assert app.window.show_view(session.profile.name, kind) is not None
            assert session.profile.read_only

    run(scenario())
    recorded.history = type(recorded.history)(path)  # for the fixture to close


def test_a_file_that_is_no_history_is_told_where_it_was_chosen(tmp_path: Path, run: Run, qapp: QApplication) -> None:
    file = tmp_path / "notes.sqlite"
    file.write_text("nothing")

    async def scenario() -> None:
        async with opened(qapp) as app:
            await app.open_history(file)
            assert "not a deskq history" in app.window.bar.currentMessage()
            assert app.sessions == {}

    run(scenario())


@pytest.mark.parametrize("is_saved", [True, False])
def test_a_refused_password_is_asked_for_and_used(
    is_saved: bool,
    needs: Callable[[Callable[[], RedisServer]], RedisServer],
    tmp_path: Path,
    run: Run,
    qapp: QApplication,
) -> None:
    async def scenario(url: str) -> None:
        profile = Profile.from_url(url.replace("right", "wrong"), name="shop", history=str(tmp_path / "h.sqlite"))
        if is_saved:
            ProfileFile().save([profile])
        async with opened(qapp) as app:
            app.window.show()
            app.add(profile)
            await until(lambda: dialogs(app, PasswordDialog), 30)
            tree = app.window.tree
            node = tree.itemFromIndex(tree.index_of("shop", "profile"))
            assert node.child(0).data(KindRole) == "problem"
            assert "refused the password" in node.child(0).text()
            (dialog,) = dialogs(app, PasswordDialog)
            assert not dialog.connect_button.isEnabled()
            QTest.keyClicks(dialog.line, "right")
            QTest.keyClick(dialog.line, Qt.Key.Key_Return)  # Connect, not Cancel

            def recording() -> bool:
                status = app.sessions["shop"].status if "shop" in app.sessions else None
                return status is not None and status.state == "recording"

            await until(recording, 30)
            assert app.sessions["shop"].profile.password.reveal() == "right"
            assert PasswordStore().get("shop") == (Secret("right") if is_saved else None)
            node = tree.itemFromIndex(tree.index_of("shop", "profile"))
            await until(lambda: node.child(0).data(KindRole) != "problem")

    with needs(lambda: RedisServer(password="right")) as server:
        run(scenario(server.url))


def test_a_crash_is_shown_at_once_and_offered_at_the_next_start(run: Run, qapp: QApplication, tmp_path: Path) -> None:
    async def first() -> None:
        log = CrashLog("window")
        async with opened(qapp) as app:
            reports = CrashReports(log, app.window)
            app.window.show()
            log.report(ValueError("<b>bold</b> at redis://anna:pw@h.example/0"), "a test")
            await until(lambda: reports.dialog is not None)
            dialog: Any = reports.dialog
            assert "<b>bold</b> at redis://•••@‹host›/0" in dialog.text.toPlainText()
            dialog.copy.click()
            assert QApplication.clipboard().text() == dialog.text.toPlainText()
            dialog.save_requested.emit(tmp_path / "report.txt", dialog.text.toPlainText())
            await until((tmp_path / "report.txt").exists)
            QTest.keyClick(dialog, Qt.Key.Key_Escape)
            await until(lambda: reports.dialog is None)
            reports.stop()

    async def second() -> None:
        async with opened(qapp) as app:
            reports = CrashReports(CrashLog("window"), app.window)
            app.window.show()
            reports.offer_earlier()
            await until(lambda: reports.dialog is not None)
            dialog: Any = reports.dialog
            assert isinstance(dialog, CrashReportDialog)
            dialog.discard.click()
            await until(lambda: crash.pending() == [])
            reports.stop()

    run(first())
    assert len(crash.pending()) == 1
    run(second())
