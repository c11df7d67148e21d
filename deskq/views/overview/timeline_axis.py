"""The hours and days above and behind a time line, where this machine's clock puts them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPalette, QPen
from PySide6.QtWidgets import QApplication

from deskq.models.schedules.timeline import ShownTimeline
from deskq.views.widgets import theme

_HOURS: Final = (1, 2, 3, 4, 6, 12, 24)
_WEEKLY: Final = 3 * 86_400
"""Longer spans are divided into days, shorter ones into hours."""


def paint_axis(painter: QPainter, shown: ShownTimeline, x_of: Callable[[float], float], row: int, area: QRectF) -> None:
    """Paint the marks over ``area``, their words in its first ``row`` pixels."""
    line, metrics = shown.timeline, painter.fontMetrics()
    by_days = line.end - line.start > _WEEKLY
    wide = metrics.horizontalAdvance("Wed 00" if by_days else "00:00") + theme.GAP_M
    per_hour = area.width() / max(1.0, (line.end - line.start) / 3_600)
    step = next((hours for hours in _HOURS if per_hour * hours >= wide), 24)
    mid = QColor(QApplication.palette().color(QPalette.ColorRole.Mid))
    pale = QColor(mid)
    pale.setAlpha(90)
    free = area.left() - theme.GAP
    for mark in shown.marks:
        x = round(x_of(mark.at)) + 0.5
        if mark.moved:
            painter.setPen(QPen(theme.state_colour("failure"), 1, Qt.PenStyle.DotLine))
        elif mark.day:
            painter.setPen(mid)
        elif mark.hour % (6 if by_days else step) == 0:
            painter.setPen(pale)
        else:
            continue
        painter.drawLine(QPointF(x, row - theme.GAP_S), QPointF(x, area.bottom()))
        if by_days and not mark.day:
            continue
        local = time.localtime(mark.at)
        words = time.strftime("%a %d" if mark.day else "%H:%M", local)
        width = metrics.horizontalAdvance(words)
        if x - width / 2 < free or x + width / 2 > area.right() + theme.GAP_M:
            continue
        free = x + width / 2 + theme.GAP
        painter.setPen(QApplication.palette().color(QPalette.ColorRole.Text) if mark.day else theme.muted())
        place = QRectF(x - width, 0, 2 * width, row - theme.GAP_S)
        painter.drawText(place, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignVCenter, words)
    painter.setPen(theme.muted())
    painter.drawText(
        QRectF(theme.GAP, 0, area.left() - theme.GAP, row - theme.GAP_S),
        Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter,
        axis_title(shown),
    )


def axis_title(shown: ShownTimeline) -> str:
    """Return when a time line begins."""
    return time.strftime("from %a %d %b %H:%M", time.localtime(shown.timeline.start))
