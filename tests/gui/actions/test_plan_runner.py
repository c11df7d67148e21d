"""A plan of the window that is stopped, before its thread has begun or while it runs, or whose session has ended."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import Any

import pytest
import redis
from PySide6.QtWidgets import QApplication

from deskq.actions.executor import Progress
from deskq.actions.journal.journal import Journal
from deskq.actions.messages.call import Call, plan_send
from deskq.actions.plan import Item, Plan
from deskq.actions.safety import Confirmation
from deskq.profiles import Profile
from deskq.services.plan_runner import PlanRunner
from deskq.services.session import ProfileSession
from tests.gui.conftest import Recorded, Run, until
from tests.gui.shell.test_window import opened
from tests.support.waiting import wait_until


def begun(redis_url: str) -> tuple[PlanRunner, ProfileSession, Plan[Item], list[Progress | str]]:
    profile = Profile.from_url(redis_url, name="shop")
    plan = plan_send(Call(task="t", times=2), profile, now=time.time())
    session = ProfileSession(profile)
    runner = PlanRunner(profile, session, spawn=session.spawn)
    told: list[Progress | str] = []
    runner.ended.connect(told.append)
    runner.failed.connect(told.append)
    return runner, session, plan, told


def test_a_stop_counts_before_the_thread_has_begun(redis_url: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on = threading.Event()

    def late() -> Journal:
        assert goes_on.wait(20)
        return Journal()

    monkeypatch.setattr("deskq.services.plan_runner.Journal", late)

    async def scenario() -> None:
        runner, session, plan, told = begun(redis_url)
        runner.begin(plan, Confirmation(plan.id))
        assert [runner.running] == [True]  # a dialog that is left now stops it, and is not closed above it
        runner.stop()
        goes_on.set()
        await until(lambda: bool(told), 20, "its end")
        (result,) = told
        assert isinstance(result, Progress)
        assert (result.done, result.held_back, result.words) == (0, 2, "Stopped by you.")
        assert not runner.running
        await session.stop()

    run(scenario())
    with redis.Redis.from_url(redis_url) as client:
        assert client.llen("celery") == 0
    with closing(Journal()) as journal:
        assert [action.outcomes for action in journal.actions()] == [{"not sent": 2}]


def test_a_session_that_has_ended_says_so(redis_url: str, run: Run) -> None:
    async def scenario() -> None:
        runner, session, plan, told = begun(redis_url)
        await session.stop()
        runner.begin(plan, Confirmation(plan.id))
        assert told == ["“shop” is not connected. Connect it first."]
        assert not runner.running

    run(scenario())


def test_the_window_closes_while_a_plan_is_carried_out(
    redis_url: str, recorded: Recorded, run: Run, qapp: QApplication
) -> None:
    ids: list[str | int] = [*recorded.add(40, state="failed")]
    profile = Profile.from_url(redis_url, name="shop", history=recorded.profile.history)

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(profile)
            app.window.show()
            dialog: Any = app.window.acting.retry("shop", ids, "shop", "emails")
            await until(lambda: dialog.model.rowCount() == 40)
            dialog.rate.setValue(4)
            await until(dialog.go.isEnabled)
            dialog.go.click()
            await until(lambda: dialog.bar.value() >= 2, 20)

    run(scenario())
    with closing(Journal()) as journal:
        wait_until(lambda: not journal.actions()[0].running, 20)
        (action,) = journal.actions()
        outcomes = action.outcomes
    assert set(outcomes) == {"done", "not sent"}
    with redis.Redis.from_url(redis_url) as client:
        assert client.llen("emails") == outcomes["done"] < 40
