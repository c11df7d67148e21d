"""Workers whose clocks are wrong, and workers that share a name, as real events tell of them."""

from __future__ import annotations

import time
import uuid
from functools import partial
from pathlib import Path

import msgspec
import pytest

from deskq.history.rows import RecorderStatus, WorkerRow
from deskq.history.writing.writer import History
from deskq.models.tasks.columns import wait_of
from deskq.models.tasks.detail import read_detail
from deskq.protocol.events import Event
from deskq.recorder.gap_log import ABSENT
from deskq.views.tasks.detail import times_text
from deskq.views.workers.columns import WORKER_COLUMNS
from tests.support.flood import Feed, heartbeat, task_events
from tests.support.recording import Recording
from tests.support.waiting import wait_until

HOURS = ("1 h 0 min", "59 min 56 s", "59 min 57 s", "59 min 58 s", "59 min 59 s")


@pytest.mark.parametrize(("shift", "word"), [(3_600.0, "ahead"), (-3_600.0, "behind")])
def test_a_clock_that_is_an_hour_off(redis_url: str, shift: float, word: str) -> None:
    """Durations are the worker's own and right; the badge says how far off it is; nobody is offline or lost."""
    notes = next(column for column in WORKER_COLUMNS if column.key == "notes")
    with Feed(redis_url) as feed, Recording(redis_url) as recording:
        task, running = str(uuid.uuid4()), str(uuid.uuid4())
        sent = {"type": "task-sent", "uuid": task, "hostname": "client@web", "timestamp": time.time(), "clock": 0}
        feed.send({**sent, "name": "shop.task", "args": "()", "kwargs": "{}", "retries": 0, "queue": "celery"})
        for number in range(3):
            feed.send(heartbeat(number, at=time.time() + shift))
        at = time.time() + shift
        feed.send(task_events(task, 1, at=at), task_events(running, 10, at=at)[:2])
        recording.wait_for_state(task, "SUCCESS")
        row = recording.wait_for_state(running, "STARTED")
        (worker,) = wait_until(recording.reader.workers, 10, "the worker")
        assert worker.online
        assert abs(worker.since - time.time()) < 60
        assert worker.clock_difference == pytest.approx(shift, abs=3)
        assert notes.text(worker) in {f"clock {hours} {word}" for hours in HOURS}
        done = recording.task(task)
        assert done is not None
        assert done.runtime == pytest.approx(0.1)
        assert done.sent is not None
        assert done.received is not None
        assert done.received - done.sent == pytest.approx(shift, abs=3)  # two clocks: no duration
        assert wait_of(done) == pytest.approx(0.01, abs=0.005)  # one clock
        assert wait_of(row) is not None
        assert abs(row.seen - time.time()) < 60
        wait_until(lambda: recording.status().delay is not None, 10, "the delay")
        assert recording.status().delay == pytest.approx(0, abs=10)


def last_processed(recording: Recording, processed: int) -> bool:
    workers = recording.reader.workers()
    return bool(workers) and workers[0].processed == processed


def test_two_workers_of_one_name(redis_url: str) -> None:
    """Both are seen, no count of theirs is taken for a loss, and no task is lost with the other one."""
    notes = next(column for column in WORKER_COLUMNS if column.key == "notes")
    with Feed(redis_url) as feed, Recording(redis_url) as recording:
        running = str(uuid.uuid4())
        for pid, processed in ((1, 100), (2, 0), (1, 101)):  # the first is heard again after the second has come
            feed.send(heartbeat(processed, pid=pid))
            wait_until(partial(last_processed, recording, processed), 10, "the heartbeat")
        for number in range(4):
            feed.send(heartbeat(102 + number, pid=1), heartbeat(number, pid=2))
        feed.send(task_events(running, 1, pid=1)[:2], heartbeat(4, pid=2))
        recording.wait_for_state(running, "STARTED")
        wait_until(lambda: recording.reader.workers() and recording.reader.workers()[0].duplicate_name, 10, "the badge")
        (worker,) = recording.reader.workers()
        assert notes.text(worker) == "duplicate worker name"
        assert worker.missed == 0
        assert recording.reader.gaps() == []
        row = recording.task(running)
        assert row is not None
        assert row.state == "STARTED"


def test_the_detail_of_a_task_says_that_its_times_are_doubtful(redis_url: str) -> None:
    with Feed(redis_url) as feed, Recording(redis_url) as recording:
        task = str(uuid.uuid4())
        sent = {"type": "task-sent", "uuid": task, "hostname": "client@web", "timestamp": time.time(), "clock": 0}
        feed.send({**sent, "name": "shop.task", "args": "()", "kwargs": "{}", "retries": 0, "queue": "celery"})
        feed.send(heartbeat(1, at=time.time() - 3_599.0), task_events(task, 1, at=time.time() - 3_599.0))
        recording.wait_for_state(task, "SUCCESS")
        wait_until(recording.reader.workers, 10, "the worker")
        detail = read_detail(recording.reader, task)
        assert detail is not None
        assert detail.worker_notes.startswith("clock ")
        assert detail.worker_notes.endswith(" behind")
        assert "received ≈ +0 µs → started +10 ms → success +100 ms" in times_text(detail.summary.attempts[-1])


def recorded(path: Path, at: float) -> None:
    """A history of fifty tasks, as a recorder left it whose clock said so."""
    history = History(path)
    for number in range(50):
        for event in task_events(str(uuid.uuid4()), number, at=at - 50 + number):
            history.record(event["uuid"], at - 50 + number).add(msgspec.convert(event, Event))
    history.commit(at)
    history.put_workers([WorkerRow("w1@host", online=False, since=at - 10, first_seen=at - 50)])
    history.put_status(RecorderStatus(state="stopped", updated=at))
    history.close()


def test_a_recorder_that_starts_400_days_later_by_the_clock_deletes_nothing(redis_url: str, tmp_path: Path) -> None:
    """Whether the clock is wrong or the pause was that long: it says so, and waits."""
    path = tmp_path / "history.sqlite"
    recorded(path, time.time() - 400 * 86_400)
    with Feed(redis_url) as feed, Recording(redis_url, history=path) as recording:
        task = str(uuid.uuid4())
        feed.send(task_events(task, 1))
        recording.wait_for_state(task, "SUCCESS")
        wait_until(lambda: "Nothing is deleted by age yet" in recording.status().message, 10, "the notice")
        assert "no recorder ran for 400 days" in recording.status().message
        assert recording.count() == 51
        assert {worker.hostname for worker in recording.reader.workers()} == {"w1@host"}
        assert "no recorder ran for 400 days" in recording.log()
        recording.stop()
    with Recording(redis_url, history=path) as recording:  # the next one starts where the last one was a moment ago
        wait_until(lambda: "Nothing is deleted by age yet" in recording.status().message, 10, "the notice")
        assert recording.count() == 51


def test_what_is_recorded_after_a_clock_was_ahead_lies_in_no_gap(redis_url: str, tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    ahead = time.time() + 400 * 86_400
    recorded(path, ahead)
    history = History(path)
    history.open_gap(time.time() - 60, ABSENT, ahead)
    history.close()
    with Recording(redis_url, history=path) as recording:
        gaps = wait_until(recording.reader.gaps, 10, "the gap")
        assert all(gap.started <= time.time() for gap in gaps)
        assert all(gap.ended is None or gap.ended <= time.time() for gap in gaps)
        assert recording.count() == 50
