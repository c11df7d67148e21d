"""The first start: three ways in, each by its own action, in a window without profiles."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QProcess, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QStyle

from deskq.profiles import Environment, Profile, ProfileFile
from deskq.views.profiles.dialog import ProfileDialog
from deskq.views.profiles.import_source import ImportSource
from deskq.views.shell.welcome import WelcomePane
from deskq.views.widgets.toast import UndoOffer
from tests.gui.conftest import Recorded, Run, until
from tests.gui.shell.test_window import opened


@pytest.mark.parametrize(
    ("url", "says", "connects"),
    [
        ("", "", False),
        ("redis://:c4n4ry@h/0", "h: Redis or Valkey, with a password", True),
        ("amqps://anna@h/shop", "RabbitMQ, without a password, over TLS", True),
        ("gopher://x", "does not support the scheme", False),
        ("anna:c4n4ry@h", "is not a broker URL", False),
        ("sentinel://h:1", "Sentinel needs the master's name", False),
    ],
)
def test_a_url_is_checked_while_it_is_typed(qapp: QApplication, url: str, says: str, connects: bool) -> None:
    pane = WelcomePane()
    given: list[str] = []
    pane.url_given.connect(given.append)
    pane.url.setText(url)
    assert says in pane.problem.text()
    assert "c4n4ry" not in pane.problem.text()
    assert pane.connect_button.isEnabled() == connects
    QTest.keyClick(pane.url, Qt.Key.Key_Return)
    pane.connect_button.click()
    assert given == [url, url] * connects
    pane.deleteLater()


def test_a_broker_of_the_environment_is_offered_by_its_name(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://:c4n4ry@h/2")
    pane = WelcomePane()
    given: list[str] = []
    pane.url_given.connect(given.append)
    button = pane.environment_buttons[0]
    assert button.text() == "Connect to CELERY_BROKER_URL"
    assert button.toolTip() == "redis://h/2"
    button.click()
    assert given == ["redis://:c4n4ry@h/2"]
    pane.deleteLater()


def test_a_url_connects_for_this_run(redis_url: str, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        async with opened(qapp) as app:
            app.window.show()
            welcome = app.window.welcome
            assert app.window.view() is welcome
            welcome.url.setText(redis_url)
            QTest.keyClick(welcome.url, Qt.Key.Key_Return)
            await until(lambda: app.sessions)
            (session,) = app.sessions.values()
            await until(lambda: session.status is not None and session.status.state == "recording", 40)
            assert app.window.view() is not welcome
            assert not ProfileFile().path.exists()
            app.connect_url(redis_url)
            assert len(app.sessions) == 1
            (offer,) = app.window.findChildren(UndoOffer)  # it would be gone after the next start
            assert offer.text.text() == f"{session.profile.name} is shown until deskq quits."
            offer.button.click()
            dialog: Any = app._dialog
            await until(lambda: not dialog._tasks.running())
            assert dialog.url.text() == session.profile.url
            dialog.save.click()
            await until(lambda: [one.url for one in ProfileFile().load()] == [session.profile.url])
            dialog.close()
            await until(lambda: app._dialog is None)

    run(scenario())


def test_import_and_profiles_open_their_dialogs(run: Run, qapp: QApplication, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(qapp) as app:
            app.window.show()
            app.window.welcome.import_button.click()
            dialog: Any = app.window.findChild(ProfileDialog)
            source = dialog.findChild(ImportSource)
            assert source.isVisible()
            source.close()
            await until(lambda: not dialog._tasks.running())
            dialog.close()
            await until(lambda: app._dialog is None)
            app.window.welcome.url.setText("redis://:c4n4ry@h:6380/2")
            app.window.welcome.button.click()
            dialog = app._dialog
            assert (dialog.name.text(), dialog.password.text()) == ("h:6380/2", "c4n4ry")
            await until(lambda: not dialog._tasks.running())
            assert dialog.url.text() == "redis://h:6380/2"
            dialog.save.click()
            await until(lambda: "h:6380/2" in app.sessions)  # shown, not connected
            assert not app.sessions["h:6380/2"].connected
            dialog.close()
            await until(lambda: app._dialog is None)

    run(scenario())


def test_a_saved_change_reaches_the_window(run: Run, qapp: QApplication, tmp_path: Path) -> None:
    async def scenario() -> None:
        recorded = Recorded(tmp_path)
        async with opened(qapp) as app:
            app._saved(recorded.profile, "")
            await until(lambda: "shop" in app.sessions)
            app.window.show()
            renamed = Profile.from_url(
                "redis://127.0.0.1:1/0",
                name="books",
                history=recorded.profile.history,
                environment=Environment.PRODUCTION,
            )
            app._saved(renamed, "shop")
            await until(lambda: list(app.sessions) == ["books"])
            await until(lambda: "books (production)" in app.window.windowTitle())
            recorded.history.close()

    run(scenario())


@pytest.mark.parametrize(("starts", "says"), [(True, "in a separate window"), (False, "did not start")])
def test_the_demo_is_a_program_of_its_own(
    run: Run, qapp: QApplication, monkeypatch: pytest.MonkeyPatch, starts: bool, says: str
) -> None:
    """What is started is caught: the demo itself has its own test."""
    commands: list[list[str]] = []

    def start(program: str, arguments: list[str]) -> tuple[bool, int]:
        commands.append([program, *arguments])
        return starts, 0

    monkeypatch.setattr(QProcess, "startDetached", start)

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.window.show()
            app.window.welcome.demo_button.click()
            await until(app.window.welcome.note.text)
            assert commands == [[sys.executable, "-P", "-m", "deskq", "demo"]]
            assert says in app.window.welcome.note.text()
            app.window.welcome.say("The profiles cannot be read", "Because.")
            assert app.window.welcome.reason.text() == "Because."

    run(scenario())


def test_a_demo_that_cannot_start_says_what_to_install(
    run: Run, qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    """deskq[gui] alone has no redbeat."""
    monkeypatch.setitem(sys.modules, "redbeat", None)
    monkeypatch.setattr(QProcess, "startDetached", lambda *_: pytest.fail("it was started"))

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.window.show()
            app.window.welcome.demo_button.click()
            await until(app.window.welcome.note.text)
            assert app.window.welcome.note.text() == (
                'The demo needs celery-redbeat. Install it with: pip install "deskq[demo]"'
            )

    run(scenario())


def test_the_first_window_fits_the_screen_and_takes_a_url_at_once(run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        async with opened(qapp) as app:
            window = app.window
            frame = window.style().pixelMetric(QStyle.PixelMetric.PM_TitleBarHeight)
            room = window.screen().availableSize()
            assert window.height() + 2 * frame <= room.height()
            assert window.width() < room.width()
            window.show()
            window.activateWindow()
            await until(lambda: qapp.focusWidget() is window.welcome.url, what="the focus")
            QTest.keyClicks(window.welcome.url, "redis://h/0")
            assert window.welcome.url.text() == "redis://h/0"

    run(scenario())
