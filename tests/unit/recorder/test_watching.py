"""What a recorder makes of heartbeats, silence, samples and garbage: worked out without a broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deskq.brokers.ports import QueueSample
from deskq.history.rows import QueueRow
from deskq.history.writing.writer import History
from deskq.protocol.events import Event, MalformedEvent
from deskq.recorder.event_merger import Pipeline
from deskq.recorder.tracking.consumers import Consumers
from deskq.recorder.tracking.queue_tracker import QueueWatch
from deskq.recorder.tracking.worker import MOST_PROCESSES
from deskq.recorder.tracking.worker_tracker import UNKNOWN_AFTER, WorkerWatch

NOW = 1_795_000_000.0
TASK = "00000000-0000-4000-8000-000000000001"


def beat(at: float, *, kind: str = "heartbeat", pid: int = 1, lead: float = 0.0, **fields: Any) -> Event:
    return Event(type=f"worker-{kind}", hostname="w1", pid=pid, timestamp=at + lead, freq=2.0, **fields)


def started(at: float, number: int = 1, pid: int = 1) -> Event:
    uuid = f"00000000-0000-4000-8000-{number:012}"
    return Event(type="task-started", hostname="w1", pid=pid, clock=number, timestamp=at, uuid=uuid)


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    opened = History(tmp_path / "h.sqlite")
    yield opened
    opened.close()


def test_a_worker_that_falls_silent_is_offline() -> None:
    watch = WorkerWatch()
    watch.worker_event(beat(NOW, kind="online"), NOW)
    watch.check(NOW + 9.9)
    assert watch.online() == ["w1"]
    watch.check(NOW + 10.1)
    assert watch.online() == []
    (row,) = watch.take_changed()
    assert (row.online, row.since, row.active) == (False, NOW, None)
    watch.worker_event(beat(NOW + 60), NOW + 60)
    assert watch.online() == ["w1"]
    assert watch.workers["w1"].since == NOW + 60


def began(watch: WorkerWatch) -> float | None:
    return watch.workers["w1"].row().began


def test_since_when_a_worker_is_online_is_known_from_itself_alone() -> None:
    """Not from when it was first heard: it may have run for long, or been started again while nobody listened."""
    watch = WorkerWatch()
    watch.worker_event(beat(NOW), NOW)
    assert began(watch) is None
    watch.replies({"w1": {"uptime": 7_200}}, {}, NOW + 1)
    assert began(watch) == NOW - 7_199

    later = WorkerWatch(watch.take_changed())
    (row,) = later.take_changed()
    assert (row.online, row.began) == (True, None)
    later.worker_event(beat(NOW + 1_000), NOW + 1_000)  # in a container a new process has the pid of the old one
    assert began(later) is None
    later.replies({"w1": {"uptime": 60}}, {}, NOW + 1_001)
    assert began(later) == NOW + 941

    later.worker_event(beat(NOW + 1_010, kind="online"), NOW + 1_010)  # killed and started again within its patience
    assert began(later) == NOW + 1_010
    later.worker_event(beat(NOW + 1_020, pid=2), NOW + 1_020)
    assert began(later) is None
    later.replies({"w1": {"uptime": "9"}}, {}, NOW + 1_021)
    assert began(later) is None
    later.check(NOW + 1_100)
    assert later.workers["w1"].row().presence == "offline"


def test_what_was_missed_leaves_unknown_since_when_a_worker_is_online() -> None:
    watch = WorkerWatch()
    watch.worker_event(beat(NOW, kind="online"), NOW)
    watch.worker_event(beat(NOW + 2), NOW + 2)
    assert began(watch) == NOW
    watch.silent_until(NOW + 300)
    assert began(watch) is None


def test_of_who_never_sent_a_heartbeat_silence_says_nothing() -> None:
    watch = WorkerWatch()
    watch.task_event(started(NOW), NOW)
    second = 0
    while watch.online():
        watch.check(NOW + (second := second + 1))
    assert second == UNKNOWN_AFTER + 1
    assert watch.is_alive("w1", 1) is None
    (row,) = watch.take_changed()
    assert (row.presence, row.since) == ("unknown", NOW)
    assert WorkerWatch([row]).workers["w1"].row() == row
    watch.task_event(started(NOW + 70), NOW + 70)
    assert watch.workers["w1"].row().presence == "online"


def test_nobody_is_blamed_for_our_own_deafness() -> None:
    watch = WorkerWatch()
    watch.worker_event(beat(NOW), NOW)
    watch.silent_until(NOW + 300)
    watch.check(NOW + 301)
    assert watch.online() == ["w1"]


def test_a_goodbye_is_believed_at_once() -> None:
    watch = WorkerWatch()
    watch.worker_event(beat(NOW), NOW)
    watch.worker_event(beat(NOW + 1, kind="offline"), NOW + 1)
    assert watch.online() == []
    assert watch.is_alive("w1", 1) is False


def test_a_restarted_worker_is_another_process() -> None:
    watch = WorkerWatch()
    watch.worker_event(beat(NOW, pid=1), NOW)
    for second in range(5, 15, 2):
        watch.worker_event(beat(NOW + second, pid=2), NOW + second)
    assert watch.is_alive("w1", 1) is False
    assert watch.is_alive("w1", 2) is True
    assert not watch.workers["w1"].duplicate_name


def test_two_processes_of_one_name() -> None:
    watch = WorkerWatch()
    for second in range(10):
        watch.worker_event(beat(NOW + second, pid=1 + second % 2), NOW + second)
    assert watch.workers["w1"].row().duplicate_name
    assert watch.is_alive("w1", 1) is True


def test_a_worker_that_was_killed_and_is_back_at_once_has_its_name_alone() -> None:
    watch = WorkerWatch()
    for second, pid in ((0, 1), (2, 1), (4, 2), (6, 2)):
        watch.worker_event(beat(NOW + second, pid=pid), NOW + second)
        assert not watch.workers["w1"].duplicate_name


def test_two_processes_of_one_name_with_a_slow_heartbeat() -> None:
    watch = WorkerWatch()
    for number in range(12):
        at = NOW + 10 * number
        watch.worker_event(
            Event(type="worker-heartbeat", hostname="w1", pid=1 + number % 2, timestamp=at, freq=20.0), at
        )
    assert watch.workers["w1"].duplicate_name
    assert (watch.is_alive("w1", 1), watch.is_alive("w1", 2)) == (True, True)


def test_two_containers_of_one_name_and_one_pid() -> None:
    watch = WorkerWatch()
    for number in range(6):
        at = NOW + number // 2 * 2 + number % 2 * 1.9
        watch.worker_event(beat(at, pid=1), at)
        assert watch.workers["w1"].duplicate_name == (number == 5)


def test_one_worker_with_one_pid_has_its_name_alone() -> None:
    watch = WorkerWatch()

    def beats(first: float, clock: float = 0.0, *, late: float = 0.0) -> None:
        for second in range(0, 12, 2):
            stamp = NOW + first + second
            came = max(stamp, NOW + late)
            for _ in range(2):  # a delivery that comes again is no second worker
                watch.worker_event(beat(stamp + clock, pid=1), came)
            assert not watch.workers["w1"].duplicate_name

    beats(0)
    watch.worker_event(beat(NOW + 10.5, pid=1, kind="offline"), NOW + 10.5)
    watch.worker_event(beat(NOW + 11, pid=1, kind="online"), NOW + 11)
    beats(11.5)
    beats(24, clock=-5)  # its clock is set back
    beats(36, late=48)  # deskq catches up


def test_ever_new_processes_of_one_name_are_not_kept() -> None:
    watch = WorkerWatch()
    for pid in range(500):
        watch.worker_event(beat(NOW, pid=pid), NOW)
    worker = watch.workers["w1"]
    assert len(worker.pids) == len(worker.came) == MOST_PROCESSES
    assert worker.pid in worker.pids


@pytest.mark.parametrize("step", [3_600.0, -3_600.0])
def test_nobody_dies_because_the_clock_is_set(step: float) -> None:
    watch = WorkerWatch()
    watch.worker_event(beat(NOW), NOW)
    watch.check(NOW + 1)
    watch.check(NOW + 2 + step)
    assert watch.online() == ["w1"]
    for second in range(3, 14):
        watch.check(NOW + second + step)
    assert watch.online() == []


def test_events_without_a_worker_make_none() -> None:
    watch = WorkerWatch()
    watch.task_event(Event(type="task-progress", timestamp=NOW, uuid=TASK), NOW)
    assert watch.workers == {}


def test_a_clock_that_is_ahead() -> None:
    watch = WorkerWatch()
    for second, delay in enumerate((0.8, 0.01, 0.3)):
        watch.worker_event(beat(NOW + second, lead=3_600 - delay), NOW + second)
    assert watch.workers["w1"].clock_difference == pytest.approx(3_599.99, abs=0.01)


def test_tasks_that_were_accepted_but_not_told_of() -> None:
    watch = WorkerWatch()
    watch.worker_event(beat(NOW, processed=10), NOW)
    watch.task_event(started(NOW + 1), NOW + 1)
    watch.worker_event(beat(NOW + 2, processed=14), NOW + 2)
    assert watch.take_missed() == []  # their events may still be under way
    watch.worker_event(beat(NOW + 4, processed=14), NOW + 4)
    (missed,) = watch.take_missed()
    assert (missed.count, missed.since, missed.until) == (3, NOW + 2, NOW + 4)
    watch.worker_event(beat(NOW + 6, processed=14), NOW + 6)
    assert watch.take_missed() == []


def test_events_that_are_off_are_no_gap() -> None:
    watch = WorkerWatch()
    for second in range(0, 12, 2):
        watch.worker_event(beat(NOW + second, processed=second), NOW + second)
    assert watch.take_missed() == []
    assert watch.workers["w1"].events_enabled is False
    watch.task_event(started(NOW + 20), NOW + 20)
    assert watch.workers["w1"].events_enabled is True


def test_events_that_are_switched_off_are_no_endless_gap() -> None:
    watch = WorkerWatch()
    watch.task_event(started(NOW), NOW)
    for second in range(0, 200, 2):
        watch.worker_event(beat(NOW + second, processed=second), NOW + second)
    assert len(watch.take_missed()) <= 3
    assert watch.workers["w1"].events_enabled is False


def test_queue_rows() -> None:
    watch = QueueWatch(watched=["celery"])
    watch.sent("emails", NOW)
    watch.sent("emails", NOW + 1)
    watch.received("emails", NOW + 1)
    samples = [QueueSample("celery", NOW + 2, 0, None, None), QueueSample("emails", NOW + 2, 7, 1, None)]
    consumers = Consumers({"celery": ["w1"]}, {"celery": NOW}, complete=True, gone=frozenset({"emails"}))
    rows, kept = watch.rows(samples, consumers, {"emails": NOW}, NOW + 2)
    celery, emails = rows
    assert (celery.consumers, celery.no_consumer, celery.workers) == (1, False, ("w1",))
    assert (celery.in_rate, celery.out_rate, celery.oldest) == (None, None, None)
    assert (emails.consumers, emails.no_consumer, emails.oldest) == (0, True, NOW)
    assert (emails.in_rate, emails.out_rate) == (0.2, 0.1)
    assert [sample[0] for sample in kept] == ["celery", "emails", ""]
    assert kept[-1][2:4] == (7, 1)
    again, unchanged = watch.rows(samples, consumers, {}, NOW + 4)
    assert unchanged == []
    assert len(again) == 2


def test_consumers_are_unknown_until_somebody_tells() -> None:
    rows, _ = QueueWatch().rows([QueueSample("celery", NOW, 3, None, None)], Consumers(), {}, NOW)
    assert (rows[0].consumers, rows[0].no_consumer) == (None, False)


def test_a_line_of_depths_has_holes() -> None:
    watch = QueueWatch()
    for second, ready in ((0, 1), (3, 2), (10, 3), (40, 4)):
        (row,), _ = watch.rows([QueueSample("q", NOW + second, ready, None, None)], Consumers(), {}, NOW + second)
    assert row.spark == (2, 3, None, None, 4)


def test_queues_that_are_gone_and_those_that_stay() -> None:
    watch = QueueWatch(watched=["celery"])
    watch.add_known([QueueRow("old", 0, 0, None, None, None, None, None, NOW, False)])
    watch.found({"new"}, ["used"], complete=False)
    assert watch.take_gone() == []
    assert watch.names == {"celery", "old", "new", "used"}
    watch.found({"new"}, [], complete=True)
    assert watch.take_gone() == ["old", "used"]
    assert watch.names == {"celery", "new"}


def test_the_pipeline_counts_and_bounds_what_is_wrong(history: History) -> None:
    workers, queues = WorkerWatch(), QueueWatch()
    pipeline = Pipeline(history, workers, queues)

    def decode(payload: Any) -> list[Event]:
        if isinstance(payload, bytes):
            raise MalformedEvent("garbage", payload)
        return [payload]

    sent = Event(type="task-sent", hostname="client", timestamp=NOW, uuid=TASK, queue="emails", name="t", retries=0)
    received = Event(type="task-received", hostname="w1", pid=1, clock=1, timestamp=NOW, uuid=TASK, retries=0)
    pipeline.take([sent, received, received, *[b"x"] * 150], decode, NOW)
    assert (pipeline.events, pipeline.duplicates, pipeline.malformed) == (3, 1, 150)
    assert list(workers.workers) == ["w1"]  # a client is no worker
    assert queues.names == {"emails"}
    assert len(pipeline.committed()) == 100
    assert pipeline.pending == 0
