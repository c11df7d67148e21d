"""What the context menu of a table of schedules offers."""

from __future__ import annotations

from typing import Final

from PySide6.QtWidgets import QMenu, QWidget

from deskq.views.widgets.commands import CommandKey
from deskq.views.widgets.page import Commands

_MENU: Final[tuple[tuple[CommandKey, str], ...]] = (
    ("detail", "Edit…"),
    ("enable_schedule", "Enable…"),
    ("disable_schedule", "Disable…"),
    ("duplicate_schedule", "Duplicate…"),
    ("delete_schedule", "Delete…"),
    ("schedule_tasks", "Show tasks of this schedule"),
    ("schedule_profile", "Show in its profile"),
    ("run_schedule", "Send task now…"),
    ("copy_python", "Copy as beat_schedule entry"),
    ("copy_redbeat", "Copy as redbeat JSON"),
    ("copy_row", "Copy row"),
)


def schedule_menu(parent: QWidget, commands: Commands, *, may_change: bool) -> QMenu:
    """Return a menu of those commands that mean something here."""
    menu = QMenu(parent)
    for key, title in _MENU:
        if key in commands and (key != "detail" or may_change):
            menu.addAction(title, commands[key])
    return menu
