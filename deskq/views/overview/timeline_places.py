"""Where things are in the picture of a time line, and what is where."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QPoint, QRectF
from PySide6.QtWidgets import QAbstractScrollArea

from deskq import formats
from deskq.models.schedules.timeline import ShownTimeline, collision_words, lane_words
from deskq.views.overview.timeline_axis import axis_title
from deskq.views.widgets import theme

COLLISIONS: Final = -1
"""The lane of collisions, above all others."""
NAME_SHARE: Final = 0.66
"""What is left to a name where its profile stands beside it."""
_REACH: Final = 5.0
"""Pixels beside a mark that still mean it."""
_LONGEST: Final = 28
"""Letters of the longest name that is not elided."""


class TimelinePlaces:
    """Places in the viewport of ``area``. ``left``: where now is, beside the names; ``width``: of the span."""

    def __init__(self, area: QAbstractScrollArea) -> None:
        self._area = area
        self._names = 0
        self.shown: ShownTimeline | None = None
        self.left, self.width = 0.0, 1.0

    @property
    def row(self) -> int:
        """How high a lane is."""
        return round(self._area.fontMetrics().height() * 1.6)

    @property
    def top(self) -> int:
        """Where the lanes of the schedules begin: below the times and the collisions."""
        return 2 * self.row + theme.GAP_S

    @property
    def page(self) -> int:
        """How many lanes are in sight at once, less one."""
        return max(1, int((self._area.viewport().height() - self.top) // self.row) - 1)

    def show_timeline(self, shown: ShownTimeline) -> None:
        """Another time line is shown: make room for its names."""
        self.shown = shown
        self._names = self._width_of_names(shown)

    def lay_out(self) -> None:
        """Find where now is, beside the names, how wide the span is, and how far it scrolls."""
        self.left = float(min(self._names, self._area.viewport().width() * 0.3))
        self.width = max(1.0, self._area.viewport().width() - self.left - theme.GAP_M)
        lanes = len(self.shown.rows) if self.shown is not None else 0
        bar, height = self._area.verticalScrollBar(), max(0, self._area.viewport().height() - self.top)
        bar.setRange(0, max(0, lanes * self.row + theme.GAP - height))
        bar.setPageStep(height)
        bar.setSingleStep(self.row)

    def scroll_to(self, place: int) -> None:
        """Bring a lane into sight."""
        bar = self._area.verticalScrollBar()
        top, height = place * self.row, self._area.viewport().height() - self.top
        bar.setValue(max(min(bar.value(), top), top + self.row - height))

    def lane_area(self, place: int) -> QRectF:
        """Return where a lane is in the viewport, COLLISIONS for that lane; below or above it when it is scrolled."""
        if place == COLLISIONS:
            return QRectF(0, self.row, self._area.viewport().width(), self.row)
        top = self.top + place * self.row - self._area.verticalScrollBar().value()
        return QRectF(0, top, self._area.viewport().width(), self.row)

    def x_of(self, at: float) -> float:
        """Return where a time is in the viewport."""
        assert self.shown is not None
        line = self.shown.timeline
        return self.left + (at - line.start) / (line.end - line.start) * self.width

    def in_sight(self) -> range:
        """Return the lanes in sight."""
        assert self.shown is not None
        scrolled = self._area.verticalScrollBar().value()
        last = (scrolled + self._area.viewport().height() - self.top) // self.row + 1
        return range(scrolled // self.row, min(len(self.shown.rows), last))

    def lane_at(self, point: QPoint) -> int | None:
        """Return the lane at a point, None if there is none."""
        if self.shown is None or point.y() < self.row:
            return None
        if point.y() < self.top:
            return COLLISIONS
        place = (point.y() - self.top + self._area.verticalScrollBar().value()) // self.row
        return place if place < len(self.shown.rows) else None

    def collision_at(self, x: int) -> int | None:
        """Return the collision nearest to there; of several that are as near, the largest."""
        assert self.shown is not None
        times = [one.at for one in self.shown.timeline.collisions]
        found = self._near(times, x)
        return max(found, key=lambda n: self.shown.timeline.collisions[n].count) if found else None  # type: ignore[union-attr]

    def words_at(self, point: QPoint) -> str:
        """Return what is at a point in words."""
        place = self.lane_at(point)
        if place is None or self.shown is None:
            return ""
        if place == COLLISIONS:
            found = self.collision_at(point.x())
            return "" if found is None else collision_words(self.shown, self.shown.timeline.collisions[found])
        runs = self.shown.timeline.lanes[place].runs
        near = min(self._near(runs, point.x()), key=lambda n: abs(self.x_of(runs[n]) - point.x()), default=None)
        return lane_words(self.shown, place, None if near is None else runs[near])

    def _near(self, times: Sequence[float], x: float) -> range:
        """Return which of these times are within reach."""
        assert self.shown is not None
        line = self.shown.timeline
        scale = (line.end - line.start) / self.width
        at = line.start + (x - self.left) * scale
        return range(bisect_left(times, at - _REACH * scale), bisect_left(times, at + _REACH * scale))

    def _width_of_names(self, shown: ShownTimeline) -> int:
        """Return how wide the names are: about the longest, within limits."""
        n = self._area.fontMetrics().horizontalAdvance("n")
        longest = max((formats.plain(one.entry.name[:_LONGEST]) for one in shown.rows), key=len, default="")
        name = min(self._area.fontMetrics().horizontalAdvance(longest), _LONGEST * n)
        least = self._area.fontMetrics().horizontalAdvance(axis_title(shown))
        return max(least, round(name / NAME_SHARE) if shown.several else name) + 3 * theme.GAP
