"""A broker that a saved profile guards is guarded in the window too: pasted, dropped upon, or opened before."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication, QWidget

from deskq.actions.broker_change import ask_identity
from deskq.history.known_broker import keep_broker
from deskq.history.writing.writer import History
from deskq.profiles import Environment, PasswordStore, Profile, ProfileFile, Safety, SavedProfiles
from deskq.protocol.identity import Identity
from deskq.schedules.opening import open_store
from deskq.views.actions.plan_dialog import StepsDialog
from tests.gui.actions.test_steps_dialog import disabling
from tests.gui.conftest import Recorded, Run, until
from tests.gui.shell.test_window import opened
from tests.support.schedule_entries import added, entry


def saved(url: str, safety: Safety) -> None:
    """A saved profile of that broker."""
    profile = Profile.from_url(url, name="prod", safety=safety, environment=Environment.PRODUCTION)
    SavedProfiles(ProfileFile(), PasswordStore()).put(profile)


def spelled(url: str) -> str:
    """The same broker in other words."""
    return url.replace("127.0.0.1", "LOCALHOST")


def test_a_pasted_url_has_the_level_of_the_profile_that_guards_it(redis_url: str, run: Run, qapp: QApplication) -> None:
    saved(redis_url, Safety.READ_ONLY)

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.window.show()
            app.connect_url(spelled(redis_url))
            await until(lambda: app.sessions)
            (session,) = app.sessions.values()
            name = session.profile.name
            assert session.profile.safety is Safety.READ_ONLY
            assert session.profile.environment is Environment.PRODUCTION
            assert app.window.acting.send(name) is None
            assert app.window.acting.commands(name) == {}
            assert app.window.acting.check_drop(name, 1, name, "emails") == (
                False,
                f"{name} is read-only: tasks cannot be retried",
            )

    run(scenario())


def dialogs(app: Any) -> list[Any]:
    """The previews of changes that are open."""
    names = ("SendDialog", "RetryDialog", "StepsDialog")
    return [each for each in app.window.findChildren(QWidget) if type(each).__name__ in names]


def _send(app: Any, _recorded: Recorded) -> None:
    dialog = app.window.acting.send("shop", "emails")
    dialog.fields.task.setEditText("mail.send")


def _drop(app: Any, recorded: Recorded) -> None:
    app.window.acting.retry("files", recorded.add(2, "failed"), "shop", "emails")


def _control(app: Any, _recorded: Recorded) -> None:
    app.window.acting.steering("shop").control("shutdown", ["w@h"])


def _revoke(app: Any, recorded: Recorded) -> None:
    app.window.acting.steering("shop").revoke([(recorded.add(1, "started")[0], "mail.send")], terminate=False)


@pytest.mark.parametrize("safety", [Safety.READ_ONLY, Safety.ASK_NAME])
@pytest.mark.parametrize("act", [_send, _drop, _control, _revoke])
def test_every_preview_asks_the_guard(
    redis_url: str,
    recorded: Recorded,
    run: Run,
    qapp: QApplication,
    act: Callable[[Any, Recorded], None],
    safety: Safety,
    tmp_path: Path,
) -> None:
    """Also where the profile was opened before anybody saved the one that guards it, and asks nothing."""
    url = spelled(redis_url)
    shop = Profile.from_url(url, name="shop", safety=Safety.FREE, history=str(tmp_path / "shop.sqlite"))
    recorded.add(1, "failed")

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(shop, start=False)
            app.add(replace(Profile.of_history(recorded.history.path), name="files"))
            app.window.show()
            saved(redis_url, safety)
            act(app, recorded)
            await until(lambda: dialogs(app), 30, "the preview")
            dialog = dialogs(app)[-1]
            if safety is Safety.READ_ONLY:
                await until(lambda: "“prod” is read-only, and this is its broker" in dialog.message.text())
                assert not dialog.go.isEnabled()
            else:
                await until(dialog.name.isVisible)
                assert "The level of “prod” holds (ask-name)" in dialog.guard.note.text()
                assert dialog.name.placeholderText() == "prod"
                dialog.name.setText("shop")
                assert not dialog.go.isEnabled()
                dialog.name.setText("prod")
                await until(dialog.go.isEnabled)
            dialog.reject()

    run(scenario())


def test_a_store_that_another_profile_guards_is_asked_about(redis_url: str, run: Run) -> None:
    """As a drop of schedules on a store: the profile is on another broker, the store on the guarded one."""
    saved(redis_url, Safety.ASK_NAME)
    profile = Profile.from_url(
        "amqp://127.0.0.1:1", name="shop", safety=Safety.FREE, schedule_stores=(spelled(redis_url),)
    )

    async def scenario() -> None:
        window = QWidget()
        window.show()
        with closing(open_store(redis_url)) as store:
            plan = disabling(store, profile, [added(store, entry("a"))])
        dialog = StepsDialog(plan, profile, window, runner=lambda: pytest.fail("begun"))
        dialog.open()
        await until(dialog.name.isVisible)
        assert not dialog.go.isEnabled()
        assert dialog.name.placeholderText() == "prod"
        dialog.reject()
        window.deleteLater()

    run(scenario())


def test_another_broker_is_asked_about_with_both_names(
    redis_url: str, run: Run, qapp: QApplication, tmp_path: Path
) -> None:
    """The history is of another broker than the one that answers: a mere click is no yes."""
    shop = Profile.from_url(redis_url, name="shop", safety=Safety.FREE, history=str(tmp_path / "shop.sqlite"))
    History(shop.history_path()).close()
    keep_broker(shop.history_path(), Identity(product="Redis", ids=("0123456789",)))
    now = ask_identity(shop)
    assert now is not None

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(shop, start=False)
            app.window.show()
            dialog: Any = app.window.acting.send("shop", "emails")
            dialog.fields.task.setEditText("mail.send")
            await until(dialog.name.isVisible)
            assert f"it was Redis “01234567”, now it is Redis “{now.code}”" in dialog.guard.note.text()
            assert not dialog.go.isEnabled()
            dialog.name.setText(now.code)
            await until(dialog.go.isEnabled)
            dialog.reject()

    run(scenario())
