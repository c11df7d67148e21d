"""A broker whose figures cannot all be read: the window says why, where the figures stand."""

from __future__ import annotations

from pathlib import Path

from deskq.profiles import Profile
from deskq.services.session import ProfileSession
from deskq.views.overview.view import OverviewView
from deskq.views.queues.view import QueuesView
from deskq.views.shell.status_bar import describe
from deskq.views.workers.view import WorkersView
from tests.gui.conftest import Run, until
from tests.support.servers import RedisServer


def test_what_a_user_may_not_read_is_said_above_the_queues_until_it_may(
    redis_server: RedisServer, redis_url: str, tmp_path: Path, run: Run
) -> None:
    async def scenario() -> None:
        with redis_server.new_client() as admin:
            admin.execute_command("ACL", "SETUSER", "looker", "on", ">secret", "~*", "&*", "+@all", "-llen")
            url = redis_url.replace("://", "://looker:secret@", 1)
            session = ProfileSession(Profile.from_url(url, name="shop", history=str(tmp_path / "h.sqlite")))
            session.start()
            views = QueuesView(session), WorkersView(session), OverviewView([session])
            lines = [views[0].problem, views[1].problem, views[2]._by_broker]
            try:
                await until(lambda: "llen" in lines[0].text().lower(), 30, "the problem to be shown")
                await until(lambda: all("llen" in line.text().lower() for line in lines), 5, "it in every view")
                assert not any(line.isHidden() for line in lines)
                assert "llen" in describe(session)[1].lower()
                admin.execute_command("ACL", "SETUSER", "looker", "+@all")
                await until(lambda: all(line.isHidden() for line in lines), 15, "the end of it")
            finally:
                await session.stop()
                for view in views:
                    view.close()
                    view.deleteLater()
                admin.execute_command("ACL", "DELUSER", "looker")

    run(scenario())
