"""Sending and retrying from the command line, with real workers: each task runs once, with equal arguments."""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis

from deskq.actions.journal.journal import Journal
from deskq.brokers.opening import open_publisher
from deskq.profiles import Profile
from deskq.protocol.message import read_redis_message
from tests.support.celery_worker import CeleryWorker
from tests.support.processes import Process
from tests.support.recording import Recording, deskq
from tests.support.sample_app import sample_client
from tests.support.soak import rounds
from tests.support.waiting import wait_until

_ROOT = Path(__file__).resolve().parents[2]
ARGUMENTS: tuple[Any, ...] = (
    (1, "grüße 东京 🚀", None, True, 1.5),
    ([{"nested": 1}, []], {"b": None}),
    ("quotes ' \" '', [x]",),
    (2**60, -1, "..not cut"),
)


@pytest.fixture(params=["redis_url", "rabbit_vhost_url"])
def broker_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(request.param)
    return url


@pytest.fixture
def recording(broker_url: str) -> Iterator[Recording]:
    with Recording(broker_url) as running:
        yield running


def notes(path: Path) -> list[dict[str, Any]]:
    """What `sample.note` wrote: one object for each run."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def failures(recording: Recording) -> int:
    return recording.reader.counts().by_state.get("FAILURE", 0)


def plan_of(text: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads(text.splitlines()[0])["items"]
    return items


def test_a_task_is_sent_once_it_was_agreed_to(broker_url: str, tmp_path: Path) -> None:
    file = tmp_path / "notes"
    command = ("send", broker_url, "sample.note", "--args", json.dumps([str(file), 7]), "--kwargs", '{"a": "ü"}')
    refused = deskq(*command)
    assert refused.returncode == 2
    assert "--dry-run" in refused.stderr
    assert deskq(*command, "--dry-run").returncode == 0
    assert "The journal is empty" in deskq("journal").stdout
    with CeleryWorker(broker_url):
        assert not file.exists()
        sent = deskq(*command, "--yes", "--times", "3", "--format", "json")
        assert sent.returncode == 0, sent.stderr
        ids = [item["id"] for item in plan_of(sent.stdout)]
        wait_until(lambda: len(notes(file)) == 3, 20, "three runs")
    assert sorted(note["id"] for note in notes(file)) == sorted(ids)
    assert all((note["args"], note["kwargs"]) == ([7], {"a": "ü"}) for note in notes(file))
    journal = Journal()
    (action,) = journal.actions()
    assert action.outcomes == {"done": 3}
    assert [item.outcome for item in journal.items(action.id)] == ["done"] * 3
    journal.close()
    assert ids[0] in deskq("journal", action.id).stdout


def test_a_queue_that_nobody_has_declared_is_told_of(redis_url: str) -> None:
    with CeleryWorker(redis_url, queues=["emails"]):
        told = deskq("send", redis_url, "sample.note", "--queue", "emials", "--yes")
        known = deskq("send", redis_url, "sample.add", "--queue", "emails", "--yes")
    assert (told.returncode, known.returncode) == (0, 0)
    assert "No worker has ever declared the queue “emials”" in told.stderr
    assert "declared" not in known.stderr


def test_a_queue_that_is_not_there_is_named(rabbit_vhost_url: str) -> None:
    sent = deskq("send", rabbit_vhost_url, "sample.add", "--queue", "nowhere", "--yes")
    assert sent.returncode == 1
    assert "there is no queue “nowhere”" in sent.stdout


def test_read_only_and_typed_names_are_kept(redis_url: str) -> None:
    assert deskq("profiles", "add", "shop", redis_url, "--safety", "ask-name").returncode == 0
    command = ("send", "shop", "sample.add")
    refused = deskq(*command, "--yes")
    assert (refused.returncode, "--confirm-name shop" in refused.stderr) == (2, True)
    assert deskq(*command, "--yes", "--confirm-name", "shopping").returncode == 2
    assert deskq(*command, "--yes", "--confirm-name", "shop").returncode == 0
    refused = deskq(*command, "--safety", "read-only", "--yes", "--confirm-name", "shop")
    assert (refused.returncode, "read-only" in refused.stderr) == (2, True)


def test_failed_tasks_run_again_once_each_with_equal_arguments(
    broker_url: str, recording: Recording, tmp_path: Path
) -> None:
    count = rounds(120, 1_000)
    file = tmp_path / "notes"
    gate = Path(f"{file}.fail")
    gate.touch()
    with sample_client(broker_url) as client, CeleryWorker(broker_url, concurrency=4, queues=("celery", "second")):
        arguments = [(str(file), number, *ARGUMENTS[number % len(ARGUMENTS)]) for number in range(count)]
        failed = {client.send_task("sample.note", given).id: list(given[1:]) for given in arguments}
        wait_until(lambda: failures(recording) == count, 90, "the failures")
        gate.unlink()
        command = ("retry", broker_url, "--history", str(recording.history), "--state", "FAILURE", "--queue", "second")
        ran = deskq(*command, "--yes", "--format", "json")
        assert ran.returncode == 0, ran.stderr
        items = {item["id"]: item["retry_of"] for item in plan_of(ran.stdout)}
        assert sorted(items.values()) == sorted(failed)
        wait_until(lambda: len(notes(file)) >= count, 90, "the retries")
        wait_until(
            lambda: all((row := recording.task(new)) is not None and row.state == "SUCCESS" for new in items),
            60,
            "the retries' ends",
        )
    ran_once = {note["id"]: note["args"] for note in notes(file)}
    assert len(notes(file)) == count
    assert {items[new]: args for new, args in ran_once.items()} == failed


def test_a_canary_that_fails_holds_back_the_rest(redis_url: str, tmp_path: Path) -> None:
    file = tmp_path / "notes"
    Path(f"{file}.fail").touch()
    with Recording(redis_url) as recording, sample_client(redis_url) as client, CeleryWorker(redis_url):
        for number in range(5):
            client.send_task("sample.note", (str(file), number))
        wait_until(lambda: failures(recording) == 5, 30, "the failures")
        command = ("retry", redis_url, "--history", str(recording.history), "--state", "FAILURE", "--canary", "--yes")
        ran = deskq(*command)
        assert ran.returncode == 1
        assert "1 sent, 4 not sent" in ran.stdout
        assert "The first task ended as FAILURE" in ran.stdout
        Path(f"{file}.fail").unlink()
        ran = deskq(*command)
        assert (ran.returncode, "5 sent" in ran.stdout) == (0, True), ran.stdout  # the first one's retry, not it too
        assert "1 left out: retried before" in ran.stderr
        wait_until(lambda: len(notes(file)) == 5, 20, "the retries")
        ran = deskq(*command)
        assert (ran.returncode, "6 left out: retried before" in ran.stderr) == (0, True), ran.stderr


def test_cut_arguments_are_left_out_and_can_be_given(redis_url: str, tmp_path: Path) -> None:
    file = tmp_path / "notes"
    Path(f"{file}.fail").touch()
    with Recording(redis_url) as recording, sample_client(redis_url) as client, CeleryWorker(redis_url):
        task = client.send_task("sample.note", (str(file), "x" * 5_000)).id
        recording.wait_for_state(task, "FAILURE")
        Path(f"{file}.fail").unlink()
        command = ("retry", redis_url, task, "--history", str(recording.history), "--yes")
        refused = deskq(*command)
        assert refused.returncode == 2
        assert "left out" in refused.stderr
        assert notes(file) == []
        assert deskq(*command, "--args", json.dumps([str(file), "given"])).returncode == 0
        wait_until(lambda: [note["args"] for note in notes(file)] == [["given"]], 20, "the retry")


def test_what_the_result_backend_stored_is_sent_whole(redis_url: str, tmp_path: Path) -> None:
    """Nested and large arguments, which events cut, from a record of result_extended."""
    file = tmp_path / "notes"
    Path(f"{file}.fail").touch()
    config = {"result_extended": True}
    nested = {"a": [1, [2, [3, [4, {"deep": "grüße \\n"}]]]], "long": "x" * 20_000}
    with (
        Recording(redis_url) as recording,
        sample_client(redis_url, **config) as client,
        CeleryWorker(redis_url, config=config),
    ):
        task = client.send_task("sample.note", (str(file), nested), {"key": nested}).id
        recording.wait_for_state(task, "FAILURE")
        Path(f"{file}.fail").unlink()
        command = ("retry", redis_url, task, "--history", str(recording.history), "--yes")
        assert deskq(*command).returncode == 2  # from the event alone it is not known
        ran = deskq(*command, "--result-backend", redis_url)
        assert (ran.returncode, "1 stored" in ran.stderr) == (0, True), ran.stderr
        wait_until(lambda: notes(file), 20, "the retry")
    (note,) = notes(file)
    assert (note["args"], note["kwargs"]) == ([nested], {"key": nested})


def test_killed_while_it_retries_nothing_is_lost_or_doubled(redis_url: str, tmp_path: Path) -> None:
    """kill -9 at random points: the journal says of each item whether it left, and the queue agrees."""
    history = tmp_path / "h.sqlite"
    with (
        Recording(redis_url, history=history) as recording,
        sample_client(redis_url) as client,
        CeleryWorker(redis_url, concurrency=4),
    ):
        for number in range(1_000):
            client.send_task("sample.fail", (f"number {number}",))
        wait_until(lambda: failures(recording) == 1_000, 90, "the failures")
    for number in range(rounds(4, 50)):
        kill_a_retry(redis_url, history, f"again{number}", tmp_path / "retry.log")


def kill_a_retry(url: str, history: Path, queue: str, log: Path) -> None:
    seed = random.randrange(1 << 30)
    target = random.Random(seed).randrange(1_000)  # kill when so many are done, which may be before the first
    command = [sys.executable, "-m", "deskq", "retry", url, "--history", str(history), "--state", "FAILURE"]
    command += ["--queue", queue, "--again", "--yes", "--rate", "4000"]
    with closing(Journal()) as journal, closing(open_publisher(Profile.from_url(url))) as publisher:
        before = {action.id for action in journal.actions()}
        process = Process(command, log=log, cwd=_ROOT, env=dict(os.environ))

        def reached() -> bool:
            new = [action for action in journal.actions() if action.id not in before]
            return bool(new) and (new[0].outcomes.get("done", 0) >= target or process.returncode is not None)

        wait_until(reached, 60, "the point to kill at")
        process.kill()
        journal.recover()
        items = journal.items(next(action.id for action in journal.actions() if action.id not in before))
        assert len(items) == 1_000
        unknown = [item.new_id for item in items if item.outcome == "unknown"]
        found = {new for new, there in publisher.resolve(unknown).items() if there} if unknown else set()
        done = {item.new_id for item in items if item.outcome == "done"}
        waiting = ids_in(url, queue)
        assert len(waiting) == len(set(waiting)), f"seed {seed}"
        assert set(waiting) == done | found, f"seed {seed}"


def ids_in(url: str, queue: str) -> list[str]:
    with redis.Redis.from_url(url) as client:
        return [message.id for raw in client.lrange(queue, 0, -1) if (message := read_redis_message(raw)) is not None]
