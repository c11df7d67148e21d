"""A field for a date and a time of day, which keeps what it cannot show."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QDateTime
from PySide6.QtWidgets import QDateTimeEdit

_FIRST: Final = -6_847_804_800.0


_LAST: Final = 253_402_214_400.0
"""1753 and the last days of 9999: what Qt's field shows in every zone of the world."""


class MomentEdit(QDateTimeEdit):
    """A field for a date and a time of day, with a calendar. What it was given stays exact while nobody changes it."""

    def __init__(self) -> None:
        super().__init__()
        self.setCalendarPopup(True)
        self.setDisplayFormat("yyyy-MM-dd HH:mm:ss")
        self._given: tuple[QDateTime, float] | None = None

    def set_moment(self, at: float) -> None:
        """Show epoch seconds; what is beyond the calendar is shown as its edge."""
        self._given = None
        shown = QDateTime.fromMSecsSinceEpoch(int(max(_FIRST, min(at, _LAST))) * 1_000)
        self.blockSignals(True)  # who is told asks what it holds
        self.setDateTime(shown)
        self._given = (self.dateTime(), at)
        self.blockSignals(False)
        self.dateTimeChanged.emit(self.dateTime())

    def moment(self) -> float:
        """Return epoch seconds."""
        if self._given is not None and self._given[0] == self.dateTime():
            return self._given[1]
        return self.dateTime().toMSecsSinceEpoch() / 1_000
