"""How a run of the window begins and ends: on a person's profiles, or on the demo's."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import qasync
from PySide6.QtCore import qInstallMessageHandler
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from deskq import __version__, paths
from deskq.app import App
from deskq.crash_log import CrashLog
from deskq.instance import SingleInstance, forward_to_running
from deskq.models.overview.summary import read_summary
from deskq.profiles import Environment, Profile
from deskq.services.background.gc_tuning import GuiThreadCollector
from deskq.services.instance_server import InstanceServer
from deskq.services.session import ProfileSession
from deskq.views.shell.crash_report import CrashReports, say_message, unheard
from deskq.views.shell.pictures import take_pictures
from deskq.views.widgets import theme, window_state
from deskq.views.widgets.toast import UndoOffer

if TYPE_CHECKING:
    from deskq.demo.services import DemoServices

SWITCH_SECONDS: Final = 0.001
"""How long another thread keeps Python from the GUI thread. With Python's own 5 ms a turn that waits often is felt."""
_BEGIN_SECONDS: Final = 60.0
"""How long a busy machine may take until the demo is recorded: then the seconds begin that it runs without a screen."""


def run_window(profiles: Sequence[Profile]) -> int:
    """Open the window on the saved profiles and on these; returns the exit status.

    A window that runs already is brought to the front instead, and shows these.
    """
    first = SingleInstance()
    if not first.claim(lambda: forward_to_running(profiles)):
        return 0
    log = CrashLog("window")
    log.begin()
    try:
        return _run(partial(_window, list(profiles), log), log)
    finally:
        log.end()
        first.release()


def run_demo(*, headless: bool, seconds: float, pictures: Path | None, broker_url: str | None, rate: float) -> int:
    """Start the demo's services and show them: in a window, or in pictures."""
    from deskq.demo.services import DemoServices  # it needs a client of Redis, the window does not

    before = os.environ.get("DESKQ_HOME")
    with tempfile.TemporaryDirectory(prefix="deskq-demo-", ignore_cleanup_errors=True) as home:
        os.environ["DESKQ_HOME"] = home  # nothing of the user's own is touched
        try:
            if headless:
                os.environ["QT_QPA_PLATFORM"] = "offscreen"
            with DemoServices(broker_url=broker_url, rate=rate, home=Path(home)) as services:
                services.ready()
                return _run(partial(_demo, services, headless, seconds, pictures))
        finally:
            if before is None:
                del os.environ["DESKQ_HOME"]
            else:
                os.environ["DESKQ_HOME"] = before


def _run(main: Callable[[QApplication], Coroutine[Any, Any, int]], log: CrashLog | None = None) -> int:
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    application.setApplicationName("deskq")
    application.setApplicationVersion(__version__)
    application.setDesktopFileName("deskq")
    application.setWindowIcon(QIcon(str(paths.resource("icons/deskq.svg"))))
    application.setQuitOnLastWindowClosed(False)
    if application.platformName() == "offscreen":
        application.setStyle("Fusion")
    qInstallMessageHandler(partial(say_message, log))
    theme.apply_scheme(window_state.load_text("window/theme", "system"))  # type: ignore[arg-type]
    # Python 3.16 removes what qasync takes from asyncio: https://github.com/CabbageDevelopment/qasync/issues/130
    loop = qasync.QEventLoop(application)
    asyncio.set_event_loop(loop)
    if log is not None:
        loop.set_exception_handler(partial(unheard, log))
    sys.setswitchinterval(SWITCH_SECONDS)
    collector = GuiThreadCollector()
    collector.start()
    try:
        return int(loop.run_until_complete(main(application)))
    finally:
        loop.close()
        collector.stop()
        qInstallMessageHandler(None)


async def _window(profiles: list[Profile], log: CrashLog, application: QApplication) -> int:
    app = App(application, log)
    handover = InstanceServer()
    handover.opened.connect(app.open)
    handover.listen()
    reports = CrashReports(log, app.window)
    reports.offer_earlier()
    _close_on_signals(app)
    app.window.show()
    if reason := paths.only_to_look():
        UndoOffer(reason, None, app.window, milliseconds=0)
    for profile in profiles:
        app.add(profile)
    app.spawn(app.load_saved(), "saved profiles")  # a keyring that waits to be unlocked keeps nobody from closing
    app.spawn(app.look_after_journal(), "journal")
    await app.closed.wait()
    handover.close()
    reports.stop()
    await app.stop()
    return 0


async def _demo(
    services: DemoServices, headless: bool, seconds: float, pictures: Path | None, application: QApplication
) -> int:
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
    try:
        if not headless:
            await app.closed.wait()
            return 0
        await _heard(session, app.closed)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(app.closed.wait(), seconds)
        if pictures is not None:
            await asyncio.get_running_loop().run_in_executor(None, lambda: pictures.mkdir(parents=True, exist_ok=True))
            saved = await take_pictures(app.window, session, pictures)
            print(f"deskq: {len(saved)} pictures in {pictures}", file=sys.stderr)
        summary = await session.ask(read_summary, slot="summary")
    finally:
        await app.stop()
    print(json.dumps(summary))
    return 0


async def _heard(session: ProfileSession, closed: asyncio.Event) -> None:
    """Return when the recorder records, the window is closed, or a busy machine has had its time."""
    deadline = asyncio.get_running_loop().time() + _BEGIN_SECONDS
    while not session.heard and asyncio.get_running_loop().time() < deadline:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(closed.wait(), 0.1)
            return


def _close_on_signals(app: App) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, app.closed.set)
        except (NotImplementedError, RuntimeError):
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(app.closed.set))
