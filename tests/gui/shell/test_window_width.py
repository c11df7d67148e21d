"""No text, however long, makes the window wider than it was: it would reach beyond the screen."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from PySide6.QtWidgets import QApplication

from deskq.history.rows import QueueRow, WorkerRow
from deskq.views.shell.main_window import KINDS
from tests.gui.conftest import Recorded, Run, until
from tests.gui.shell.test_window import opened

LONG = "RabbitMQ accepts no messages since its memory alarm is set, and nobody can send tasks. " * 5
NAME = "invoices.of.every.customer." * 4
FAILED = "00000000-0000-4000-8000-999999999999"
SCREEN = 1100
"""Pixels: less than a screen has."""


def fill(recorded: Recorded) -> None:
    now = time.time()
    recorded.add(1, name=NAME)
    recorded.tell(FAILED, "received", name=NAME, args=LONG, kwargs="{}", retries=0, root_id=FAILED)
    recorded.tell(FAILED, "failed", exception=f"ValueError({LONG!r})", traceback=LONG)
    recorded.history.commit(now)
    recorded.history.put_workers([WorkerRow(f"{NAME}@host", True, now, now, events_enabled=False, queues=(NAME,))])
    recorded.history.put_queues([QueueRow(NAME, 3, 1, 0, None, None, None, None, now, True, (1, 2, 3))], [])


def test_the_window_keeps_its_width(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        fill(recorded)
        async with opened(qapp) as app:
            session = app.add(recorded.profile)
            window = app.window
            window.resize(1100, 700)
            window.show()
            await until(lambda: window.tree.itemFromIndex(window.tree.index_of("shop", "queues")).rowCount() == 1)
            shown: Any = window.show_view("shop", "overview")
            await until(lambda: "invoices" in shown.numbers[4].text())
            tasks: Any = window.show_view("shop", "tasks")
            await until(lambda: tasks.model.rowCount() == 2)
            window.show_task("shop", FAILED)
            await until(lambda: tasks.detail.detail is not None)
            workers: Any = window.show_view("shop", "workers")
            await until(lambda: workers.model.rowCount() == 1)
            window.show_queue("shop", NAME)
            queues: Any = window.view()
            await until(lambda: queues.detail.heading.text() == NAME)
            session.problem = LONG
            for kind in KINDS:
                window.show_view("shop", kind)
                session.status_changed.emit()
                assert LONG[:80] in window.bar.text.text()
                await asyncio.sleep(0.02)  # the layouts are made anew
                assert window.minimumSizeHint().width() < SCREEN, kind
            for overall in ("everything", "all-schedules", "journal"):
                window.show_overall(overall)
                await asyncio.sleep(0.02)  # the layouts are made anew
                assert window.minimumSizeHint().width() < SCREEN, overall
            assert window.width() == 1100

    run(scenario())
