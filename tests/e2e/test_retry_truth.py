"""What a retry sends is what the task was, and it goes where somebody runs it; with real workers on real brokers."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deskq.actions.executor import Progress
from deskq.actions.journal.journal import Journal
from deskq.actions.messages.argument_sources import gather
from deskq.actions.messages.retry_candidates import plan_retry
from deskq.actions.runners import executor_for
from deskq.actions.safety import Confirmation
from deskq.history.writing.message_cache import read_messages
from deskq.profiles import Profile
from tests.support.celery_worker import CeleryWorker
from tests.support.recording import Recording, deskq
from tests.support.sample_app import sample_client
from tests.support.waiting import wait_until


@pytest.fixture(params=["redis_url", "rabbit_vhost_url"])
def broker_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(request.param)
    return url


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where `sample.note` writes; it fails until `open_gate`."""
    Path(f"{tmp_path / 'notes'}.fail").touch()
    return tmp_path / "notes"


def open_gate(file: Path) -> None:
    Path(f"{file}.fail").unlink()


def notes(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def retried(recording: Recording, url: str, *options: str) -> Any:
    return deskq("retry", url, "--history", str(recording.history), "--yes", *options)


@pytest.fixture
def orders_worker(broker_url: str) -> Iterator[CeleryWorker]:
    """Takes from a queue that is reached by the exchange "orders" alone; nobody takes from the default queue."""
    config = {"task_queues": {"orders.in": {"exchange": "orders", "exchange_type": "direct", "routing_key": "new"}}}
    with CeleryWorker(broker_url, queues=("orders.in",), config=config) as worker:
        yield worker


def test_what_went_through_an_exchange_is_retried_there(
    broker_url: str, orders_worker: CeleryWorker, file: Path
) -> None:
    with Recording(broker_url) as recording, sample_client(broker_url) as client:
        wait_until(lambda: any(row.name == "orders.in" for row in recording.reader.queues()), 30, "the queue's row")
        task = client.send_task("sample.note", (str(file), 1), exchange="orders", routing_key="new").id
        row = recording.wait_for_state(task, "FAILURE")
        assert (row.queue, row.exchange, row.routing_key) == ("orders.in", "orders", "new")
        open_gate(file)
        ran = retried(recording, broker_url, task)
        assert ran.returncode == 0, ran.stderr
        wait_until(lambda: [note["args"] for note in notes(file)] == [[1]], 20, "the retry")


def test_a_queue_without_consumers_is_told_of_before_anything_is_sent(broker_url: str) -> None:
    with CeleryWorker(broker_url, queues=("idle",)):
        assert "consumes" not in deskq("send", broker_url, "sample.add", "--queue", "idle", "--yes").stderr
    sent = deskq("send", broker_url, "sample.add", "--queue", "idle", "--yes")
    assert sent.returncode == 0, sent.stderr
    assert "consumes the queue “idle”" in sent.stderr


def test_a_compressed_task_is_read_edited_and_run(redis_url: str, file: Path) -> None:
    for compression in ("gzip", "bzip2", "lzma"):
        with Recording(redis_url) as recording, sample_client(redis_url, task_compression=compression) as client:
            task = client.send_task("sample.note", (str(file), compression, "x" * 3_000)).id
            wait_until(lambda: read_messages(recording.history, [task]), 20, "the message to be kept")  # noqa: B023
            with CeleryWorker(redis_url):
                recording.wait_for_state(task, "FAILURE")
                gate = Path(f"{file}.fail")
                gate.unlink()
                plan = retried(recording, redis_url, task, "--dry-run", "--format", "json")
                (item,) = json.loads(plan.stdout)["items"]
                assert (item["grade"], compression in item["arguments"]) == ("exact", True)
                assert "not JSON" not in plan.stdout
                assert retried(recording, redis_url, task, "--args", json.dumps([str(file), "edited"])).returncode == 0
                wait_until(lambda: [note["args"] for note in notes(file)] == [["edited"]], 20, "the edited retry")
                assert retried(recording, redis_url, task, "--again").returncode == 0
                wait_until(lambda: len(notes(file)) == 2, 20, "the exact retry")
                assert notes(file)[1]["args"] == [compression, "x" * 3_000]
        file.unlink()
        gate.touch()


def test_a_shadowed_task_is_retried_under_its_own_name(redis_url: str, file: Path) -> None:
    config = {"result_extended": True}
    with (
        Recording(redis_url) as recording,
        sample_client(redis_url, **config) as client,
        CeleryWorker(redis_url, config=config),
    ):
        task = client.send_task("sample.note", (str(file), 1), shadow="shop.pretty name").id
        assert recording.wait_for_state(task, "FAILURE").name == "shop.pretty name"
        open_gate(file)
        rebuilt = retried(recording, redis_url, task, "--dry-run")
        assert "no replying worker knows a task “shop.pretty name”" in rebuilt.stdout
        plan = retried(recording, redis_url, task, "--result-backend", redis_url, "--format", "json")
        (item,) = json.loads(plan.stdout.splitlines()[0])["items"]
        assert (item["grade"], item["task"]) == ("stored", "sample.note")
        wait_until(lambda: [note["args"] for note in notes(file)] == [[1]], 20, "the retry")
        assert recording.wait_for_state(item["id"], "SUCCESS").name == "shop.pretty name"  # shown as it was before


def test_what_a_colleague_retried_is_told_and_a_revoke_is_no_retry(
    redis_url: str, file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with Recording(redis_url) as recording, sample_client(redis_url) as client, CeleryWorker(redis_url):
        revoked, task = (client.send_task("sample.note", (str(file), number)).id for number in range(2))
        for uuid in (revoked, task):
            recording.wait_for_state(uuid, "FAILURE")
        assert deskq("revoke", redis_url, revoked, "--history", str(recording.history), "--yes").returncode == 0
        assert "already been retried" not in retried(recording, redis_url, revoked, "--dry-run").stdout
        open_gate(file)
        assert retried(recording, redis_url, task).returncode == 0
        wait_until(lambda: len(notes(file)) == 1, 20, "the colleague's retry")
        new = notes(file)[0]["id"]
        recording.wait_for_state(new, "SUCCESS")
        monkeypatch.setenv("DESKQ_HOME", str(tmp_path / "other"))  # another person's journal knows nothing
        told = retried(recording, redis_url, task, "--dry-run")
        assert "1 left out: retried before" in told.stderr
        told = retried(recording, redis_url, task, "--dry-run", "--again")
        assert "it has already been retried" in told.stdout
        kept = retried(recording, redis_url, new, "--dry-run", "--keep-root")
        assert "it was sent by another task" not in kept.stdout


@pytest.mark.parametrize("extended", [False, True])
def test_where_nothing_was_sent_by_events_the_queue_is_known_all_the_same(
    broker_url: str, redis_url: str, extended: bool, file: Path
) -> None:
    """With one queue the worker's own tells; with several it is the result record that does."""
    config = {"task_send_sent_event": False, "result_extended": extended, "result_backend": redis_url}
    queues = ("mails", "second") if extended else ("mails",)
    with (
        Recording(broker_url) as recording,
        sample_client(broker_url, **config) as client,
        CeleryWorker(broker_url, queues=queues, config=config),
    ):
        wait_until(lambda: any(worker.queues for worker in recording.reader.workers()), 30, "the worker's queues")
        task = client.send_task("sample.note", (str(file), 1), queue="mails").id
        assert recording.wait_for_state(task, "FAILURE").queue == ""
        open_gate(file)
        options = ("--result-backend", redis_url) if extended else ()
        ran = retried(recording, broker_url, task, *options, "--format", "json")
        assert ran.returncode == 0, ran.stderr
        assert json.loads(ran.stdout.splitlines()[0])["items"][0]["queue"] == "mails"
        wait_until(lambda: len(notes(file)) == 1, 20, "the retry")


def test_a_large_message_hides_no_other(redis_url: str, tmp_path: Path) -> None:
    with sample_client(redis_url) as client:
        ids = [client.send_task("sample.add", (1, number)).id for number in range(10)]
        client.send_task("sample.add", ("x" * 300_000, 1))
        ids += [client.send_task("sample.add", (1, "y" * 30_000)).id for _ in range(15)]
        with Recording(redis_url) as recording:
            wait_until(lambda: len(read_messages(recording.history, ids)) == len(ids), 20, "all that can be kept")


def test_an_ended_task_is_named_before_it_is_revoked(redis_url: str) -> None:
    with Recording(redis_url) as recording, sample_client(redis_url) as client, CeleryWorker(redis_url):
        task = client.send_task("sample.add", (1, 2)).id
        recording.wait_for_state(task, "SUCCESS")
        told = deskq("revoke", redis_url, task, "--history", str(recording.history), "--yes")
        assert "already ended (SUCCESS)" in told.stdout
        known = deskq(
            "revoke",
            redis_url,
            task,
            "--history",
            str(recording.folder / "none.sqlite"),
            "--result-backend",
            redis_url,
            "--yes",
        )
        assert "already ended (SUCCESS)" in known.stdout


def test_an_edit_that_no_worker_could_decode_is_not_sent(redis_url: str) -> None:
    sent = deskq("send", redis_url, "sample.add", "--args", '[{"__type__": "uuid", "__value__": 5}]', "--yes")
    assert sent.returncode == 1
    assert "no worker could decode the message" in sent.stdout


def test_two_people_who_retry_the_same_at_once_send_it_once(
    redis_url: str, file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither can have heard of the other's retry: nothing is recorded any more."""
    with sample_client(redis_url) as client, CeleryWorker(redis_url):
        with Recording(redis_url) as recording:
            tasks = [client.send_task("sample.note", (str(file), number)).id for number in range(3)]
            for task in tasks:
                recording.wait_for_state(task, "FAILURE")
        open_gate(file)
        assert retried(recording, redis_url, *tasks[:2]).returncode == 0
        monkeypatch.setenv("DESKQ_HOME", str(tmp_path / "other"))
        second = retried(recording, redis_url, *tasks)
        assert "someone else retried it in the last two minutes" in second.stdout
        assert "1 sent, 2 failed" in second.stdout
        wait_until(lambda: len(notes(file)) >= 3, 20, "the retries")
    assert sorted(note["args"] for note in notes(file)) == [[0], [1], [2]]


def test_what_is_retried_while_one_s_own_retries_go_out_slowly_is_not_retried_again(
    broker_url: str, file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    profile = Profile.from_url(broker_url)
    with Recording(broker_url) as recording, sample_client(broker_url) as client, CeleryWorker(broker_url):
        tasks = [client.send_task("sample.note", (str(file), number)).id for number in range(2)]
        rows = [recording.wait_for_state(task, "FAILURE") for task in tasks]
        open_gate(file)
        profile = replace(profile, history=str(recording.history))
        plan = plan_retry(gather(profile, rows), profile, now=time.time(), rate=1.0)
        heard: list[str] = []

        def tell(progress: Progress) -> None:
            if progress.done == 1 and not heard:
                with monkeypatch.context() as other:
                    other.setenv("DESKQ_HOME", str(tmp_path / "other"))
                    assert retried(recording, broker_url, tasks[1]).returncode == 0
                heard.extend(
                    wait_until(lambda: list(recording.reader.relatives.retries_of([tasks[1]])), 20, "the colleague's")
                )

        with contextlib.closing(Journal()) as journal:
            executor_for(plan, profile, journal, tell).run(Confirmation(plan.id))
            outcomes = [(item.outcome, item.words) for item in journal.items(plan.id)]
        assert [outcome for outcome, _ in outcomes] == ["done", "failed"]
        assert "Someone else has already retried" in outcomes[1][1]
        wait_until(lambda: len(notes(file)) == 2, 20, "both retries")
