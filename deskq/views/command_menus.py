"""Menus and shortcuts of the main window, built from the table of commands."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtGui import QAction, QKeySequence, QShortcut
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QComboBox, QLineEdit, QMainWindow, QPlainTextEdit

from deskq.views.commands import BY_KEY, COMMANDS


class CommandMenus:
    """Gives each command its place in the menu bar and its keys; ``run`` is called with the command's key."""

    def __init__(self, window: QMainWindow, run: Callable[[str], None]) -> None:
        self._run = run
        menus = {title: window.menuBar().addMenu(title) for title in ("File", "Edit", "View", "Go", "Help")}
        for command in COMMANDS:
            action = QAction(command.title, window)
            action.setToolTip(command.tip)
            action.triggered.connect(partial(self._triggered, command.key))
            keys = [QKeySequence(key) for key in command.keys]
            if command.typing or all(len(key) > 1 and "+" in key for key in command.keys):
                action.setShortcuts(keys)
            else:
                for key in keys:
                    shortcut = QShortcut(key, window)
                    shortcut.activated.connect(partial(self._pressed, command.key))
                action.setText(f"{command.title}\t{keys[0].toString(QKeySequence.SequenceFormat.NativeText)}")
            menus[command.group].addAction(action)

    def _triggered(self, key: str, _checked: bool = False) -> None:
        self._run(key)

    def _pressed(self, key: str) -> None:
        """A key without Ctrl: it is a letter while somebody types."""
        focus = QApplication.focusWidget()
        if isinstance(focus, QLineEdit | QPlainTextEdit | QAbstractSpinBox | QComboBox) and not BY_KEY[key].typing:
            if isinstance(focus, QPlainTextEdit) and focus.isReadOnly():
                self._run(key)
            return
        self._run(key)
