"""The users of the README, with no more rights than it says: each can do what it is for, and hears what it may not."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from deskq.brokers.opening import open_broker, open_publisher
from deskq.brokers.publishing import Parcel
from deskq.brokers.rabbitmq.connection import virtual_host
from deskq.brokers.rabbitmq.management import Management
from deskq.brokers.remote_control import NotTold, RemoteControl
from deskq.doctor.advice.general import examine
from deskq.doctor.finding import Finding, Step
from deskq.profiles import Profile
from deskq.protocol.message import new_message
from tests.support.celery_worker import CeleryWorker
from tests.support.recording import deskq
from tests.support.servers import RabbitServer, RedisServer
from tests.support.waiting import wait_until

README = (Path(__file__).parents[2] / "README.md").read_text()
PERMISSIONS = [shlex.split(line)[-3:] for line in re.findall(r"^rabbitmqctl set_permissions .*", README, re.MULTILINE)]
(TAG,) = re.findall(r"^rabbitmqctl set_user_tags deskq (\w+)", README, re.MULTILINE)
USERS = [line.split()[1:] for line in re.findall(r"^user deskq-.*", README, re.MULTILINE)]
WATCH, ASK, SEND = range(3)


@pytest.fixture
def rabbit_user(rabbit_vhost_url: str, rabbit_server: RabbitServer) -> Iterator[Any]:
    """Returns the profile of a user with the README's rights."""
    host = virtual_host(Profile.from_url(rabbit_vhost_url))

    def profile(level: int, tag: str = "", **fields: Any) -> Profile:
        rabbit_server.management("PUT", "/api/users/least", {"password": "secret", "tags": tag})
        rights = dict(zip(("configure", "write", "read"), PERMISSIONS[level], strict=True))
        rabbit_server.management("PUT", f"/api/permissions/{host}/least", rights)
        url = rabbit_vhost_url.replace("guest:guest@", "least:secret@")
        return Profile.from_url(url, management_url=rabbit_server.management_url, **fields)

    yield profile
    rabbit_server.management("DELETE", "/api/users/least")


@pytest.fixture
def redis_user() -> Iterator[Any]:
    """The same on Redis; channels are named by the database, which is 0."""
    with RedisServer() as server:

        def profile(level: int, **fields: Any) -> Profile:
            name, *rights = USERS[level]
            with server.new_client() as admin:
                admin.execute_command("ACL", "SETUSER", name, "reset", *rights)
            return Profile.from_url(server.url.replace("redis://", f"redis://{name}:PASSWORD@"), **fields)

        profile.server = server  # type: ignore[attr-defined]
        yield profile


@pytest.fixture(params=["rabbit_user", "redis_user"])
def user(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


@pytest.fixture
def worker(user: Any, request: pytest.FixtureRequest) -> Iterator[CeleryWorker]:
    url = user.server.url if hasattr(user, "server") else request.getfixturevalue("rabbit_vhost_url")
    with CeleryWorker(url) as running:
        yield running


def examined(profile: Profile) -> tuple[dict[str, Step], dict[str, Finding]]:
    reported = list(examine(profile, history=None, cancelled=lambda: False))
    steps = {one.key: one for one in reported if isinstance(one, Step)}
    return steps, {one.key: one for one in reported if isinstance(one, Finding)}


def test_who_watches_sees_events_and_depths(user: Any, worker: CeleryWorker) -> None:
    profile = user(WATCH)
    steps, findings = examined(profile)
    for key in ("login", "permission", "database", "messages", "events"):
        assert steps[key].state == "ok", steps[key]
    assert "may not ask workers" in steps["workers"].remedy
    assert "pidbox" in steps["workers"].remedy or "ACL SETUSER" in steps["workers"].remedy
    assert steps["task-events"].state == "skipped"  # nothing is known of them
    assert "task-events" not in findings
    with closing(open_broker(profile)) as broker:
        assert broker.sample(["celery"])[0].ready == 0
        assert broker.incomplete == ""
        broker.waiting(["celery"])
        assert broker.incomplete == ""
    with closing(open_publisher(profile)) as publisher:
        (answer,) = publisher.publish([_parcel()])
        assert answer.sent is False
    quiet, _ = examined(user(WATCH, silent=True))
    assert {step.key: step.state for step in quiet.values() if step.state in ("warning", "failed")} == {}


def test_who_asks_workers_is_answered(user: Any, worker: CeleryWorker) -> None:
    profile = user(ASK)
    steps, _ = examined(profile)
    assert steps["workers"].state == "ok", steps["workers"]
    with closing(RemoteControl(profile)) as remote:
        assert worker.hostname in wait_until(lambda: remote.inspect("ping"), 20, "the worker")
    with closing(open_publisher(profile)) as publisher:
        (answer,) = publisher.publish([_parcel()])
        assert answer.sent is False


def test_who_sends_sends(user: Any, worker: CeleryWorker) -> None:
    with closing(open_publisher(user(SEND))) as publisher:
        publisher.check()
        parcel = _parcel()
        (answer,) = publisher.publish([parcel])
        assert answer.sent, answer
        publisher.forget([parcel.id])
    wait_until(lambda: parcel.id in worker.log(), 20, "the worker to run it")


def test_the_tag_opens_the_management_api(rabbit_user: Any) -> None:
    profile = rabbit_user(WATCH, TAG)
    management = Management(profile)
    management.queues()
    management.bindings()
    assert management.alarms() == []


def test_who_may_not_ask_is_not_told_of_a_refused_login(user: Any) -> None:
    with closing(RemoteControl(user(WATCH))) as remote, pytest.raises(NotTold, match="may not ask workers"):
        remote.inspect("ping")


def test_without_multi_the_right_is_named_wherever_it_is_missing(redis_user: Any) -> None:
    """redis-py and kombu queue MULTI with the rest: what is told is that EXEC had none."""
    profile = redis_user(ASK)
    with redis_user.server.new_client() as admin:
        admin.execute_command("ACL", "SETUSER", USERS[ASK][0], "+@all", "-multi")
    with closing(RemoteControl(profile)) as remote, pytest.raises(NotTold, match="the 'multi' command"):
        remote.inspect("ping")
    plan = ("schedules", "add", f"redbeat:{profile.connection_url()}", "--name", "nightly", "--task", "sample.add")
    added = deskq(*plan, "--cron", "0 3 * * *", "--yes")
    assert added.returncode == 1
    assert "'multi' command" in added.stdout + added.stderr


def _parcel() -> Parcel:
    message = new_message("sample.add", str(uuid4()), [1, 2], {}, origin="test")
    return Parcel(message.id, "celery", message)
