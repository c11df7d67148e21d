"""What stands in an empty pane: why it is empty, and the one thing to do about it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from deskq.views.widgets import theme


def plain_label(text: str = "", parent: QWidget | None = None, *, wrap: bool = False, muted: bool = False) -> QLabel:
    """Return a label that shows text as it is, never as markup."""
    label = QLabel(parent)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setText(text)
    label.setWordWrap(wrap)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if muted:
        label.setForegroundRole(label.palette().ColorRole.PlaceholderText)
    return label


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
