"""The window as a program: started twice, killed, started on a history file, with a keyring that does not answer."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deskq.instance import socket_path
from deskq.profiles import Profile, ProfileFile
from tests.gui.conftest import Recorded
from tests.support.processes import Process
from tests.support.recording import deskq
from tests.support.waiting import wait_until

_ROOT = Path(__file__).resolve().parents[2]


def window(log: Path, *arguments: str) -> Process:
    return Process([sys.executable, "-m", "deskq", *arguments], log=log, cwd=_ROOT, env=dict(os.environ))


@pytest.fixture
def short_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


def listening() -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as link:
        link.connect(str(socket_path()))
        return True
    return False


@pytest.mark.parametrize("long", [False, True], ids=["", "with a home too long for a socket"])
def test_a_second_start_hands_over_and_a_killed_window_stands_in_nobody_s_way(
    long: bool, tmp_path: Path, short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if long:
        monkeypatch.setenv("DESKQ_HOME", str(tmp_path / ("far away " * 12).strip()))
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(short_folder))
    recorded = Recorded(tmp_path)
    recorded.add(2)
    recorded.history.close()
    file = str(recorded.profile.history_path())
    first = window(tmp_path / "first.log", file)
    try:
        wait_until(listening, 30, "the window to listen")
        second = deskq(file)
        assert (second.returncode, second.stderr) == (0, "")
        assert first.returncode is None
    finally:
        first.kill()
    third = window(tmp_path / "third.log", file)
    try:
        wait_until(listening, 30, "the third to take over")
        assert deskq(file).returncode == 0
        assert third.returncode is None, third.log()
    finally:
        assert third.end() == 0, third.log()
    assert not listening()


def test_a_history_that_is_none_is_told_before_any_window() -> None:
    refused = deskq("nowhere.sqlite")
    assert refused.returncode == 2
    assert "No history at" in refused.stderr


def test_a_window_closes_though_its_keyring_never_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "tests.support.slow_keyring.SlowKeyring")
    asked = tmp_path / "asked"
    monkeypatch.setenv("SLOW_KEYRING_ASKED", str(asked))
    ProfileFile().save([Profile.from_url("redis://anna@127.0.0.1:1/0", name="shop")])
    open_window = window(tmp_path / "window.log")
    try:
        wait_until(asked.exists, 30, "the keyring to be asked")
        wait_until(listening, 30, "the window to listen")
    finally:
        assert open_window.end() == 0, open_window.log()
