"""The fields of a schedule beside when it runs: what is sent, where to, and under which conditions."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QSpinBox,
    QWidget,
)

from deskq.actions.messages.retry_candidates import read_json
from deskq.errors import UserError
from deskq.schedules.model import Abilities, Entry, Schedule
from deskq.views.widgets import theme
from deskq.views.widgets.empty_pane import plain_label
from deskq.views.widgets.fields import name_choice, offer_names
from deskq.views.widgets.moment_edit import MomentEdit

_FIELDED: Final = ("queue", "priority", "expires")
_UNSET: Final = -1


class EntryFields(QWidget):
    """Everything of an Entry but its schedule. ``changed``: something was typed; ``problems`` says what is wrong."""

    changed = Signal()

    def __init__(self, abilities: Abilities) -> None:
        super().__init__()
        self._abilities = abilities
        self._shown = Entry(name="", task="", schedule=None)  # type: ignore[arg-type]
        self.name = QLineEdit()
        self.task, self.queue = name_choice("Task"), name_choice("Queue")
        _placeholder(self.task, "such as report.build")
        _placeholder(self.queue, "routed by the app")
        self.enabled = QCheckBox("on")
        self.args, self.kwargs, self.options = QLineEdit(), QLineEdit(), QLineEdit()
        self.priority, self.expires = QSpinBox(), QSpinBox()
        for spin, suffix, most in ((self.priority, "", 255), (self.expires, " s", 2_000_000_000)):
            spin.setRange(_UNSET, most)
            spin.setSpecialValueText("not set")
            spin.setSuffix(suffix)
        self.one_off = QCheckBox("one-off: disable after the run")
        self.has_start, self.start = QCheckBox("not before"), MomentEdit()
        self.has_end, self.end = QCheckBox("not after"), MomentEdit()
        self.description = QLineEdit()
        self._lay_out()
        self._connect()

    def show_entry(self, entry: Entry) -> None:
        """Fill the fields."""
        self._shown = entry
        self.blockSignals(True)
        self.name.setText(entry.name)
        self.task.setEditText(entry.task)
        self.queue.setEditText(entry.queue)
        self.enabled.setChecked(entry.enabled)
        self.args.setText(json.dumps(entry.args, ensure_ascii=False))
        self.kwargs.setText(json.dumps(entry.kwargs, ensure_ascii=False))
        others = {key: value for key, value in entry.options.items() if not self._has_field(key, value)}
        self.options.setText(json.dumps(others, ensure_ascii=False) if others else "")
        for key, spin in (("priority", self.priority), ("expires", self.expires)):
            value = entry.options.get(key)
            spin.setValue(value if isinstance(value, int) and self._has_field(key, value) else _UNSET)
        self.one_off.setChecked(entry.one_off)
        for at, box, field in (
            (entry.start_time, self.has_start, self.start),
            (entry.expires_at, self.has_end, self.end),
        ):
            box.setChecked(at is not None)
            field.setEnabled(at is not None)
            if at is not None:
                field.set_moment(at)
        self.description.setText(entry.description)
        self.blockSignals(False)
        self._tell()

    def offer(self, tasks: Iterable[str], queues: Iterable[str]) -> None:
        """Add names that complete what is typed."""
        offer_names(self.task, tasks)
        offer_names(self.queue, queues)

    def entry(self, schedule: Schedule) -> Entry:
        """Return the entry with this schedule; raises UserError with the first thing that is wrong."""
        shown = self._shown
        if not self.name.text().strip():
            raise UserError("Enter a name.")
        if not self.task.currentText().strip():
            raise UserError("Enter the task to send.")
        args = read_json("args", self.args.text() or "[]", list)
        kwargs = read_json("kwargs", self.kwargs.text() or "{}", dict)
        given: dict[str, Any] = read_json("options", self.options.text() or "{}", dict)
        if self.queue.currentText().strip():
            given["queue"] = self.queue.currentText().strip()
        for key, spin in (("priority", self.priority), ("expires", self.expires)):
            if spin.value() != _UNSET:
                given[key] = spin.value()
        order = [key for key in shown.options if key in given] + [key for key in given if key not in shown.options]
        return replace(
            shown,
            name=self.name.text() if self.name.text() == shown.name else self.name.text().strip(),
            task=self.task.currentText().strip(),
            schedule=schedule,
            args=args,
            kwargs=kwargs,
            options={key: given[key] for key in order},
            enabled=self.enabled.isChecked(),
            one_off=self.one_off.isChecked(),
            start_time=self.start.moment() if self.has_start.isChecked() else None,
            expires_at=self.end.moment() if self.has_end.isChecked() else None,
            description=self.description.text() if "\n" not in shown.description else self._kept_description(),
            problem="",
        )

    def _kept_description(self) -> str:
        """A description of several lines is shown in one, and stays as it was while nobody changes it."""
        first = self._shown.description
        return first if self.description.text() == first.replace("\n", " ") else self.description.text()

    def _has_field(self, key: str, value: object) -> bool:
        if key == "queue":
            return isinstance(value, str) and bool(value)
        return key in _FIELDED and type(value) is int and value >= 0

    def _keeps(self, field: str) -> bool:
        return field in self._abilities.fields

    def _lay_out(self) -> None:
        for field in (self.args, self.kwargs, self.options):
            field.setFont(theme.mono_font())
        self.args.setPlaceholderText('a JSON list, such as ["Q3"]')
        self.kwargs.setPlaceholderText('a JSON object, such as {"year": 2026}')
        self.options.setPlaceholderText('JSON, such as {"routing_key": "…", "headers": {…}}')
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        top = QHBoxLayout()
        top.addWidget(self.name, 1)
        top.addWidget(self.enabled)
        form.addRow("&Name", top)
        form.labelForField(top).setBuddy(self.name)  # type: ignore[attr-defined]
        form.addRow("&Task", self.task)
        form.addRow("&Queue", self.queue)
        form.addRow("&args", self.args)
        form.addRow("&kwargs", self.kwargs)
        more = QHBoxLayout()
        for word, spin in (("priority", self.priority), ("expires after", self.expires)):
            label = plain_label(word, muted=True)
            more.addWidget(label)
            more.addWidget(spin)
            spin.setAccessibleName(word)
        if self._keeps("one_off"):
            more.addWidget(self.one_off)
        more.addStretch(1)
        form.addRow("Sending", more)
        form.addRow("More o&ptions", self.options)
        span = QHBoxLayout()
        for name, box, moment in (("start_time", self.has_start, self.start), ("expires_at", self.has_end, self.end)):
            if self._keeps(name):
                span.addWidget(box)
                span.addWidget(moment)
        if span.count():
            span.addStretch(1)
            form.addRow("Active", span)
        if self._keeps("description"):
            form.addRow("&Description", self.description)

    def _connect(self) -> None:
        for line in (self.name, self.args, self.kwargs, self.options, self.description):
            line.textEdited.connect(self._tell)
        for choice in (self.task, self.queue):
            choice.editTextChanged.connect(self._tell)
        for spin in (self.priority, self.expires):
            spin.valueChanged.connect(self._tell)
        for box in (self.enabled, self.one_off):
            box.toggled.connect(self._tell)
        for box, moment in ((self.has_start, self.start), (self.has_end, self.end)):
            box.toggled.connect(moment.setEnabled)
            box.toggled.connect(self._tell)
            moment.dateTimeChanged.connect(self._tell)

    def _tell(self, *_: object) -> None:
        self.changed.emit()


def _placeholder(field: QComboBox, text: str) -> None:
    line = field.lineEdit()
    if line is not None:
        line.setPlaceholderText(text)
