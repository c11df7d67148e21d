"""What all dialogs have in common: Return does what the person sees, and nothing that was typed gets lost."""

from __future__ import annotations

import sys
from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QKeyEvent, QShowEvent, QWindow
from PySide6.QtWidgets import QAbstractButton, QApplication, QDialog, QPushButton, QWidget

_LATE_MS: Final = 5_000
"""What is typed later is not meant for a dialog that was opened so long ago and is not active yet."""
_INPUT: Final = {
    *(QEvent.Type.KeyPress, QEvent.Type.KeyRelease, QEvent.Type.ShortcutOverride, QEvent.Type.Shortcut),
    *(QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonRelease, QEvent.Type.MouseButtonDblClick),
    *(QEvent.Type.MouseMove, QEvent.Type.Wheel, QEvent.Type.ContextMenu, QEvent.Type.NativeGesture),
    *(QEvent.Type.TouchBegin, QEvent.Type.TouchUpdate, QEvent.Type.TouchEnd, QEvent.Type.TouchCancel),
    *(QEvent.Type.TabletPress, QEvent.Type.TabletMove, QEvent.Type.TabletRelease),
    *(QEvent.Type.DragEnter, QEvent.Type.DragMove, QEvent.Type.Drop, QEvent.Type.Close),
}
_PRESSES: Final = {Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space}


class Dialog(QDialog):
    """Return presses the button that has the focus, else the one that ``press_by_return`` names, else none.

    Qt makes a button of its own choice the default of a dialog that has none yet: Cancel, often, and also where the
    default was set before the button had a place in the dialog.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pressed_by_return: QPushButton | None = None
        self._behind = _Behind(self, parent) if parent is not None and sys.platform != "darwin" else None

    def press_by_return(self, button: QPushButton) -> None:
        """Press this one where no button has the focus; not one that sends, deletes or gives up."""
        self._pressed_by_return = button

    def open(self) -> None:
        """Show it; what it belongs to takes no input until it is closed."""
        if self._behind is None:
            super().open()
        else:
            self._behind.begin()

    def showEvent(self, event: QShowEvent) -> None:
        """Mark the button that Return presses, and no other."""
        for button in self.findChildren(QPushButton):
            button.setAutoDefault(False)
            button.setDefault(button is self._pressed_by_return)
        super().showEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            super().keyPressEvent(event)
            return
        focus = self.focusWidget()
        button = focus if isinstance(focus, QAbstractButton) else self._pressed_by_return
        if button is not None and button.isVisible() and button.isEnabled() and not event.isAutoRepeat():
            button.click()


class _Behind(QObject):
    """Takes all input from the window behind a dialog, and hands over what was typed there before that was active.

    A window manager takes a while to activate what was opened. Qt's own modality drops the keys that reach the window
    behind until then, before anybody can see them. No key presses a button that nobody has seen yet.
    """

    def __init__(self, dialog: QDialog, parent: QWidget) -> None:
        super().__init__(dialog)
        self._dialog = dialog
        self._window = parent.window()
        self._handle: QWindow | None = None
        self._keys: list[QKeyEvent] = []
        self._waits = False
        self._late = QTimer(self, singleShot=True, interval=_LATE_MS)
        self._late.timeout.connect(self._no_longer)
        dialog.installEventFilter(self)

    def begin(self) -> None:
        """Show the dialog."""
        self._window.winId()  # makes its handle
        self._handle = self._window.windowHandle()
        self._handle.installEventFilter(self)
        self._waits = True
        self._late.start()
        self._dialog.show()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if watched is self._dialog:
            if kind == QEvent.Type.WindowActivate and self._waits:
                QTimer.singleShot(0, self, self._hand_over)
            elif kind == QEvent.Type.Hide and not event.spontaneous() and self._handle is not None:
                self._handle.removeEventFilter(self)
                self._handle = None
                self._no_longer()
            return False
        if kind == QEvent.Type.FocusIn:
            QTimer.singleShot(0, self._dialog, self._activate)
        if kind not in _INPUT:
            return False
        if kind == QEvent.Type.KeyPress and isinstance(event, QKeyEvent) and self._waits and not event.isAutoRepeat():
            self._keys.append(event.clone())  # not what repeats: the key that opened it, held for long
        event.setAccepted(kind != QEvent.Type.Close)
        return True

    def _activate(self) -> None:
        """The window behind was clicked."""
        if self._dialog.isVisible() and not self._waits:
            self._dialog.raise_()
            self._dialog.activateWindow()

    def _no_longer(self) -> None:
        self._waits = False
        self._late.stop()
        self._keys.clear()

    def _hand_over(self) -> None:
        keys = list(self._keys)
        self._no_longer()
        for key in keys:
            focus: QWidget | None = self._dialog.focusWidget()
            if focus is not None and not (isinstance(focus, QAbstractButton) and key.key() in _PRESSES):
                QApplication.sendEvent(focus, key)
