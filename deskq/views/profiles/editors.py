"""One widget for one field of a profile: what edits it, what is wrong with it, and why it cannot be edited."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QColor, QIcon, QPalette, QPixmap
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from deskq.profiles import Environment
from deskq.profiles.fields import Field
from deskq.views.widgets import theme
from deskq.views.widgets.empty_pane import plain_label


def problem_label() -> QLabel:
    """Return a label for what is wrong: red, with a mark, hidden until there is something to say."""
    label = plain_label(wrap=True)
    label.setForegroundRole(QPalette.ColorRole.BrightText)
    label.hide()
    return label


class FieldEditor(QWidget):
    """Edits the text of a field, as ``profiles.field_text`` reads and writes it. Emits ``changed`` and ``finished``."""

    changed = Signal()
    finished = Signal()

    def __init__(self, field: Field, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.field = field
        self.line: QLineEdit | None = None
        self.box: QComboBox | None = None
        self.check: QCheckBox | None = None
        self.title: QWidget | None = None
        self._row = QHBoxLayout()
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(theme.GAP_S)
        self._make()
        self.problem = problem_label()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(self._row)
        layout.addWidget(self.problem)
        self.set_reason("")

    def text(self) -> str:
        """Return the text: of a choice its value, of a switch "yes" or "no"."""
        if self.line is not None:
            return self.line.text()
        if self.box is not None:
            return str(self.box.currentData())
        assert self.check is not None
        return "yes" if self.check.isChecked() else "no"

    def set_text(self, text: str) -> None:
        """Show a text; what was wrong with the last one is forgotten."""
        if self.line is not None:
            if self.line.text() != text:
                self.line.setText(text)
                self.line.setCursorPosition(0)
        elif self.box is not None:
            self.box.setCurrentIndex(max(0, self.box.findData(text)))
        elif self.check is not None:
            self.check.setChecked(text == "yes")

    def set_problem(self, text: str) -> None:
        """Say below the field what is wrong with it."""
        self.problem.setText(f"▲ {text}" if text else "")
        self.problem.setVisible(bool(text))

    def set_reason(self, reason: str) -> None:
        """Disable the field for a reason, which its tooltip tells; "" enables it."""
        widget = self.line or self.box or self.check
        assert widget is not None
        for part in self.findChildren(QWidget):
            if part is not self.problem:
                part.setEnabled(not reason)
        tip = f"{self.field.tip}.\n{reason}" if reason else f"{self.field.tip}."
        if self.title is not None:
            self.title.setEnabled(not reason)
            self.title.setToolTip(tip)
        self.setToolTip(tip)
        widget.setToolTip(tip)

    def _make(self) -> None:
        field = self.field
        if field.words is not None:
            self.box = QComboBox()
            for value, words in field.words.items():
                self.box.addItem(_colour_icon(value) if isinstance(value, Environment) else QIcon(), words, value.value)
            self.box.currentIndexChanged.connect(self.changed)
            self._add(self.box)
            self._row.addStretch(1)
        elif field.kind == "switch":
            self.check = QCheckBox(field.title)
            self.check.toggled.connect(self.changed)
            self._add(self.check)
        else:
            self.line = QLineEdit()
            self.line.setPlaceholderText(field.placeholder)
            if field.kind == "secret":
                self.line.setEchoMode(QLineEdit.EchoMode.Password)
            self.line.textChanged.connect(self.changed)
            self.line.editingFinished.connect(self.finished)
            self._add(self.line)
            if field.kind == "file":
                self._add_chooser()

    def _add(self, widget: QWidget) -> None:
        widget.setAccessibleName(self.field.name)
        self._row.addWidget(widget)
        if self.focusProxy() is None:
            self.setFocusProxy(widget)

    def _add_chooser(self) -> None:
        button = QPushButton("Choose…")
        button.setAccessibleName(f"Choose a file: {self.field.name}")
        button.setAutoDefault(False)
        button.clicked.connect(self.choose)
        self._row.addWidget(button)

    def choose(self) -> QFileDialog:
        """Open a chooser of files; what is chosen is written into the field."""
        new = self.field.place == "history"
        chooser = QFileDialog(self, f"Choose a file: {self.field.name}")
        chooser.setFileMode(QFileDialog.FileMode.AnyFile if new else QFileDialog.FileMode.ExistingFile)
        if new:
            chooser.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
            chooser.setOption(QFileDialog.Option.DontConfirmOverwrite)  # an existing history is gone on with
            chooser.setDefaultSuffix("sqlite")
        chooser.fileSelected.connect(self.set_text)
        chooser.finished.connect(chooser.deleteLater)
        chooser.open()
        return chooser


def _colour_icon(environment: Environment) -> QIcon:
    pixmap = QPixmap(12, 12)
    pixmap.fill(QColor(theme.environment_colour(environment)))
    return QIcon(pixmap)
