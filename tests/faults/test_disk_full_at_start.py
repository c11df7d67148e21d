"""A recorder that starts on a full disk: it says so, reads and holds, and writes all of it when there is room."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from deskq.history.recovery.quarantine import to_be_salvaged
from deskq.history.writing.database import VERSION
from deskq.history.writing.writer import History
from deskq.protocol.events import decode_redis_envelope
from deskq.recorder.event_merger import HELD_EVENTS
from tests.support.flood import Feed, envelope, heartbeat, task_events
from tests.support.recording import Recording
from tests.support.small_disk import fill, grow, small_file_system
from tests.support.soundness import assert_sound, missing
from tests.support.waiting import wait_until

SAID = "cannot be written"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with small_file_system(tmp_path / "disk") as place:
        yield place


def send_tasks(feed: Feed, count: int) -> list[str]:
    tasks = [str(uuid.uuid4()) for _ in range(count)]
    feed.send(*(task_events(task, 3 * number + 1) for number, task in enumerate(tasks)))
    return tasks


def recorded(path: Path, count: int = 100) -> list[str]:
    """A history that a recorder has left in order, with a worker and a gap that goes on."""
    history = History(path)
    tasks = [str(uuid.uuid4()) for _ in range(count)]
    for number, task in enumerate(tasks):
        for event in decode_redis_envelope(envelope(task_events(task, 3 * number + 1))):
            history.record(task, event.timestamp).add(event)
    history.commit(time.time())
    history.close()
    return tasks


def as_version_1(path: Path) -> None:
    """Take out of a history what came with later versions."""
    connection = apsw.Connection(str(path))
    connection.execute("ALTER TABLE tasks DROP COLUMN counted")
    connection.execute("DROP TABLE task_runtimes; PRAGMA auto_vacuum = none; PRAGMA journal_mode = delete; VACUUM")
    connection.execute("PRAGMA user_version = 1; PRAGMA journal_mode = wal")
    connection.close()


def waits(recording: Recording, feed: Feed) -> None:
    """Returns when it has said that there is no room, and reads events."""
    recording.launch()
    wait_until(lambda: SAID in recording.log(), 20, "the recorder to say so")
    wait_until(feed.subscribers, 10, "the recorder to subscribe")


@pytest.mark.parametrize("before", ["nothing", "a history", "an older history", "a damaged history"])
def test_what_came_while_it_waited_is_there(redis_url: str, small_disk: Path, before: str) -> None:
    path = small_disk / "h.sqlite"
    tasks = [] if before == "nothing" else recorded(path)
    if before == "an older history":
        as_version_1(path)
    elif before == "a damaged history":
        with path.open("r+b") as file:
            file.write(b"\0" * 100)
    ballast = fill(small_disk)
    with Feed(redis_url) as feed:
        recording = Recording(redis_url, history=path)
        try:
            waits(recording, feed)
            new = []
            for _ in range(10):
                new += send_tasks(feed, 50)
                feed.send(heartbeat(1))
            assert missing_or_none(path, new) == new
            ballast.unlink()
            wait_until(lambda: missing_or_none(path, new) == [], 20, "all that was held")
            wait_until(lambda: "can be written again" in recording.log(), 10, "the recorder to say so")
            wait_until(lambda: recording.status().state == "recording", 10, "its status")
            assert recording.log().count(SAID) <= 3  # a sentence, not a storm
            workers = wait_until(recording.reader.workers, 10, "the worker that was heard meanwhile")
            assert [row.hostname for row in workers] == ["w1@host"]
            if before == "a damaged history":
                (aside,) = to_be_salvaged(path)  # it waits for more room than this disk has
                assert str(aside.kept_as) in recording.status().message
            else:
                assert missing(path, tasks) == []
                assert recording.reader.number("PRAGMA user_version") == VERSION
            if before != "an older history":  # made in several attempts, it is as if made in one
                assert recording.reader.number("PRAGMA auto_vacuum") == 2
            assert recording.stop()["tasks"] == len(new)
        finally:
            recording.close()
    assert_sound(path)


def missing_or_none(path: Path, tasks: list[str]) -> list[str]:
    """As `missing`; all are, where there is no history that could be read."""
    try:
        return missing(path, tasks)
    except Exception:  # noqa: BLE001 - no file, an empty one, one of the old format
        return tasks


def test_the_gap_of_its_absence_is_noted_late(redis_url: str, small_disk: Path) -> None:
    path = small_disk / "h.sqlite"
    with Feed(redis_url) as feed:
        with Recording(redis_url, history=path) as recording:
            send_tasks(feed, 10)
            wait_until(lambda: recording.count() == 10, 15, "the first tasks")
            recording.stop()
            stopped = time.time()
        ballast = fill(small_disk)
        recording = Recording(redis_url, history=path)
        try:
            waits(recording, feed)
            ballast.unlink()
            (gap,) = wait_until(recording.reader.gaps, 20, "the gap")
            assert gap.cause == "the recorder was not running"
            assert gap.ended is not None
            assert gap.started <= stopped < gap.ended <= time.time()
            assert recording.stop()["gaps"] == 1
        finally:
            recording.close()
    assert_sound(path)


def test_more_than_memory_holds_becomes_a_gap(redis_url: str, small_disk: Path) -> None:
    path = small_disk / "h.sqlite"
    ballast = fill(small_disk)
    with Feed(redis_url) as feed:
        recording = Recording(redis_url, history=path)
        try:
            waits(recording, feed)
            sent = 0
            while sent < 18_000:
                sent += len(send_tasks(feed, 1_000))
            wait_until(lambda: not sum(int(one["omem"]) for one in feed.subscribers()), 30, "it to read all")
            ballast.unlink()
            grow(small_disk)
            wait_until(lambda: "can be written again" in recording.log(), 20, "the recorder to say so")
            (gap,) = wait_until(recording.reader.gaps, 30, "the gap")
            wait_until(lambda: recording.status().events == 3 * sent, 20, "every event to be read")
            assert gap.estimate is not None
            assert 0 < gap.estimate <= 3 * sent - HELD_EVENTS
            assert "50,000" in gap.cause
            recording.stop()
        finally:
            recording.close()
    assert_sound(path)
