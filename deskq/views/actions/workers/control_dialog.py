"""The arguments of a verb of remote control: a field for each, checked before anything is previewed."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from deskq import formats
from deskq.actions.workers.verbs import ControlVerb, Parameter, described, read_arguments
from deskq.errors import UserError
from deskq.views.widgets import theme
from deskq.views.widgets.dialog import Dialog
from deskq.views.widgets.empty_pane import plain_label


class ControlDialog(Dialog):
    """``given`` carries the arguments as Celery takes them. ``tasks`` and ``queues`` complete what is typed."""

    given = Signal(object)

    def __init__(
        self,
        verb: ControlVerb,
        where: str,
        *,
        tasks: Iterable[str] = (),
        queues: Iterable[str] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(verb.title)
        self._verb = verb
        self._names = {"task": sorted(tasks), "queue": sorted(queues)}
        self.fields: dict[str, QLineEdit | QComboBox] = {p.key: self._field(p) for p in verb.parameters}
        heading = plain_label(formats.plain(f"{verb.title}: {where}"))
        heading.setFont(theme.heading_font())
        form = QFormLayout()
        for parameter in verb.parameters:
            form.addRow(parameter.title, self.fields[parameter.key])
        self.says = plain_label(wrap=True, muted=True)
        self.go = QPushButton("Preview…")
        self.press_by_return(self.go)
        cancel = QPushButton("Cancel")
        cancel.clicked.connect(self.reject)
        self.go.clicked.connect(self._accept)
        bottom = QHBoxLayout()
        bottom.addStretch(1)
        bottom.addWidget(cancel)
        bottom.addWidget(self.go)
        layout = QVBoxLayout(self)
        layout.setSpacing(theme.GAP)
        layout.addWidget(heading)
        layout.addLayout(form)
        layout.addWidget(self.says)
        layout.addStretch(1)
        layout.addLayout(bottom)
        self.setMinimumWidth(460)
        self._judge()

    def _field(self, parameter: Parameter) -> QLineEdit | QComboBox:
        if parameter.kind in self._names:
            choice = QComboBox()
            choice.setEditable(True)
            choice.addItems(formats.as_they_are(self._names[parameter.kind]))
            choice.setEditText("")
            choice.editTextChanged.connect(self._judge)
            return choice
        line = QLineEdit("" if parameter.default in (None, "") else str(parameter.default))
        if parameter.default == "":
            line.setPlaceholderText("not set")
        elif parameter.example:
            hint = "; 0 for no limit" if parameter.kind == "rate" else ""
            line.setPlaceholderText(f"such as {parameter.example}{hint}")
        line.textChanged.connect(self._judge)
        return line

    def _texts(self) -> dict[str, str]:
        return {
            key: field.currentText() if isinstance(field, QComboBox) else field.text()
            for key, field in self.fields.items()
        }

    def _judge(self, *_: object) -> None:
        try:
            arguments = read_arguments(self._verb, self._texts(), in_form=True)
        except UserError as error:
            self.says.setText(formats.plain(str(error)))
            self.go.setEnabled(False)
            return
        words = described(self._verb, arguments)
        self.says.setText(formats.plain(f"Each worker {words}. {self._verb.lasts}".strip()))
        self.go.setEnabled(True)

    def _accept(self) -> None:
        try:
            arguments = read_arguments(self._verb, self._texts())
        except UserError:
            return
        self.accept()
        self.given.emit(arguments)
