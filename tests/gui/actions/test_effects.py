"""What a plan of this window did is in its views at once; here nothing is polled that others may have written."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtWidgets import QApplication

from deskq.actions.messages.call import Call, plan_send
from deskq.actions.plan import Step, Verb, plan_at
from deskq.brokers.routing import Route
from deskq.profiles import Profile
from deskq.services.effects import Effects, effects_of
from deskq.services.journal import JournalFeed
from tests.gui.actions.test_retry import dialog_of
from tests.gui.conftest import Recorded, Run, until
from tests.gui.shell.test_window import opened
from tests.gui.tasks.test_task_deeds import states

NEVER_MS = 3_600_000
PROFILE = Profile.from_url("redis://127.0.0.1:1/0", name="shop")


def test_messages_touch_their_tasks_and_queues() -> None:
    plan = plan_send(Call(task="t", queue="emails", times=2), PROFILE, now=0.0)
    ids = frozenset(item.id for item in plan.items)
    assert effects_of(plan) == Effects("shop", tasks=ids, queues=frozenset({"emails"}))
    route = Route("shop", "mail", ("emails", "copies"))
    call = Call(task="t", queue="", exchange="shop", routing_key="mail")
    assert effects_of(plan_send(call, PROFILE, now=0.0, route=route)).queues == {"emails", "copies"}


def test_steps_touch_what_they_name() -> None:
    pause = Step(target="w1", command="c", detail={"method": "cancel_consumer", "arguments": {"queue": "emails"}})
    assert effects_of(plan_at(PROFILE, Verb.PAUSE, "Pause", [pause])) == Effects("shop", queues=frozenset({"emails"}))
    edit = Step(target="nightly", command="c", detail={"store": "redbeat:redis://127.0.0.1:1/0"})
    assert effects_of(plan_at(PROFILE, Verb.SCHEDULE, "Add", [edit])) == Effects(
        "shop", schedules=frozenset({"nightly"})
    )
    revoke = Step(target="u1", command="c", detail={"arguments": {"task_id": "u1"}}, source="u1", task="t")
    assert effects_of(plan_at(PROFILE, Verb.REVOKE, "Revoke", [revoke])) == Effects("shop", tasks=frozenset({"u1"}))


def test_an_own_retry_is_seen_without_polling(
    redis_url: str, recorded: Recorded, run: Run, qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("deskq.models.tasks.action_notes", "deskq.services.journal"):
        monkeypatch.setattr(f"{module}.LOOK_MS", NEVER_MS)
    recorded.add(1, state="failed")
    profile = Profile.from_url(redis_url, name="shop", history=recorded.profile.history)

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(profile)
            app.window.show()
            view: Any = app.window.show_view("shop", "tasks")
            await until(lambda: list(states(view.model).values()) == ["Failed"])
            (old,) = states(view.model)
            feed = JournalFeed(app.window)
            feed.start()
            await until(lambda: feed.read_once)
            view.shown.show(old)
            app.window.run_command("retry")
            await until(lambda: dialog_of(app).model.rowCount() == 1, 30, "the preview")
            dialog = dialog_of(app)
            dialog.queue.setEditText("emails")
            await until(dialog.go.isEnabled)
            dialog.go.click()
            await until(lambda: states(view.model)[old] == "Failed (retried)", 30, "the words")
            await until(lambda: [action.running for action in feed.actions] == [False], 30, "the action")
            dialog.cancel.click()
            feed.stop()

    run(scenario())
