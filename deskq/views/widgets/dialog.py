"""What all dialogs have in common: Return does what the person sees, and never gives up what was typed."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import QAbstractButton, QDialog, QPushButton, QWidget


class Dialog(QDialog):
    """Return presses the button that has the focus, else the one that ``press_by_return`` names, else none.

    Qt makes a button of its own choice the default of a dialog that has none yet: Cancel, often, and also where the
    default was set before the button had a place in the dialog.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pressed_by_return: QPushButton | None = None

    def press_by_return(self, button: QPushButton) -> None:
        """Press this one where no button has the focus; not one that sends, deletes or gives up."""
        self._pressed_by_return = button

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
