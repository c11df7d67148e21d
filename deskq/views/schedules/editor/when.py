"""When: the kind of a schedule, its fields, and the same as text; each follows the other while somebody types."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any
from zoneinfo import available_timezones

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QCompleter,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from deskq import formats
from deskq.errors import UserError
from deskq.schedules.model import Abilities, Crontab, Schedule, Unreadable
from deskq.schedules.text.compact import schedule_from_text, schedule_to_text
from deskq.schedules.text.descriptions import sentence
from deskq.schedules.timing.crontabs import PRESETS, misread
from deskq.schedules.timing.validation import check
from deskq.views.schedules.editor.type_panes import PANES, Pane
from deskq.views.widgets import theme
from deskq.views.widgets.empty_pane import plain_label


class WhenEditor(QWidget):
    """Edits a schedule. ``changed``: it is another, or its problem is. ``zone``: the store's own."""

    changed = Signal()

    def __init__(self, abilities: Abilities, zone: str) -> None:
        super().__init__()
        self._zone = zone
        self._zoned = abilities.zoned
        self._filling = False
        self._schedule: Schedule = Unreadable("", "")
        self._stored: Schedule | None = None  # what was shown first
        self.problem = ""
        self._kept: dict[str, Schedule] = {}  # what each kind held, while another is looked at
        self.panes: dict[str, Pane] = {}
        self.radios: dict[str, QRadioButton] = {}
        self._group = QButtonGroup(self)
        kinds = QHBoxLayout()
        self.stack = QStackedWidget()
        for made, pane_class in PANES.items():
            pane = pane_class()
            pane.edited.connect(self._fields_edited)
            radio = QRadioButton(pane.title)
            radio.setEnabled(made in abilities.kinds)
            if made not in abilities.kinds:
                radio.setToolTip("This store does not support this type of schedule.")
            radio.clicked.connect(partial(self._kind_chosen, pane.kind))
            self._group.addButton(radio)
            kinds.addWidget(radio)
            self.stack.addWidget(pane)
            self.panes[pane.kind], self.radios[pane.kind] = pane, radio
        kinds.addStretch(1)
        self.presets = QHBoxLayout()
        self.presets.setSpacing(theme.GAP_S)
        for preset in PRESETS:
            button = QPushButton(preset.title)
            button.setAutoDefault(False)
            button.setEnabled(type(preset.schedule) in abilities.kinds)
            button.clicked.connect(partial(self._preset_chosen, preset.schedule))
            self.presets.addWidget(button)
        self.presets.addStretch(1)
        self.raw = QLineEdit()
        self.raw.setFont(theme.mono_font())
        self.raw.setAccessibleName("The schedule as text")
        self.raw.textEdited.connect(self._text_edited)
        self.zone_field = QComboBox()
        self.zone_field.setEditable(True)
        self.zone_field.setAccessibleName("Time zone")
        self.zone_field.addItem("")
        self.zone_field.addItems(sorted(available_timezones()))
        line = self.zone_field.lineEdit()
        if line is not None:
            line.setPlaceholderText(f"the store's: {zone or 'UTC'}")
        completer = self.zone_field.completer()
        if completer is not None:
            completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        self.zone_field.setEnabled(abilities.zoned)
        self.zone_field.setToolTip("" if abilities.zoned else "This store runs all crontabs in its own time zone.")
        self.zone_field.editTextChanged.connect(self._zone_edited)
        self.sentence = plain_label(wrap=True)
        self.sentence.setFont(theme.bold_font())
        self.zone_label = plain_label("in zone", muted=True)
        text = QGridLayout()
        text.addWidget(plain_label("as text", muted=True), 0, 0)
        text.addWidget(self.raw, 0, 1)
        text.addWidget(self.zone_label, 1, 0)
        text.addWidget(self.zone_field, 1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in (kinds, self.presets):
            layout.addLayout(part)
        layout.addWidget(self.stack)
        layout.addLayout(text)
        layout.addWidget(self.sentence)
        layout.addStretch(1)

    def schedule(self) -> Schedule:
        """Return the schedule; raises UserError with what is wrong."""
        if self.problem:
            raise UserError(self.problem)
        return self._schedule

    def show_schedule(self, schedule: Schedule) -> None:
        """Show a schedule; one that cannot be read is shown as text, to be replaced by another kind."""
        self._schedule = schedule
        self._stored = schedule if self._stored is None else self._stored
        self._fill(schedule, text=True)
        self._judge()

    def first_kind(self) -> Schedule:
        """Return what a new entry begins as: the first kind that the store keeps."""
        return next(pane.fresh() for kind, pane in self.panes.items() if self.radios[kind].isEnabled())

    def _fill(self, schedule: Schedule, *, text: bool) -> None:
        self._filling = True
        try:
            pane = next((self.panes[each.kind] for made, each in PANES.items() if isinstance(schedule, made)), None)
            if text:
                unread = isinstance(schedule, Unreadable)
                self.raw.setText(formats.plain(schedule.text) if unread else schedule_to_text(schedule))  # type: ignore[union-attr]
            self.stack.setVisible(pane is not None)
            crontab = isinstance(schedule, Crontab)
            for widget in (self.zone_label, self.zone_field):
                widget.setVisible(crontab)
            if crontab:
                self.zone_field.setEditText(schedule.zone)  # type: ignore[union-attr]
            if pane is not None:
                self.radios[pane.kind].setChecked(True)
                self._show_pane(pane)
                pane.show_schedule(schedule)
        finally:
            self._filling = False

    def _show_pane(self, shown: Pane) -> None:
        """Only the pane that is shown has a say in the height."""
        for pane in self.panes.values():
            vertical = QSizePolicy.Policy.Preferred if pane is shown else QSizePolicy.Policy.Ignored
            pane.setSizePolicy(QSizePolicy.Policy.Preferred, vertical)
        self.stack.setCurrentWidget(shown)

    def _kind(self) -> str:
        return next((kind for kind, radio in self.radios.items() if radio.isChecked()), "")

    def _kind_chosen(self, kind: str, _checked: bool = False) -> None:
        before = next((each.kind for made, each in PANES.items() if isinstance(self._schedule, made)), "")
        if before == kind:
            return
        if before:
            self._kept[before] = self._schedule
        self.show_schedule(self._kept.get(kind) or self.panes[kind].fresh())

    def _preset_chosen(self, schedule: Schedule, _checked: bool = False) -> None:
        if isinstance(schedule, Crontab) and isinstance(self._schedule, Crontab):
            schedule = replace(schedule, zone=self._schedule.zone)
        self.show_schedule(schedule)

    def _fields_edited(self) -> None:
        if self._filling:
            return
        pane: Any = self.stack.currentWidget()
        self._take(lambda: self._with_zone(pane.schedule()), text=True)

    def _text_edited(self, text: str) -> None:
        self._take(lambda: schedule_from_text(text, self._kind(), self.zone_field.currentText().strip()), text=False)

    def _zone_edited(self, _text: str) -> None:
        if not self._filling and isinstance(self._schedule, Crontab):
            self._take(lambda: self._with_zone(self._schedule), text=False)

    def _with_zone(self, schedule: Schedule) -> Schedule:
        if isinstance(schedule, Crontab):
            return replace(schedule, zone=self.zone_field.currentText().strip())
        return schedule

    def _take(self, read: Any, *, text: bool) -> None:
        """Take what was typed; with a mistake in it what is typed stays, and the rest waits."""
        try:
            schedule = read()
        except UserError as error:
            self.problem = str(error)
            self._say()
            return
        self._schedule = schedule
        if text:
            self.raw.setText(schedule_to_text(schedule))
        else:
            self._fill(schedule, text=False)
        self._judge()

    def _judge(self) -> None:
        self.problem = check(self._schedule, self._zone)
        if not self.problem and self._schedule != self._stored:  # what is stored so may stay
            self.problem = misread(self._schedule)
        self._say()

    def _say(self) -> None:
        palette = self.palette()
        if self.problem:
            palette.setColor(self.sentence.foregroundRole(), theme.state_colour("failure"))
        self.sentence.setPalette(palette)
        words = self.problem or sentence(self._schedule, self._zone)
        self.sentence.setText(formats.plain(words))
        self.changed.emit()
