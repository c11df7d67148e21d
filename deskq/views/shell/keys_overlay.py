"""The overview of all keys, from the one table of commands."""

from __future__ import annotations

from itertools import groupby

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QGridLayout, QVBoxLayout, QWidget

from deskq.views.widgets import theme
from deskq.views.widgets.commands import COMMANDS
from deskq.views.widgets.empty_pane import plain_label


class KeysOverlay(QDialog):
    """Two columns of keys and what they do; Esc or ? closes it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Keyboard shortcuts")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.GAP_XL, theme.GAP_L, theme.GAP_XL, theme.GAP_L)
        grid = QGridLayout()
        grid.setHorizontalSpacing(theme.GAP_XL)
        grid.setVerticalSpacing(theme.GAP_S)
        line = 0
        with_keys = sorted((command for command in COMMANDS if command.keys), key=lambda command: command.group)
        for group, commands in groupby(with_keys, key=lambda command: command.group):
            heading = plain_label(group)
            heading.setFont(theme.bold_font())
            grid.addWidget(heading, line, 0, 1, 2)
            line += 1
            for command in commands:
                keys = "   ".join(
                    QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText) for key in command.keys
                )
                label = plain_label(keys)
                label.setFont(theme.mono_font())
                grid.addWidget(label, line, 0)
                grid.addWidget(
                    plain_label(f"{command.title.rstrip('…')}: {command.tip}" if command.tip else command.title),
                    line,
                    1,
                )
                line += 1
        for keys, tip in (("j  k", "Next row, previous row"), ("Ctrl+1…9", "Go to broker 1 to 9")):
            label = plain_label(keys)
            label.setFont(theme.mono_font())
            grid.addWidget(label, line, 0)
            grid.addWidget(plain_label(tip), line, 1)
            line += 1
        layout.addLayout(grid)
