"""Menus and shortcuts of the main window, built from the table of commands."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Final

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QMainWindow,
    QPlainTextEdit,
    QWidget,
)

from deskq.views.widgets.commands import COMMANDS, CommandKey

_FIELDS: Final = (QLineEdit, QPlainTextEdit, QAbstractSpinBox, QComboBox)


class CommandMenus(QObject):
    """Gives each command its place in the menu bar and its keys; ``run`` is called with the command's key.

    ``offered`` returns the commands that mean something in the view in sight: in an open menu the others are greyed.

    Letters are commands in the whole window, except in fields that take letters themselves. Keys that every widget
    has a use for (Return, Space, Del) belong to the tables that are handed to ``serve``: a shortcut of the whole window
    would take them from its buttons and fields.
    """

    def __init__(
        self,
        window: QMainWindow,
        run: Callable[[CommandKey], None],
        offered: Callable[[], Collection[CommandKey]],
    ) -> None:
        super().__init__(window)
        self._run = run
        self._offered = offered
        self._actions: dict[CommandKey, QAction] = {}
        self._letters: list[QShortcut] = []
        menus = {title: window.menuBar().addMenu(f"&{title}") for title in ("File", "Edit", "View", "Go", "Help")}
        for menu in menus.values():
            menu.aboutToShow.connect(self._grey)
            menu.aboutToHide.connect(self._grey_none)
        for command in COMMANDS:
            action = self._actions[command.key] = QAction(command.title, window)
            action.setToolTip(command.tip)
            action.triggered.connect(partial(self._triggered, command.key))
            keys = [QKeySequence(key) for key in command.keys]
            if command.of_tables or not (command.typing or all("Ctrl+" in key for key in command.keys)):
                action.setText(f"{command.title}\t{keys[0].toString(QKeySequence.SequenceFormat.NativeText)}")
                if not command.of_tables:
                    self._letters += [self._shortcut(key, command.key, window) for key in keys]
            else:
                action.setShortcuts(keys)
            menus[command.group].addAction(action)
        QApplication.instance().focusChanged.connect(self._focus_changed)  # type: ignore[union-attr]

    def serve(self, table: QWidget, commands: Collection[CommandKey]) -> None:
        """Give a view's table the keys of those of the view's commands that belong to tables."""
        for command in COMMANDS:
            if command.of_tables and command.key in commands:
                for key in command.keys:
                    shortcut = self._shortcut(QKeySequence(key), command.key, table)
                    shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)

    def _grey(self) -> None:
        offered = self._offered()
        for key, action in self._actions.items():
            action.setEnabled(key in offered)

    def _grey_none(self) -> None:
        """An action that is greyed has no keys, and the view may be another by the time they are pressed."""
        for action in self._actions.values():
            action.setEnabled(True)

    def _shortcut(self, keys: QKeySequence, command: CommandKey, owner: QWidget) -> QShortcut:
        shortcut = QShortcut(keys, owner)
        shortcut.activated.connect(partial(self._run, command))
        return shortcut

    def _triggered(self, key: CommandKey, _checked: bool = False) -> None:
        self._run(key)

    def _focus_changed(self, _before: QWidget | None, now: QWidget | None) -> None:
        """A shortcut that is enabled takes its letter from a list that would look for it."""
        typing = isinstance(now, _FIELDS) and not (isinstance(now, QPlainTextEdit) and now.isReadOnly())
        for shortcut in self._letters:
            shortcut.setEnabled(not typing)
