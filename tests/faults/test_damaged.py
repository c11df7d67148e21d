"""A damaged history under a real recorder: it records at once and salvages beside, and a kill changes nothing."""

from __future__ import annotations

import random
import time
import uuid
from pathlib import Path

import pytest

from deskq.history.reading.task_filter import TaskFilter
from deskq.history.recovery.quarantine import to_be_salvaged
from deskq.history.writing.writer import History
from deskq.protocol.events import decode_redis_envelope
from tests.support.flood import Feed, Flood, envelope, task_events
from tests.support.recording import Recording
from tests.support.soak import rounds
from tests.support.soundness import assert_sound, missing
from tests.support.waiting import wait_until

TASKS = rounds(20_000, 100_000)
NOW = 1_795_000_000.0


def long_history(path: Path, count: int) -> list[str]:
    """Record so many tasks, and close it; their ids."""
    history = History(path)
    tasks = [str(uuid.UUID(int=number, version=4)) for number in range(1, count + 1)]
    for number, task in enumerate(tasks):
        at = NOW + number / 100
        for event in decode_redis_envelope(envelope(task_events(task, 3 * number + 1, at=at))):
            history.record(task, at).add(event)
        if number % 5_000 == 4_999:
            history.commit(at)
    history.commit(NOW)
    history.close()
    return tasks


def flip(path: Path, chance: random.Random, count: int) -> None:
    """Change random bytes behind the first page."""
    content = bytearray(path.read_bytes())
    for _ in range(count):
        content[chance.randrange(4_096, len(content))] = chance.randrange(256)
    path.write_bytes(content)


@pytest.mark.timeout(600)
def test_it_records_while_it_salvages_and_a_kill_changes_nothing(redis_url: str, tmp_path: Path) -> None:
    history = tmp_path / "h.sqlite"
    tasks = long_history(history, TASKS)
    flip(history, random.Random(4), 1_000)
    anew = tasks[100:110] + tasks[-10:]  # told of again meanwhile: neither doubled nor made older
    recorded: list[str] = []
    kills = 0
    while kills < rounds(3, 30) and (not kills or to_be_salvaged(history)):
        with Recording(redis_url, history=history) as recording, Flood(redis_url, per_second=500) as flood:
            (aside,) = to_be_salvaged(history)
            with Feed(redis_url) as feed:
                feed.send(*(task_events(task, 1_000_000, hostname="w9@host", name="again") for task in anew))
            wait_until(lambda: missing(history, anew) == [], 10, "tasks to be recorded")
            assert to_be_salvaged(history) == [aside], "it records before it has salvaged"
            if not kills:
                assert str(aside.kept_as) in recording.log()
            first = recording.count()
            wait_until(lambda: recording.count() > first + 500, 30, "salvaged tasks")  # noqa: B023
            recording.kill()
            kills, killed = kills + 1, time.time()
        recorded += [task for at, task in flood.sent if at < killed - 1.0]
        assert_sound(history)
    assert to_be_salvaged(history) == [aside], "it was killed in the midst of it"
    with Recording(redis_url, history=history) as recording, Flood(redis_url, per_second=500) as flood:
        assert recording.status().salvaging is not None
        assert str(aside.kept_as) in recording.status().message
        wait_until(lambda: "tasks were salvaged" in recording.log(), 300, "the end of the salvage")
        assert to_be_salvaged(history) == []
        wait_until(lambda: recording.status().salvaging is None, 10, "the status to say so")
        assert "tasks were salvaged" in recording.status().message
        assert str(aside.kept_as) in recording.status().message
        told = [task for _, task in flood.sent]
        wait_until(lambda: missing(history, told) == [], 10, "what was sent meanwhile")
        said = next(gap.cause for gap in recording.reader.gaps() if "salvaged" in gap.cause)
        saved = int(said.split("; ")[1].split()[0].replace(",", ""))
        lost = missing(history, tasks)
        assert TASKS * 0.9 < saved <= TASKS
        assert len(lost) < TASKS - saved + 100  # and those whose id or whose ending a flip has changed
        assert missing(history, recorded) == []
        newest = {row.uuid for row in recording.reader.tasks(TaskFilter(), limit=100)}
        assert not newest & set(tasks) - set(anew)
        recording.stop()
    assert_sound(history)
