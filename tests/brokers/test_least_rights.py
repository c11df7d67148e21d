"""The users of the README, with no more rights than it says: each can do what it is for, and hears what it may not."""

from __future__ import annotations

import itertools
import json
import re
import shlex
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from deskq.brokers.opening import open_broker, open_publisher
from deskq.brokers.ports import PermissionRefused
from deskq.brokers.publishing import OutgoingMessage
from deskq.brokers.rabbitmq.connection import virtual_host
from deskq.brokers.rabbitmq.management import Management
from deskq.brokers.redis.rights import INSTEAD, RIGHTS, Use
from deskq.brokers.remote_control import NotTold, RemoteControl
from deskq.doctor.advice.general import examine
from deskq.doctor.connection.probes import ProbeOutcome
from deskq.doctor.connection.redis import RedisSteps
from deskq.doctor.finding import Finding, ProbedStep
from deskq.doctor.observed import Observed
from deskq.profiles import Profile
from deskq.protocol.message import new_message
from tests.support.celery_worker import CeleryWorker
from tests.support.recording import Recording, deskq
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


def examined(profile: Profile) -> tuple[dict[str, ProbedStep], dict[str, Finding]]:
    reported = list(examine(profile, history=None, cancelled=lambda: False))
    steps = {one.key: one for one in reported if isinstance(one, ProbedStep)}
    return steps, {one.key: one for one in reported if isinstance(one, Finding)}


def test_who_watches_sees_events_and_depths(user: Any, worker: CeleryWorker) -> None:
    profile = user(WATCH)
    steps, findings = examined(profile)
    for key in ("login", "permission", "database", "messages", "events"):
        assert steps[key].state == "ok", steps[key]
    assert "not permitted to inspect workers" in steps["workers"].remedy
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
    with (
        closing(RemoteControl(user(WATCH))) as remote,
        pytest.raises(NotTold, match="not permitted to inspect workers"),
    ):
        remote.inspect("ping")


def test_the_readme_gives_the_rights_that_the_doctor_tries() -> None:
    uses: list[Use] = []
    for (_, *rights), use in zip(USERS, Use, strict=True):
        uses.append(use)
        wanted = {one.command for one in RIGHTS if set(one.uses) & set(uses)}
        assert {word[1:].replace("|", " ").upper() for word in rights if word[0] == "+"} == wanted


@pytest.mark.parametrize(
    ("level", "missing", "state", "said"),
    [
        (WATCH, "ping", "failed", "The user lacks PING."),
        (WATCH, "psubscribe", "failed", "The user lacks PSUBSCRIBE."),
        (WATCH, "time", "ok", "TIME is not, so clocks are not compared."),
        (SEND, "lpush", "ok", "It may not send tasks: that begins with LPUSH."),
        (SEND, "exists", "warning", "To send tasks the user also needs EXISTS."),
        (SEND, "script|load", "warning", "To send tasks the user also needs SCRIPT LOAD."),
        (SEND, "evalsha", "warning", "To ask workers the user also needs EVALSHA. To send tasks the user also needs"),
        (SEND, "multi", "warning", "To ask workers the user also needs MULTI."),
    ],
)
def test_a_right_that_is_missing_is_named(redis_user: Any, level: int, missing: str, state: str, said: str) -> None:
    profile = redis_user(level)
    before = _stored(redis_user.server)
    with redis_user.server.new_client() as admin:
        admin.execute_command("ACL", "SETUSER", USERS[level][0], f"-{missing}")
    with closing(RedisSteps(profile, Observed())) as steps:
        try:
            outcome = steps.permission()
        except PermissionRefused as error:
            outcome = ProbeOutcome("failed", error.details, str(error))
    assert (outcome.state, said in f"{outcome.evidence} {outcome.remedy}") == (state, True), outcome
    assert _stored(redis_user.server) == before


def _stored(server: RedisServer) -> list[bytes]:
    return sorted(server.client().scan_iter())


def test_nothing_else_is_sent_than_what_the_table_has(redis_user: Any, tmp_path: Path) -> None:
    """All commands of a session that watches, asks and sends, of connections with deskq's name."""
    profile = redis_user(SEND)
    server = redis_user.server
    with CeleryWorker(server.url) as worker, server.new_client() as watching, watching.monitor() as monitor:
        with Recording(profile.connection_url(), history=tmp_path / "h.sqlite") as recording:
            url = profile.connection_url()
            assert deskq("control", url, "ping", "--worker", worker.hostname, "--yes").returncode == 0
            sent = deskq("send", url, "sample.add", "--args", "[1, 2]", "--yes", "--format", "json")
            assert sent.returncode == 0
            recording.wait_for_state(json.loads(sent.stdout.splitlines()[0])["items"][0]["id"], "SUCCESS")
            examined(profile)
        server.client().publish("end", "x")
        lines = list(itertools.takewhile(lambda line: line["command"] != "PUBLISH end x", monitor.listen()))
    own = {_place(line) for line in lines if line["command"] == "CLIENT SETNAME deskq"}
    table = {one.command for one in RIGHTS}
    words = [line["command"].split() for line in lines if _place(line) in own]
    found = {two if (two := " ".join(line[:2]).upper()) in table | INSTEAD else line[0].upper() for line in words}
    assert found <= table | INSTEAD | {"AUTH"}


def _place(line: Any) -> tuple[str, str]:
    return line["client_address"], line["client_port"]


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


def _parcel() -> OutgoingMessage:
    message = new_message("sample.add", str(uuid4()), [1, 2], {}, origin="test")
    return OutgoingMessage(message.id, "celery", message)
