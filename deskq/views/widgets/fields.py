"""Small fields that several dialogs have: a name with completion, widgets in a row, letters that lead to fields."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QStringListModel, Qt
from PySide6.QtWidgets import QComboBox, QCompleter, QFormLayout, QHBoxLayout, QLabel, QWidget

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


def letters_reach_fields(form: QFormLayout) -> None:
    """Let the underlined letter of a row's title reach the row's first field, also where a frame is around it.

    Qt hands the focus to what stands beside the title, and a frame takes none.
    """
    for row in range(form.rowCount()):
        title = form.itemAt(row, QFormLayout.ItemRole.LabelRole)
        label = title.widget() if title is not None else None
        frame = label.buddy() if isinstance(label, QLabel) else None
        if not isinstance(label, QLabel) or frame is None or frame.focusPolicy() != Qt.FocusPolicy.NoFocus:
            continue
        parts = (part for part in frame.findChildren(QWidget) if part.focusPolicy() & Qt.FocusPolicy.TabFocus)
        first = frame.focusProxy() or next(parts, None)
        if first is not None:
            label.setBuddy(first)
