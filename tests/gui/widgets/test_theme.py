"""Colours that can be read, told apart, and are the same everywhere."""

from __future__ import annotations

from itertools import combinations

import pytest
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QPushButton

from deskq.views.widgets import theme
from deskq.views.widgets.theme import ENVIRONMENT_COLOURS, PALETTES, STATE_COLOURS

_ROLES = (QPalette.ColorRole.Base, QPalette.ColorRole.AlternateBase, QPalette.ColorRole.Window)


def luminance(colour: QColor) -> float:
    channels = (colour.redF(), colour.greenF(), colour.blueF())
    parts = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: QColor, other: QColor) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_every_state_and_environment_is_readable(dark: bool) -> None:
    colours = {name: pair[dark] for name, pair in STATE_COLOURS.items()}
    colours |= {environment.value: pair[dark] for environment, pair in ENVIRONMENT_COLOURS.items()}
    for name, colour in colours.items():
        for role in _ROLES:
            assert contrast(QColor(colour), QColor(PALETTES[dark][role])) >= 4.5, (name, role)


@pytest.mark.parametrize("dark", [False, True])
def test_every_environment_is_readable_on_a_button_and_a_selected_row(dark: bool) -> None:
    for environment, pair in ENVIRONMENT_COLOURS.items():
        for role, least in ((QPalette.ColorRole.Button, 4.5), (QPalette.ColorRole.Highlight, 3.0)):
            assert contrast(QColor(pair[dark]), QColor(PALETTES[dark][role])) >= least, (environment, role)


@pytest.mark.parametrize("dark", [False, True])
def test_text_is_readable(dark: bool) -> None:
    palette = PALETTES[dark]
    for text, base in (
        (QPalette.ColorRole.Text, QPalette.ColorRole.Base),
        (QPalette.ColorRole.WindowText, QPalette.ColorRole.Window),
        (QPalette.ColorRole.HighlightedText, QPalette.ColorRole.Highlight),
        (QPalette.ColorRole.ButtonText, QPalette.ColorRole.Button),
        (QPalette.ColorRole.PlaceholderText, QPalette.ColorRole.Base),
        (QPalette.ColorRole.PlaceholderText, QPalette.ColorRole.Window),
    ):
        assert contrast(QColor(palette[text]), QColor(palette[base])) >= 4.3, text


@pytest.mark.parametrize("dark", [False, True])
def test_success_failure_and_running_are_told_apart_without_red_and_green(dark: bool) -> None:
    """Deuteranopia after Viénot: what is left must still differ, in lightness or in blue against yellow."""

    def seen(colour: str) -> tuple[float, float, float]:
        given = QColor(colour)
        red, green, blue = given.redF() ** 2.2, given.greenF() ** 2.2, given.blueF() ** 2.2
        mixed = 0.29275 * red + 0.70725 * green
        rest = max(0.0, -0.02234 * red + 0.02234 * green + blue)
        return float(mixed ** (1 / 2.2)), float(rest ** (1 / 2.2)), 0.0

    for one, other in combinations(("running", "success", "failure"), 2):
        pair = seen(STATE_COLOURS[one][dark]), seen(STATE_COLOURS[other][dark])
        assert sum((a - b) ** 2 for a, b in zip(*pair, strict=True)) ** 0.5 > 0.03, (one, other)


def test_a_button_that_is_on_is_told_from_one_that_is_off(qapp: QApplication) -> None:
    button = QPushButton("Calendar")
    theme.checkable(button)
    for on in (True, False):
        button.setChecked(on)
        assert button.font().bold() is on
