"""The command palette: type a few letters of anything, press Enter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDialog, QLineEdit, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from deskq.formats import plain
from deskq.views.widgets import theme


@dataclass(frozen=True, slots=True)
class PaletteEntry:
    """One thing that can be done; ``note`` is its shortcut or where it leads."""

    title: str
    note: str
    run: Callable[[], object]


def score(query: str, title: str) -> int | None:
    """How well a title fits: None if the letters do not all occur in order; lower is better."""
    text, position, penalty = title.lower(), 0, 0
    for letter in query.lower().replace(" ", ""):
        found = text.find(letter, position)
        if found < 0:
            return None
        penalty += (found - position) + (0 if found == 0 or not text[found - 1].isalnum() else 1)
        position = found + 1
    return penalty


class Palette(QDialog):
    """A frameless list that closes when something was chosen, on Esc, or when it loses the focus."""

    def __init__(self, entries: Sequence[PaletteEntry], parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._entries = list(entries)
        self.line = QLineEdit()
        self.line.setPlaceholderText("Type a command, view or queue…")
        self.line.setAccessibleName("Command")
        self.list = QListWidget()
        self.list.setFrameShape(QListWidget.Shape.NoFrame)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.GAP, theme.GAP, theme.GAP, theme.GAP)
        layout.addWidget(self.line)
        layout.addWidget(self.list)
        self.line.textChanged.connect(self._search)
        self.line.returnPressed.connect(self._run)
        self.list.itemClicked.connect(lambda _: self._run())
        self.line.installEventFilter(self)
        self.resize(min(560, parent.width() - 80), min(420, parent.height() - 80))
        self.move(
            parent.mapToGlobal(parent.rect().center()).x() - self.width() // 2,
            parent.mapToGlobal(parent.pos()).y() + 80,
        )
        self._search("")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()))
            if step is not None and self.list.count():
                self.list.setCurrentRow((self.list.currentRow() + step) % self.list.count())
                return True
        return super().eventFilter(watched, event)

    def _search(self, text: str) -> None:
        scored = [(score(text, entry.title), number, entry) for number, entry in enumerate(self._entries)]
        fitting = (
            sorted(((p, n, e) for p, n, e in scored if p is not None), key=lambda found: found[:2])
            if text
            else [(0, number, entry) for _, number, entry in scored]
        )
        self.list.clear()
        for _, number, entry in fitting[:200]:
            item = QListWidgetItem(f"{plain(entry.title)}    {plain(entry.note)}".rstrip())
            item.setData(Qt.ItemDataRole.UserRole, number)
            item.setSizeHint(QSize(0, round(self.fontMetrics().height() * 1.7)))
            self.list.addItem(item)
        self.list.setCurrentRow(0)

    def _run(self) -> None:
        item = self.list.currentItem()
        if item is not None:
            entry = self._entries[item.data(Qt.ItemDataRole.UserRole)]
            self.close()
            entry.run()
