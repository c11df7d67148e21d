"""A worker's detail: each answer stands with the worker that gave it, under the question that it answers."""

from __future__ import annotations

import time

from PySide6.QtWidgets import QApplication

from deskq.history.rows import WorkerRow
from deskq.profiles import Profile
from deskq.services.session import ProfileSession
from deskq.views.workers.detail import WorkerDetail
from tests.gui.conftest import Run, until
from tests.support.celery_worker import CeleryWorker


def test_the_next_worker_is_asked_while_the_former_is_silent(redis_url: str, run: Run, qapp: QApplication) -> None:
    def row(hostname: str) -> WorkerRow:
        return WorkerRow(hostname, True, time.time(), time.time(), events_enabled=True)

    with CeleryWorker(redis_url, pool="threads") as worker:

        async def scenario() -> None:
            session = ProfileSession(Profile.from_url(redis_url, name="real"))
            detail = WorkerDetail(session)
            active, registered = detail._parts[0], detail._parts[4]
            try:
                detail.tabs.setCurrentIndex(4)
                detail.show()
                detail.show_worker(row("gone@nowhere"))
                assert registered.message.title.text() == "Inspecting…"
                detail.show_worker(row(worker.hostname))
                await until(lambda: registered.pane.currentWidget() is registered.view, 30, "its tasks")
                detail.tabs.setCurrentIndex(0)
                await until(lambda: active.message.title.text() == "Nothing", 30, "the answer that it runs nothing")
                detail.tabs.setCurrentIndex(4)

                detail.show_worker(row("gone@nowhere"))
                assert registered.pane.currentWidget() is registered.message
                assert registered.message.title.text() == "No reply"
                detail.show_worker(row(worker.hostname))
                assert registered.pane.currentWidget() is registered.view
                detail.show_worker(None)
                assert registered.message.title.text() == "No worker selected"
                assert detail.age.text() == ""

                asked = registered.answers[worker.hostname][0]  # an answer that comes while another tab is shown
                detail.show_worker(row(worker.hostname))
                detail.refresh()
                detail.tabs.setCurrentIndex(0)
                await until(lambda: registered.answers[worker.hostname][0] > asked, 30, "the second answer")
                assert registered.pane.currentWidget() is registered.view
                assert active.message.title.text() == "Nothing"
            finally:
                await session.stop()
                detail.deleteLater()

        run(scenario())
