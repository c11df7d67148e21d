"""The composition root: builds what a run of the window needs, and takes it down again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import qasync
from PySide6.QtCore import qInstallMessageHandler
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from deskq import __version__, paths
from deskq.errors import UserError
from deskq.models.garbage import GuiThreadCollector
from deskq.models.session import ProfileSession
from deskq.profiles import Environment, PasswordStore, Profile, ProfileFile
from deskq.views import theme, window_state
from deskq.views.main_window import MainWindow
from deskq.views.overview import OverviewView
from deskq.views.pictures import take_pictures
from deskq.views.profile_dialog import ProfileDialog
from deskq.views.queues import QueuesView
from deskq.views.tasks import TasksView
from deskq.views.workers import WorkersView

if TYPE_CHECKING:
    from deskq.demo.services import DemoServices

STOP_SECONDS: Final = 12.0


class App:
    """One run of the window."""

    def __init__(self, application: QApplication) -> None:
        self.application = application
        self.sessions: dict[str, ProfileSession] = {}
        self.profiles = ProfileFile()
        self.passwords = PasswordStore()
        self.window = MainWindow(
            {
                "overview": lambda session: OverviewView([session]),
                "tasks": TasksView,
                "workers": WorkersView,
                "queues": QueuesView,
            },
            OverviewView,
        )
        self.closed = asyncio.Event()
        self.window.closing.connect(self.closed.set)
        self.window.add_profile_requested.connect(self.open_profiles)
        self.window.connect_requested.connect(self.connect)
        self._dialog: ProfileDialog | None = None

    def add(self, profile: Profile, *, start: bool = True) -> ProfileSession:
        """Show a profile in the window, and connect it."""
        session = ProfileSession(profile)
        self.sessions[profile.name] = session
        self.window.add_session(session)
        if start:
            session.start()
        return session

    def connect(self, name: str) -> None:
        """Connect a profile that is not."""
        session = self.sessions.get(name)
        if session is not None:
            session.start()

    async def remove(self, name: str) -> None:
        """End a session and forget it."""
        session = self.sessions.pop(name, None)
        if session is not None:
            self.window.remove_session(name)
            await session.stop()
            session.deleteLater()

    def open_profiles(self) -> None:
        """Open the dialog of profiles."""
        if self._dialog is None:
            self._dialog = ProfileDialog(self.profiles, self.passwords, self.window)
            self._dialog.connect_requested.connect(self._connect_saved)
            self._dialog.removed.connect(self._removed)
            self._dialog.finished.connect(self._dialog_done)
            self._dialog.open()

    def _dialog_done(self, _result: int) -> None:
        if self._dialog is not None:
            self._dialog.deleteLater()
            self._dialog = None

    def _connect_saved(self, profile: Profile) -> None:
        asyncio.get_running_loop().create_task(self._reconnect(profile), name=f"connect {profile.name}")

    async def _reconnect(self, profile: Profile) -> None:
        await self.remove(profile.name)
        self.add(profile)
        self.window.show_view(profile.name, "tasks")

    def _removed(self, name: str) -> None:
        asyncio.get_running_loop().create_task(self.remove(name), name=f"remove {name}")

    async def stop(self) -> None:
        """End every session; their recorders end with them."""
        await asyncio.gather(*(session.stop() for session in self.sessions.values()))
        self.window.deleteLater()


def run_window(profiles: Sequence[Profile]) -> int:
    """Open the window on the saved profiles and on these; returns the exit status."""
    return _run(_window(list(profiles)))


def run_demo(*, headless: bool, seconds: float, pictures: Path | None, broker_url: str | None, rate: float) -> int:
    """Start the demo's services and show them: in a window, or in pictures."""
    from deskq.demo.services import DemoServices  # it needs a client of Redis, the window does not

    before = os.environ.get("DESKQ_HOME")
    with tempfile.TemporaryDirectory(prefix="deskq-demo-", ignore_cleanup_errors=True) as home:
        os.environ["DESKQ_HOME"] = home  # nothing of the user's own is touched
        try:
            if headless:
                os.environ["QT_QPA_PLATFORM"] = "offscreen"
            with DemoServices(broker_url=broker_url, rate=rate) as services:
                services.ready()
                return _run(_demo(services, headless, seconds, pictures))
        finally:
            if before is None:
                del os.environ["DESKQ_HOME"]
            else:
                os.environ["DESKQ_HOME"] = before


def _run(main: Any) -> int:
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    application.setApplicationName("deskq")
    application.setApplicationVersion(__version__)
    application.setDesktopFileName("deskq")
    application.setWindowIcon(QIcon(str(paths.resource("icons/deskq.svg"))))
    application.setQuitOnLastWindowClosed(False)
    if application.platformName() == "offscreen":
        application.setStyle("Fusion")
        qInstallMessageHandler(_without_offscreen_chatter)
    theme.apply_scheme(window_state.load_text("window/theme", "system"))  # type: ignore[arg-type]
    loop = qasync.QEventLoop(application)
    asyncio.set_event_loop(loop)
    collector = GuiThreadCollector()
    collector.start()
    try:
        return int(loop.run_until_complete(main))
    finally:
        loop.close()
        collector.stop()


def _without_offscreen_chatter(_kind: object, _context: object, text: str) -> None:
    """Without a screen Qt says of every window what it cannot do with it; all else is passed on."""
    if not text.startswith("This plugin does not support"):
        print(text, file=sys.stderr)


async def _window(profiles: list[Profile]) -> int:
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    app = App(application)
    loop = asyncio.get_running_loop()
    _close_on_signals(app)
    app.window.show()
    known = {profile.name for profile in profiles}
    for profile in profiles:
        app.add(profile)
    try:
        for saved in await loop.run_in_executor(None, app.profiles.load):
            if saved.name not in known:
                password = await loop.run_in_executor(None, app.passwords.get, saved.name)
                app.add(_with_password(saved, password), start=saved.connect_at_start)
    except UserError as error:
        app.window.welcome.say("The profiles cannot be read", str(error))
    await app.closed.wait()
    await app.stop()
    return 0


async def _demo(services: DemoServices, headless: bool, seconds: float, pictures: Path | None) -> int:
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    app = App(application)
    _close_on_signals(app)
    profile = Profile.from_url(
        services.broker_url,
        name="demo shop",
        result_backend=services.result_backend_url,
        environment=Environment.DEVELOPMENT,
    )
    session = app.add(profile)
    app.window.show()
    if not headless:
        await app.closed.wait()
        await app.stop()
        return 0
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(app.closed.wait(), seconds)
    saved = []
    if pictures is not None:
        await asyncio.get_running_loop().run_in_executor(None, lambda: pictures.mkdir(parents=True, exist_ok=True))
        saved = await take_pictures(app.window, session, pictures)
    summary = await _summary(session)
    await app.stop()
    if saved:
        print(f"deskq: {len(saved)} pictures in {pictures}", file=sys.stderr)
    print(json.dumps(summary))
    return 0


async def _summary(session: ProfileSession) -> dict[str, object]:
    status, counts, queues, workers, gaps = await session.ask(
        lambda reader: (reader.status(), reader.counts(), reader.queues(), reader.workers(), reader.gaps()),
        slot="summary",
    )
    return {
        "tasks": counts.by_state,
        "events": status.events,
        "gaps": len(gaps),
        "queues": {queue.name: queue.ready for queue in queues},
        "workers": {worker.hostname: "online" if worker.online else "offline" for worker in workers},
    }


def _with_password(profile: Profile, password: Any) -> Profile:
    return replace(profile, password=password) if password is not None else profile


def _close_on_signals(app: App) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, app.closed.set)
        except (NotImplementedError, RuntimeError):
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(app.closed.set))
