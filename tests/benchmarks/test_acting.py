"""How many tasks a second are retried, journalled and confirmed, where no rate is set."""

from __future__ import annotations

import contextlib
import time

import pytest

from deskq.actions.journal.journal import Journal
from deskq.actions.plan import Item, Plan, Verb
from deskq.actions.runners import executor_for
from deskq.actions.safety import Confirmation
from deskq.profiles import Profile
from deskq.protocol.message import new_message
from tests.benchmarks.figures import Figures, size
from tests.support.sample_app import sample_client

TASKS = size(20_000)


@pytest.mark.usefixtures("deskq_home")
@pytest.mark.parametrize(("kind", "goal"), [("redis_url", 2_000), ("rabbit_vhost_url", 1_000)])
def test_bulk_retry(kind: str, goal: int, request: pytest.FixtureRequest, figures: Figures) -> None:
    url: str = request.getfixturevalue(kind)
    profile = Profile.from_url(url, name="shop")
    with sample_client(url) as client:
        client.send_task("sample.add", (1, 2))  # declares the queue
    items = tuple(
        Item(f"new-{n}", "sample.add", "celery", new_message("sample.add", f"new-{n}", [n, "grüße"], {}, origin="x"))
        for n in range(TASKS)
    )
    plan = Plan(verb=Verb.RETRY, profile="shop", environment="development", title="Retry", items=items)
    with contextlib.closing(Journal()) as journal:
        began, used = time.perf_counter(), time.process_time()
        result = executor_for(plan, profile, journal).run(Confirmation(plan.id))
        took, worked = time.perf_counter() - began, time.process_time() - used
    assert result.done == TASKS
    server = "Redis" if kind == "redis_url" else "RabbitMQ, confirmed"
    figures.at_least(f"bulk retry, {server}", TASKS / took, goal, "tasks/s")
    figures.note(f"bulk retry, {server}, CPU", TASKS / worked, "tasks/s")
