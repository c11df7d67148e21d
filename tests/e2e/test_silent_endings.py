"""What becomes of tasks of which no event tells the end, against real brokers, workers and result backends."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from deskq.protocol.task_summary import TaskSummary, derive
from tests.support.celery_worker import CeleryWorker
from tests.support.recording import Recording, deskq
from tests.support.sample_app import sample_client
from tests.support.waiting import wait_until

PICKLED = {"accept_content": ["json", "pickle"], "result_extended": True}
"""Of a task whose arguments are no JSON, nothing can be stored then: neither its failure nor an event of it."""


def summary_of(recording: Recording, uuid: str) -> TaskSummary:
    record = recording.reader.task(uuid)
    assert record is not None
    return derive(record)


@pytest.fixture(params=["redis_url", "rabbit_vhost_url"])
def broker_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(request.param)
    return url


def test_an_ignored_task_has_ended_without_an_event(broker_url: str) -> None:
    with Recording(broker_url) as recording, sample_client(broker_url) as client, CeleryWorker(broker_url):
        wait_until(lambda: [w for w in recording.reader.workers() if w.online], 20, "the worker")
        uuid = client.send_task("sample.ignore").id
        began = recording.wait_for_state(uuid, "STARTED").started
        row = recording.wait_for_state(uuid, "ENDED")
        assert row.finished == max(
            began or 0.0, row.sent or 0.0
        )  # its last sign: the client may tell late that it sent it
        noticed = summary_of(recording, uuid).noticed
        assert noticed is not None
        assert began is not None
        assert noticed > began


def test_a_failure_that_cannot_be_stored_is_not_called_ignored(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("C_FORCE_ROOT", "1")
    with (
        Recording(redis_url, "--result-backend", redis_url) as recording,
        sample_client(redis_url, **PICKLED) as client,
        CeleryWorker(redis_url, config=PICKLED) as worker,
    ):
        uuid = client.send_task("sample.fail", (object,), serializer="pickle").id
        recording.wait_for_state(uuid, "ENDED", timeout=30)
        assert "EncodeError" in worker.log()
        assert uuid in deskq("tasks", str(recording.history), "--state", "ENDED", "--format", "json").stdout
        retried = deskq("retry", redis_url, "--state", "FAILURE", "--dry-run", "--history", str(recording.history))
        assert "1 task ended without an event" in retried.stderr
        assert "--state ENDED" in retried.stderr


@pytest.mark.parametrize(("state", "exception"), [("FAILURE", "ValueError('own')"), ("IGNORED", "ValueError('own')")])
def test_what_the_result_backend_knows_is_told(redis_url: str, state: str, exception: str) -> None:
    with (
        Recording(redis_url, "--result-backend", redis_url) as recording,
        sample_client(redis_url) as client,
        CeleryWorker(redis_url),
    ):
        uuid = client.send_task("sample.own_state", (state,)).id
        row = recording.wait_for_state(uuid, state, timeout=30)
        assert row.exception == (exception if state == "FAILURE" else row.exception)


def test_a_lost_task_ends_with_its_worker_s_last_sign_of_life(redis_url: str) -> None:
    with Recording(redis_url) as recording, sample_client(redis_url) as client:
        worker = CeleryWorker(redis_url).start()
        try:
            uuid = client.send_task("sample.sleep_for", (300,)).id
            recording.wait_for_state(uuid, "STARTED")
            killed = time.time()
        finally:
            worker.kill()
        row = recording.wait_for_state(uuid, "LOST", timeout=40)
        assert row.started is not None
        assert row.finished is not None
        assert row.started <= row.finished <= killed + 1
        noticed = summary_of(recording, uuid).noticed
        assert noticed is not None
        assert noticed > row.finished


@pytest.mark.parametrize("backend", [True, False])
def test_what_went_on_in_a_gap(broker_url: str, redis_url: str, backend: bool) -> None:
    """Tasks that were sent, received, started or to be retried before it, and ended in it."""
    config: dict[str, Any] = {"result_backend": redis_url}
    options = ("--result-backend", redis_url) if backend else ()
    with (
        Recording(broker_url, *options) as before,
        sample_client(broker_url, **config) as client,
        CeleryWorker(broker_url, concurrency=1, queues=("other",), config=config | {"worker_prefetch_multiplier": 4}),
    ):

        def send(name: str, *args: Any, **more: Any) -> str:
            return str(client.send_task(f"sample.{name}", args, queue="other", **more).id)

        sent = client.send_task("sample.add", (1, 2)).id
        before.wait_for_state(sent, "SENT")
        retried = send("retry_then_succeed", 1, 8)
        before.wait_for_state(retried, "RETRY")
        started, received = send("sleep_for", 4), send("fail")
        stays = send("add", 5, 6, countdown=300)
        before.wait_for_state(started, "STARTED")
        for uuid in (received, stays):
            before.wait_for_state(uuid, "RECEIVED")
        before.kill()
        with CeleryWorker(broker_url, config=config):
            results = [client.AsyncResult(uuid) for uuid in (sent, retried, started, received)]
            wait_until(lambda: all(result.ready() for result in results), 60, "all to be done")
        with Recording(broker_url, *options, history=before.history) as recording:
            states = dict.fromkeys((sent, retried, started), "SUCCESS" if backend else "UNSEEN")
            states[received] = "FAILURE" if backend else "UNSEEN"
            rows = {uuid: recording.wait_for_state(uuid, state, timeout=60) for uuid, state in states.items()}
            assert all(row.finished is not None for row in rows.values())
            if backend:
                assert rows[received].exception == "ValueError('it broke')"
                assert [rows[uuid].result for uuid in (sent, retried, started)] == ["3", "1", "4"]
            row = recording.task(stays)
            assert row is not None
            assert row.state == "RECEIVED"  # its worker holds it until its time comes


def test_what_began_in_a_gap_runs(redis_url: str) -> None:
    with (
        Recording(redis_url) as before,
        sample_client(redis_url) as client,
        CeleryWorker(redis_url, concurrency=1, config={"worker_prefetch_multiplier": 4}) as worker,
    ):
        first = client.send_task("sample.sleep_for", (3,)).id
        before.wait_for_state(first, "STARTED")
        second = client.send_task("sample.sleep_for", (300,)).id
        before.wait_for_state(second, "RECEIVED")
        before.kill()
        inspect = client.control.inspect(timeout=1)
        wait_until(lambda: second in json.dumps(inspect.active()), 30, "the second to run")
        with Recording(redis_url, history=before.history) as recording:
            row = recording.wait_for_state(second, "STARTED", timeout=60)
            assert row.started is not None
            assert row.worker == worker.hostname
            recording.wait_for_state(first, "UNSEEN", timeout=60)
            worker.kill()
            assert recording.wait_for_state(second, "UNSEEN", timeout=60).started == row.started


def test_what_expires_before_it_is_received_says_so(rabbit_vhost_url: str) -> None:
    """RabbitMQ drops it, and nobody tells."""
    with Recording(rabbit_vhost_url) as recording, sample_client(rabbit_vhost_url) as client:
        at_once = client.send_task("sample.add", (1, 1), expires=-5).id
        soon = client.send_task("sample.add", (1, 1), expires=2).id
        later = client.send_task("sample.add", (1, 1), expires=300).id
        for uuid in (at_once, soon):
            row = recording.wait_for_state(uuid, "REVOKED", timeout=30)
            assert row.revoked == "expired, never received"
            assert row.expires is not None
            assert row.sent is not None
            assert row.finished == max(row.expires, row.sent)
        with CeleryWorker(rabbit_vhost_url):
            recording.wait_for_state(later, "SUCCESS", timeout=30)
        assert recording.task(soon).revoked == "expired, never received"  # type: ignore[union-attr]
    out = deskq("tasks", str(recording.history), "--state", "REVOKED").stdout
    assert out.count("expired, never received") == 2


def test_what_has_expired_waits_on_redis_until_a_worker_throws_it_away(redis_url: str) -> None:
    with Recording(redis_url) as recording, sample_client(redis_url) as client:
        old = client.send_task("sample.add", (1, 1), expires=0.1).id
        new = client.send_task("sample.add", (1, 1), queue="other").id
        recording.wait_for_state(new, "SENT")
        with CeleryWorker(redis_url, queues=("other",)):
            recording.wait_for_state(new, "SUCCESS")
        assert recording.task(old).state == "SENT"  # type: ignore[union-attr]
        with CeleryWorker(redis_url):
            assert recording.wait_for_state(old, "REVOKED").revoked == "expired"
