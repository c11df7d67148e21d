"""Somebody else changed a schedule meanwhile: what was, what is stored now, and what was typed, field by field."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from deskq import formats
from deskq.schedules.diff import with_definition
from deskq.schedules.model import Entry, Unreadable
from deskq.schedules.text.toml import entry_from_plain, entry_to_plain
from deskq.views.widgets import theme
from deskq.views.widgets.dialog import Dialog
from deskq.views.widgets.empty_pane import plain_label

_ABSENT: Final = "–"
_LONGEST: Final = 120


class ScheduleConflict(Dialog):
    """``resolved`` carries the merged entry, to be written over ``theirs``; nothing is written here.

    Where only one side changed a field that side is chosen; where both did, a person has to choose.
    """

    resolved = Signal(object)

    def __init__(self, base: Entry, theirs: Entry | None, mine: Entry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Schedule changed by someone else")
        self._theirs = theirs
        self._mine = mine
        self._plain = [_plain(base), _plain(theirs), _plain(mine)]
        self.choices: dict[str, QButtonGroup] = {}
        what = "deleted" if theirs is None else "changed"
        heading = plain_label(f"Someone else {what} “{formats.plain(base.name)}” while you edited it.", wrap=True)
        heading.setFont(theme.heading_font())
        explained = plain_label(
            "Nothing was written. Add it again to restore it with your changes."
            if theirs is None
            else "Nothing was written. Choose a value for each field.",
            wrap=True,
        )
        self.go = QPushButton("Add it again…" if theirs is None else "Save chosen values…")
        cancel = QPushButton("Cancel")
        cancel.clicked.connect(self.reject)
        self.go.clicked.connect(self._resolve)
        grid = QGridLayout()
        if theirs is not None:
            self._fill(grid)
        bottom = QHBoxLayout()
        bottom.addStretch(1)
        bottom.addWidget(cancel)
        bottom.addWidget(self.go)
        layout = QVBoxLayout(self)
        layout.setSpacing(theme.GAP)
        layout.addWidget(heading)
        layout.addWidget(explained)
        layout.addLayout(grid)
        layout.addStretch(1)
        layout.addLayout(bottom)
        self._allow()

    def _fill(self, grid: QGridLayout) -> None:
        for column, title in enumerate(("", "Before", "Theirs (now)", "Mine")):
            grid.addWidget(plain_label(title, muted=True), 0, column)
        was, theirs, mine = self._plain
        for row, key in enumerate((key for key in dict.fromkeys([*was, *theirs, *mine]) if self._differs(key)), 1):
            grid.addWidget(plain_label(formats.plain(key)), row, 0)
            grid.addWidget(plain_label(_shown(was, key), wrap=True), row, 1)
            group = QButtonGroup(self)
            for column, values in ((2, theirs), (3, mine)):
                radio = QRadioButton(_shown(values, key).replace("&", "&&"))
                radio.setChecked(values.get(key) != was.get(key) and not self._both(key))
                group.addButton(radio, column)
                grid.addWidget(radio, row, column)
            group.buttonClicked.connect(self._allow)
            self.choices[key] = group

    def _differs(self, key: str) -> bool:
        was, theirs, mine = self._plain
        return not (was.get(key) == theirs.get(key) == mine.get(key)) and theirs.get(key) != mine.get(key)

    def _both(self, key: str) -> bool:
        was, theirs, mine = self._plain
        return theirs.get(key) != was.get(key) and mine.get(key) != was.get(key)

    def _allow(self, *_: object) -> None:
        self.go.setEnabled(all(group.checkedId() != -1 for group in self.choices.values()))

    def _resolve(self) -> None:
        if self._theirs is None:
            self.resolved.emit(replace(self._mine, key="", version=""))
        else:
            merged = dict(self._plain[2])
            for key, group in self.choices.items():
                source = self._plain[1 if group.checkedId() == 2 else 2]
                merged.pop(key, None)
                if key in source:
                    merged[key] = source[key]
            if isinstance(self._theirs.schedule, Unreadable) and merged["schedule"]["kind"] == "unreadable":
                self.reject()
                return
            self.resolved.emit(with_definition(self._theirs, entry_from_plain(merged)))
        self.accept()


def _plain(entry: Entry | None) -> dict[str, Any]:
    return {} if entry is None else entry_to_plain(entry) | {"enabled": entry.enabled}


def _shown(values: dict[str, Any], key: str) -> str:
    if key not in values:
        return _ABSENT
    text = json.dumps(values[key], ensure_ascii=False)
    return formats.plain(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")
