"""A strip at the bottom of the window that says what was done and, for a while, offers to take it back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QWidget

from deskq.views.widgets import theme
from deskq.views.widgets.empty_pane import plain_label

OFFERED_MS: Final = 10_000


class UndoOffer(QFrame):
    """Shows itself over ``window`` and goes by itself; ``undo`` None only says something. One at a time.

    ``button`` is what the offer is called, ``milliseconds`` how long it stands; 0: until somebody closes it.
    """

    def __init__(
        self,
        text: str,
        undo: Callable[[], object] | None,
        window: QWidget,
        *,
        button: str = "Undo",
        milliseconds: int = OFFERED_MS,
    ) -> None:
        super().__init__(window)
        for other in window.findChildren(UndoOffer):
            if other is not self:
                other.leave()
        self.setObjectName("undo-offer")
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setAutoFillBackground(True)
        self.setBackgroundRole(QPalette.ColorRole.ToolTipBase)
        self.text = plain_label(text)
        self.text.setForegroundRole(QPalette.ColorRole.ToolTipText)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(theme.GAP * 2, theme.GAP, theme.GAP, theme.GAP)
        layout.addWidget(self.text)
        self.button = QPushButton(button)
        self.button.setVisible(undo is not None)
        self._undo = undo
        self.button.clicked.connect(self._pressed)
        layout.addWidget(self.button)
        close = QPushButton("✕")
        close.setFlat(True)
        close.setAccessibleName("Close")
        close.setFixedWidth(self.fontMetrics().height() * 2)
        close.clicked.connect(self.leave)
        layout.addWidget(close)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.leave)
        if milliseconds:
            self._timer.start(milliseconds)
        window.installEventFilter(self)
        self._place()
        self.show()
        self.raise_()

    def leave(self) -> None:
        """Go."""
        self._timer.stop()
        self.hide()
        self.deleteLater()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        window = self.parentWidget()
        if window is not None:
            self.resize(min(self.sizeHint().width(), window.width() - 4 * theme.GAP), self.sizeHint().height())
            bottom = window.height() - self.height() - self.fontMetrics().height() * 3
            self.move((window.width() - self.width()) // 2, bottom)

    def _pressed(self) -> None:
        undo = self._undo
        self.leave()
        if undo is not None:
            undo()
