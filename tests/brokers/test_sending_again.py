"""A broker that is away: tried again while nothing has left, and never once something may have; and serializers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis

from deskq.actions.executor import Progress
from deskq.actions.journal.journal import Journal
from deskq.actions.messages.call import Call, plan_send
from deskq.actions.messages.publish_runner import PublishRunner
from deskq.actions.runners import executor_for
from deskq.actions.safety import Confirmation
from deskq.brokers.opening import open_publisher
from deskq.brokers.ports import Refused
from deskq.brokers.publishing import OutgoingMessage, Publisher, PublishResult
from deskq.brokers.rabbitmq.publisher import RabbitPublisher
from deskq.errors import UserError
from deskq.profiles import Profile
from tests.support.celery_worker import CeleryWorker
from tests.support.middle import Middle
from tests.support.recording import deskq
from tests.support.sample_app import sample_client
from tests.support.servers import RedisServer
from tests.support.waiting import wait_until

Needs = Callable[[Callable[[], Any]], Any]


def carry_out(
    profile: Profile,
    call: Call,
    tries: int,
    tell: Callable[[Progress], None],
    publisher: Callable[[Profile], Publisher] = open_publisher,
) -> Progress:
    plan = plan_send(call, profile, now=0.0, tries=tries)
    with closing(Journal()) as journal:
        return executor_for(plan, profile, journal, tell, lambda: PublishRunner(plan, profile, publisher)).run(
            Confirmation(plan.id)
        )


def test_it_is_sent_once_the_broker_is_back(needs: Needs) -> None:
    with needs(RedisServer) as server:
        profile = Profile.from_url(server.url)
        server.kill()
        told: list[Progress] = []
        with pytest.raises(Refused):
            carry_out(profile, Call(task="t"), 1, told.append)
        waiting = [one for one in told if one.phase == "waiting for the broker"]
        (words,) = [one.words for one in waiting]
        assert words.startswith(f"Nothing is listening on {urlsplit(server.url).netloc}.")
        assert words.endswith("Trying again, at most 1 more.")
        back = threading.Thread(target=server.start)

        def tell(progress: Progress) -> None:
            if progress.phase == "waiting for the broker" and not back.ident:
                back.start()

        result = carry_out(profile, Call(task="t", times=3), 60, tell)
        back.join()
        assert (result.done, result.words, result.phase) == (3, "", "done")
        with server.new_client() as client:
            assert client.llen("celery") == 3


def test_a_stop_ends_the_waiting() -> None:
    profile = Profile.from_url("redis://127.0.0.1:1/0")  # nothing listens there
    plan = plan_send(Call(task="t"), profile, now=0.0, tries=1_000)
    with closing(Journal()) as journal:
        carrier = executor_for(plan, profile, journal, lambda progress: carrier.stop())
        with pytest.raises(Refused):
            carrier.run(Confirmation(plan.id))
        assert journal.actions() == []  # nothing was begun


def test_what_may_have_left_is_not_sent_again(rabbit_vhost_url: str) -> None:
    port = urlsplit(rabbit_vhost_url).port
    assert port is not None
    published: list[Sequence[OutgoingMessage]] = []

    class Counted(RabbitPublisher):
        def publish(self, parcels: Sequence[OutgoingMessage]) -> list[PublishResult]:
            published.append(parcels)
            middle.swallow()
            return super().publish(parcels)

    with Middle(port) as middle, sample_client(rabbit_vhost_url) as client:
        client.send_task("t", queue="celery")
        through = Profile.from_url(rabbit_vhost_url.replace(f":{port}", f":{middle.port}"))
        result = carry_out(through, Call(task="t", times=2), 5, lambda _: None, publisher=Counted)
    assert (result.unknown, result.phase, len(published)) == (2, "stopped", 1)


@pytest.mark.parametrize("serializer", ["json", "yaml", "msgpack"])
def test_workers_run_what_was_sent_with_a_serializer(redis_url: str, tmp_path: Path, serializer: str) -> None:
    file = tmp_path / "notes"
    arguments = [str(file), "grüße 🚀", {"n": [1, None, 2.5, True]}]
    command = ("send", redis_url, "sample.note", "--args", json.dumps(arguments), "--kwargs", '{"k": "ü"}', "--yes")
    with CeleryWorker(redis_url, config={"accept_content": ["json", serializer]}):
        sent = deskq(*command, "--serializer", serializer)
        assert sent.returncode == 0, sent.stdout + sent.stderr
        assert ("accept_content" in sent.stdout) is (serializer != "json")
        wait_until(file.exists, 20, "its run")
        note = json.loads(file.read_text())
        assert (note["args"], note["kwargs"]) == (arguments[1:], {"k": "ü"})


@pytest.mark.parametrize("serializer", ["pickle", "msgpack2", ""])
def test_pickle_is_never_one_of_them(serializer: str, redis_url: str) -> None:
    profile = Profile.from_url(redis_url)
    with pytest.raises(UserError, match="Use one of: json"):
        plan_send(Call(task="t", serializer=serializer), profile, now=0.0)
    refused = deskq("send", redis_url, "t", "--serializer", serializer or "x", "--yes")
    assert refused.returncode == 2
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0


def test_what_no_serializer_can_write_is_said(redis_url: str) -> None:
    profile = Profile.from_url(redis_url)
    with pytest.raises(UserError, match="cannot be sent as msgpack"):
        plan_send(Call(task="t", args=[2**70], serializer="msgpack"), profile, now=0.0)
