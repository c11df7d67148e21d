"""What nobody has counted is not 0: a broker that cannot be reached, a recorder that has not begun."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QApplication

from deskq.history.rows import RecorderStatus
from deskq.history.writing.writer import History
from deskq.profiles import Profile
from tests.gui.conftest import Run, until
from tests.gui.shell.test_window import opened

REASON = "Nothing listens at 127.0.0.1:1"


def test_a_dead_host_has_no_numbers(run: Run, qapp: QApplication) -> None:
    """With a recorder of its own, which begins a history and never reaches the broker."""

    async def scenario() -> None:
        async with opened(qapp) as app:
            session = app.add(Profile.from_url("redis://127.0.0.1:1/0", name="dead"))
            app.window.show()
            tasks: Any = app.window.show_view("dead", "tasks")
            said: set[tuple[str, str]] = set()

            def told() -> bool:
                said.add((tasks.empty.title.text(), tasks.empty.reason.text()))
                return REASON in tasks.empty.reason.text()

            await until(told, 40, "the reason")
            assert REASON in session.problem
            assert not any("There is no history" in reason or "-E" in reason for _, reason in said)
            overview: Any = app.window.show_view("dead", "overview")
            await until(lambda: overview._facts, 20, "an answer of the history")
            texts = [button.text() for button in overview.numbers]
            assert texts == ["Waiting –", "Running –", "Failed –", "Workers unknown", "Queues unknown", ""]
            assert REASON in overview._by_broker.text()
            assert overview._by_broker.isVisible()

    run(scenario())


def test_a_recorder_that_has_not_told_yet(tmp_path: Path, run: Run, qapp: QApplication) -> None:
    """It holds its history, and has written nothing about itself: that was not in 1970."""

    async def scenario() -> None:
        profile = Profile.from_url("redis://127.0.0.1:1/0", name="new", history=str(tmp_path / "new.sqlite"))
        history = History(profile.history_path())
        try:
            async with opened(qapp) as app:
                session = app.add(profile)
                app.window.show()
                await until(lambda: session.status is not None, 20, "the status")
                assert session.status is not None
                assert session.status.updated == 0
                assert session.problem == ""
                now = time.time()
                history.put_status(RecorderStatus("connecting", now, REASON, updated=now))
                history.commit(now)
                await until(lambda: session.problem == REASON, 20, "the reason")
        finally:
            history.close()

    run(scenario())
