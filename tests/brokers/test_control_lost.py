"""Control messages whose connection ends on the way: told once at most, and what was never told is not in doubt."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest

from deskq.actions.executor import PlanExecutor
from deskq.actions.journal.journal import ItemRow, Journal
from deskq.actions.safety import Confirmation
from deskq.actions.workers.control import ControlRunner, plan_control
from deskq.actions.workers.revoke import plan_revoke
from deskq.actions.workers.verbs import VERBS
from deskq.brokers.remote_control import NotTold, RemoteControl
from deskq.profiles import Profile
from tests.support.celery_worker import CeleryWorker
from tests.support.lossy_middle import LossyMiddle
from tests.support.waiting import wait_until

MARKS = {"redis_url": b"PUBLISH", "rabbit_vhost_url": b"pool_grow"}
"""What a connection says that tells workers to grow. On Redis the body itself is base64."""


@pytest.fixture(params=list(MARKS))
def way(request: pytest.FixtureRequest) -> Iterator[tuple[LossyMiddle, Profile, Profile, CeleryWorker, bytes]]:
    url: str = request.getfixturevalue(request.param)
    port = urlsplit(url).port
    assert port is not None
    with LossyMiddle(port) as middle, CeleryWorker(url, concurrency=1) as worker:
        through = Profile.from_url(url.replace(f":{port}", f":{middle.port}"), name="shop")
        yield middle, through, Profile.from_url(url), worker, MARKS[request.param]


def grown(profile: Profile, worker: CeleryWorker) -> ItemRow:
    plan = plan_control(VERBS["pool-grow"], {"n": 1}, [worker.hostname], profile)
    with closing(Journal()) as journal:
        PlanExecutor(plan, profile, journal, ControlRunner(profile)).run(Confirmation(plan.id))
        return journal.items(plan.id)[0]


def processes(profile: Profile, worker: CeleryWorker) -> int:
    with closing(RemoteControl(profile)) as remote:
        replies: Any = remote.inspect("stats", destination=[worker.hostname], timeout=40, limit=1)
    return len(replies[worker.hostname]["pool"]["processes"])


def test_a_worker_is_told_once(way: tuple[LossyMiddle, Profile, Profile, CeleryWorker, bytes]) -> None:
    middle, through, direct, worker, mark = way
    wait_until(lambda: processes(direct, worker) == 1, 20, "the worker to listen")
    middle.cut(mark)
    assert grown(through, worker).outcome == "unknown"
    assert middle.met.is_set()
    wait_until(lambda: processes(direct, worker) > 1, 20, "the pool to grow")
    assert grown(through, worker).outcome == "done"  # behind whatever was sent before it
    wait_until(lambda: processes(direct, worker) > 2, 20, "the pool to grow again")
    assert processes(direct, worker) == 3


def test_a_question_that_was_lost_leaves_nothing_in_doubt(
    way: tuple[LossyMiddle, Profile, Profile, CeleryWorker, bytes],
) -> None:
    """Before a rate limit the present one is asked for: when that fails, nobody was told."""
    middle, through, direct, worker, mark = way
    wait_until(lambda: processes(direct, worker) == 1, 20, "the worker to listen")
    middle.cut(mark if mark == b"PUBLISH" else b"registered")
    verb = VERBS["rate-limit"]
    plan = plan_control(verb, {"task_name": "sample.add", "rate_limit": "7/m"}, [worker.hostname], through)
    with closing(Journal()) as journal:
        PlanExecutor(plan, through, journal, ControlRunner(through)).run(Confirmation(plan.id))
        (item,) = journal.items(plan.id)
    assert middle.met.is_set()
    assert item.outcome == "failed"


def test_a_revocation_that_was_told_stays_told_when_asking_on_fails(
    way: tuple[LossyMiddle, Profile, Profile, CeleryWorker, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between “revoke” and “who runs it?” the broker goes away: not “nobody was told”."""
    _, through, direct, worker, _ = way
    wait_until(lambda: processes(direct, worker) == 1, 20, "the worker to listen")
    honest = RemoteControl.inspect

    def inspect(remote: RemoteControl, method: str, **how: Any) -> Any:
        if method == "query_task":
            raise NotTold("The broker went away.")
        return honest(remote, method, **how)

    monkeypatch.setattr(RemoteControl, "inspect", inspect)
    plan = plan_revoke([("no-such-id", "")], through, terminate=True)
    with closing(Journal()) as journal:
        PlanExecutor(plan, through, journal, ControlRunner(through)).run(Confirmation(plan.id))
        (item,) = journal.items(plan.id)
    assert item.outcome == "unknown"
    monkeypatch.undo()
    with closing(RemoteControl(direct)) as remote:
        replies: Any = remote.inspect("revoked", destination=[worker.hostname], timeout=40, limit=1)
    assert "no-such-id" in replies[worker.hostname]
