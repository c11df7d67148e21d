"""The panes of the schedule editor, one for each kind of schedule: fields for what people usually want of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QSpinBox,
    QWidget,
)

from deskq.errors import UserError
from deskq.schedules.model import Clocked, Crontab, Interval, RRule, Schedule, Solar
from deskq.schedules.text.compact import span_of
from deskq.views.widgets.empty_pane import plain_label
from deskq.views.widgets.fields import row_of
from deskq.views.widgets.moment_edit import MomentEdit

UNITS: Final = (("seconds", "s", 1.0), ("minutes", "m", 60.0), ("hours", "h", 3_600.0), ("days", "d", 86_400.0))
_CRON: Final = (
    ("minute", "minute"),
    ("hour", "hour"),
    ("day_of_month", "day"),
    ("month_of_year", "month"),
    ("day_of_week", "weekday"),
)
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_FREQUENCIES: Final = ("yearly", "monthly", "weekly", "daily", "hourly", "minutely", "secondly")
_EVENTS: Final = (
    *("dawn_astronomical", "dawn_nautical", "dawn_civil", "sunrise", "solar_noon"),
    *("sunset", "dusk_civil", "dusk_nautical", "dusk_astronomical"),
)


class Pane(QWidget):
    """Fields of one kind; ``edited`` when a person changes one. What no field shows is kept from what was shown."""

    edited = Signal()
    kind = ""
    title = ""

    def show_schedule(self, schedule: Any) -> None:
        """Fill the fields."""
        raise NotImplementedError

    def schedule(self) -> Schedule:
        """Return what the fields say; raises UserError."""
        raise NotImplementedError

    def fresh(self) -> Schedule:
        """Return what a new schedule of this kind begins as."""
        raise NotImplementedError

    def _tell(self, *_: object) -> None:
        self.edited.emit()


class IntervalPane(Pane):
    """Every so many seconds, minutes, hours or days."""

    kind, title = "interval", "Interval"

    def __init__(self) -> None:
        super().__init__()
        self.number = QDoubleSpinBox()
        self.number.setRange(0.001, 1e9)
        self.number.setDecimals(3)
        self.number.setAccessibleName("Every")
        self.unit = QComboBox()
        self.unit.setAccessibleName("Unit")
        for word, _, _ in UNITS:
            self.unit.addItem(word)
        self.relative = QCheckBox("aligned to the clock (relative)")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(plain_label("every"))
        for widget in (self.number, self.unit, self.relative):
            layout.addWidget(widget)
        layout.addStretch(1)
        self.number.valueChanged.connect(self._tell)
        self.unit.currentIndexChanged.connect(self._tell)
        self.relative.toggled.connect(self._tell)

    def show_schedule(self, schedule: Interval) -> None:
        number, unit = span_of(schedule.seconds)
        self.number.setValue(number)
        self.unit.setCurrentIndex([short for _, short, _ in UNITS].index(unit))
        self.relative.setChecked(schedule.relative)

    def schedule(self) -> Schedule:
        return Interval(self.number.value() * UNITS[self.unit.currentIndex()][2], self.relative.isChecked())

    def fresh(self) -> Schedule:
        return Interval(300.0)


class CrontabPane(Pane):
    """Five fields, as Celery reads them."""

    kind, title = "crontab", "Crontab"

    def __init__(self) -> None:
        super().__init__()
        self.fields = {key: QLineEdit() for key, _ in _CRON}
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setVerticalSpacing(2)
        for column, (key, word) in enumerate(_CRON):
            field = self.fields[key]
            field.setAccessibleName(word)
            field.textEdited.connect(self._tell)
            layout.addWidget(plain_label(word, muted=True), 0, column)
            layout.addWidget(field, 1, column)

    def show_schedule(self, schedule: Crontab) -> None:
        for key, field in self.fields.items():
            field.setText(getattr(schedule, key))

    def schedule(self) -> Schedule:
        return Crontab(**{key: field.text().strip() for key, field in self.fields.items()})

    def fresh(self) -> Schedule:
        return Crontab("0")


class ClockedPane(Pane):
    """Once, at a time, which is shown by this machine's clock."""

    kind, title = "clocked", "Once"

    def __init__(self) -> None:
        super().__init__()
        self.at = MomentEdit()
        self.at.dateTimeChanged.connect(self._tell)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(plain_label("at"))
        layout.addWidget(self.at)
        layout.addWidget(plain_label("time on this machine", muted=True))
        layout.addStretch(1)

    def show_schedule(self, schedule: Clocked) -> None:
        self.at.set_moment(schedule.at)

    def schedule(self) -> Schedule:
        return Clocked(self.at.moment())

    def fresh(self) -> Schedule:
        return Clocked(float(int(time.time()) // 3_600 * 3_600 + 7_200))


class SolarPane(Pane):
    """At an event of the sun, at a place."""

    kind, title = "solar", "Solar"

    def __init__(self) -> None:
        super().__init__()
        self.event_name = QComboBox()
        self.event_name.addItems(_EVENTS)
        self.event_name.setAccessibleName("Solar event")
        self.latitude, self.longitude = QDoubleSpinBox(), QDoubleSpinBox()
        for field, limit, word in ((self.latitude, 90.0, "Latitude"), (self.longitude, 180.0, "Longitude")):
            field.setRange(-limit, limit)
            field.setDecimals(6)
            field.setSuffix("°")
            field.setAccessibleName(word)
            field.setToolTip(word)
            field.valueChanged.connect(self._tell)
        self.event_name.currentIndexChanged.connect(self._tell)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.event_name)
        layout.addWidget(plain_label("at", muted=True))
        layout.addWidget(self.latitude)
        layout.addWidget(self.longitude)
        layout.addStretch(1)

    def show_schedule(self, schedule: Solar) -> None:
        self.event_name.setCurrentText(schedule.event)
        self.latitude.setValue(schedule.latitude)
        self.longitude.setValue(schedule.longitude)

    def schedule(self) -> Schedule:
        return Solar(self.event_name.currentText(), self.latitude.value(), self.longitude.value())

    def fresh(self) -> Schedule:
        return Solar("sunrise", 52.52, 13.405)


class RRulePane(Pane):
    """redbeat's rrule; what the fields do not show is in the raw text and stays."""

    kind, title = "rrule", "Rrule"

    def __init__(self) -> None:
        super().__init__()
        self._shown = RRule("daily")
        self.freq = QComboBox()
        self.freq.addItems(_FREQUENCIES)
        self.interval, self.count = QSpinBox(), QSpinBox()
        self.interval.setRange(1, 1_000_000)
        self.count.setRange(0, 1_000_000)
        self.count.setSpecialValueText("no limit")
        self.days = [QCheckBox(day) for day in _DAYS]
        self.hours, self.minutes = QLineEdit(), QLineEdit()
        self.start = MomentEdit()
        self.has_start = QCheckBox("from")
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addRow(
            "Frequency", row_of(self.freq, plain_label("every"), self.interval, plain_label("runs"), self.count)
        )
        layout.addRow("On", row_of(*self.days))
        for field in (self.hours, self.minutes):
            field.setPlaceholderText("such as 9, 17")
        layout.addRow("Hours", row_of(self.hours, plain_label("minutes"), self.minutes))
        layout.addRow("Start", row_of(self.has_start, self.start))
        tell: Callable[..., None] = self._tell
        self.freq.currentIndexChanged.connect(tell)
        for spin in (self.interval, self.count):
            spin.valueChanged.connect(tell)
        for box in (*self.days, self.has_start):
            box.toggled.connect(tell)
        for line in (self.hours, self.minutes):
            line.textEdited.connect(tell)
        self.start.dateTimeChanged.connect(tell)

    def show_schedule(self, schedule: RRule) -> None:
        self._shown = schedule
        self.freq.setCurrentText(schedule.freq)
        self.interval.setValue(schedule.interval)
        self.count.setValue(schedule.count or 0)
        chosen = {day for day, _ in schedule.byweekday}
        for number, box in enumerate(self.days):
            box.setChecked(number in chosen)
        others = dict(schedule.others)
        self.hours.setText(", ".join(map(str, others.get("byhour", ()))))
        self.minutes.setText(", ".join(map(str, others.get("byminute", ()))))
        self.has_start.setChecked(schedule.dtstart is not None)
        self.start.set_moment(schedule.dtstart if schedule.dtstart is not None else time.time() // 60 * 60)
        self.start.setEnabled(schedule.dtstart is not None)

    def schedule(self) -> Schedule:
        shown = self._shown
        before = dict(shown.byweekday)
        days = tuple((number, before.get(number, 0)) for number, box in enumerate(self.days) if box.isChecked())
        if {day for day, _ in days} == set(before):
            days = shown.byweekday
        others = dict(shown.others)
        for key, line in (("byhour", self.hours), ("byminute", self.minutes)):
            numbers = _numbers(line.text())
            others.pop(key, None)
            if numbers:
                others[key] = numbers
        order = [key for key, _ in shown.others] + ["byhour", "byminute"]
        self.start.setEnabled(self.has_start.isChecked())
        start = self.start.moment() if self.has_start.isChecked() else None
        return replace(
            shown,
            freq=self.freq.currentText(),
            interval=self.interval.value(),
            count=self.count.value() or None,
            byweekday=days,
            dtstart=start,
            dtstart_offset=shown.dtstart_offset if start == shown.dtstart else 0.0,
            others=tuple((key, others[key]) for key in dict.fromkeys(order) if key in others),
        )

    def fresh(self) -> Schedule:
        return RRule("daily", others=(("byhour", (9,)), ("byminute", (0,))))


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.replace(",", " ").split())
    except ValueError:
        raise UserError(f"“{text}” is not a list of whole numbers. Write it like 9, 17.") from None


PANES: Final[dict[type, type[Pane]]] = {
    Crontab: CrontabPane,
    Interval: IntervalPane,
    Clocked: ClockedPane,
    Solar: SolarPane,
    RRule: RRulePane,
}
