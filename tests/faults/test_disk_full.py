"""A disk that is full: what was read is kept in memory, what finds no room is counted, and nothing is damaged."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from deskq.history.writing.writer import History
from deskq.protocol.events import decode_redis_envelope
from deskq.recorder.event_merger import HELD_EVENTS, Pipeline
from deskq.recorder.tracking.queue_tracker import QueueWatch
from deskq.recorder.tracking.worker_tracker import WorkerWatch
from tests.support.flood import Feed, envelope, heartbeat, task_events
from tests.support.recording import Recording
from tests.support.small_disk import fill, grow, small_file_system
from tests.support.soundness import assert_sound, missing
from tests.support.waiting import wait_until


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with small_file_system(tmp_path / "disk") as place:
        yield place


def send_tasks(feed: Feed, count: int) -> list[str]:
    tasks = [str(uuid.uuid4()) for _ in range(count)]
    feed.send(*(task_events(task, 3 * number + 1) for number, task in enumerate(tasks)))
    return tasks


def test_a_full_disk_loses_nothing_that_fits_in_memory(redis_url: str, small_disk: Path) -> None:
    with Feed(redis_url) as feed, Recording(redis_url, history=small_disk / "h.sqlite") as recording:
        tasks = send_tasks(feed, 50)
        wait_until(lambda: recording.count() == 50, 15, "the first tasks")
        ballast = fill(small_disk)
        for _ in range(20):
            tasks += send_tasks(feed, 100)
            feed.send(heartbeat(1))
            if "cannot be written" in recording.log():
                break
        wait_until(lambda: "cannot be written" in recording.log(), 15, "the recorder to say so")
        tasks += send_tasks(feed, 300)
        ballast.unlink()
        wait_until(lambda: missing(recording.history, tasks) == [], 20, "all that was held")
        wait_until(lambda: "can be written again" in recording.log(), 10, "the recorder to say so")
        assert recording.reader.gaps() == []
        assert recording.log().count("cannot be written") <= 3  # a sentence, not a storm
        summary = recording.stop()
        assert (summary["tasks"], summary["gaps"]) == (len(tasks), 0)
        assert_sound(recording.history)


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on files")
def test_a_limit_on_the_size_of_files_needs_no_root(redis_url: str, tmp_path: Path) -> None:
    """The same through RLIMIT_FSIZE, which makes writes fail with EFBIG instead of ENOSPC."""
    import resource

    with Feed(redis_url) as feed, Recording(redis_url, history=tmp_path / "h.sqlite") as recording:
        tasks = send_tasks(feed, 20)
        wait_until(lambda: recording.count() == 20, 15, "the first tasks")
        pid = recording.status().pid
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        wal = recording.history.with_name("h.sqlite-wal")
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (wal.stat().st_size, before[1]))
        tasks += send_tasks(feed, 500)
        wait_until(lambda: "cannot be written" in recording.log(), 15, "the recorder to say so")
        assert missing(recording.history, tasks[20:]) != []
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
        wait_until(lambda: missing(recording.history, tasks) == [], 20, "all that was held")
        assert recording.stop()["gaps"] == 0
        assert_sound(recording.history)


def test_what_finds_no_room_is_counted_and_is_a_gap(tmp_path: Path) -> None:
    """Workers go on living by events that are not kept, and their counts of started tasks go on as well."""
    history = History(tmp_path / "h.sqlite")
    workers = WorkerWatch()
    pipeline = Pipeline(history, workers, QueueWatch())
    held = HELD_EVENTS // 3
    payloads = [envelope(task_events(f"{n:08x}-0000-4000-8000-000000000000", 3 * n + 1)) for n in range(held + 500)]
    for first in range(0, len(payloads), 1_000):
        pipeline.take(payloads[first : first + 1_000], decode_redis_envelope, 1_000.0 + first)
    assert pipeline.pending == HELD_EVENTS
    assert pipeline.events == 3 * len(payloads)
    dropped = pipeline.take_dropped()
    assert dropped is not None
    assert dropped[1] == 3 * len(payloads) - HELD_EVENTS
    assert pipeline.take_dropped() is None
    assert workers.workers["w1@host"].started == len(payloads)
    history.commit(1_000.0)
    pipeline.committed()
    assert pipeline.pending == 0
    history.close()
    assert assert_sound(history.path) == held + 1  # the last one held lacks its ending


def test_more_than_memory_holds_becomes_a_gap_and_the_broker_is_still_read(redis_url: str, small_disk: Path) -> None:
    with Feed(redis_url) as feed, Recording(redis_url, history=small_disk / "h.sqlite") as recording:
        send_tasks(feed, 10)
        wait_until(lambda: recording.count() == 10, 15, "the first tasks")
        fill(small_disk)
        sent = 10
        while sent < 30_000:  # what the system buffers of a connection, some MB, may still be unread below
            send_tasks(feed, 1_000)
            sent += 1_000
        send_tasks(feed, 1)
        wait_until(lambda: "cannot be written" in recording.log(), 15, "the recorder to say so")
        clients = wait_until(lambda: waiting_for(feed) == 0, 30, "the socket to be read")
        assert clients
        grow(small_disk)
        (gap,) = wait_until(recording.reader.gaps, 30, "the gap")
        assert gap.ended is not None
        assert gap.estimate is not None
        events = 3 * (sent + 1)
        wait_until(lambda: recording.status().events == events, 20, "every event to be read")
        assert 0 < gap.estimate <= events - HELD_EVENTS
        assert "50,000" in gap.cause
        recording.stop()
        assert_sound(recording.history)


def waiting_for(feed: Feed) -> int:
    """Bytes that the broker still holds for its subscribers."""
    return sum(int(client["omem"]) for client in feed.subscribers())
