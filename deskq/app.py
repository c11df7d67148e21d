"""The composition root: builds what a run of the window needs, and takes it down again."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QProcess, Qt
from PySide6.QtWidgets import QApplication, QFileDialog

from deskq import paths
from deskq.actions.journal.journal import Journal
from deskq.crash_log import CrashLog
from deskq.demo.needs import missing as what_the_demo_lacks
from deskq.errors import UserError
from deskq.formats import count, plain
from deskq.history.reading.reader import HistoryReader
from deskq.profiles import PasswordStore, Profile, ProfileFile
from deskq.profiles.guarding import under_guard
from deskq.services.background.background_tasks import BackgroundTasks
from deskq.services.background.patience import run_in_daemon_thread
from deskq.services.journal import ask_journal
from deskq.services.journal_recovery import look_after
from deskq.services.session import ProfileSession
from deskq.system import own_command
from deskq.views.journal.view import JournalView
from deskq.views.overview.view import OverviewView
from deskq.views.queues.view import QueuesView
from deskq.views.schedules.all_profiles import AllSchedulesView
from deskq.views.schedules.view import SchedulesView
from deskq.views.shell.main_window import MainWindow
from deskq.views.shell.password_dialog import RefusedLogins
from deskq.views.tasks.view import TasksView
from deskq.views.widgets.page import Page
from deskq.views.widgets.toast import UndoOffer
from deskq.views.workers.view import WorkersView

if TYPE_CHECKING:
    from deskq.views.profiles.dialog import ProfileDialog


class App:
    """One run of the window."""

    def __init__(self, application: QApplication, crash_log: CrashLog | None = None) -> None:
        self.application = application
        self._crash_log = crash_log
        self.sessions: dict[str, ProfileSession] = {}
        self.profiles = ProfileFile()
        self.passwords = PasswordStore()
        self.window = MainWindow(
            {
                "overview": lambda session: OverviewView([session]),
                "tasks": TasksView,
                "workers": WorkersView,
                "queues": QueuesView,
                "schedules": SchedulesView,
                "doctor": _doctor_view,
            },
            {"everything": OverviewView, "all-schedules": AllSchedulesView, "journal": JournalView},
        )
        self.closed = asyncio.Event()
        self.window.closing.connect(self.closed.set)
        self.window.add_profile_requested.connect(self.open_profiles)
        self.window.connect_requested.connect(self.connect)
        self.window.history_requested.connect(self.choose_history)
        self.window.connect_url_requested.connect(self.connect_url)
        self.window.import_requested.connect(self.import_profile)
        self.window.demo_requested.connect(self.start_demo)
        self._dialog: ProfileDialog | None = None
        self._dialogs: set[ProfileDialog] = set()  # those that still work, too
        self._tasks = BackgroundTasks(lambda text: self.window.bar.showMessage(text, 15_000))
        self._endings = BackgroundTasks()
        self._refusals = RefusedLogins(
            self.window, self.sessions, self.profiles, self.passwords, self._tasks, self._reconnect
        )
        self._changing = asyncio.Lock()  # a name is given up by one session before the next one has it

    def add(self, profile: Profile, *, start: bool = True) -> ProfileSession:
        """Show a profile in the window, and connect it; if one of its name is shown already, that is returned."""
        known = self.sessions.get(profile.name)
        if known is not None:
            return known
        if self._crash_log is not None:
            self._crash_log.hide(*profile.private_texts())
        session = ProfileSession(profile)
        session.login_refused.connect(partial(self._refusals.ask, session))
        self.sessions[profile.name] = session
        self.window.add_session(session)
        if start:
            session.start()
        return session

    def open(self, profiles: Sequence[Profile], activation: str = "") -> None:
        """Come to the front, and show these: what another start of deskq was asked for."""
        for profile in profiles:
            name = next(name for name in _names(profile.name) if self._free_for(profile.url, name))
            self.add(replace(profile, name=name)).start()
            self.window.show_view(name, "tasks")
        self.window.frame.come_to_front(activation)

    def _free_for(self, url: str, name: str) -> bool:
        """Is the name free, or is this very broker shown under it?"""
        known = self.sessions.get(name)
        return known is None or known.profile.url == url

    def choose_history(self) -> None:
        """Let a person choose a history file to look at."""
        chooser = QFileDialog(self.window, "Open a history", str(paths.history_dir()), "Histories (*.sqlite);;All (*)")
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.setFileMode(QFileDialog.FileMode.ExistingFile)
        chooser.fileSelected.connect(lambda path: self.spawn(self.open_history(Path(path)), "open history"))
        chooser.open()

    async def open_history(self, path: Path) -> None:
        """Show a history file as it is, without a broker; says in the status bar why it cannot be."""
        try:
            await asyncio.get_running_loop().run_in_executor(None, lambda: HistoryReader(path).close())
        except UserError as error:
            self.window.bar.showMessage(str(error), 15_000)
        else:
            self.open([Profile.of_history(path)])

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Start a task that ends with the window; what it has to say for people stands in the status bar."""
        self._tasks.start(work, name)

    async def load_saved(self) -> None:
        """Show the saved profiles, and connect those that are to be connected at the start."""
        try:
            saved = await asyncio.get_running_loop().run_in_executor(None, self.profiles.load)
        except UserError as error:
            self.window.welcome.say("The profiles cannot be read", str(error))
            return
        if self.profiles.faulty:
            reasons = " ".join(one.reason for one in self.profiles.faulty)
            if saved:
                self.window.bar.showMessage(reasons, 60_000)
            else:
                self.window.welcome.say("No profile can be used", reasons)
        for profile in saved:
            try:
                complete = await run_in_daemon_thread(partial(self.passwords.completed, profile))
            except UserError as error:  # the others are shown all the same
                complete = profile
                self.window.bar.showMessage(str(error), 15_000)
            self.add(complete, start=profile.connect_at_start)

    async def look_after_journal(self) -> None:
        """Close what an earlier run did not, and say what is unknown since; nothing is sent again."""

        def look(journal: Journal) -> int:
            look_after(journal)
            return len(journal.unknown())

        unknown = await ask_journal(look, 0)
        if unknown:
            UndoOffer(
                f"The outcome of {count(unknown, 'change')} is unknown. Nothing is repeated automatically.",
                partial(self.window.show_overall, "journal"),
                self.window,
                button="Open the journal",
                milliseconds=0,
            )

    def connect(self, name: str) -> None:
        """Connect a profile that is not."""
        session = self.sessions.get(name)
        if session is not None:
            session.start()

    async def remove(self, name: str) -> None:
        """End a session and forget it."""
        async with self._changing:
            await self._remove(name)

    async def _remove(self, name: str) -> None:
        session = self.sessions.pop(name, None)
        if session is not None:
            self.window.remove_session(name)
            await self._endings.finish(session.stop(), f"end {name}")
            session.deleteLater()

    def open_profiles(self) -> None:
        """Open the dialog of profiles."""
        from deskq.views.profiles.dialog import ProfileDialog  # as large as it is rarely used

        if self._dialog is None:
            self._dialog = ProfileDialog(self.profiles, self.passwords, self.window)
            self._dialog.connect_requested.connect(self._connect_saved)
            self._dialog.removed.connect(lambda name: self.spawn(self.remove(name), f"remove {name}"))
            self._dialog.saved.connect(self._saved)
            self._dialog.finished.connect(self._dialog_done)
            self._dialogs.add(self._dialog)
            self._dialog.open()
            if self.window.view() is self.window.welcome and self.window.welcome.typed():
                self._dialog.add_new(self.window.welcome.typed())

    def connect_url(self, url: str) -> None:
        """Connect a broker for this run, without saving it."""
        profile = Profile.from_url(url)
        if profile.name in self.sessions:
            self.window.show_view(profile.name, "tasks")
        else:
            self.spawn(self._connect_guarded(profile), f"connect {profile.name}")

    async def _connect_guarded(self, profile: Profile) -> None:
        """Connect a broker with the level of the saved profile that guards it, if one does."""
        profile = await asyncio.get_running_loop().run_in_executor(
            None, lambda: under_guard(profile, self.profiles.guards())
        )
        self.add(profile)
        UndoOffer(
            f"{plain(profile.name)} is shown until deskq quits.",
            partial(self._save_shown, profile.name),
            self.window,
            button="Save as a profile…",
            milliseconds=0,
        )
        self.window.show_view(profile.name, "tasks")

    def _save_shown(self, name: str) -> None:
        """Open the dialog of profiles with a broker that was connected by its URL, and with its password."""
        session = self.sessions.get(name)
        if session is not None:
            self.open_profiles()
            assert self._dialog is not None
            self._dialog.add_new(session.profile.connection_url())

    def import_profile(self) -> None:
        """Open the dialog of profiles, and ask there which Celery app to read."""
        self.open_profiles()
        assert self._dialog is not None
        self._dialog.exchange.import_from("app")

    def start_demo(self) -> None:
        """Start the demo as a program of its own, which this one does not end."""
        self.spawn(self._start_demo(), "demo")

    async def _start_demo(self) -> None:
        reason = await asyncio.get_running_loop().run_in_executor(None, what_the_demo_lacks)
        if reason:
            self.window.welcome.tell(reason)
            return
        program, *arguments = own_command("demo")
        started, _process_id = QProcess.startDetached(program, arguments)
        self.window.welcome.tell(
            "The demo opens in a separate window. Close that window to stop it."
            if started
            else "The demo did not start. Run “deskq demo” in a terminal to see why."
        )

    def _dialog_done(self, _result: int) -> None:
        if self._dialog is not None:
            self._dialog.release(partial(self._dialogs.discard, self._dialog))
            self._dialog = None

    def _connect_saved(self, profile: Profile) -> None:
        self.spawn(self._reconnect(profile), f"connect {profile.name}")

    async def _reconnect(self, profile: Profile) -> None:
        async with self._changing:
            await self._remove(profile.name)
            self.add(profile)
        self.window.show_view(profile.name, "tasks")

    def _saved(self, profile: Profile, was: str) -> None:
        self.spawn(self._refresh(profile, was), f"saved {profile.name}")

    async def _refresh(self, profile: Profile, was: str) -> None:
        """Show a profile as it is saved now; it is connected if it was."""
        async with self._changing:
            before = self.sessions.get(was or profile.name)
            connected = before is not None and before.connected
            for name in {was or profile.name, profile.name}:
                await self._remove(name)
            self.add(profile, start=connected)

    async def stop(self) -> None:
        """End what is under way and every session; their recorders end with them."""
        self._tasks.close()
        await asyncio.gather(*(session.stop() for session in self.sessions.values()), self._endings.wait())
        await asyncio.gather(self._tasks.wait(), *(dialog.end() for dialog in self._dialogs), return_exceptions=True)
        self.window.deleteLater()


def _names(name: str) -> Iterator[str]:
    """The name, then with a number behind it."""
    yield name
    for number in range(2, 10_000):
        yield f"{name} ({number})"


def _doctor_view(session: ProfileSession) -> Page:
    from deskq.views.doctor.view import DoctorView  # it needs the clients of brokers, the window does not

    return DoctorView(session)
