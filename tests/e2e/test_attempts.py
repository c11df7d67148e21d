"""What becomes of tasks that are tried, replaced and sent again: real workers, and the history of a real recorder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from deskq.history.rows import TaskRow
from deskq.protocol.task_summary import TaskSummary, derive
from tests.support.celery_worker import CeleryWorker
from tests.support.recording import Recording
from tests.support.sample_app import sample_client
from tests.support.waiting import wait_until


@pytest.fixture(params=["redis_url", "rabbit_vhost_url"])
def broker_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(request.param)
    return url


@pytest.fixture
def recording(broker_url: str) -> Iterator[Recording]:
    with Recording(broker_url) as running:
        yield running


def rows_at_their_end(recording: Recording, tasks: list[str], state: str = "SUCCESS") -> list[TaskRow]:
    """The rows, once all have this state."""

    def ended() -> list[TaskRow] | None:
        rows = [row for row in map(recording.task, tasks) if row is not None and row.state == state]
        return rows if len(rows) == len(tasks) else None

    try:
        rows = wait_until(ended, 60, f"{len(tasks)} tasks to become {state}")
    except AssertionError as error:
        states = [row.state if (row := recording.task(task)) is not None else "" for task in tasks]
        error.add_note(f"they are {states}")
        raise
    assert rows is not None
    return rows


def summary_of(recording: Recording, task: str) -> TaskSummary:
    record = recording.reader.task(task)
    assert record is not None
    return derive(record)


def test_retries_without_a_pause(broker_url: str, recording: Recording) -> None:
    """Another child takes the retry before the worker has handled the end of the attempt before."""
    with sample_client(broker_url) as client, CeleryWorker(broker_url, concurrency=4):
        times = [1, 2, 5] * 22
        tasks = [client.send_task("sample.retry_at_once", (n,)).id for n in times]
        long = client.send_task("sample.retry_at_once", (300,)).id
        rows = rows_at_their_end(recording, [*tasks, long])
        for row, n in zip(rows, [*times, 300], strict=True):
            assert (row.retries, row.result, row.exception, row.deliveries) == (n, str(n), "", n + 1)
            assert not row.ran_twice
        for task, n in zip(tasks, times, strict=True):
            attempts = summary_of(recording, task).attempts
            assert [a.state for a in attempts] == ["RETRY"] * n + ["SUCCESS"]
            assert [a.retries for a in attempts] == list(range(n + 1))


@pytest.mark.parametrize("ahead", [(0,), (0, 3_600)], ids=["one worker", "two clocks"])
def test_a_task_that_replaces_itself(broker_url: str, recording: Recording, ahead: tuple[float, ...]) -> None:
    with sample_client(broker_url) as client:
        workers = [CeleryWorker(broker_url, concurrency=4, ahead=seconds).start() for seconds in ahead]
        try:
            tasks = [client.send_task("sample.replace", (["sample.add"], n, 1)).id for n in range(16)]
            long = client.send_task("sample.replace", (["sample.replace", "sample.add"], 40, 2)).id
            rows = rows_at_their_end(recording, [*tasks, long])
        finally:
            for worker in workers:
                worker.stop()
        for row, (args, result) in zip(
            rows, [*((f"({n}, 1)", str(n + 1)) for n in range(16)), ("(40, 2)", "42")], strict=True
        ):
            assert (row.name, row.args, row.result, row.ran_twice) == ("sample.add", args, result, False)
        for task, stages in ((tasks[0], 2), (long, 3)):
            attempts = summary_of(recording, task).attempts
            assert [a.stage for a in attempts] == list(range(stages))
            assert [a.state for a in attempts] == ["REPLACED"] * (stages - 1) + ["SUCCESS"]
            assert [a.name for a in attempts] == ["sample.replace"] * (stages - 1) + ["sample.add"]


def test_an_id_that_is_used_again(broker_url: str, recording: Recording) -> None:
    with sample_client(broker_url) as client, CeleryWorker(broker_url, concurrency=2):
        tasks = [client.send_task("sample.retry_then_succeed", (2, 0.01)).id for _ in range(8)]
        for row in rows_at_their_end(recording, tasks):
            assert (row.retries, row.result) == (2, "2")
        for n, task in enumerate(tasks):
            client.send_task("sample.fail", (f"again {n}",), task_id=task)
        for n, row in enumerate(rows_at_their_end(recording, tasks, "FAILURE")):
            told: tuple[Any, ...] = (row.name, row.args, row.retries, row.exception, row.result)
            assert told == ("sample.fail", f"('again {n}',)", 0, f"ValueError('again {n}')", "")


def test_a_message_given_back_by_a_worker_whose_clock_is_ahead(broker_url: str, recording: Recording) -> None:
    with sample_client(broker_url) as client:
        ahead = CeleryWorker(broker_url, concurrency=1, ahead=3_600).start()
        other: CeleryWorker | None = None
        try:
            tasks = [client.send_task("sample.requeue_on", (ahead.hostname,)).id for _ in range(8)]
            wait_until(
                lambda: any((row := recording.task(task)) is not None and row.deliveries > 1 for task in tasks),
                30,
                "a task to be given back",
            )
            other = CeleryWorker(broker_url, concurrency=1).start()
            rows = rows_at_their_end(recording, tasks)
            assert {(row.worker, row.result) for row in rows} == {(other.hostname, repr(other.hostname))}
        finally:
            ahead.stop()
            if other is not None:
                other.stop()


def test_a_task_that_tells_of_its_progress_is_one_attempt(broker_url: str, recording: Recording) -> None:
    with sample_client(broker_url) as client, CeleryWorker(broker_url):
        short = client.send_task("sample.tell", (0,)).id
        running = client.send_task("sample.tell", (5,)).id
        recording.wait_for_state(running, "PROGRESS")
        (row,) = rows_at_their_end(recording, [short])
        assert (row.deliveries, row.ran_twice) == (1, False)
        assert [a.state for a in summary_of(recording, short).attempts] == ["SUCCESS"]
        recording.wait_for_state(running, "SUCCESS")


def test_a_task_that_told_of_its_progress_is_lost_with_its_worker(broker_url: str, recording: Recording) -> None:
    with sample_client(broker_url) as client:
        worker = CeleryWorker(broker_url, concurrency=4).start()
        try:
            tasks = [client.send_task("sample.tell", (300,)).id for _ in range(4)]
            rows_at_their_end(recording, tasks, "PROGRESS")
        finally:
            worker.kill()
        rows = rows_at_their_end(recording, tasks, "LOST")
        assert {row.worker for row in rows} == {worker.hostname}
