"""Whatever deskq writes is its owner's alone from its first moment, with the umask that shares most."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deskq.actions.journal.database import open_file
from deskq.files.locks import WriterLock, lock_path
from deskq.files.private_files import exclusive
from deskq.history.writing.database import open_for_writing
from tests.support.events import send_events
from tests.support.waiting import wait_until


@pytest.fixture(autouse=True)
def sharing_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def shared(folder: Path) -> dict[str, str]:
    """What in it others can read, write or enter, with its mode; sockets are guarded by their folder."""
    found = {}
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode
        if (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) and stat.S_IMODE(mode) & 0o077:
            found[str(path.relative_to(folder))] = f"{stat.S_IMODE(mode):04o}"
    return found


def test_the_first_journal(tmp_path: Path) -> None:
    connection = open_file(tmp_path / "state" / "journal.sqlite")
    assert (tmp_path / "state" / "journal.sqlite-wal").exists()
    assert shared(tmp_path) == {}
    connection.close()


def test_the_first_history(tmp_path: Path) -> None:
    connection = open_for_writing(tmp_path / "history" / "h.sqlite")
    connection.execute("INSERT INTO texts (text) VALUES ('x')")
    assert (tmp_path / "history" / "h.sqlite-wal").exists()
    assert shared(tmp_path) == {}
    connection.close()


def test_locks_and_what_earlier_versions_left(tmp_path: Path) -> None:
    history = tmp_path / "h.sqlite"
    for path in (history, lock_path(history), tmp_path / ".profiles.toml.lock"):
        path.touch(0o644)
    lock = WriterLock(history)
    assert lock.acquire()
    lock.release()
    open_for_writing(history).close()
    with exclusive(tmp_path / "profiles.toml", "The profiles"):
        pass
    assert shared(tmp_path) == {}


def test_commands_and_the_recorder(tmp_path: Path, redis_url: str) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    environment = {**os.environ, "DESKQ_HOME": str(home)}
    deskq = [sys.executable, "-m", "deskq"]

    def run(*arguments: str) -> None:
        subprocess.run([*deskq, *arguments], env=environment, check=True, timeout=240, capture_output=True, umask=0)

    run("profiles", "add", "shop", redis_url)
    history = elsewhere / "deep" / "h.sqlite"
    process = subprocess.Popen(
        [*deskq, "record", "shop", "--history", str(history)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        umask=0,
    )
    try:
        wait_until(history.with_name("h.sqlite-wal").exists, 30, "a history")
        send_events(redis_url)
        wait_until(lambda: history.with_name("h.sqlite-wal").stat().st_size > 0, 30, "something written")
        while_it_records = shared(tmp_path)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
    run("send", "shop", "sample.add", "--args", "[1, 2]", "--queue", "celery", "--yes")
    run("history", "export", str(history), "--format", "csv", "--output", str(elsewhere / "out.csv"))
    run("history", "compact", str(history))
    run("profiles", "export", "shop", str(elsewhere / "profiles.toml"))
    assert (home / "state" / "journal.sqlite").exists()
    assert (while_it_records, shared(tmp_path)) == ({}, {})
