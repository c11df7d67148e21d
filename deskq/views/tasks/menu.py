"""The menu of a task: what the profile allows, and the tasks at the other end of its retries."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtWidgets import QMenu, QWidget

from deskq.actions.journal.task_actions import TaskAction
from deskq.views.tasks.empty_states import MENU
from deskq.views.widgets.commands import BY_KEY
from deskq.views.widgets.page import Commands


def task_menu(
    parent: QWidget, commands: Commands, links: Mapping[str, TaskAction], go_to: Callable[[TaskAction], object]
) -> QMenu:
    """Return the menu; a read-only profile has fewer ``commands``. ``links``: title -> the other end of a retry."""
    menu = QMenu(parent)
    for key in MENU:
        if key in commands:
            menu.addAction(BY_KEY[key].title).triggered.connect(commands[key])
    for title, trace in links.items():
        menu.addAction(title).triggered.connect(lambda _=False, trace=trace: go_to(trace))
    return menu
