"""The fields of the send dialog: a call as people write it, checked while they type."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any, Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QSpinBox,
    QWidget,
)

from deskq.actions.messages.call import Call
from deskq.actions.messages.retry_candidates import read_json
from deskq.actions.messages.serializers import serializers
from deskq.errors import UserError
from deskq.views.actions.send.arguments import SendArguments
from deskq.views.actions.send.place import SendPlace
from deskq.views.widgets import theme
from deskq.views.widgets.empty_pane import plain_label
from deskq.views.widgets.fields import letters_reach_fields, name_choice, offer_names, row_of
from deskq.views.widgets.moment_edit import MomentEdit

_NOT: Final = -1.0


class SendFields(QWidget):
    """Everything of a Call. ``changed``: something was typed."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.task = name_choice("Task")
        self.place = SendPlace()
        self.queue = self.place.queue
        self.arguments = SendArguments(self)
        self.args, self.kwargs = self.arguments.args, self.arguments.kwargs
        self.when = QComboBox()
        self.when.addItems(["now", "in", "at"])
        self.when.setAccessibleName("When")
        self.countdown = _seconds("Countdown")
        self.eta = MomentEdit()
        self.expires = _seconds("Expires")
        self.hard, self.soft = _seconds("Hard time limit"), _seconds("Soft time limit")
        self.priority = QSpinBox()
        self.priority.setRange(-1, 255)
        self.priority.setSpecialValueText("not set")
        self.headers, self.id = QLineEdit(), QLineEdit()
        self.headers.setFont(theme.mono_font())
        self.id.setFont(theme.mono_font())
        self.headers.setPlaceholderText('JSON, such as {"tenant": "eu-1"}')
        self.id.setPlaceholderText("random id")
        self.ignore_result = QCheckBox("ignore the result")
        self.serializer = QComboBox()
        self.serializer.addItems(serializers())
        self.serializer.setAccessibleName("Serializer")
        self.tries = QSpinBox()
        self.tries.setRange(0, 1_000)
        self.tries.setSpecialValueText("do not retry publishing")
        self.tries.setPrefix("retry publishing × ")
        self.tries.setToolTip(
            "Only while the broker is unreachable. A message that may have been sent is not repeated."
        )
        self.times = QSpinBox()
        self.times.setRange(1, 100_000)
        self.times.setPrefix("× ")
        self.rate = QDoubleSpinBox()
        self.rate.setRange(0, 100_000)
        self.rate.setSpecialValueText("no limit")
        self.rate.setSuffix(" per second")
        self._lay_out()
        self._connect()
        self.show_call(Call(task=""))

    def show_call(self, call: Call) -> None:
        """Fill the fields."""
        self.blockSignals(True)
        self.task.setEditText(call.task)
        self.place.show_call(call)
        self.show_arguments(call.args, call.kwargs)
        self.when.setCurrentIndex(2 if call.eta is not None else 1 if call.countdown else 0)
        self.countdown.setValue(call.countdown or 60.0)
        self.eta.set_moment(call.eta if call.eta is not None else time.time() // 60 * 60 + 3_600)
        limits = ((self.expires, call.expires), (self.hard, call.time_limit), (self.soft, call.soft_time_limit))
        for field, value in limits:
            field.setValue(value if value is not None else _NOT)
        self.priority.setValue(call.priority if call.priority is not None else -1)
        self.headers.setText(json.dumps(dict(call.headers), ensure_ascii=False) if call.headers else "")
        self.id.setText(call.id)
        self.ignore_result.setChecked(call.ignore_result)
        if call.serializer in serializers():  # a saved call may name one that is gone: then it is JSON, as shown
            self.serializer.setCurrentText(call.serializer)
        else:
            self.serializer.setCurrentIndex(0)
        self.times.setValue(call.times)
        self.blockSignals(False)
        self._tell()

    def show_arguments(self, args: list[Any], kwargs: dict[str, Any]) -> None:
        """Fill args and kwargs."""
        self.arguments.show_arguments(args, kwargs)

    def call(self) -> Call:
        """Return the call; raises UserError with what is wrong."""
        if not self.task.currentText().strip():
            raise UserError("Enter a task name.")
        when = self.when.currentIndex()
        queue, exchange, routing_key = self.place.read()
        if self.place.by_exchange and not exchange:
            raise UserError("Enter an exchange name.")
        args, kwargs = self.arguments.read()
        return Call(
            task=self.task.currentText().strip(),
            queue=queue,
            exchange=exchange,
            routing_key=routing_key,
            args=args,
            kwargs=kwargs,
            countdown=_given(self.countdown) if when == 1 else None,
            eta=self.eta.moment() if when == 2 else None,
            expires=_given(self.expires),
            priority=self.priority.value() if self.priority.value() >= 0 else None,
            time_limit=_given(self.hard),
            soft_time_limit=_given(self.soft),
            ignore_result=self.ignore_result.isChecked(),
            serializer=self.serializer.currentText(),
            headers=read_json("headers", self.headers.text() or "{}", dict),
            id=self.id.text().strip(),
            times=self.times.value(),
        )

    def offer(self, tasks: Iterable[str], queues: Iterable[str], exchanges: Iterable[str]) -> None:
        """Add names that complete what is typed."""
        offer_names(self.task, tasks)
        self.place.offer(queues, exchanges)

    def _lay_out(self) -> None:
        form = self._form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("&Task", self.task)
        self._place_title = QLabel("&Queue")
        form.addRow(self._place_title, self.place)
        form.addRow("", self.arguments.switch)
        form.addRow("&args", self.args)
        form.addRow("&kwargs", self.kwargs)
        form.addRow("Ar&guments", self.arguments.form)
        form.addRow("&When", row_of(self.when, self.countdown, self.eta))
        form.addRow("&Expires after", row_of(self.expires, plain_label("priority", muted=True), self.priority))
        soft, hard = plain_label("soft", muted=True), plain_label("hard", muted=True)
        form.addRow("Time &limits", row_of(soft, self.soft, hard, self.hard))
        form.addRow("&Headers", self.headers)
        form.addRow("&Id", self.id)
        word = plain_label(self.serializer.currentText())
        choice: QWidget = self.serializer if self.serializer.count() > 1 else word
        form.addRow("Seriali&zer", row_of(choice, self.ignore_result))
        form.addRow("&Copies", row_of(self.times, self.rate))
        form.addRow("If b&roker is unreachable", row_of(self.tries))
        letters_reach_fields(form)
        self._turn()

    def _connect(self) -> None:
        self.task.editTextChanged.connect(self._tell)
        for part in (self.place, self.arguments):
            part.changed.connect(self._tell)
        self.arguments.turned.connect(self._turn)
        self.serializer.currentIndexChanged.connect(self._tell)
        for spin in (self.countdown, self.expires, self.hard, self.soft, self.rate):
            spin.valueChanged.connect(self._tell)
        for number in (self.priority, self.times, self.tries):
            number.valueChanged.connect(self._tell)
        for line in (self.headers, self.id):
            line.textChanged.connect(self._tell)
        self.when.currentIndexChanged.connect(self._tell)
        self.eta.dateTimeChanged.connect(self._tell)
        self.ignore_result.toggled.connect(self._tell)

    def _turn(self) -> None:
        form = self.arguments.form_shown
        rows = [(self.arguments.form, form), *((pane, not form) for pane in (self.args, self.kwargs))]
        for row, shown in sorted(rows, key=lambda each: each[1]):  # what goes makes room for what comes
            self._form.setRowVisible(row, shown)

    def _tell(self, *_: object) -> None:
        by_exchange = self.place.by_exchange
        self._place_title.setText("E&xchange" if by_exchange else "&Queue")
        self._place_title.setBuddy(self.place.exchange if by_exchange else self.queue)
        self.countdown.setVisible(self.when.currentIndex() == 1)
        self.eta.setVisible(self.when.currentIndex() == 2)
        self.rate.setEnabled(self.times.value() > 1)
        self.changed.emit()


def _given(field: QDoubleSpinBox) -> float | None:
    return field.value() if field.value() > 0 else None


def _seconds(name: str) -> QDoubleSpinBox:
    field = QDoubleSpinBox()
    field.setRange(_NOT, 1e9)
    field.setDecimals(1)
    field.setSuffix(" s")
    field.setSpecialValueText("not set")
    field.setAccessibleName(name)
    return field
