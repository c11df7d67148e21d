"""Commands on every task that matches the filter, and how many that may be."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtWidgets import QApplication, QWidget

from deskq.app import App
from tests.gui.conftest import Recorded, Run, until
from tests.gui.shell.test_window import opened


def shown(app: App, kind: str) -> Any:
    """A widget of this class, None if there is none."""
    return next((child for child in app.window.findChildren(QWidget) if type(child).__name__ == kind), None)


@pytest.mark.parametrize(
    ("verb", "state", "limit", "kind"),
    [("retry", "failed", "MOST_RETRIED", "RetryDialog"), ("revoke", "running", "MOST_REVOKED", "StepsDialog")],
)
def test_all_that_match(
    verb: str,
    state: str,
    limit: str,
    kind: str,
    recorded: Recorded,
    run: Run,
    qapp: QApplication,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    matching = recorded.add(700, state)
    recorded.add(5)

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            view: Any = app.window.show_view("shop", "tasks")
            view.set_filter("state:FAILURE state:STARTED")
            await until(lambda: view.model.rowCount() == 700)
            app.window.run_command("retry_all" if verb == "retry" else "revoke_all")
            await until(lambda: shown(app, kind))
            dialog = shown(app, kind)
            if verb == "retry":
                await until(lambda: dialog.model.rowCount() == 700)
                assert {row.row.uuid for row in dialog.model.rows()} == set(matching)
            else:
                assert {step.source for step in dialog.plan.items} == set(matching)
            dialog.reject()
            monkeypatch.setattr(f"deskq.views.tasks.commands.{limit}", 600)
            app.window.run_command("retry_all" if verb == "retry" else "revoke_all")
            await until(lambda: shown(app, "UndoOffer"))
            assert f"narrow the filter to {verb}" in shown(app, "UndoOffer").text.text()

    run(scenario())
