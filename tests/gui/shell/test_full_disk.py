"""A full disk, as the window tells of it: the recorder cannot write its status, so it says it to its parent."""

from __future__ import annotations

import uuid
from contextlib import closing
from pathlib import Path

from deskq.history.reading.reader import HistoryReader
from deskq.profiles import Profile
from deskq.services.session import ProfileSession
from deskq.views.shell.status_bar import describe
from tests.gui.conftest import Run, until
from tests.support.flood import Feed, task_events
from tests.support.small_disk import fill, small_file_system
from tests.support.soundness import assert_sound


def tasks_in(profile: Profile) -> int:
    with closing(HistoryReader(profile.history_path())) as reader:
        return reader.counts().total


def send_tasks(feed: Feed, count: int) -> None:
    feed.send(*(task_events(str(uuid.uuid4()), 3 * number + 1) for number in range(count)))


def test_the_window_shows_at_once_what_cannot_be_written(redis_url: str, tmp_path: Path, run: Run) -> None:
    async def scenario(profile: Profile, disk: Path) -> None:
        session = ProfileSession(profile)
        session.start()
        try:
            with Feed(redis_url) as feed:
                await until(lambda: session.status is not None and session.status.state == "recording", 30)
                send_tasks(feed, 10)
                ballast = fill(disk)
                send_tasks(feed, 1_000)
                await until(lambda: "cannot be written" in session.problem, 15, "the problem to be shown")
                assert describe(session)[0] == "disconnected"
                assert "cannot be written" in describe(session)[1]
                ballast.unlink()
                await until(lambda: session.problem == "" and describe(session)[0] == "recording", 15, "the end of it")
                await until(lambda: tasks_in(profile) == 1_010, 15, "what came meanwhile")  # a stop reads no more
        finally:
            await session.stop()

    with small_file_system(tmp_path / "disk") as disk:
        profile = Profile.from_url(redis_url, name="shop", history=str(disk / "h.sqlite"))
        run(scenario(profile, disk))
        assert assert_sound(profile.history_path()) == 1_010


def test_the_window_shows_why_a_recorder_cannot_begin(redis_url: str, tmp_path: Path, run: Run) -> None:
    async def scenario(profile: Profile, disk: Path) -> None:
        ballast = fill(disk)
        session = ProfileSession(profile)
        session.start()
        try:
            await until(lambda: "cannot be written" in session.problem, 30, "the problem to be shown")
            assert "cannot be written" in describe(session)[1]
            with Feed(redis_url) as feed:
                await until(lambda: bool(feed.subscribers()), 15, "the recorder to subscribe")
                send_tasks(feed, 100)
            ballast.unlink()
            await until(lambda: session.problem == "" and describe(session)[0] == "recording", 15, "the end of it")
            await until(lambda: tasks_in(profile) == 100, 15, "what came meanwhile")
        finally:
            await session.stop()

    with small_file_system(tmp_path / "disk") as disk:
        profile = Profile.from_url(redis_url, name="shop", history=str(disk / "h.sqlite"))
        run(scenario(profile, disk))
        assert assert_sound(profile.history_path()) == 100
