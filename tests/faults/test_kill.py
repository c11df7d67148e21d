"""kill -9 in mid-stream: of a recorder, and of a window with the recorder that is its child."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest

from deskq.errors import UserError
from deskq.files.locks import is_locked
from deskq.history.reading.reader import HistoryReader
from tests.support.flood import Flood
from tests.support.processes import Process
from tests.support.recording import Recording
from tests.support.soak import rounds
from tests.support.soundness import assert_sound, missing
from tests.support.waiting import wait_until

_ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(3_600)
def test_a_recorder_that_is_killed_again_and_again(redis_url: str, tmp_path: Path) -> None:
    """What was published more than a second before the kill is there; the rest lies in a gap that the next notes."""
    chance = random.Random(20_261)
    history = tmp_path / "h.sqlite"
    kills: list[float] = []
    with Flood(redis_url, per_second=500) as flood:
        for _ in range(rounds(4, 200)):
            with Recording(redis_url, history=history) as recording:
                began = time.time()
                first = recording.count()
                wait_until(lambda: recording.count() > first, 20, "tasks to be recorded")  # noqa: B023
                wait = time.monotonic() + 1.4 + chance.random() * 0.4
                wait_until(lambda: time.monotonic() >= wait, 5, "a moment in mid-stream")  # noqa: B023
                recording.kill()
                kills.append(time.time())
            told = [task for at, task in list(flood.sent) if began + 0.1 < at < kills[-1] - 1.0]
            assert told
            assert missing(history, told) == []
            assert_sound(history)
    with Recording(redis_url, history=history) as recording:
        gaps = recording.reader.gaps()
        assert [gap.cause for gap in gaps] == ["the recorder was not running"] * len(kills)
        for gap, killed in zip(gaps, kills, strict=True):
            assert gap.ended is not None
            assert killed - 2.5 < gap.started <= killed < gap.ended
    assert_sound(history)


def child_of(pid: int) -> int | None:
    """The process id of the one that records for a window."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            command = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if parent == pid and b"record" in command:
            return int(entry.name)
    return None


def is_running(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the child in /proc")
@pytest.mark.timeout(3_600)
def test_a_window_that_is_killed_takes_its_recorder_along(redis_url: str, tmp_path: Path, deskq_home: Path) -> None:
    """Its child sees its standard input close, commits what it has, and ends; a new window works."""
    command = [sys.executable, "-m", "deskq", redis_url]
    for number in range(rounds(2, 20)):
        with Flood(redis_url, per_second=200) as flood:
            window = Process(command, log=tmp_path / f"{number}.log", cwd=_ROOT, env=dict(os.environ))
            try:
                child = wait_until(lambda: child_of(window.pid), 30, "the window's recorder")  # noqa: B023
                assert child is not None
                path = wait_until(lambda: recorded_into(deskq_home, child), 30, "tasks in the history")  # noqa: B023
                assert path is not None
                began = time.time()
                wait_until(lambda: time.time() > began + 1.3, 5, "a moment in mid-stream")  # noqa: B023
                window.send(signal.SIGKILL)
                killed = time.time()
                wait_until(lambda: not is_running(child), 15, "the recorder to end")  # noqa: B023
            finally:
                window.kill()
        told = [task for at, task in flood.sent if began < at < killed - 0.5]
        assert told
        assert missing(path, told) == []
        assert not is_locked(path)
        assert_sound(path)
        reader = HistoryReader(path)
        assert len(reader.gaps()) == number
        reader.close()


def recorded_into(home: Path, pid: int) -> Path | None:
    """The history that this recorder has written tasks into."""
    for path in home.rglob("*.sqlite"):
        try:
            reader = HistoryReader(path)
        except UserError:
            continue
        status = reader.status()
        reader.close()
        if status.pid == pid and status.state == "recording" and status.events > 0:
            return path
    return None
