"""Abortions whose reply is lost, or that arrive late: done, or unknown until the result backend tells."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from deskq.actions.executor import PlanExecutor
from deskq.actions.journal.journal import ItemRow, Journal
from deskq.actions.plan import Outcome
from deskq.actions.resolving import resolve_unknown
from deskq.actions.safety import Confirmation
from deskq.actions.workers.abort import AbortRunner, plan_abort, stored_states
from deskq.brokers.redis import link as redis_link
from deskq.profiles import Profile
from deskq.results import database as database_store
from tests.support.lossy_middle import LossyMiddle
from tests.support.sample_app import sample_client
from tests.support.waiting import wait_until

MARKS = {"redis": b"EVAL", "postgres": b"COMMIT"}
TASK = "sample.abortable"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_link, "ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(database_store, "ANSWER_SECONDS", 2)


@pytest.fixture(params=list(MARKS))
def way(request: pytest.FixtureRequest, redis_url: str) -> Iterator[tuple[LossyMiddle, Profile, Profile, bytes]]:
    """A result backend in which a task has started: behind what loses replies, and as it is."""
    kind: str = request.param
    url = redis_url if kind == "redis" else request.getfixturevalue(kind)[0].url
    port = urlsplit(url).port
    assert port is not None
    bare = url if kind == "redis" else f"db+{url.replace('postgresql:', 'postgresql+psycopg:')}"
    with contextlib.ExitStack() as stack:
        middle = stack.enter_context(LossyMiddle(port))
        client = stack.enter_context(sample_client(redis_url, result_backend=bare))
        client.backend.store_result("a", None, "STARTED")
        through, direct = (
            Profile.from_url(redis_url, name="shop", result_backend=backend, silent=True)
            for backend in (bare.replace(f":{port}", f":{middle.port}"), bare)
        )
        yield middle, through, direct, MARKS[kind]
        client.backend.forget("a")


def aborted(profile: Profile) -> ItemRow:
    plan = plan_abort([("a", TASK)], {"a": "STARTED"}, profile)
    with closing(Journal()) as journal:
        PlanExecutor(plan, profile, journal, AbortRunner(profile)).run(Confirmation(plan.id))
        return journal.items(plan.id)[0]


def state(profile: Profile) -> str:
    return stored_states(profile, ["a"])["a"]


def test_a_lost_reply_is_looked_for(way: tuple[LossyMiddle, Profile, Profile, bytes]) -> None:
    middle, through, direct, mark = way
    middle.mute(mark)
    item = aborted(through)
    assert middle.met.is_set()
    assert (item.outcome, state(direct)) == ("done", "ABORTED")


def test_what_arrives_late_was_not_said_to_have_failed(way: tuple[LossyMiddle, Profile, Profile, bytes]) -> None:
    middle, through, direct, mark = way
    middle.hold(mark)
    item = aborted(through)
    wait_until(lambda: middle.holding, 10, "the connection to be given up")
    assert (item.outcome, state(direct)) == ("unknown", "STARTED")
    middle.deliver()
    wait_until(lambda: state(direct) == "ABORTED", 10, "the late abortion")
    with closing(Journal()) as journal:
        assert resolve_unknown(journal, through) == {item.new_id: Outcome.DONE}


def test_a_backend_that_is_away_is_looked_at_when_it_is_back(way: tuple[LossyMiddle, Profile, Profile, bytes]) -> None:
    middle, through, direct, mark = way
    middle.vanish(mark)
    item = aborted(through)
    assert (item.outcome, state(direct)) == ("unknown", "ABORTED")
    middle.heal()
    with closing(Journal()) as journal:
        assert resolve_unknown(journal, through) == {item.new_id: Outcome.DONE}
