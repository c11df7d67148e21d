"""The composition root: sessions that come and go, at once and while the window closes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication

from deskq.app import App
from deskq.errors import UserError
from deskq.files import locks as lock
from deskq.profiles import Profile
from deskq.services.session import ProfileSession
from tests.gui.conftest import Recorded, Run, until
from tests.gui.shell.test_window import opened


def made_by(app: App, monkeypatch: pytest.MonkeyPatch) -> list[ProfileSession]:
    """Every session that the app makes from now on, and those that it has."""
    made = list(app.sessions.values())
    add = app.window.add_session

    def noted(session: ProfileSession) -> None:
        made.append(session)
        add(session)

    monkeypatch.setattr(app.window, "add_session", noted)
    return made


def test_a_profile_that_is_connected_twice_at_once_has_one_session(
    recorded: Recorded, run: Run, qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(recorded.profile)
            made = made_by(app, monkeypatch)
            app._connect_saved(recorded.profile)
            app._connect_saved(recorded.profile)
            app._saved(recorded.profile, "shop")
            await until(lambda: not app._tasks.running())
            assert len(made) == 4
            assert [session for session in made if session.connected] == [app.sessions["shop"]]

    run(scenario())


def test_a_window_that_closes_while_it_reconnects_leaves_nothing(
    recorded: Recorded, run: Run, qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(recorded.profile)
            made = made_by(app, monkeypatch)
            removed = asyncio.Event()
            monkeypatch.setattr(app.window, "remove_session", lambda _: removed.set())
            app._connect_saved(recorded.profile)
            await removed.wait()  # and its session is just being stopped
        assert [session for session in made if session.connected] == []
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert [task.get_name() for task in others] == []

    run(scenario())


def test_saved_profiles_are_shown_though_one_is_shown_already(
    recorded: Recorded, run: Run, qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with opened(qapp) as app:
            app.profiles.save([recorded.profile, Profile.from_url("redis://127.0.0.1:1/1", name="other")])
            first = app.add(recorded.profile)
            await app.load_saved()
            assert list(app.sessions) == ["shop", "other"]
            assert app.sessions["shop"] is first

    run(scenario())


def test_what_a_task_of_the_window_says_for_people_stands_in_the_bar(run: Run, qapp: QApplication) -> None:
    async def refused() -> None:
        raise UserError("The password cannot be kept.")

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.spawn(refused(), "refused")
            await until(lambda: app.window.bar.currentMessage() == "The password cannot be kept.")

    run(scenario())


def test_a_service_that_was_quicker_is_followed_and_stood_in_for_when_it_ends(
    recorded: Recorded, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The history is taken between the look at its lock and the start of the recorder."""
    looks: list[bool] = []

    def is_locked(path: Path) -> bool:
        looks.append(bool(looks) and lock.is_locked(path))
        return looks[-1]

    monkeypatch.setattr("deskq.services.recorder_child.is_locked", is_locked)

    async def scenario() -> None:
        session = recorded.session()
        session.start()
        await until(lambda: any(looks), 30, "the recorder to find it taken")
        recorded.history.close()
        await until(lambda: says(session) is not None and says(session).state == "connecting", 30, "one of its own")
        await session.stop()

    run(scenario())


def says(session: ProfileSession) -> Any:
    return session.status
