"""kill -9 of the recorder, and of a window, in mid-stream: nothing is damaged, little is lost, and that is a gap."""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Self

import apsw
import redis

from deskq.errors import UserError
from deskq.history.query import TaskFilter
from deskq.history.reader import HistoryReader
from deskq.profiles import Profile
from tests.support.flood import FakeWorker, publish
from tests.support.processes import Process, children
from tests.support.recording import Recording
from tests.support.soak import rounds
from tests.support.waiting import wait_until

_ROOT = Path(__file__).resolve().parents[2]
_ALLOWED_SECONDS = 1.0


class Flood:
    """Publishes tasks from a thread; ``sent`` says of each when it was out."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.sent: list[tuple[str, float]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        worker = FakeWorker()
        with redis.Redis.from_url(self._url) as client:
            db = client.connection_pool.connection_kwargs["db"]
            while not self._stop.wait(0.005):
                tasks = [worker.task() for _ in range(10)]
                publish(client, [event for task in tasks for event in task], db)
                now = time.time()
                self.sent += [(task[0]["uuid"], now) for task in tasks]


def test_a_killed_recorder_loses_at_most_a_second_and_says_so(redis_url: str, tmp_path: Path) -> None:
    history = tmp_path / "h.sqlite"
    with Flood(redis_url) as flood:
        for number in range(rounds(4, 200)):
            recording = Recording(redis_url, history=history)
            with recording:
                began = time.time()
                seed = random.randrange(1 << 30)
                enough = 200 + random.Random(seed).randrange(2_000)
                start = len(flood.sent)
                wait_until(lambda start=start, enough=enough: len(flood.sent) >= start + enough, 60)  # type: ignore[misc]
                recording.kill()
                killed = time.time()
                sent = [uuid for uuid, at in flood.sent if began < at < killed - _ALLOWED_SECONDS]
            connection = apsw.Connection(str(history), flags=apsw.SQLITE_OPEN_READONLY)
            assert connection.pragma("integrity_check") == "ok", f"seed {seed}"
            connection.close()
            reader = HistoryReader(history)
            missing = [uuid for uuid in sent if reader.task_row(uuid) is None]
            assert missing == [], f"seed {seed}"
            assert len(reader.gaps()) == number
            reader.close()
    reader = HistoryReader(history)
    exported = sum(1 for _ in reader.export(TaskFilter()))
    assert exported == reader.counts().total  # each record decodes
    assert all(gap.cause == "the recorder was not running" and gap.ended is not None for gap in reader.gaps())
    reader.close()


def test_a_killed_window_takes_its_recorder_along_and_leaves_the_history_whole(redis_url: str, tmp_path: Path) -> None:
    profile = Profile.from_url(redis_url)
    with Flood(redis_url) as flood:
        for number in range(rounds(2, 20)):
            command = [sys.executable, "-m", "deskq", redis_url]
            window = Process(command, log=tmp_path / "window.log", cwd=_ROOT, env=dict(os.environ))
            try:
                wait_for_tasks(profile, flood)
                own = children(window.pid)
                assert own, "the window's recorder"
                os.kill(window.pid, 9)
                wait_for_end(own)
            finally:
                window.kill()
            with closing(HistoryReader(profile.history_path())) as reader:
                assert reader.integrity(10) == ["ok"]
                assert not reader.status().writer_alive
                assert len(reader.gaps()) == number


def wait_for_tasks(profile: Profile, flood: Flood) -> None:
    enough = len(flood.sent) + 300
    wait_until(lambda: len(flood.sent) >= enough and recorded(profile) > 0, 60, "tasks")


def wait_for_end(processes: Iterable[int]) -> None:
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in processes), 15, "its recorder's end")


def recorded(profile: Profile) -> int:
    try:
        with closing(HistoryReader(profile.history_path())) as reader:
            return reader.counts().total if reader.status().writer_alive else 0
    except UserError:
        return 0  # the file is only just being made
