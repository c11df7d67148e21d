"""The overview of all keys, from the one table of commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QWidget

from deskq.views.widgets import theme
from deskq.views.widgets.commands import COMMANDS
from deskq.views.widgets.empty_pane import plain_label

_LEFT: Final = ("Edit", "File")
_FURTHER: Final = (("j  k", "Next row, previous row"), ("Ctrl+1…9", "Go to the first … ninth broker"))


class KeysOverlay(QDialog):
    """The keys and what they do, half of the groups beside the other half; Esc or ? closes it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Keyboard shortcuts")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(theme.GAP_XL, theme.GAP_L, theme.GAP_XL, theme.GAP_L)
        layout.setSpacing(theme.GAP_XL)
        groups = sorted({command.group for command in COMMANDS if command.keys})
        layout.addLayout(_grid([group for group in groups if group in _LEFT]))
        layout.addLayout(_grid([group for group in groups if group not in _LEFT], _FURTHER))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.text() == "?":
            self.close()
        else:
            super().keyPressEvent(event)


def _grid(groups: Sequence[str], further: Sequence[tuple[str, str]] = ()) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(theme.GAP_XL)
    grid.setVerticalSpacing(theme.GAP_S)
    for group in groups:
        heading = plain_label(group)
        heading.setFont(theme.bold_font())
        grid.addWidget(heading, grid.rowCount(), 0, 1, 2)
        for command in COMMANDS:
            if command.group == group and command.keys:
                keys = (QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText) for key in command.keys)
                words = f"{command.title.rstrip('…')}: {command.tip}" if command.tip else command.title
                _add_line(grid, "   ".join(keys), words)
    for written, words in further:
        _add_line(grid, written, words)
    grid.setRowStretch(grid.rowCount(), 1)
    return grid


def _add_line(grid: QGridLayout, keys: str, words: str) -> None:
    label = plain_label(keys)
    label.setFont(theme.mono_font())
    line = grid.rowCount()
    grid.addWidget(label, line, 0)
    grid.addWidget(plain_label(words), line, 1)
