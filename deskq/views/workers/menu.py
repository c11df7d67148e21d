"""The menu of what workers can be asked and told."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QMenu, QWidget

from deskq import formats
from deskq.actions.workers.verbs import VERBS
from deskq.profiles import Profile


def worker_menu(
    profile: Profile, workers: Sequence[str], chosen: Callable[[str, list[str]], None], parent: QWidget
) -> QMenu:
    """Return the menu; ``chosen`` gets a verb's name and the workers. A read-only profile has no verb that changes."""
    menu = QMenu(parent)
    where = workers[0] if len(workers) == 1 else formats.count(len(workers), "worker")
    menu.addSection(formats.plain(where) if workers else "No worker is selected")
    asks = not profile.silent and bool(workers)
    for changes in (False, True):
        if changes and (profile.read_only or not profile.has_broker):
            continue
        menu.addSeparator()
        for verb in VERBS.values():
            if verb.changes is changes:
                dots = "…" if changes else ""
                action = menu.addAction(f"{verb.title}{dots}")
                action.setEnabled(asks)
                action.triggered.connect(lambda _=False, name=verb.name: chosen(name, list(workers)))
    return menu
