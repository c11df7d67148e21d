"""Where the window stands on the screen, remembered from one run to the next."""

from __future__ import annotations

import os

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractButton, QSplitter, QStyle, QToolButton, QWidget

from deskq.services.session import ProfileSession
from deskq.views.widgets import window_state
from deskq.views.widgets.page import Page


class WindowFrame:
    """Size, place and split of ``window``."""

    def __init__(self, window: QWidget, splitter: QSplitter) -> None:
        self._window = window
        self._splitter = splitter

    def restore(self) -> None:
        """Stand where the window stood, or in the middle of what fits."""
        bar = self._window.style().pixelMetric(QStyle.PixelMetric.PM_TitleBarHeight)
        self._window.resize(window_state.fitting(QSize(1280, 800), bar))
        geometry, splitter = window_state.load("window/geometry"), window_state.load("window/splitter")
        if geometry is not None:
            self._window.restoreGeometry(geometry)
        if splitter is not None:
            self._splitter.restoreState(splitter)

    def save(self) -> None:
        """Remember where the window stands."""
        window_state.save("window/geometry", self._window.saveGeometry())
        window_state.save("window/splitter", self._splitter.saveState())

    def come_to_front(self, activation: str = "") -> None:
        """Show the window before all others; ``activation`` is the token that Wayland wants for it, "" if none."""
        if activation:
            os.environ["XDG_ACTIVATION_TOKEN"] = activation  # Qt looks for it there
        if self._window.isMinimized():
            self._window.showNormal()
        self._window.show()
        self._window.raise_()
        self._window.activateWindow()


def pressed_by_return(event: QKeyEvent, widget: QWidget | None) -> bool:
    """Return presses a button wherever it stands; Qt does that in dialogs alone. Was it one?"""
    pressed = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.isAutoRepeat()
    if not pressed or not isinstance(widget, QAbstractButton):
        return False
    if isinstance(widget, QToolButton) and widget.menu() is not None:
        widget.showMenu()
    else:
        widget.click()
    return True


def window_title(page: QWidget, session: ProfileSession | None) -> str:
    """Return the title of the window while it shows a page, of a profile or of all."""
    parts = ["deskq"]
    if isinstance(page, Page):
        parts.append(page.title)
    if session is not None:
        kind = session.profile.environment.value if session.profile.has_broker else "history file"
        parts.append(f"{session.profile.name} ({kind})")
    return " — ".join(parts)
