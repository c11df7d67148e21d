"""The recorder as a program, against real brokers and real workers."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis

from deskq.errors import UserError
from deskq.history.reading.reader import HistoryReader
from deskq.history.reading.task_filter import TaskFilter
from deskq.profiles import Profile, profile_to_json
from deskq.protocol.task_summary import derive
from tests.support.celery_worker import CeleryWorker
from tests.support.recording import Recording, deskq
from tests.support.sample_app import sample_client
from tests.support.servers import RedisServer
from tests.support.waiting import wait_until


@pytest.fixture(params=["redis_url", "valkey_url", "rabbit_vhost_url"])
def broker_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(request.param)
    return url


@pytest.fixture(params=["prefork", "threads"])
def pool(request: pytest.FixtureRequest) -> str:
    value: str = request.param
    return value


@pytest.fixture
def recording(broker_url: str) -> Iterator[Recording]:
    with Recording(broker_url) as running:
        yield running


def test_every_ending_comes_out_true(broker_url: str, pool: str, recording: Recording) -> None:
    """Each way in which a task can end, as the history tells it, with both kinds of pool."""
    with CeleryWorker(broker_url, pool=pool, concurrency=4) as worker, sample_client(broker_url) as client:

        def send(name: str, *args: Any, **options: Any) -> str:
            return str(client.send_task(f"sample.{name}", args, **options).id)

        added = send("add", 2, 3)
        failed = send("fail", "no <b>luck</b>")
        retried = send("retry_then_succeed", 2)
        rejected = send("reject")
        # RabbitMQ drops an expired message itself, and nobody tells of it.
        expired = send("add", 1, 1, expires=-5) if broker_url.startswith("redis") else ""
        unicode_id = send("unicode")
        hard = send("hard_limit") if pool == "prefork" else ""

        recording.wait_for_state(added, "SUCCESS")
        # The client tells of it after it has sent it, by a connection of its own: that may come last.
        row = wait_until(lambda: told if (told := recording.task(added)) and told.sent else None, 10, "its task-sent")
        assert row is not None
        assert (row.name, row.args, row.result, row.queue, row.worker) == (
            "sample.add",
            "(2, 3)",
            "5",
            "celery",
            worker.hostname,
        )
        assert row.deliveries == 1
        assert row.sent is not None
        assert row.received is not None
        assert row.started is not None
        assert row.finished is not None

        row = recording.wait_for_state(failed, "FAILURE")
        assert row.exception == "ValueError('no <b>luck</b>')"
        record = recording.reader.task(failed)
        assert record is not None
        assert "raise ValueError(text)" in derive(record).traceback

        row = recording.wait_for_state(retried, "SUCCESS")
        assert (row.retries, row.exception, row.result) == (2, "", "2")
        record = recording.reader.task(retried)
        assert record is not None
        attempts = derive(record).attempts
        assert [attempt.state for attempt in attempts] == ["RETRY", "RETRY", "SUCCESS"]
        assert "attempt 0" in attempts[0].exception

        recording.wait_for_state(rejected, "REJECTED")
        if expired:
            row = recording.wait_for_state(expired, "REVOKED")
            assert (row.name, row.revoked) == ("sample.add", "expired")
        assert "grüße 东京 🚀 <b>bold</b>" in recording.wait_for_state(unicode_id, "SUCCESS").result
        if hard:
            row = recording.wait_for_state(hard, "FAILURE")
            assert row.exception.startswith("TimeLimitExceeded(")

        rows = wait_until(
            lambda: [w for w in recording.reader.workers() if w.pool and w.queues], 15, "facts about the worker"
        )
        assert rows[0].hostname == worker.hostname
        assert rows[0].online
        assert rows[0].concurrency == 4
        assert rows[0].queues == ("celery",)
    wait_until(lambda: not recording.reader.workers()[0].online, 15, "the worker to be offline")
    summary = recording.stop()
    assert summary["malformed"] == 0
    assert summary["tasks"] == 5 + bool(hard) + bool(expired)
    assert summary["events"] > 20


def test_worker_killed_with_its_task_is_lost(redis_url: str) -> None:
    with Recording(redis_url) as recording, sample_client(redis_url) as client:
        worker = CeleryWorker(redis_url).start()
        try:
            task = client.send_task("sample.sleep_for", (300,)).id
            recording.wait_for_state(task, "STARTED")
        finally:
            worker.kill()
        row = recording.wait_for_state(task, "LOST", timeout=40)
        assert row.worker == worker.hostname


def test_task_that_ran_twice_says_so(rabbit_vhost_url: str) -> None:
    """RabbitMQ delivers again what a killed worker had not acknowledged."""
    with Recording(rabbit_vhost_url) as recording, sample_client(rabbit_vhost_url) as client:
        first = CeleryWorker(rabbit_vhost_url).start()
        try:
            task = client.send_task("sample.late_sleep", (2,)).id
            recording.wait_for_state(task, "STARTED")
        finally:
            first.kill()
        with CeleryWorker(rabbit_vhost_url):
            row = recording.wait_for_state(task, "SUCCESS", timeout=60)
        assert row.ran_twice
        assert row.deliveries == 2


def test_ignored_task_does_not_run_for_ever(redis_url: str) -> None:
    with Recording(redis_url) as recording, sample_client(redis_url) as client, CeleryWorker(redis_url):
        task = client.send_task("sample.ignore").id
        recording.wait_for_state(task, "STARTED")
        recording.wait_for_state(task, "ENDED", timeout=40)


def test_revoked_before_its_start_has_a_name(redis_url: str) -> None:
    with Recording(redis_url) as recording, sample_client(redis_url) as client, CeleryWorker(redis_url):
        task = str(uuid.uuid4())
        client.control.revoke(task, reply=True, timeout=60, limit=1)  # it comes by another way than tasks do
        client.send_task("sample.add", (1, 2), task_id=task)
        row = recording.wait_for_state(task, "REVOKED")
        assert (row.name, row.revoked) == ("sample.add", "revoked")


def test_terminated_while_running(redis_url: str) -> None:
    with Recording(redis_url) as recording, sample_client(redis_url) as client, CeleryWorker(redis_url):
        task = client.send_task("sample.sleep_for", (60,)).id
        recording.wait_for_state(task, "STARTED")
        client.control.revoke(task, terminate=True, signal="SIGKILL")
        assert recording.wait_for_state(task, "REVOKED").revoked.startswith("terminated")


def test_recorder_killed_in_mid_stream_leaves_a_gap_and_no_damage(redis_url: str) -> None:
    with sample_client(redis_url) as client, CeleryWorker(redis_url, concurrency=2), Recording(redis_url) as first:
        for number in range(200):
            client.send_task("sample.add", (number, 1))
        wait_until(lambda: first.count() >= 50, 30, "50 tasks")
        first.kill()
        before = first.count()
        assert first.reader._connection.pragma("integrity_check") == "ok"
        with Recording(redis_url, history=first.history) as second:
            last = client.send_task("sample.add", (1, 1)).id
            second.wait_for_state(last, "SUCCESS")
            assert second.count() > before
            causes = [gap.cause for gap in second.reader.gaps()]
            assert causes == ["the recorder was not running"]
            assert second.reader.gaps()[0].ended is not None


def test_a_broker_that_restarts_is_a_gap_and_is_read_again(
    needs: Callable[[Callable[[], RedisServer]], RedisServer], tmp_path: Path
) -> None:
    with needs(RedisServer) as server, Recording(server.url, history=tmp_path / "h.sqlite") as recording:
        server.kill()
        wait_until(lambda: recording.status().state == "disconnected", 10, "the loss to be told")
        assert recording.status().message
        server.restart()
        wait_until(lambda: recording.status().state == "recording", 10, "the recorder to be back")
        with sample_client(server.url) as client, CeleryWorker(server.url, pool="threads"):
            recording.wait_for_state(client.send_task("sample.add", (1, 2)).id, "SUCCESS")
        (gap,) = recording.reader.gaps()
        assert gap.ended is not None
        assert gap.cause
        assert recording.stop()["gaps"] == 1


def test_a_window_s_recorder_ends_when_its_standard_input_closes(redis_url: str, tmp_path: Path) -> None:
    history = tmp_path / "h.sqlite"
    profile = Profile.from_url(redis_url, history=str(history))
    command = [sys.executable, "-m", "deskq", "record", "--child"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        child.stdin.write(profile_to_json(profile) + "\n")
        child.stdin.flush()

        def recording() -> bool:
            with contextlib.suppress(UserError), closing(HistoryReader(history)) as reader:
                return reader.status().state == "recording"
            return False

        try:
            wait_until(recording, 30, "the recorder to record")
        finally:
            out, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    assert json.loads(out)["gaps"] == 0


def test_a_recorder_whose_window_is_gone_already_writes_nothing(
    redis_url: str, deskq_home: Path, tmp_path: Path
) -> None:
    """A demo that was killed while its recorder started: nobody would remove what it writes."""
    profile = Profile.from_url(redis_url, history=str(tmp_path / "made" / "h.sqlite"))
    result = deskq("record", "--child", stdin=profile_to_json(profile) + "\n")
    assert (result.returncode, result.stdout) == (0, ""), result.stderr
    assert not (tmp_path / "made").exists()
    assert [path for path in deskq_home.rglob("*") if path.is_file()] == []


def test_second_recorder_on_one_history_refuses(redis_url: str) -> None:
    with Recording(redis_url) as recording:
        refused = deskq("record", redis_url, "--history", str(recording.history))
    assert refused.returncode == 2
    assert "Another recorder is writing to" in refused.stderr


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("redis://:wrong@{redis}/0", "refused the password"),
        ("amqp://guest:wrong@{rabbit}//", "refused the login"),
        ("amqp://guest:guest@{rabbit}/nowhere", "no virtual host"),
    ],
)
def test_a_refused_login_is_one_clear_sentence(
    url: str, says: str, request: pytest.FixtureRequest, tmp_path: Any
) -> None:
    if "{redis}" in url:
        server = request.getfixturevalue("needs")
        with server(lambda: RedisServer("redis")) as own:
            with own.new_client() as client:
                client.config_set("requirepass", "right")
            place = own.url.split("://")[1].split("/")[0].rpartition("@")[2]
            result = deskq("record", url.format(redis=place), "--history", str(tmp_path / "h.sqlite"))
            with redis.Redis(host="127.0.0.1", port=int(place.rpartition(":")[2]), password="right") as client:
                client.config_set("requirepass", "")
    else:
        rabbit = request.getfixturevalue("rabbit_server")
        place = rabbit.url.split("://")[1].split("/")[0].rpartition("@")[2]
        result = deskq("record", url.format(rabbit=place), "--history", str(tmp_path / "h.sqlite"))
    assert result.returncode == 2, result.stderr
    assert says in result.stderr
    assert "wrong" not in result.stderr


def test_tasks_command_lists_what_was_recorded(redis_url: str) -> None:
    with Recording(redis_url) as recording, sample_client(redis_url) as client, CeleryWorker(redis_url):
        good = client.send_task("sample.add", (2, 3)).id
        bad = client.send_task("sample.fail", ("=cmd()",)).id
        recording.wait_for_state(good, "SUCCESS")
        recording.wait_for_state(bad, "FAILURE")
        history = str(recording.history)
        listed = deskq("tasks", history, "--format", "json").stdout
        tasks = {task["uuid"]: task for task in json.loads(listed)}
        assert set(tasks) == {good, bad}
        assert list(tasks[good]) == [
            *("uuid", "name", "state", "args", "kwargs", "result", "exception", "traceback", "retries", "queue"),
            *("worker", "root_id", "parent_id", "received", "started", "finished", "runtime", "deliveries"),
            *("revoked", "noticed", "runtime_exact"),
        ]
        assert tasks[good]["result"] == "5"
        assert tasks[good]["exception"] is None
        assert tasks[bad]["traceback"].startswith("Traceback")
        assert (tasks[good]["runtime_exact"], tasks[bad]["runtime_exact"]) == (True, False)  # only a success tells it
        assert tasks[bad]["runtime"] == pytest.approx(tasks[bad]["finished"] - tasks[bad]["started"])
        only = deskq("tasks", history, "--state", "FAILURE", "--format", "jsonl", "--limit", "0").stdout
        assert [json.loads(line)["uuid"] for line in only.splitlines()] == [bad]
        assert bad in deskq("tasks", history, "--text", "cmd", "--format", "csv").stdout
        table = deskq("tasks", history, "--name", "sample.a*").stdout
        assert "sample.add" in table
        assert "sample.fail" not in table
        assert "≈" not in table
        assert "≈ 0." in deskq("tasks", history, "--name", "sample.fail").stdout
    assert recording.history.exists()


def test_queue_depths_with_priorities_and_a_key_prefix(redis_url: str) -> None:
    with (
        Recording(redis_url, "--global-keyprefix", "shop:", "--watch-queue", "emails") as recording,
        sample_client(redis_url, global_keyprefix="shop:") as client,
    ):
        for priority in (0, 3, 3, 9):
            client.send_task("sample.add", (1, 2), queue="emails", priority=priority)

        def sampled() -> bool:
            row = next((row for row in recording.reader.queues() if row.name == "emails"), None)
            return row is not None and row.ready == 4 and row.priorities == {0: 1, 3: 2, 6: 0, 9: 1}

        wait_until(sampled, 15, "the depth of the queue")
        wait_until(lambda: recording.count(TaskFilter(states=("SENT",), queues=("emails",))) == 4, 10, "the sent tasks")


def test_a_transport_that_only_kombu_speaks(tmp_path: Path) -> None:
    """Events, state and depths through files in a folder; the workers are asked there as well."""
    options = {"data_folder_in": str(tmp_path), "data_folder_out": str(tmp_path), "control_folder": str(tmp_path / "c")}
    url = "filesystem://?" + "&".join(f"{key}={value}" for key, value in options.items())
    config = {"broker_transport_options": options}
    with (
        Recording(url) as recording,
        sample_client("filesystem://", **config) as client,
        CeleryWorker("filesystem://", pool="threads", config=config),
    ):
        task = client.send_task("sample.add", (1, 2)).id
        row = recording.wait_for_state(task, "SUCCESS", timeout=30)
        assert (row.result, row.queue) == ("3", "celery")
        wait_until(lambda: [queue.ready for queue in recording.reader.queues()] == [0], 15, "the queue")


def test_rabbitmq_depths_and_consumers(rabbit_vhost_url: str) -> None:
    with sample_client(rabbit_vhost_url) as client, Recording(rabbit_vhost_url) as recording:
        for _ in range(3):
            client.send_task("sample.add", (1, 2), queue="emails")

        def sampled() -> bool:
            row = next((row for row in recording.reader.queues() if row.name == "emails"), None)
            return row is not None and row.ready == 3 and row.consumers == 0 and row.no_consumer

        wait_until(sampled, 20, "the depth of the queue")
