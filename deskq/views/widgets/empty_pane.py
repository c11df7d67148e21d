"""What stands in an empty pane: why it is empty, and the one thing to do about it."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QHelpEvent, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import (
    QLabel,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QStyle,
    QStyleOptionButton,
    QStylePainter,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from deskq.formats import tooltip
from deskq.views.widgets import theme

_LEAST_LETTERS: Final = 6


def plain_label(text: str = "", parent: QWidget | None = None, *, wrap: bool = False, muted: bool = False) -> QLabel:
    """Return a label that shows text as it is, never as markup."""
    label = QLabel(parent)
    set_plain(label, muted=muted)
    label.setText(text)
    label.setWordWrap(wrap)
    return label


def set_plain(label: QLabel, *, muted: bool) -> None:
    """Have a label show text as it is, and let people mark it."""
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if muted:
        label.setForegroundRole(QPalette.ColorRole.PlaceholderText)


class LineLabel(QLabel):
    """A line of plain text that gives way where it has no room: cut at its end, and in full as its tooltip.

    Any other label is at least as wide as its text, and a long one makes the window wider than the screen.
    ``rest``: it has what the others of its row leave, and takes nothing from them.
    """

    def __init__(self, text: str = "", *, muted: bool = False, rest: bool = False) -> None:
        super().__init__()
        set_plain(self, muted=muted)
        self.setText(text)
        if rest:
            self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def minimumSizeHint(self) -> QSize:
        full = super().minimumSizeHint()
        return QSize(min(full.width(), self.fontMetrics().averageCharWidth() * _LEAST_LETTERS), full.height())

    def is_cut(self) -> bool:
        """Is there no room for all of it?"""
        return self.fontMetrics().horizontalAdvance(self.text()) > self.contentsRect().width()

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self.is_cut() or self.hasSelectedText():
            super().paintEvent(event)
            return
        area = self.contentsRect()
        words = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, area.width())
        painter = QPainter(self)
        role = self.foregroundRole()
        self.style().drawItemText(painter, area, self.alignment().value, self.palette(), self.isEnabled(), words, role)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip and not self.toolTip():
            QToolTip.showText(event.globalPos(), tooltip(self.text()) if self.is_cut() else "", self)
            return True
        return super().event(event)


class LineButton(QPushButton):
    """A button that gives way as LineLabel does."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def minimumSizeHint(self) -> QSize:
        full = super().minimumSizeHint()
        return QSize(min(full.width(), self.fontMetrics().averageCharWidth() * _LEAST_LETTERS * 2), full.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        option = QStyleOptionButton()
        self.initStyleOption(option)
        room = self.style().subElementRect(QStyle.SubElement.SE_PushButtonContents, option, self).width()
        option.text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, room)
        QStylePainter(self).drawControl(QStyle.ControlElement.CE_PushButton, option)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip and not self.toolTip():
            cut = self.width() < self.sizeHint().width()
            QToolTip.showText(event.globalPos(), tooltip(self.text()) if cut else "", self)
            return True
        return super().event(event)


class EmptyPane(QWidget):
    """A title, a reason, and at most one button."""

    action = Signal()

    def __init__(self, title: str, reason: str, action_text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setSpacing(theme.GAP)
        layout.addStretch(2)
        self.title = plain_label(title)
        self.title.setFont(theme.heading_font())
        self.reason = plain_label(reason, wrap=True, muted=True)
        for label in (self.title, self.reason):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            layout.addWidget(label)
        self.button = QPushButton(action_text, self)  # without a parent it would show as a window of its own
        self.button.clicked.connect(self.action)
        self.button.setVisible(bool(action_text))
        layout.addSpacing(theme.GAP_S)
        layout.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(3)

    def say(self, title: str, reason: str, action_text: str = "") -> None:
        """Say something else."""
        self.title.setText(title)
        self.reason.setText(reason)
        self.button.setText(action_text)
        self.button.setVisible(bool(action_text))


def show_page(pages: QStackedWidget, page: QWidget) -> None:
    """Show another page, and let the focus go from the former one to it.

    Qt hides the former page first, and then the focus goes to whatever comes next in the window: what listens to it
    may ask for yet another page, and two of them would be drawn over each other. So the new one is there first.
    """
    before = pages.currentWidget()
    focus: QWidget | None = pages.window().focusWidget()  # also while a dialog has the keyboard
    if before is page:
        return
    page.setGeometry(pages.contentsRect())
    page.show()
    if focus is not None and before is not None and (before is focus or before.isAncestorOf(focus)):
        last: QWidget | None = page.focusWidget()
        (last if last is not None else page).setFocus()
    pages.setCurrentWidget(page)
