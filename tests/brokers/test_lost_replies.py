"""Changes of schedules whose reply is lost: done, not done or unknown, and what was done can be taken back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from deskq.actions.executor import PlanExecutor
from deskq.actions.journal.journal import ItemRow, Journal
from deskq.actions.plan import Outcome
from deskq.actions.resolving import resolve_unknown
from deskq.actions.safety import Confirmation
from deskq.actions.schedule_edit import ScheduleRunner, plan_changes
from deskq.actions.undo import undo_plan
from deskq.brokers.redis import link as redis_link
from deskq.profiles import Profile
from deskq.schedules.diff import FieldChange
from deskq.schedules.model import Entry, Interval, ScheduleStore
from deskq.schedules.opening import open_store
from deskq.schedules.stores.django import databases
from deskq.schedules.stores.django.store import DjangoBeatStore
from tests.support.django_entries import emptied
from tests.support.lossy_middle import LossyMiddle
from tests.support.schedule_entries import added, entry, names
from tests.support.waiting import wait_until

KINDS = ("redis", "postgres", "maria")
MARKS = {"redis": b"EXEC\r\n", "postgres": b"COMMIT", "maria": b"\x03COMMIT"}  # PyMySQL also says AUTOCOMMIT
HERE = "redis://127.0.0.1:1/0"
PROFILE = Profile.from_url(HERE, name="shop")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_link, "ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(databases, "ANSWER_SECONDS", 5)
    monkeypatch.setattr(databases, "LOCK_SECONDS", 1)


class Way:
    """A store, and the same store behind what loses its replies."""

    def __init__(self, kind: str, direct: ScheduleStore, middle: LossyMiddle, url: str) -> None:
        self.mark = MARKS[kind]
        self.direct = direct
        self.middle = middle
        self.url = url

    def carried(self, old: Entry | None, new: Entry | None) -> ItemRow:
        """Carry one change out through the journal; how it ended."""
        store = open_store(self.url)
        plan = plan_changes(store, PROFILE, [FieldChange(old, new)])
        with closing(Journal()) as journal:
            PlanExecutor(plan, PROFILE, journal, ScheduleRunner(store)).run(Confirmation(plan.id))
            return journal.items(plan.id)[0]

    def undone(self, action: str) -> int:
        """Take it back; how many steps were done."""
        with closing(Journal()) as journal:
            plan = undo_plan(journal, action)
            executor = PlanExecutor(plan, PROFILE, journal, ScheduleRunner(open_store(self.url)))
            return executor.run(Confirmation(plan.id)).done


@pytest.fixture(params=KINDS)
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    kind: str = request.param
    url = request.getfixturevalue("redis_url") if kind == "redis" else request.getfixturevalue(kind)[0].url
    port = urlsplit(url).port
    assert port is not None
    with contextlib.ExitStack() as stack:
        direct = stack.enter_context(closing(open_store(url)))
        if isinstance(direct, DjangoBeatStore):
            emptied(direct)
        middle = stack.enter_context(LossyMiddle(port))
        yield Way(kind, direct, middle, url.replace(f":{port}", f":{middle.port}"))


def changes(store: ScheduleStore) -> dict[str, tuple[Entry | None, Entry | None]]:
    old, gone, moved = (added(store, entry(name)) for name in ("one", "gone", "moved"))
    return {
        "edit": (old, replace(old, schedule=Interval(5.0))),
        "add": (None, entry("new")),
        "delete": (gone, None),
        "rename": (moved, replace(moved, name="elsewhere")),
    }


@pytest.mark.parametrize("verb", ["edit", "add", "delete", "rename"])
def test_what_was_written_is_done_and_can_be_taken_back(way: Way, verb: str) -> None:
    old, new = changes(way.direct)[verb]
    before = names(way.direct)
    way.middle.mute(way.mark)
    item = way.carried(old, new)
    assert way.middle.met.is_set()
    assert (item.outcome, item.words) == ("done", "")
    after = names(way.direct)
    assert after != before
    assert new is None or after[new.name].schedule == new.schedule
    assert way.undone(item.action) == 1
    assert {name: each.schedule for name, each in names(way.direct).items()} == {
        name: each.schedule for name, each in before.items()
    }


@pytest.mark.parametrize("verb", ["edit", "add", "delete", "rename"])
def test_what_was_not_written_is_said_so(way: Way, verb: str) -> None:
    old, new = changes(way.direct)[verb]
    before = names(way.direct)
    way.middle.lose(way.mark)
    item = way.carried(old, new)
    assert way.middle.met.is_set()
    assert item.outcome == "failed"
    assert "othing was written" in item.words
    assert "someone else" not in item.words.lower()
    assert names(way.direct) == before
    assert way.carried(old, new).outcome == "done"  # nothing is in the way of trying again


@pytest.mark.parametrize("verb", ["edit", "add"])
def test_what_arrives_late_is_never_written_after_it_was_said_not_to_be(way: Way, verb: str) -> None:
    """A database whose COMMIT is on its way holds its locks: that is unknown. Redis is told to drop it."""
    old, new = changes(way.direct)[verb]
    before = names(way.direct)
    way.middle.hold(way.mark)
    item = way.carried(old, new)
    wait_until(lambda: way.middle.holding, 10, "the first connection to be given up")
    assert item.outcome == ("failed" if way.mark == MARKS["redis"] else "unknown")
    way.middle.deliver()
    after = names(way.direct)
    if item.outcome == "failed":
        assert after == before
    else:
        wait_until(lambda: names(way.direct) != before, 10, "the late transaction")


def test_somebody_else_s_later_change_is_not_taken_for_either(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    old = added(way.direct, entry("one"))
    kind: Any = type(way.direct)
    honest = kind._look_for

    def later(store: Any, *arguments: Any) -> Any:
        theirs = names(way.direct)["one"]
        way.direct.replace(theirs, replace(theirs, task="theirs"))
        return honest(store, *arguments)

    monkeypatch.setattr(kind, "_look_for", later)
    way.middle.mute(way.mark)
    item = way.carried(old, replace(old, schedule=Interval(5.0)))
    assert (item.outcome, "someone else" in item.words.lower()) == ("unknown", True)
    assert names(way.direct)["one"].task == "theirs"


@pytest.mark.parametrize("verb", ["edit", "delete"])
def test_what_nobody_could_tell_is_found_when_the_store_is_back(way: Way, verb: str) -> None:
    """The network goes while the reply is on its way, and is still away when the store is looked at."""
    old, new = changes(way.direct)[verb]
    way.middle.vanish(way.mark)
    item = way.carried(old, new)
    assert item.outcome == "unknown"
    way.middle.heal()
    with closing(Journal()) as journal:
        profile = Profile.from_url(HERE, name="shop", schedule_stores=(way.url,))
        assert resolve_unknown(journal, profile) == {item.new_id: Outcome.DONE}
        assert journal.items(item.action)[0].words == "checked afterwards: it was stored"
    assert way.undone(item.action) == 1
