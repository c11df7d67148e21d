"""The dot beside a text: in the state's colour, and nothing without one."""

from __future__ import annotations

from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from deskq.views.widgets import theme
from deskq.views.widgets.tables import StateDot


def colours(dot: StateDot) -> set[str]:
    image: QImage = dot.grab().toImage()
    return {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}


def test_the_dot_has_the_colour_of_its_state(qapp: QApplication) -> None:
    dot = StateDot(20, 8)
    assert len(colours(dot)) == 1
    for state in ("SUCCESS", "failure", "STARTED"):
        dot.show_state(state)
        assert theme.state_colour(state).name() in colours(dot)
    dot.show_state("")
    assert len(colours(dot)) == 1
