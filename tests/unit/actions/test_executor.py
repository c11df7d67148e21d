"""Carrying messages out where the journal can no longer be written, and numbers that make no sense."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import apsw
import pytest
import redis

from deskq.actions.executor import PlanExecutor, StepResult, StepRunner
from deskq.actions.journal.journal import Journal
from deskq.actions.messages.call import Call, plan_send
from deskq.actions.plan import Item, Outcome, Policy
from deskq.actions.resolving import resolve_unknown
from deskq.actions.runners import executor_for
from deskq.actions.safety import Confirmation
from deskq.cli import main
from deskq.errors import UserError
from deskq.profiles import Profile

FULL = (
    "CREATE TRIGGER full BEFORE UPDATE ON items WHEN NEW.outcome = '{}' BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
)


def test_what_was_sent_is_told_though_it_cannot_be_noted(redis_url: str) -> None:
    profile = Profile.from_url(redis_url, name="shop")
    plan = plan_send(Call(task="t", times=3), profile, now=0.0)
    with closing(Journal()) as journal:
        other = apsw.Connection(str(journal.path))
        other.execute(FULL.format("done"))
        result = executor_for(plan, profile, journal).run(Confirmation(plan.id))
        assert (result.done, result.held_back, result.phase) == (3, 0, "stopped")
        assert "disk is full" in result.words
        assert [item.outcome for item in journal.items(plan.id)] == ["unknown"] * 3
        other.execute("DROP TRIGGER full")
        other.close()
        assert list(resolve_unknown(journal, profile).values()) == [Outcome.DONE] * 3  # the broker still tells
    with redis.Redis.from_url(redis_url) as client:
        assert client.llen("celery") == 3


def test_nothing_leaves_that_cannot_be_noted_before(redis_url: str) -> None:
    profile = Profile.from_url(redis_url, name="shop")
    plan = plan_send(Call(task="t", times=3), profile, now=0.0)
    with closing(Journal()) as journal:
        other = apsw.Connection(str(journal.path))
        other.execute(FULL.format("sending"))
        other.close()
        result = executor_for(plan, profile, journal).run(Confirmation(plan.id))
        assert (result.done, result.held_back, result.phase) == (0, 3, "stopped")
    with redis.Redis.from_url(redis_url) as client:
        assert client.llen("celery") == 0


@pytest.mark.parametrize("rate", [-5.0, math.nan, math.inf, 1e-12, 1e300])
def test_a_rate_that_is_none(rate: float, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match="The rate must be"):
        plan_send(Call(task="t"), Profile.from_url("redis://h/0"), now=0.0, rate=rate)
    assert main(["send", "redis://127.0.0.1:1/0", "t", f"--rate={rate}", "--yes"]) == 2
    assert "The rate must be" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"countdown": -5.0}, "countdown"),
        ({"countdown": math.nan}, "countdown"),
        ({"expires": 0.0}, "expires"),
        ({"expires": -3.0}, "expires"),
        ({"time_limit": -1.0}, "hard limit"),
        ({"time_limit": math.nan}, "hard limit"),
        ({"soft_time_limit": math.inf}, "soft limit"),
        ({"times": 0}, "Enter 1 to"),
        ({"times": 10**9}, "copies"),
        ({"id": "x\ny"}, "control characters"),
        ({"id": "x" * 300}, "255 bytes"),
    ],
)
def test_numbers_that_make_no_sense(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        plan_send(Call(task="t", **fields), Profile.from_url("redis://h/0"), now=0.0)


def test_half_a_character_is_told_and_nothing_is_sent(redis_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["send", redis_url, "t", "--headers", '{"x": "\\ud800"}', "--dry-run", "--format", "json"]
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["items"][0]["headers"]["x"] == "\ud800"
    assert main(["send", redis_url, "t\udcff", "--yes"]) == 2
    assert "not valid Unicode" in capsys.readouterr().err
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0


def test_an_id_is_sent_once(redis_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["send", redis_url, "t", "--id", "my-own-id", "--yes"]
    assert main(command) == 0
    assert main(command) == 2
    assert "already sent a task with this id" in capsys.readouterr().err
    with redis.Redis.from_url(redis_url) as client:
        assert client.llen("celery") == 1
    with closing(Journal()) as journal:
        assert len(journal.actions()) == 1


class _RefusesOne(StepRunner[Item]):
    """Runs nothing; the item at a place is refused, as one that somebody else has retried meanwhile."""

    def __init__(self, place: int) -> None:
        self._refused = place
        self._asked = 0

    def check(self) -> None:
        pass

    def refused(self, steps: Sequence[Item], *, first: bool) -> Sequence[str]:
        self._asked += 1
        return ["Someone else was here." if self._asked == self._refused + 1 else "" for _ in steps]

    def run_steps(self, steps: Sequence[Item]) -> Sequence[StepResult]:
        return [StepResult(Outcome.DONE) for _ in steps]

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("place", "outcomes", "words"),
    [
        (0, ["failed", "not sent", "not sent"], "The first task was not sent. Someone else was here."),
        (1, ["done", "failed", "done"], "Someone else was here."),
    ],
)
def test_only_the_first_refused_one_holds_back_what_waits_for_it(
    redis_url: str, place: int, outcomes: list[str], words: str
) -> None:
    profile = Profile.from_url(redis_url, name="shop")
    plan = replace(plan_send(Call(task="t", times=3), profile, now=0.0), policy=Policy(rate=1_000.0, canary=True))
    with closing(Journal()) as journal:
        result = PlanExecutor(plan, profile, journal, _RefusesOne(place)).run(Confirmation(plan.id))
        assert [item.outcome for item in journal.items(plan.id)] == outcomes
    assert result.words == words
