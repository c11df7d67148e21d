"""Who is there and who consumes what, with real workers: those without heartbeats, of one name, paused, and none."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from deskq.history.rows import QueueRow, WorkerRow
from tests.support.celery_worker import CeleryWorker
from tests.support.recording import Recording, deskq
from tests.support.sample_app import sample_client
from tests.support.waiting import wait_until

SILENT = ("--without-heartbeat", "--without-gossip", "--without-mingle")
QUICK = {"UNKNOWN_AFTER": 20.0, "FACTS_SECONDS": 10.0, "NAMES_SECONDS": 4.0}
"""In life one minute, half a minute and ten seconds."""


def queue(recording: Recording, name: str) -> QueueRow | None:
    return next((row for row in recording.reader.queues() if row.name == name), None)


def queue_until(recording: Recording, name: str, is_so: Callable[[QueueRow], bool], timeout: float = 30) -> QueueRow:
    def found() -> QueueRow | None:
        row = queue(recording, name)
        return row if row is not None and is_so(row) else None

    row = wait_until(found, timeout, f"“{name}” to be so; it is {queue(recording, name)}")
    assert row is not None
    return row


def worker_until(recording: Recording, name: str, presence: str, timeout: float) -> WorkerRow:
    def found() -> WorkerRow | None:
        return next(
            (row for row in recording.reader.workers() if (row.hostname, row.presence) == (name, presence)), None
        )

    row = wait_until(found, timeout, f"{name} to be {presence}; there are {recording.reader.workers()}")
    assert row is not None
    return row


def test_a_killed_worker_without_heartbeats_is_offline_and_consumes_nothing(redis_url: str) -> None:
    with Recording(redis_url) as recording, sample_client(redis_url) as client:
        worker = CeleryWorker(redis_url, extra=SILENT).start()
        try:
            worker_until(recording, worker.hostname, "online", 60)  # it has told of nothing yet
            wait_until(lambda: recording.reader.workers()[0].pool == "prefork", 30, "what it is")
            queue_until(recording, "celery", lambda row: row.consumers == 1)
            task = client.send_task("sample.sleep_for", (300,)).id
            recording.wait_for_state(task, "STARTED")
        finally:
            worker.kill()
        row = worker_until(recording, worker.hostname, "offline", 60)
        assert row.frequency is None
        queue_until(recording, "celery", lambda row: row.no_consumer and not row.workers)
        recording.wait_for_state(task, "LOST", timeout=20)


def test_since_when_a_worker_is_online_that_started_while_nobody_recorded(redis_url: str) -> None:
    before = time.time()
    with CeleryWorker(redis_url) as worker:
        ready = time.time()
        with Recording(redis_url) as recording:
            row = worker_until(recording, worker.hostname, "online", 30)
            began = wait_until(lambda: recording.reader.workers()[0].began, 30, "its own answer")
            assert began is not None
            assert before - 1 <= began <= ready + 1
            assert row.since >= ready


def test_rabbitmq_tells_by_itself_where_nobody_may_be_asked(rabbit_vhost_url: str) -> None:
    options = ("--silent", "--safety", "read-only", "--management-url", "http://127.0.0.1:1")
    with Recording(rabbit_vhost_url, *options, periods=QUICK) as recording, sample_client(rabbit_vhost_url) as client:
        worker = CeleryWorker(rabbit_vhost_url, extra=SILENT).start()
        try:
            queue_until(recording, "celery", lambda row: row.consumers == 1)
            recording.wait_for_state(client.send_task("sample.add", (1, 2)).id, "SUCCESS")
            worker_until(recording, worker.hostname, "online", 10)
            # It is quiet for long, and still there: its control queue tells.
            quiet = recording.reader.workers()[0].since
            wait_until(lambda: recording.status().updated > quiet + 25, 60, "a long quiet")
            assert recording.reader.workers()[0].presence == "online"
        finally:
            worker.kill()
        queue_until(recording, "celery", lambda row: row.no_consumer)
        worker_until(recording, worker.hostname, "offline", 60)


@pytest.mark.parametrize("extra", [(), SILENT], ids=["heartbeats", "silent"])
def test_a_solo_pool_that_works_and_is_deaf_is_not_dead(redis_url: str, extra: tuple[str, ...]) -> None:
    """On Redis it sends no heartbeats and no events until its task has ended, nor does it answer."""
    with (
        Recording(redis_url, periods=QUICK) as recording,
        sample_client(redis_url) as client,
        CeleryWorker(redis_url, pool="solo", extra=extra) as worker,
    ):
        wait_until(lambda: [row.pool for row in recording.reader.workers()] == ["solo"], 60, "what it is")
        queue_until(recording, "celery", lambda row: row.consumers == 1)
        task = client.send_task("sample.sleep_for", (30,)).id
        seen: set[str] = set()
        lonely: set[bool] = set()

        def ended() -> bool:
            seen.update(row.presence for row in recording.reader.workers())
            lonely.update(row.no_consumer for row in recording.reader.queues())
            row = recording.task(task)
            return row is not None and row.state == "SUCCESS"

        wait_until(ended, 90, "its end")
        assert (seen, lonely) == ({"online", "unknown"}, {False})
        worker_until(recording, worker.hostname, "online", 20)


def test_of_two_workers_of_one_name_it_is_not_known_who_consumes_what(redis_url: str) -> None:
    with Recording(redis_url, "--watch-queue", "a", "--watch-queue", "b", periods=QUICK) as recording:
        seen: set[bool] = set()
        with (
            CeleryWorker(redis_url, hostname="twin@deskq.test", queues=("a",)),
            CeleryWorker(redis_url, hostname="twin@deskq.test", queues=("b",)),
        ):
            wait_until(lambda: [row.duplicate_name for row in recording.reader.workers()] == [True], 60, "the twins")
            began = recording.status().updated

            def asked_again() -> bool:
                rows = [queue(recording, name) for name in "ab"]
                seen.update(row.no_consumer or row.consumers is not None for row in rows if row is not None)
                return recording.status().updated > began + 15

            queue_until(recording, "a", lambda row: row.consumers is None)
            queue_until(recording, "b", lambda row: row.consumers is None)
            seen.clear()
            wait_until(asked_again, 90, "all to be asked again")
            assert seen == {False}


def test_a_pause_and_its_end_show_at_once(redis_url: str) -> None:
    with (
        CeleryWorker(redis_url) as one,
        CeleryWorker(redis_url) as two,
        Recording(redis_url) as recording,
    ):
        queue_until(recording, "celery", lambda row: row.consumers == 2)
        assert deskq("control", redis_url, "pause-queue", "celery", "--yes").returncode == 0
        # Less than the half minute after which all are asked in any case.
        row = queue_until(recording, "celery", lambda row: row.consumers == 0, 15)
        assert (row.workers, row.no_consumer) == ((), True)
        assert deskq("control", redis_url, "resume-queue", "celery", "--yes").returncode == 0
        row = queue_until(recording, "celery", lambda row: row.consumers == 2, 15)
        assert set(row.workers) == {one.hostname, two.hostname}


@pytest.mark.parametrize("when", ["before", "while"])
def test_a_queue_that_only_deskq_sent_to_is_seen(redis_url: str, when: str) -> None:
    """Nothing is bound to it on Redis, and nobody consumes it: the journal alone names it."""

    def send() -> None:
        sent = deskq("send", redis_url, "sample.add", "--args", json.dumps([1, 2]), "--queue", "adhoc", "--yes")
        assert sent.returncode == 0, sent.stderr

    if when == "before":
        send()
    with CeleryWorker(redis_url, queues=("other",)), Recording(redis_url, periods=QUICK) as recording:
        queue_until(recording, "other", lambda row: row.consumers == 1)
        if when == "while":
            send()
        row = queue_until(recording, "adhoc", lambda row: row.ready == 1)
        assert row.exists
        celery = queue_until(recording, "celery", lambda row: not row.exists)
        assert not celery.no_consumer
        # It stays when the names are asked for again, which drops what nobody names.
        first = row.sampled
        row = queue_until(recording, "adhoc", lambda row: row.sampled > first + 10, 60)
        assert (row.ready, row.no_consumer) == (1, True)
