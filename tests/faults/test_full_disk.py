"""A full disk: what was read is held, the window is told, and all of it is written when there is space again."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from deskq.history.reader import HistoryReader
from deskq.history.store import History
from deskq.profiles import Profile
from deskq.recorder import recorder as module
from deskq.recorder.recorder import Recorder
from tests.support.flood import FakeWorker, publish
from tests.support.recording import Recording
from tests.support.waiting import wait_until


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 3 MB of its own; only root may mount one."""
    folder = Path(tempfile.mkdtemp(prefix="deskq-disk-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m,mode=700", "deskq-test", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        folder.rmdir()
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
    folder.rmdir()


def fill(folder: Path) -> Path:
    """Take all the space that is left."""
    file = folder / "ballast"
    with file.open("wb", buffering=0) as output, contextlib.suppress(OSError):
        while output.write(b"x" * 4096):
            pass
    return file


def database(url: str) -> int:
    return int(url.rpartition("/")[2])


def test_a_full_disk_holds_up_nothing_for_ever(small_disk: Path, redis_url: str) -> None:
    worker = FakeWorker()
    with (
        redis.Redis.from_url(redis_url) as client,
        Recording(redis_url, history=small_disk / "h.sqlite") as recording,
    ):
        db = database(redis_url)
        publish(client, [event for _ in range(50) for event in worker.task()], db)
        wait_until(lambda: recording.count() == 50, 20, "the first tasks")
        ballast = fill(small_disk)
        for _ in range(20):
            publish(client, [event for _ in range(100) for event in worker.task(args="(" + "x" * 300 + ")")], db)
        wait_until(lambda: "cannot be written" in recording.log(), 30, "the recorder to say so")
        assert recording.count() < 2_050
        ballast.unlink()
        wait_until(lambda: recording.count() == 2_050, 10, "everything that was held")
        wait_until(lambda: recording.status().message == "", 10, "the status to be good again")
        assert recording.reader.gaps() == []
        assert recording.reader.integrity(10) == ["ok"]
        assert recording.stop()["tasks"] == 2_050


def test_what_is_beyond_memory_is_counted_and_becomes_a_gap(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full by SQLite's own account (max_page_count), and little may be held."""
    monkeypatch.setattr(module, "HELD_EVENTS", 300)
    history = History(tmp_path / "h.sqlite")
    stop = threading.Event()
    said: list[str] = []
    recorder = Recorder(Profile.from_url(redis_url), history, stop, said.append)
    pages = history.connection.pragma("page_count")
    thread = threading.Thread(target=recorder.run)
    thread.start()
    worker = FakeWorker()
    try:
        with redis.Redis.from_url(redis_url) as client:
            wait_until(lambda: recorder.status_line().startswith("recording"), 20, "the recorder to record")
            history.connection.pragma("max_page_count", pages + 2)
            for _ in range(30):
                publish(client, [event for _ in range(30) for event in worker.task()], database(redis_url))
            wait_until(lambda: recorder.summary().events + recorder._dropped >= 2_700, 30, "all to be read")
            assert recorder._dropped > 0
            history.connection.pragma("max_page_count", 1 << 30)
            wait_until(lambda: recorder._dropped == 0, 20, "the disk to have space again")
    finally:
        stop.set()
        thread.join()
        history.close()
    reader = HistoryReader(tmp_path / "h.sqlite")
    (gap,) = reader.gaps()
    assert "the disk was full" in gap.cause
    assert gap.estimate is not None
    assert gap.estimate + recorder.summary().events == 2_700
    assert gap.ended is not None
    assert reader.counts().total >= 100
    reader.close()
    assert [text for text in said if "cannot be written" in text] != []
    assert said[-1] == "The history can be written again."


def test_a_file_that_may_not_grow_is_no_damage(tmp_path: Path) -> None:
    """RLIMIT_FSIZE in a process of its own: writing fails with EFBIG in mid-transaction, and nothing breaks."""
    program = f"""
import resource, signal, time, apsw
from deskq.history.store import History
from deskq.protocol.events import Event
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
history = History(__import__("pathlib").Path({str(tmp_path / "h.sqlite")!r}))
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY))
failed = 0
for n in range(20_000):
    event = Event(type="task-received", uuid=f"id-{{n}}", timestamp=1.0, name="x", args="y" * 200)
    history.record(event.uuid, 1.0).add(event)
    if n % 500 == 499:
        try:
            history.commit(1.0)
        except apsw.Error:
            failed += 1
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
history.commit(1.0)
history.close()
print(failed)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert int(ran.stdout) > 0
    reader = HistoryReader(tmp_path / "h.sqlite")
    assert reader.counts().total == 20_000
    assert reader.integrity(10) == ["ok"]
    reader.close()
