"""A plan of the window that is stopped before its thread has begun, and one for a session that has ended."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import pytest
import redis

from deskq.actions.carrying_out import Progress
from deskq.actions.journal import Journal
from deskq.actions.plan import Plan
from deskq.actions.safety import Confirmation
from deskq.actions.sending import Call, plan_send
from deskq.models.carrying import Carrying
from deskq.models.session import ProfileSession
from deskq.profiles import Profile
from tests.gui.conftest import Run, until


def begun(redis_url: str) -> tuple[Carrying, Plan, list[Progress | str]]:
    profile = Profile.from_url(redis_url, name="shop")
    plan = plan_send(Call(task="t", times=2), profile, now=time.time())
    carrying = Carrying(ProfileSession(profile))
    told: list[Progress | str] = []
    carrying.ended.connect(told.append)
    carrying.failed.connect(told.append)
    return carrying, plan, told


def test_a_stop_counts_before_the_thread_has_begun(redis_url: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on = threading.Event()

    def late() -> Journal:
        assert goes_on.wait(20)
        return Journal()

    monkeypatch.setattr("deskq.models.carrying.Journal", late)

    async def scenario() -> None:
        carrying, plan, told = begun(redis_url)
        carrying.begin(plan, Confirmation(plan.id))
        assert [carrying.running] == [True]  # a dialog that is left now stops it, and is not closed above it
        carrying.stop()
        goes_on.set()
        await until(lambda: bool(told), 20, "its end")
        (result,) = told
        assert isinstance(result, Progress)
        assert (result.done, result.held_back, result.words) == (0, 2, "Stopped by you.")
        assert not carrying.running
        await carrying.target.stop()

    run(scenario())
    with redis.Redis.from_url(redis_url) as client:
        assert client.llen("celery") == 0
    with closing(Journal()) as journal:
        assert [action.outcomes for action in journal.actions()] == [{"not sent": 2}]


def test_a_session_that_has_ended_says_so(redis_url: str, run: Run) -> None:
    async def scenario() -> None:
        carrying, plan, told = begun(redis_url)
        await carrying.target.stop()
        carrying.begin(plan, Confirmation(plan.id))
        assert told == ["“shop” is closed: nothing is sent there."]
        assert not carrying.running

    run(scenario())
