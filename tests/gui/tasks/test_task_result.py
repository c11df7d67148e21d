"""The Result tab of a task's detail: asked when it is looked at, with a sentence where there is nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QApplication

from deskq.profiles import Profile
from tests.gui.conftest import Recorded, Run, until
from tests.gui.shell.test_window import opened


def test_a_stored_result_and_none(recorded: Recorded, run: Run, qapp: QApplication, tmp_path: Path) -> None:
    (good,) = recorded.add(1)
    (bad,) = recorded.add(1, state="failed")
    results = tmp_path / "results"
    results.mkdir()
    meta = {"status": "SUCCESS", "result": {"sum": 5}, "name": "mail.send", "args": [1, "<b>ü</b>"], "kwargs": {}}
    (results / f"celery-task-meta-{good}").write_text(json.dumps(meta))
    profile = Profile.from_url(
        recorded.profile.url, name="shop", history=recorded.profile.history, result_backend=f"file://{results}"
    )

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(profile)
            window = app.window
            window.show()
            view: Any = window.show_view("shop", "tasks")
            view.shown.show(good)
            await until(lambda: view.detail.detail is not None)
            tab = view.detail.result
            assert tab.record is None  # nobody looked yet
            view.detail.tabs.setCurrentWidget(tab)
            await until(lambda: tab.record is not None)
            assert '"sum": 5' in tab.text.toPlainText()
            labels = [tab._form.itemAt(n).widget().text() for n in range(tab._form.count())]
            assert '[ 1, "<b>ü</b>" ]' in labels
            view.shown.show(bad)
            await until(lambda: "No record" in tab.empty.title.text())
            (results / f"celery-task-meta-{bad}").write_bytes(b"\x80\x04garbage")
            tab.empty.button.click()
            await until(lambda: tab.record is not None)
            assert "pickle" in tab.text.toPlainText()

    run(scenario())


def test_without_a_backend_it_says_so(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    (good,) = recorded.add(1)

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            view: Any = app.window.show_view("shop", "tasks")
            view.shown.show(good)
            await until(lambda: view.detail.detail is not None)
            view.detail.tabs.setCurrentWidget(view.detail.result)
            await until(lambda: "has no result backend" in view.detail.result.empty.reason.text())

    run(scenario())
