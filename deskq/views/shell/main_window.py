"""The main window: brokers at the left, a view in the middle, the recorder's state below."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractButton,
    QMainWindow,
    QSplitter,
    QStackedWidget,
    QStyle,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from deskq.models.broker_tree import BrokerTree
from deskq.services.session import ProfileSession
from deskq.views.journal.stream_log import StreamLog
from deskq.views.shell.action_dialogs import Acting
from deskq.views.shell.command_menus import CommandMenus
from deskq.views.shell.environment_band import EnvironmentBand
from deskq.views.shell.keys_overlay import KeysOverlay
from deskq.views.shell.palette import Entry, Palette
from deskq.views.shell.sidebar import Sidebar
from deskq.views.shell.status_bar import RecorderBar
from deskq.views.shell.welcome import WelcomePane
from deskq.views.widgets import theme, window_state
from deskq.views.widgets.commands import COMMANDS, CommandKey
from deskq.views.widgets.empty_pane import show_page
from deskq.views.widgets.page import Commands, Page, TablePage
from deskq.views.widgets.requests import FilterTasks, OpenQueue, OpenSchedule, OpenTask, Request

PageFactory = Callable[[ProfileSession], Page]
KINDS: Final = ("overview", "tasks", "workers", "queues", "schedules", "doctor")


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
        overall: Mapping[str, Callable[[list[ProfileSession]], Page]],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._factories = dict(factories)
        self._overall = dict(overall)
        self._sessions: dict[str, ProfileSession] = {}
        self._views: dict[tuple[str, str], Page] = {}
        self._current: tuple[str, str] = ("", "")
        self._kind = ""
        self.tree = BrokerTree(self)
        self.sidebar = Sidebar(self.tree)
        self.sidebar.chosen.connect(self._chosen)
        self.band = EnvironmentBand()
        self.band.hide()
        self.stack = QStackedWidget()
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
        self.acting = Acting(self, self._sessions, self.bar.showMessage, self.show_task)
        self.acting.take_drops(self.sidebar.drop)
        self._menus = CommandMenus(self, self.run_command, self._offered)
        for number in range(1, 10):
            shortcut = QShortcut(QKeySequence(f"Ctrl+{number}"), self)
            shortcut.activated.connect(partial(self._go_to_broker, number - 1))
        frame = self.style().pixelMetric(QStyle.PixelMetric.PM_TitleBarHeight)
        self.resize(window_state.fitting(QSize(1280, 800), frame))
        self._restore()
        self.welcome.setFocus()
        self._show_title()

    def add_session(self, session: ProfileSession) -> None:
        """Show a profile; the first one is opened."""
        name = session.profile.name
        self._sessions[name] = session
        self._forget_overall()
        in_sight = self._views.get(self._current)
        if self._current[0] == "" and in_sight is not None and in_sight.follows_profiles:
            in_sight.add_session(session)
        self.tree.add(session)
        self.sidebar.expandAll()
        session.status_changed.connect(self._show_status)
        if len(self._sessions) == 1:
            self.show_view(name, window_state.load_text("window/kind", "tasks"))
        self._show_status()

    def _forget_overall(self) -> None:
        """Views over all profiles that nobody looks at are made anew, with the profiles that there are then."""
        for place in [place for place in self._views if place[0] == "" and place != self._current]:
            view = self._views.pop(place)
            self.stack.removeWidget(view)
            view.deleteLater()

    def remove_session(self, name: str) -> None:
        """Forget a profile and its views."""
        self._sessions.pop(name, None)
        self.tree.remove(name)
        for log in self.findChildren(StreamLog):
            if log.session.profile.name == name:
                log.close()
        gone: list[QWidget] = []
        for place in [place for place in self._views if place[0] in (name, "")]:
            view = self._views[place]
            if place[0] == "" and self._sessions and view.follows_profiles:
                view.remove_session(name)
            else:
                gone.append(self._views.pop(place))
        if self._current not in self._views:
            if self._sessions:
                self.show_view(next(iter(self._sessions)), "tasks")
            else:
                self._current = ("", "")
                self.band.show_session(None)
                show_page(self.stack, self.welcome)
        for old in gone:  # not before another one has the focus: it would go to the sidebar
            self.stack.removeWidget(old)
            old.deleteLater()
        self._show_status()

    def session(self) -> ProfileSession | None:
        """Return the session whose view is shown."""
        return self._sessions.get(self._current[0])

    def view(self) -> Page | WelcomePane:
        """Return the view that is shown."""
        shown = self.stack.currentWidget()
        return shown if isinstance(shown, Page) else self.welcome

    def show_view(self, profile: str, kind: str) -> Page | None:
        """Show a view of a profile; None if there is no such profile."""
        session = self._sessions.get(profile)
        if session is None or kind not in self._factories:
            return None
        view = self._views.get((profile, kind))
        if view is None:
            view = self._views[profile, kind] = self._factories[kind](session)
            self._take_in(view)
        self._show(view, (profile, kind))
        return view

    def show_overall(self, kind: str) -> Page:
        """Show a view over all profiles: "everything" of all brokers, "all-schedules", or "journal"."""
        view = self._views.get(("", kind))
        if view is None:
            view = self._views["", kind] = self._overall[kind](list(self._sessions.values()))
            self._take_in(view)
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
        if session is None:
            return
        log = next((log for log in self.findChildren(StreamLog) if log.session is session), None)
        log = log or StreamLog(session, self)
        log.show()
        log.raise_()

    def show_task(self, profile: str, uuid: str) -> None:
        """Show a task's detail."""
        view = self.show_view(profile, "tasks")
        if view is not None:
            view.open(OpenTask(profile, uuid))

    def filter_tasks(self, profile: str, text: str) -> None:
        """Show the tasks that a filter lets through."""
        view = self.show_view(profile, "tasks")
        if view is not None:
            view.open(FilterTasks(profile, text))

    def run_command(self, key: CommandKey) -> None:
        """Do what a command of the table says, if it means something here."""
        command = self._own_commands().get(key) or self._commands_of_page().get(key)
        if command is not None:
            command()

    def set_theme(self, scheme: theme.Scheme) -> None:
        """Switch the theme and remember it."""
        theme.apply_scheme(scheme)
        window_state.save_text("window/theme", scheme)
        for view in self._views.values():
            view.theme_changed()

    def come_to_front(self, activation: str = "") -> None:
        """Show the window before all others; ``activation`` is the token that Wayland wants for it, "" if none."""
        if activation:
            os.environ["XDG_ACTIVATION_TOKEN"] = activation  # Qt looks for it there
        if self.isMinimized():
            self.showNormal()
        self.show()
        self.raise_()
        self.activateWindow()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Return presses a button wherever it stands; Qt does that in dialogs alone."""
        button = self.focusWidget()
        pressed = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.isAutoRepeat()
        if pressed and isinstance(button, QAbstractButton):
            if isinstance(button, QToolButton) and button.menu() is not None:
                button.showMenu()
            else:
                button.click()
            return
        super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        window_state.save("window/geometry", self.saveGeometry())
        window_state.save("window/splitter", self.splitter.saveState())
        if self._kind:
            window_state.save_text("window/kind", self._kind)
        for view in self._views.values():
            view.save_layout()
        super().closeEvent(event)
        self.closing.emit()

    def _take_in(self, view: Page) -> None:
        view.requested.connect(self._requested)
        if (drop := view.task_drop()) is not None:
            self.acting.take_drops(drop)
        if isinstance(view, TablePage):
            self._menus.serve(view.table, view.commands())
        self.stack.addWidget(view)

    def _show(self, view: Page, place: tuple[str, str]) -> None:
        show_page(self.stack, view)
        self._current = place
        if isinstance(view, TablePage) and not self.sidebar.hasFocus():
            view.take_focus()
        self.band.show_session(self.session())
        _, kind = self._current  # what listens to the focus may have asked for another view: that one is shown
        self.sidebar.show_node(self.tree.index_of(*self._current))
        if kind in KINDS:
            self._kind = kind  # remembered at the end: a save syncs the disk, and this is the GUI thread
        self._show_title()
        self._show_status()

    def _requested(self, request: Request) -> None:
        match request:
            case OpenSchedule(profile):
                if (view := self.show_view(profile, "schedules")) is not None:
                    view.open(request)
            case OpenTask(profile, uuid):
                self.show_task(profile, uuid)
            case OpenQueue(profile, queue):
                self.show_queue(profile, queue)
            case FilterTasks(profile, text):
                self.filter_tasks(profile, text)
            case _:
                self.acting.carry(request)

    def _chosen(self, kind: str, profile: str, queue: str) -> None:
        if kind in self._overall:
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
        session = self.session()
        parts = ["deskq"]
        view = self.view()
        if isinstance(view, Page):
            parts.append(view.title)
        if session is not None:
            kind = session.profile.environment.value if session.profile.has_broker else "history file"
            parts.append(f"{session.profile.name} ({kind})")
        self.setWindowTitle(" — ".join(parts))

    def _show_status(self) -> None:
        self.bar.show_session(self.session(), len(self._sessions))

    def _own_commands(self) -> Commands:
        name = self._current[0] or next(iter(self._sessions), "")
        return {
            **self.acting.commands(name),
            "palette": self._open_palette,
            "keys": lambda: KeysOverlay(self).open(),
            "overview": partial(self.show_view, name, "overview"),
            "tasks": partial(self.show_view, name, "tasks"),
            "workers": partial(self.show_view, name, "workers"),
            "queues": partial(self.show_view, name, "queues"),
            "schedules": partial(self.show_view, name, "schedules"),
            "doctor": partial(self.show_view, name, "doctor"),
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

    def _offered(self) -> set[CommandKey]:
        return {*self._own_commands(), *self._commands_of_page()}

    def _commands_of_page(self) -> Commands:
        view = self.view()
        return view.commands() if isinstance(view, Page) else {}

    def _open_palette(self) -> None:
        commands = self._commands_of_page()
        own = self._own_commands()
        entries = [
            Entry(command.title, command.keys[0] if command.keys else "", partial(self.run_command, command.key))
            for command in COMMANDS
            if command.key != "palette" and (command.key in own or command.key in commands)
        ]
        for name in self._sessions:
            entries += [Entry(f"{name}: {kind}", "view", partial(self._go, name, kind)) for kind in KINDS]
            queues = self.tree.itemFromIndex(self.tree.index_of(name, "queues"))
            for row in range(queues.rowCount()):
                queue = queues.child(row).text()
                entries.append(Entry(f"{name}: queue {queue}", "queue", partial(self.show_queue, name, queue)))
        palette = Palette(entries, self)
        palette.open()
        palette.line.setFocus()

    def _go(self, profile: str, kind: str) -> None:
        self.show_view(profile, kind)

    def _go_to_broker(self, number: int) -> None:
        names = list(self._sessions)
        if number < len(names):
            self.show_view(names[number], self._current[1] if self._current[1] in KINDS else "tasks")

    def _restore(self) -> None:
        geometry, splitter = window_state.load("window/geometry"), window_state.load("window/splitter")
        if geometry is not None:
            self.restoreGeometry(geometry)
        if splitter is not None:
            self.splitter.restoreState(splitter)
