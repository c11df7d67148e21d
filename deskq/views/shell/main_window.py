"""The main window: brokers at the left, a view in the middle, the recorder's state below."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QMainWindow,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from deskq.models.broker_tree import BrokerTree
from deskq.services.session import ProfileSession
from deskq.views.journal.stream_log import StreamLog
from deskq.views.shell.action_dialogs import ActionDialogs
from deskq.views.shell.command_menus import CommandMenus
from deskq.views.shell.environment_band import EnvironmentBand
from deskq.views.shell.keys_overlay import KeysOverlay
from deskq.views.shell.pages import OverallFactory, PageFactory, Pages
from deskq.views.shell.palette import Palette, PaletteEntry
from deskq.views.shell.sidebar import Sidebar
from deskq.views.shell.status_bar import RecorderBar
from deskq.views.shell.welcome import WelcomePane
from deskq.views.shell.window_commands import WindowCommands
from deskq.views.shell.window_frame import WindowFrame, pressed_by_return, window_title
from deskq.views.widgets import theme, window_state
from deskq.views.widgets.commands import CommandKey
from deskq.views.widgets.empty_pane import show_page
from deskq.views.widgets.page import Commands, Page, TablePage
from deskq.views.widgets.requests import FilterTasks, OpenQueue, OpenSchedule, OpenTask, Request

KINDS: Final[tuple[CommandKey, ...]] = ("overview", "tasks", "workers", "queues", "schedules", "doctor")


class MainWindow(QMainWindow):
    """Views are made when they are first shown, by ``factories`` (kind -> session -> page)."""

    add_profile_requested = Signal()
    import_requested = Signal()
    demo_requested = Signal()
    connect_url_requested = Signal(str)
    connect_requested = Signal(str)
    history_requested = Signal()
    closing = Signal()

    def __init__(
        self,
        factories: Mapping[str, PageFactory],
        overall: Mapping[str, OverallFactory],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._sessions: dict[str, ProfileSession] = {}
        self._kind = ""
        self.tree = BrokerTree(self)
        self.sidebar = Sidebar(self.tree)
        self.sidebar.chosen.connect(self._chosen)
        self.band = EnvironmentBand()
        self.band.hide()
        self.stack = Pages(factories, overall)
        self.stack.made.connect(self._take_in)
        self.welcome = WelcomePane()
        self.welcome.add_profile_requested.connect(self.add_profile_requested)
        self.welcome.url_given.connect(self.connect_url_requested)
        self.welcome.import_requested.connect(self.import_requested)
        self.welcome.demo_requested.connect(self.demo_requested)
        self.stack.addWidget(self.welcome)
        centre = QWidget()
        layout = QVBoxLayout(centre)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.band)
        layout.addWidget(self.stack, 1)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.addWidget(self.sidebar)
        self.splitter.addWidget(centre)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([230, 1050])
        self.splitter.setHandleWidth(1)
        self.setCentralWidget(self.splitter)
        self.bar = RecorderBar()
        self.bar.clicked.connect(self.show_stream_log)
        self.setStatusBar(self.bar)
        self.acting = ActionDialogs(self, self._sessions, self.bar.showMessage, self.show_task)
        self.acting.accept_drops(self.sidebar.drop)
        say = self.acting.say_refusal
        self._commands = WindowCommands(self._own_commands, self._commands_of_page, say)
        self._menus = CommandMenus(self, self.run_command, self._commands.offered)
        for number in range(1, 10):
            shortcut = QShortcut(QKeySequence(f"Ctrl+{number}"), self)
            shortcut.activated.connect(partial(self._go_to_broker, number - 1))
        self.frame = WindowFrame(self, self.splitter)
        self.frame.restore()
        self.welcome.setFocus()
        self._show_title()

    def add_session(self, session: ProfileSession) -> None:
        """Show a profile; the first one is opened."""
        name = session.profile.name
        self._sessions[name] = session
        self.stack.add_session(session)
        self.tree.add(session)
        self.sidebar.expandAll()
        session.status_changed.connect(self._show_status)
        if len(self._sessions) == 1:
            self.show_view(name, window_state.load_text("window/kind", "tasks"))
        self._show_status()

    def remove_session(self, name: str) -> None:
        """Forget a profile and its views."""
        self._sessions.pop(name, None)
        self.tree.remove(name)
        StreamLog.close_of(name, self)
        gone = self.stack.remove_session(name, others=bool(self._sessions))
        if not self.stack.in_sight():
            if self._sessions:
                self.show_view(next(iter(self._sessions)), "tasks")
            else:
                self.stack.place = ("", "")
                self.band.show_session(None)
                show_page(self.stack, self.welcome)
        self.stack.discard(gone)  # not before another one has the focus: it would go to the sidebar
        self._show_status()

    def session(self) -> ProfileSession | None:
        """Return the session whose view is shown."""
        return self._sessions.get(self.stack.place[0])

    def view(self) -> Page | WelcomePane:
        """Return the view that is shown."""
        shown = self.stack.currentWidget()
        return shown if isinstance(shown, Page) else self.welcome

    def show_view(self, profile: str, kind: str) -> Page | None:
        """Show a view of a profile; None if there is no such profile."""
        session = self._sessions.get(profile)
        if session is None or not self.stack.knows(kind):
            return None
        view = self.stack.of_profile(session, kind)
        self._show(view, (profile, kind))
        return view

    def show_overall(self, kind: str) -> Page:
        """Show a view over all profiles: "everything" of all brokers, "all-schedules", or "journal"."""
        view = self.stack.of_all(kind, list(self._sessions.values()))
        self._show(view, ("", kind))
        return view

    def show_queue(self, profile: str, queue: str) -> None:
        """Show a queue's detail."""
        view = self.show_view(profile, "queues")
        if view is not None:
            view.open(OpenQueue(profile, queue))
            self.sidebar.show_node(self.tree.index_of(profile, "queue", queue))

    def show_stream_log(self) -> None:
        """Show what was missed and what was malformed at the profile in sight."""
        session = self.session() or next(iter(self._sessions.values()), None)
        if session is not None:
            StreamLog.show_of(session, self)

    def show_task(self, profile: str, uuid: str) -> None:
        """Show a task's detail."""
        self._open("tasks", profile, OpenTask(profile, uuid))

    def run_command(self, key: CommandKey) -> None:
        """Do what a command of the table says, if it means something here."""
        self._commands.run(key)

    def set_theme(self, scheme: theme.Scheme) -> None:
        """Switch the theme and remember it."""
        theme.apply_scheme(scheme)
        window_state.save_text("window/theme", scheme)
        for view in self.stack:
            view.theme_changed()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not pressed_by_return(event, self.focusWidget()):
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.frame.save()
        if self._kind:
            window_state.save_text("window/kind", self._kind)
        for view in self.stack:
            view.save_layout()
        super().closeEvent(event)
        self.closing.emit()

    def _take_in(self, view: Page) -> None:
        view.requested.connect(self._requested)
        if (drop := view.task_drop()) is not None:
            self.acting.accept_drops(drop)
        if isinstance(view, TablePage):
            self._menus.serve(view.table, view.commands())

    def _show(self, view: Page, place: tuple[str, str]) -> None:
        show_page(self.stack, view)
        self.stack.place = place
        if isinstance(view, TablePage) and not self.sidebar.hasFocus():
            view.take_focus()
        self.band.show_session(self.session())
        _, kind = self.stack.place  # what listens to the focus may have asked for another view: that one is shown
        self.sidebar.show_node(self.tree.index_of(*self.stack.place))
        if kind in KINDS:
            self._kind = kind  # remembered at the end: a save syncs the disk, and this is the GUI thread
        self._show_title()
        self._show_status()

    def _requested(self, request: Request) -> None:
        match request:
            case OpenSchedule(profile):
                self._open("schedules", profile, request)
            case FilterTasks(profile):
                self._open("tasks", profile, request)
            case OpenTask(profile, uuid):
                self.show_task(profile, uuid)
            case OpenQueue(profile, queue):
                self.show_queue(profile, queue)
            case _:
                self.acting.carry(request)

    def _open(self, kind: str, profile: str, request: Request) -> None:
        view = self.show_view(profile, kind)
        if view is not None:
            view.open(request)

    def _chosen(self, kind: str, profile: str, queue: str) -> None:
        if self.stack.knows(kind, overall=True):
            self.show_overall(kind)
        elif kind == "queue":
            self.show_queue(profile, queue)
        elif kind == "problem":
            self.show_view(profile, "overview")
        elif kind == "profile":
            self.connect_requested.emit(profile)
            self.show_view(profile, "overview")
        else:
            self.show_view(profile, kind)

    def _show_title(self) -> None:
        self.setWindowTitle(window_title(self.view(), self.session()))

    def _show_status(self) -> None:
        self.bar.show_session(self.session(), len(self._sessions))

    def _own_commands(self) -> Commands:
        name = self.stack.place[0] or next(iter(self._sessions), "")
        return {
            **self.acting.commands(name),
            "palette": self._open_palette,
            "keys": lambda: KeysOverlay(self).open(),
            **{kind: partial(self.show_view, name, kind) for kind in KINDS},
            "everything": partial(self.show_overall, "everything"),
            "journal": partial(self.show_overall, "journal"),
            "all_schedules": partial(self.show_overall, "all-schedules"),
            "profiles": self.add_profile_requested.emit,
            "open_history": self.history_requested.emit,
            "stream_log": self.show_stream_log,
            "theme": lambda: self.set_theme("light" if theme.is_dark() else "dark"),
            "sidebar": lambda: self.sidebar.setVisible(not self.sidebar.isVisible()),
            "quit": self.close,
        }

    def _commands_of_page(self) -> Commands:
        view = self.view()
        return view.commands() if isinstance(view, Page) else {}

    def _open_palette(self) -> None:
        entries = self._commands.entries()
        for name in self._sessions:
            entries += [PaletteEntry(f"{name}: {kind}", "view", partial(self.show_view, name, kind)) for kind in KINDS]
            entries += [
                PaletteEntry(f"{name}: queue {queue}", "queue", partial(self.show_queue, name, queue))
                for queue in self.tree.queues_of(name)
            ]
        palette = Palette(entries, self)
        palette.open()
        palette.line.setFocus()

    def _go_to_broker(self, number: int) -> None:
        names = list(self._sessions)
        if number < len(names):
            self.show_view(names[number], self.stack.place[1] if self.stack.place[1] in KINDS else "tasks")
