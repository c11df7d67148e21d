"""Tokens of looks in one table: colours, spacing, fonts, icons; light and dark."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, Literal

from PySide6.QtCore import QByteArray, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QIcon, QIconEngine, QImage, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QAbstractButton, QApplication

from deskq import paths
from deskq.actions.plan import Outcome
from deskq.profiles import Environment
from deskq.protocol.task_states import GROUP_OF_STATE, RUNNING, STATES_OF_GROUP

Scheme = Literal["system", "light", "dark"]

GAP_S: Final = 4
GAP: Final = 8
GAP_M: Final = 12
GAP_L: Final = 16
GAP_XL: Final = 24

STATE_GROUPS: Final[dict[str, str]] = {
    **GROUP_OF_STATE,
    "REPLACED": "retry",
    "ONLINE": "success",
    "OFFLINE": "lost",
    "recording": "success",
    "connecting": "retry",
    "disconnected": "failure",
    "stopped": "waiting",
}
_OUTCOME_GROUPS: Final[dict[str, str]] = {
    Outcome.DONE: "success",
    Outcome.GONE: "success",
    Outcome.FAILED: "failure",
    Outcome.UNKNOWN: "retry",
    Outcome.SENDING: RUNNING,
}
GROUP_WORDS: Final[dict[str, str]] = {
    "waiting": "Waiting",
    "running": "Running",
    "success": "Succeeded",
    "failure": "Failed",
    "retry": "Retrying",
    "revoked": "Revoked, rejected",
    "lost": "Lost, end unknown",
}
STATE_COLOURS: Final[dict[str, tuple[str, str]]] = {  # group: (light, dark), contrast at least 4.5 on every table row
    "waiting": ("#5b6370", "#a3abb8"),
    "running": ("#1259c3", "#6aa8ff"),
    "success": ("#1a7040", "#5ccb8a"),
    "failure": ("#b3261e", "#ff8278"),
    "retry": ("#8a5300", "#f2b44b"),
    "revoked": ("#7a3ea8", "#cf9bf5"),
    "lost": ("#6a6258", "#b9b0a4"),
    "other": ("#3b4a5a", "#c3ccd6"),
}
ENVIRONMENT_COLOURS: Final[dict[Environment, tuple[str, str]]] = {
    Environment.DEVELOPMENT: ("#3f7a4f", "#6cbf84"),
    Environment.STAGING: ("#8a5300", "#f2b44b"),
    Environment.PRODUCTION: ("#b3261e", "#ff8278"),
}
PALETTES: Final[dict[bool, dict[QPalette.ColorRole, str]]] = {
    False: {
        QPalette.ColorRole.Window: "#f4f5f7",
        QPalette.ColorRole.WindowText: "#1d2127",
        QPalette.ColorRole.Base: "#ffffff",
        QPalette.ColorRole.AlternateBase: "#f8f9fb",
        QPalette.ColorRole.Text: "#1d2127",
        QPalette.ColorRole.Button: "#ffffff",
        QPalette.ColorRole.ButtonText: "#1d2127",
        QPalette.ColorRole.BrightText: "#b3261e",
        QPalette.ColorRole.Highlight: "#d5e4fb",
        QPalette.ColorRole.HighlightedText: "#10151c",
        QPalette.ColorRole.ToolTipBase: "#ffffff",
        QPalette.ColorRole.ToolTipText: "#1d2127",
        QPalette.ColorRole.PlaceholderText: "#6b7380",
        QPalette.ColorRole.Link: "#1259c3",
        QPalette.ColorRole.Mid: "#d9dde3",
        QPalette.ColorRole.Midlight: "#e8ebef",
        QPalette.ColorRole.Light: "#ffffff",
        QPalette.ColorRole.Dark: "#b9bfc9",
        QPalette.ColorRole.Shadow: "#9aa1ad",
        QPalette.ColorRole.Accent: "#1259c3",
    },
    True: {
        QPalette.ColorRole.Window: "#262a31",
        QPalette.ColorRole.WindowText: "#e3e6ea",
        QPalette.ColorRole.Base: "#15171b",
        QPalette.ColorRole.AlternateBase: "#1b1e23",
        QPalette.ColorRole.Text: "#e3e6ea",
        QPalette.ColorRole.Button: "#343a44",
        QPalette.ColorRole.ButtonText: "#e3e6ea",
        QPalette.ColorRole.BrightText: "#ff8278",
        QPalette.ColorRole.Highlight: "#28426b",
        QPalette.ColorRole.HighlightedText: "#f3f6fa",
        QPalette.ColorRole.ToolTipBase: "#343a44",
        QPalette.ColorRole.ToolTipText: "#e3e6ea",
        QPalette.ColorRole.PlaceholderText: "#97a0ad",
        QPalette.ColorRole.Link: "#6aa8ff",
        QPalette.ColorRole.Mid: "#414853",
        QPalette.ColorRole.Midlight: "#383e48",
        QPalette.ColorRole.Light: "#4a525e",
        QPalette.ColorRole.Dark: "#14171b",
        QPalette.ColorRole.Shadow: "#000000",
        QPalette.ColorRole.Accent: "#6aa8ff",
    },
}


def apply_scheme(scheme: Scheme) -> None:
    """Make the application light or dark, or as the system is."""
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    hints = application.styleHints()
    wanted = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark, "system": Qt.ColorScheme.Unknown}[scheme]
    hints.setColorScheme(wanted)
    dark = scheme == "dark" or (scheme == "system" and hints.colorScheme() == Qt.ColorScheme.Dark)
    application.setPalette(_palette(dark))


def _palette(dark: bool) -> QPalette:
    palette = QPalette()
    for role, colour in PALETTES[dark].items():
        palette.setColor(role, QColor(colour))
    faded = QColor(PALETTES[dark][QPalette.ColorRole.PlaceholderText])
    for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, faded)
    palette.setColor(
        QPalette.ColorGroup.Disabled, QPalette.ColorRole.Base, QColor(PALETTES[dark][QPalette.ColorRole.Window])
    )
    return palette


def is_dark() -> bool:
    """Is the window's background dark?"""
    return QApplication.palette().color(QPalette.ColorRole.Window).lightness() < 128


def state_group(state: str) -> str:
    """Return the group whose colour a state has. A task that has a state of its own runs: ``send_event`` tells it."""
    return STATE_GROUPS.get(state, RUNNING)


def running_states(states: Iterable[str]) -> tuple[str, ...]:
    """Return the states of tasks that run: Celery's, and the tasks' own among these."""
    return (*STATES_OF_GROUP[RUNNING], *sorted(s for s in states if s not in STATE_GROUPS))


def outcome_group(outcome: str) -> str | None:
    """Return the group whose colour the outcome of an item has, None for one that has not begun."""
    return _OUTCOME_GROUPS.get(outcome)


def state_colour(state: str) -> QColor:
    """Return the colour of a state, or of a group, in the theme in force."""
    group = state if state in STATE_COLOURS else state_group(state)
    return QColor(STATE_COLOURS[group][is_dark()])


def environment_colour(environment: Environment) -> QColor:
    """Return the colour of an environment; its word stands beside it, always."""
    return QColor(ENVIRONMENT_COLOURS[environment][is_dark()])


def muted() -> QColor:
    """Return the colour of secondary text."""
    return QApplication.palette().color(QPalette.ColorRole.PlaceholderText)


def mono_font() -> QFont:
    """Return the monospace font, at the size of the others."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    font.setPointSizeF(QApplication.font().pointSizeF())
    return font


def heading_font() -> QFont:
    """Return the one larger font."""
    font = QApplication.font()
    font.setPointSizeF(font.pointSizeF() * 1.35)
    font.setBold(True)
    return font


def bold_font() -> QFont:
    """Return the font for what counts."""
    font = QApplication.font()
    font.setBold(True)
    return font


def checkable(button: QAbstractButton) -> None:
    """Let a button be on or off, and show it by its font: in dark colours the style hardly shows it."""
    button.setCheckable(True)
    button.toggled.connect(lambda on: button.setFont(bold_font() if on else QApplication.font()))


def icon(name: str) -> QIcon:
    """Return an icon of resources/icons in the colour of text, whatever the theme is when it is drawn."""
    return QIcon(_SvgIcon(name))


class _SvgIcon(QIconEngine):
    """Draws an SVG in the palette's colour of the moment, at any scale."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def clone(self) -> QIconEngine:
        return _SvgIcon(self._name)

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        group = QPalette.ColorGroup.Disabled if mode == QIcon.Mode.Disabled else QPalette.ColorGroup.Active
        colour = QApplication.palette().color(group, QPalette.ColorRole.ButtonText)
        _renderer(self._name, colour.name()).render(painter, QRectF(rect))

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        image = QImage(size, QImage.Format.Format_ARGB32_Premultiplied)
        image.fill(Qt.GlobalColor.transparent)
        painter = QPainter(image)
        self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        painter.end()
        return QPixmap.fromImage(image)


@lru_cache(maxsize=256)
def _renderer(name: str, colour: str) -> QSvgRenderer:
    source = paths.resource(f"icons/{name}.svg").read_text(encoding="utf-8").replace("currentColor", colour)
    return QSvgRenderer(QByteArray(source.encode()))
