"""What is not known when workers are told: said as such, and never in the way of what puts it right."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from deskq.actions.executor import PlanExecutor
from deskq.actions.journal.journal import ItemRow, Journal
from deskq.actions.journal.pauses import pauses
from deskq.actions.plan import Outcome, Plan, Step
from deskq.actions.safety import Confirmation
from deskq.actions.undo import undo_plan
from deskq.actions.who_runs import terminated
from deskq.actions.workers.control import ControlRunner, plan_pause
from deskq.actions.workers.revoke import plan_revoke
from deskq.brokers.control_nodes import ControlNodes, control_nodes
from deskq.brokers.remote_control import RemoteControl
from deskq.cli import main
from deskq.history.writing.writer import History
from deskq.profiles import Profile
from deskq.protocol.events import Event
from tests.support.celery_worker import CeleryWorker
from tests.support.processes import free_port
from tests.support.sample_app import sample_client
from tests.support.servers import RabbitServer, RedisServer
from tests.support.waiting import wait_until

ODD = "mails-already-sent"


@pytest.fixture(scope="module")
def workers(redis_server: RedisServer) -> Iterator[tuple[Profile, CeleryWorker, CeleryWorker]]:
    with (
        redis_server.database() as url,
        CeleryWorker(url, pool="solo", queues=("celery", "second", ODD)) as solo,
        CeleryWorker(url, pool="solo", queues=("other",)) as idle,
    ):
        yield Profile.from_url(url, name="doubt"), solo, idle


def carried(profile: Profile, plan: Plan[Step]) -> list[ItemRow]:
    with closing(Journal()) as journal:
        PlanExecutor(plan, profile, journal, ControlRunner(profile)).run(Confirmation(plan.id))
        return journal.items(plan.id)


def undone(profile: Profile, action: str) -> tuple[str, list[ItemRow]]:
    with closing(Journal()) as journal:
        plan = undo_plan(journal, action)
    return plan.id, carried(profile, plan)


def paused() -> list[str]:
    with closing(Journal()) as journal:
        return [pause.queue for pause in pauses(journal, "doubt")]


def queues(profile: Profile, worker: CeleryWorker) -> set[str]:
    with closing(RemoteControl(profile)) as remote:
        answers = remote.inspect("active_queues", destination=[worker.hostname], timeout=40, limit=1)
    replies = answers[worker.hostname]
    assert isinstance(replies, list)
    return {queue["name"] for queue in replies}


@contextmanager
def frozen(worker: CeleryWorker) -> Iterator[None]:
    os.kill(worker.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(worker.pid, signal.SIGCONT)


def test_a_pause_that_nobody_answered_can_be_resumed(workers: tuple[Profile, CeleryWorker, CeleryWorker]) -> None:
    profile, solo, _ = workers
    plan = plan_pause("second", [solo.hostname], profile)
    with frozen(solo):
        (item,) = carried(profile, plan)
    assert item.outcome == Outcome.UNKNOWN
    wait_until(lambda: "second" not in queues(profile, solo))  # it was told all the same
    assert paused() == ["second"]
    undone(profile, plan.id)
    wait_until(lambda: "second" in queues(profile, solo))
    assert paused() == []


def test_a_resume_that_is_taken_back_is_a_pause(workers: tuple[Profile, CeleryWorker, CeleryWorker]) -> None:
    profile, solo, _ = workers
    plan = plan_pause("second", [solo.hostname], profile)
    carried(profile, plan)
    resumed, _ = undone(profile, plan.id)
    assert paused() == []
    again, _ = undone(profile, resumed)
    wait_until(lambda: "second" not in queues(profile, solo))
    assert paused() == ["second"]
    undone(profile, again)
    wait_until(lambda: "second" in queues(profile, solo))
    assert paused() == []


def test_who_joins_or_is_silent_while_a_queue_is_paused(
    workers: tuple[Profile, CeleryWorker, CeleryWorker], capsys: pytest.CaptureFixture[str]
) -> None:
    profile, solo, idle = workers

    def control(*words: str) -> str:
        assert main(["control", profile.url, *words, "--yes"]) == 0
        return capsys.readouterr().out

    with frozen(idle):
        said = control("pause-queue", "second")
    assert f"{idle.hostname} does not reply: it may still consume the queue." in said
    control("add-consumer", "second", "--worker", idle.hostname)
    assert "not reply" not in control("pause-queue", "second")
    assert "second" not in queues(profile, solo) | queues(profile, idle)
    control("resume-queue", "second")
    assert "second" in queues(profile, solo) & queues(profile, idle)
    assert main(["control", profile.url, "resume-queue", "second", "--yes"]) == 2
    control("cancel-consumer", "second", "--worker", idle.hostname)


@pytest.mark.parametrize("words", [["revoke", "x"], ["control", "shutdown", "--worker", "w"]])
@pytest.mark.parametrize(
    ("scheme", "says"), [("redis", "Cannot reach the workers"), ("amqp", "Nothing is listening on")]
)
def test_where_nothing_listens_nobody_was_told(
    words: list[str], scheme: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"{scheme}://127.0.0.1:{free_port()}/0"
    assert main([words[0], url, *words[1:], "--yes"]) == 2
    assert says in capsys.readouterr().err
    with closing(Journal()) as journal:
        assert journal.actions() == []


def test_a_queue_may_have_any_name(workers: tuple[Profile, CeleryWorker, CeleryWorker]) -> None:
    profile, solo, _ = workers
    plan = plan_pause(ODD, [solo.hostname], profile)
    (item,) = carried(profile, plan)
    assert item.outcome == Outcome.DONE
    assert paused() == [ODD]
    undone(profile, plan.id)
    wait_until(lambda: ODD in queues(profile, solo))


def test_who_runs_a_task_and_is_silent(workers: tuple[Profile, CeleryWorker, CeleryWorker], tmp_path: Path) -> None:
    profile, solo, _ = workers
    profile = replace(profile, history=str(tmp_path / "history.sqlite"))
    end = tmp_path / "end"
    with sample_client(profile.url) as client:
        uuid = client.send_task("sample.wait_for", (str(end),)).id
    try:
        wait_until(lambda: f"Task sample.wait_for[{uuid}] received" in solo.log(), 20)
        plan = plan_revoke([(uuid, "sample.wait_for")], profile, terminate=True)
        (item,) = carried(profile, plan)
        assert item.outcome == Outcome.UNKNOWN
        assert f"{solo.hostname} does not reply: it may run there." in item.words  # the broker knows, without a history
        with closing(History(profile.history_path())) as history:
            event = Event(
                type="task-received",
                uuid=uuid,
                hostname=solo.hostname,
                pid=1,
                clock=1,
                timestamp=time.time(),
                name="sample.wait_for",
            )
            history.record(uuid, time.time()).add(event)
            history.commit(time.time())
        (item,) = carried(profile, replace(plan, id=str(uuid4())))
        assert item.outcome == Outcome.UNKNOWN
        assert f"{solo.hostname} had the task and does not reply" in item.words
    finally:
        end.touch()


@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
def test_a_frozen_worker_may_run_the_task(request: pytest.FixtureRequest, kind: str) -> None:
    url = request.getfixturevalue("redis_url" if kind == "redis" else "rabbit_vhost_url")
    profile = Profile.from_url(url, name="doubt")
    if kind == "rabbitmq":
        rabbit: RabbitServer = request.getfixturevalue("rabbit_server")
        profile = replace(profile, management_url=rabbit.management_url)
    with (
        CeleryWorker(url) as worker,
        CeleryWorker(url, queues=("other",)) as idle,
        CeleryWorker(url, queues=("other",), concurrency=1) as killed,
        sample_client(url) as client,
    ):
        killed.kill()  # on Redis its binding stays, and nobody waits for its answer
        uuid = client.send_task("sample.sleep_for", (60,)).id
        wait_until(lambda: f"Task sample.sleep_for[{uuid}] received" in worker.log(), 20)
        plan = plan_revoke([(uuid, "sample.sleep_for"), ("no-such-id", "")], profile, terminate=True)
        with frozen(worker):
            items = carried(profile, plan)
        assert [item.outcome for item in items] == [Outcome.UNKNOWN, Outcome.UNKNOWN]
        assert "not reply" in items[0].words
        assert worker.hostname in items[0].words
        assert idle.hostname not in items[0].words
        assert "Nothing was terminated." in items[0].words
        again = carried(profile, replace(plan, id=str(uuid4())))
        assert [item.outcome for item in again] == [Outcome.DONE, Outcome.GONE]
        assert again[0].words == f"terminated on {worker.hostname}"
        assert "None of the workers that replied (2) runs the task" in again[1].words


def test_nodes_are_known_under_a_key_prefix(redis_url: str) -> None:
    profile = Profile.from_url(redis_url, name="doubt")
    assert control_nodes(profile) == ControlNodes(frozenset(), 0)
    prefixed = replace(profile, redis=replace(profile.redis, global_keyprefix="shop:"))
    with CeleryWorker(redis_url, concurrency=1, config={"global_keyprefix": "shop:"}) as worker:
        assert control_nodes(prefixed) == ControlNodes(frozenset({worker.hostname}), 1)
        assert control_nodes(profile) == ControlNodes(frozenset(), 0)
        with closing(RemoteControl(prefixed)) as remote:
            assert remote.inspect("ping", timeout=40, limit=1) == {worker.hostname: {"ok": "pong"}}
        assert "pidbox" not in worker.log()  # what goes to nobody harms nobody


def test_a_broker_that_cannot_tell_who_is_there(rabbit_vhost_url: str) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    profile = replace(Profile.from_url(rabbit_vhost_url, name="doubt"), management_url=nobody)
    with CeleryWorker(rabbit_vhost_url, concurrency=1):
        (item,) = carried(profile, plan_revoke([("no-such-id", "")], profile, terminate=True))
    assert item.outcome == Outcome.UNKNOWN
    assert "cannot list other workers without its management API" in item.words


def test_many_that_one_worker_ended() -> None:
    ids = [f"{number:036}" for number in range(100)]
    assert terminated({"ok": f"terminate: {', '.join(ids)}"}) == set(ids)
    assert terminated({"ok": "terminate: tasks unknown"}).isdisjoint(ids)
    assert "1" not in terminated({"ok": "terminate: 12"})
