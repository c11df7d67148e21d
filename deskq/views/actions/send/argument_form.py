"""Arguments as a form: a field for each that was seen, each a JSON value; nothing is filled in that was not given."""

from __future__ import annotations

import json
from typing import Any, Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFormLayout, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from deskq import formats
from deskq.actions.messages.seen_arguments import SeenArgument, SeenArguments
from deskq.views.widgets import theme
from deskq.views.widgets.empty_pane import plain_label

_MOST_FIELDS: Final = 100

Key = int | str
"""A place, or a name."""


class ArgumentForm(QWidget):
    """Shows args and kwargs, and takes changes. ``edited``: somebody typed; ``problem``: what is wrong then, or ""."""

    edited = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.problem = ""
        self.fields: dict[Key, QLineEdit] = {}
        self._seen = SeenArguments()
        self._args: list[Any] = []
        self._kwargs: dict[str, Any] = {}
        self._note = plain_label(wrap=True, muted=True)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._area, 1)
        layout.addWidget(self._note)
        self._build([])

    def expect(self, seen: SeenArguments) -> None:
        """Offer the arguments that were seen; what is given stays."""
        self._seen = seen
        self.show_arguments(self._args, self._kwargs)

    def show_arguments(self, args: list[Any], kwargs: dict[str, Any]) -> None:
        """Fill the fields with what is given; the others stay empty."""
        self._args, self._kwargs, self.problem = args, kwargs, ""
        places = range(max(len(self._seen.positional), len(args)))
        names = [each.name for each in self._seen.named]
        names += [name for name in kwargs if name not in set(names)]
        if len(places) + len(names) > _MOST_FIELDS:
            self.refuse("Too many arguments for a form: edit them as JSON.")
            return
        keys: list[Key] = [*places, *names]
        if keys != list(self.fields):
            self._build(keys)
        for key, field in self.fields.items():
            given = key < len(args) if isinstance(key, int) else key in kwargs
            value = (args[key] if isinstance(key, int) else kwargs[key]) if given else None
            field.setText(json.dumps(value, ensure_ascii=False, default=str) if given else "")
            self._hint(key, field)
        self._area.setEnabled(True)
        self._note.hide()

    def refuse(self, why: str) -> None:
        """The JSON side is no value just now: nothing can be typed here."""
        self._area.setEnabled(False)
        self._note.setText(formats.plain(why))
        self._note.show()

    def read(self) -> tuple[list[Any], dict[str, Any]]:
        """Return args and kwargs as they were last in order."""
        return self._args, self._kwargs

    def _build(self, keys: list[Key]) -> None:
        pane = QWidget()
        form = QFormLayout(pane)
        form.setContentsMargins(theme.GAP_S, theme.GAP_S, theme.GAP_S, theme.GAP_S)
        form.setVerticalSpacing(theme.GAP_S)
        self.fields = {}
        for key in keys:
            field = QLineEdit()
            field.setFont(theme.mono_font())
            title = _title(key)
            field.setAccessibleName(title)
            field.textEdited.connect(self._edited)
            form.addRow(plain_label(title), field)
            self.fields[key] = field
        self._area.setWidget(pane)

    def _hint(self, key: Key, field: QLineEdit) -> None:
        seen = self._of(key)
        field.setPlaceholderText(f"{seen.kind}, as last seen" if seen is not None and seen.kind else "")
        runs = f"Set in {seen.runs:,} of {self._seen.runs:,} runs" if seen is not None else "Not seen in any run"
        field.setToolTip(f"{runs}. JSON value; leave empty to omit it.")

    def _of(self, key: Key) -> SeenArgument | None:
        if isinstance(key, int):
            return self._seen.positional[key] if key < len(self._seen.positional) else None
        return next((each for each in self._seen.named if each.name == key), None)

    def _edited(self) -> None:
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        problem, gap = "", ""
        for key, field in self.fields.items():
            text = field.text().strip()
            if not text:
                gap = gap or (_title(key) if isinstance(key, int) else "")
                continue
            try:
                value = json.loads(text)
            except (ValueError, RecursionError) as error:
                why = error.msg if isinstance(error, json.JSONDecodeError) else "it is nested too deeply"
                problem = problem or f"{_title(key)} is not valid JSON: {why}. Put strings in double quotes."
                continue
            if isinstance(key, str):
                kwargs[key] = value
            elif gap:
                problem = problem or f"{gap} is empty but {_title(key)} is set: enter null for None."
            else:
                args.append(value)
        self.problem = problem
        if not problem:
            self._args, self._kwargs = args, kwargs
        self.edited.emit()


def _title(key: Key) -> str:
    return f"argument {key + 1}" if isinstance(key, int) else formats.plain(key)
