"""The list of steps and the Doctor view, on a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit

from deskq.app import App
from deskq.doctor.finding import Finding, ProbedStep
from deskq.profiles import Profile
from deskq.views.widgets.steps_list import StepsList
from tests.gui.conftest import Run, until
from tests.support.sample_app import sample_client
from tests.support.servers import RedisServer


def test_the_steps_of_a_real_broker(redis_url: str, run: Run) -> None:
    async def scenario() -> None:
        steps = StepsList()
        steps.show()
        ended: list[bool] = []
        steps.finished.connect(ended.append)
        steps.run(Profile.from_url(redis_url))
        assert steps.cancel.isVisible()
        await until(lambda: [one.key for one in steps.shown][:4] == ["host", "tcp", "tls", "login"], 15, "first steps")
        await until(lambda: ended == [True], 40, "the end")
        assert len(steps.shown) == 11
        assert not steps.cancel.isVisible()
        assert steps.status.text() == "2 warnings."  # there is no worker
        steps.copy.click()
        assert "[ok] Login\n    Without a password." in QApplication.clipboard().text()
        steps.run(Profile.from_url("redis://127.0.0.1:1/0"))
        await until(lambda: ended == [True, False], 20, "the second end")
        assert steps.status.text() == "1 failed."
        assert len(steps.shown) == 11
        steps.deleteLater()

    run(scenario())


def test_cancel(needs: Callable[[Callable[[], RedisServer]], RedisServer], run: Run) -> None:
    with needs(RedisServer) as server:

        async def scenario() -> None:
            steps = StepsList()
            steps.show()
            ended: list[bool] = []
            steps.finished.connect(ended.append)
            server.freeze()
            steps.run(Profile.from_url(server.url))
            await until(lambda: len(steps.shown) == 3, 15, "what comes before the login")
            steps.cancel.click()
            assert ended == [False]
            assert steps.status.text() == "Cancelled."
            assert not steps.running
            server.thaw()
            steps.run(Profile.from_url(server.url))  # and begins anew at once
            await until(lambda: len(steps.shown) > 3, 15, "the login")
            steps.stop()
            await until(lambda: not steps._tasks.running(), 30, "both threads to end")
            assert ended == [False, False]
            steps.deleteLater()

        run(scenario())


def test_a_list_that_is_deleted_while_it_runs(
    needs: Callable[[Callable[[], RedisServer]], RedisServer], run: Run
) -> None:
    with needs(RedisServer) as server:

        async def scenario() -> None:
            steps = StepsList()
            steps.show()
            server.freeze()
            steps.run(Profile.from_url(server.url), advice=True)
            await until(lambda: len(steps.shown) == 3, 15, "what comes before the login")
            gone: list[bool] = []
            steps.destroyed.connect(lambda: gone.append(True))
            tasks = steps._tasks
            steps.deleteLater()
            await until(lambda: gone, 10, "the widget to be gone")
            server.thaw()
            await until(lambda: not tasks.running(), 30, "its thread to end")

        run(scenario())


def test_hostile_text_stays_plain(run: Run) -> None:
    async def scenario() -> None:
        steps = StepsList()
        steps._show(ProbedStep("a", "<b>A</b>", "failed", "<img src=x>\u202e", "do <i>it</i>"))
        steps._show(Finding("b", "warning", "B", "", "", "x = '<b>'\n"))
        labels = steps.findChildren(QLabel)
        assert {label.textFormat() for label in labels} == {Qt.TextFormat.PlainText}
        texts = [label.text() for label in labels]
        assert "<b>A</b>" in texts
        assert "<img src=x>⟨U+202E⟩" in texts
        (line,) = steps.findChildren(QLineEdit)
        assert (line.text(), line.isReadOnly()) == ("x = '<b>'⏎", True)
        steps.deleteLater()
        await asyncio.sleep(0)

    run(scenario())


def test_the_doctor_runs_when_it_is_first_shown(redis_url: str, run: Run, qapp: QApplication) -> None:
    with sample_client(redis_url) as client:
        client.send_task("sample.add", (1, 2), queue="lonely")

        async def scenario() -> None:
            app = App(qapp)
            try:
                app.add(Profile.from_url(redis_url, name="real"), start=False)
                app.window.show()
                app.window.run_command("doctor")
                view: Any = app.window.view()
                assert view.title == "Doctor"
                assert view.steps.running
                assert not view.again.isEnabled()
                await until(lambda: not view.steps.running, 40, "the report")
                found = {one.key: one for one in view.steps.shown}
                assert found["workers"].state == "warning"
                assert found["eviction"].level in ("ok", "advice")
                assert view.again.isEnabled()
                shown = list(view.steps.shown)
                app.window.show_view("real", "queues")
                app.window.show_view("real", "doctor")
                assert view.steps.shown == shown
                view.again.click()
                assert view.steps.running
                assert view.steps.shown == []
            finally:
                app.window.close()
                await app.stop()

        run(scenario())
