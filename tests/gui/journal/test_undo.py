"""Ctrl+Z: where nothing can be undone it is said why."""

from __future__ import annotations

import time
from contextlib import closing
from typing import Any

from PySide6.QtWidgets import QApplication

from deskq.actions.journal.journal import Journal
from deskq.actions.messages.call import Call, plan_send
from deskq.views.widgets.toast import UndoOffer
from tests.gui.conftest import Recorded, Run, until
from tests.gui.shell.test_window import opened


def said(window: Any) -> str:
    """What stands at the bottom of the window."""
    return " ".join(offer.text.text() for offer in window.findChildren(UndoOffer) if offer.isVisible())


def test_what_cannot_be_undone_is_said(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            app.window.show_view("shop", "tasks")
            app.window.run_command("undo")
            await until(lambda: "There is nothing to undo here" in said(app.window))
            journal: Any = app.window.show_overall("journal")
            app.window.run_command("undo")
            await until(lambda: "Select the action to undo" in said(app.window))
            plan = plan_send(Call(task="mail.send"), recorded.profile, now=time.time())
            with closing(Journal()) as written:
                written.begin(plan, recorded.profile)
                written.end(plan.id)
            journal.feed.start()
            await until(lambda: journal.model.rowCount() == 1)
            journal.table.selectRow(0)
            app.window.run_command("undo")
            await until(lambda: "A message that was sent cannot be recalled" in said(app.window))

    run(scenario())
