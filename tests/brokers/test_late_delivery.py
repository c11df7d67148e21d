"""Connections that are given up and whose bytes, or whose replies, come late or never: nothing runs twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis

from deskq.actions.journal.journal import Journal
from deskq.actions.messages.call import Call, plan_send
from deskq.actions.plan import Outcome
from deskq.actions.resolving import resolve_unknown
from deskq.actions.runners import executor_for
from deskq.actions.safety import Confirmation
from deskq.brokers.opening import open_publisher
from deskq.brokers.redis import link as redis_link
from deskq.brokers.redis.publisher import MARKER
from deskq.profiles import Profile
from deskq.protocol.message import read_redis_message
from tests.brokers.test_publishing import parcels
from tests.support.lossy_middle import LossyMiddle
from tests.support.servers import RedisServer
from tests.support.waiting import wait_until

Needs = Callable[[Callable[[], Any]], Any]
SEND = b"EVALSHA"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_link, "ANSWER_SECONDS", 1.0)


@pytest.fixture
def middle(redis_server: RedisServer, redis_url: str) -> Iterator[LossyMiddle]:
    port = urlsplit(redis_url).port
    assert port is not None
    with LossyMiddle(port) as one:
        yield one


def through(middle: LossyMiddle, url: str) -> Profile:
    return Profile.from_url(url.replace(f":{urlsplit(url).port}", f":{middle.port}"))


def sent(profile: Profile, times: int = 50) -> tuple[dict[str, int], str]:
    """Send so many and return what the journal says, with the words of the first."""
    plan = plan_send(Call(task="t", queue="emails", times=times), profile, now=0.0)
    with closing(Journal()) as journal:
        executor_for(plan, profile, journal).run(Confirmation(plan.id))
        (action,) = journal.actions(plan.id)
        return action.outcomes, journal.items(plan.id)[0].words


def ids_in(url: str) -> list[str]:
    with redis.Redis.from_url(url) as client:
        return [message.id for raw in client.lrange("emails", 0, -1) if (message := read_redis_message(raw))]


def test_a_batch_that_is_delivered_long_after_it_was_given_up_is_not_sent_twice(
    middle: LossyMiddle, redis_url: str
) -> None:
    middle.hold(SEND)
    outcomes, _ = sent(through(middle, redis_url))
    assert outcomes == {"done": 50}
    wait_until(lambda: middle.holding, 10, "the first connection to be given up")
    assert middle.deliver().count(b":0\r\n") == 50  # the server ran each again, and each found its marker
    ids = ids_in(redis_url)
    assert (len(ids), len(set(ids))) == (50, 50)


def test_markers_end_with_the_sending_where_no_connection_was_given_up(redis_url: str) -> None:
    assert sent(Profile.from_url(redis_url), 3)[0] == {"done": 3}
    with redis.Redis.from_url(redis_url) as client:
        assert list(client.scan_iter(f"{MARKER}*")) == []


def test_a_batch_whose_replies_are_lost_is_found_there(middle: LossyMiddle, redis_url: str) -> None:
    middle.mute(SEND)
    outcomes, words = sent(through(middle, redis_url))
    assert (outcomes, words) == ({"done": 50}, "it had already been sent")
    assert len(ids_in(redis_url)) == 50


def test_what_the_second_try_is_refused_may_still_come_by_the_first(
    middle: LossyMiddle, redis_server: RedisServer, redis_url: str
) -> None:
    """The server has no memory when it is tried again, and has some when the first connection's bytes arrive."""
    profile = through(middle, redis_url)
    middle.hold(SEND)
    with redis_server.new_client() as client:
        full = threading.Thread(target=lambda: middle.met.wait(10) and client.config_set("maxmemory", "1"))
        full.start()
        try:
            outcomes, words = sent(profile, 2)
        finally:
            full.join()
            client.config_set("maxmemory", "0")
    assert (outcomes, "out of memory" in words) == ({"unknown": 2}, True)
    middle.deliver()
    assert len(ids_in(redis_url)) == 2
    with closing(Journal()) as journal:
        assert set(resolve_unknown(journal, profile).values()) == {Outcome.DONE}


@pytest.mark.parametrize("may_ask", [True, False])
def test_another_server_is_sent_nothing_that_the_first_may_have_taken(needs: Needs, may_ask: bool) -> None:
    """A restart without its data, or a failover: the marker would be gone, and the task may have run already."""
    with needs(RedisServer) as server, needs(RedisServer) as other:
        for each in (server, other):
            with each.new_client() as client:
                client.execute_command(
                    "ACL", "SETUSER", "anna", "on", ">secret", "~*", "&*", "+@all", "+info" if may_ask else "-info"
                )
        port = urlsplit(server.url).port
        assert port is not None
        with LossyMiddle(port) as middle:
            middle.mute(SEND)

            def move() -> None:
                middle.met.wait(10)
                middle.lead_to(urlsplit(other.url).port)

            moved = threading.Thread(target=move)
            moved.start()
            profile = through(middle, server.url.replace("redis://", "redis://anna:secret@"))
            with closing(open_publisher(profile)) as publisher:
                (answer,) = publisher.publish(parcels(1))
            moved.join()
        assert answer.sent is None
        assert ids_in(server.url)
        assert ids_in(other.url) == []


def test_a_user_who_may_not_ask_which_server_it_is_is_told_what_arrived(needs: Needs) -> None:
    with needs(RedisServer) as server:
        with server.new_client() as client:
            client.execute_command("ACL", "SETUSER", "anna", "on", ">secret", "~*", "&*", "+@all", "-info")
        port = urlsplit(server.url).port
        assert port is not None
        profile = Profile.from_url(server.url.replace("redis://", "redis://anna:secret@"))
        with LossyMiddle(port) as middle, closing(open_publisher(through(middle, profile.connection_url()))) as one:
            middle.mute(SEND)
            assert [answer.sent for answer in one.publish(parcels(2))] == [True, True]
            middle.hold(SEND)
            assert [answer.sent for answer in one.publish(parcels(2))] == [None, None]  # nothing was sent again
            middle.deliver()
        assert len(ids_in(server.url)) == 4
