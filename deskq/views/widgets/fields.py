"""Small fields that several dialogs have: a name with completion, and widgets in a row."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QStringListModel, Qt
from PySide6.QtWidgets import QComboBox, QCompleter, QHBoxLayout, QWidget

from deskq import formats


def name_choice(name: str) -> QComboBox:
    """Return a field for a name, with those that are known to choose from and to complete it."""
    field = QComboBox()
    field.setEditable(True)
    field.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
    field.setAccessibleName(name)
    completer = QCompleter(field)
    completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
    completer.setFilterMode(Qt.MatchFlag.MatchContains)
    completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
    field.setCompleter(completer)
    return field


def offer_names(field: QComboBox, names: Iterable[str]) -> None:
    """Add names to choose from; what is typed stays, and nobody is told of a change."""
    text = field.currentText()
    present = {field.itemText(number) for number in range(field.count())}
    field.blockSignals(True)
    field.addItems([name for name in formats.as_they_are(names) if name not in present])
    field.setEditText(text)
    field.blockSignals(False)
    completer = field.completer()
    if completer is not None:
        known = [field.itemText(number) for number in range(field.count())]
        completer.setModel(QStringListModel(known, completer))


def row_of(*widgets: QWidget) -> QWidget:
    """Return widgets side by side, at the left."""
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget)
    layout.addStretch(1)
    return row
