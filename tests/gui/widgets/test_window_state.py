"""What the window remembers: written by a thread of its own, and read back before it is written."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PySide6.QtCore import QByteArray, QSettings
from PySide6.QtWidgets import QApplication

from deskq.views.widgets import window_state
from tests.support.waiting import wait_until


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qapp: QApplication) -> Path:
    monkeypatch.setenv("DESKQ_HOME", str(tmp_path))
    return tmp_path


def test_what_is_saved_is_there_at_once_though_the_disk_is_slow(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits, goes_on, threads = threading.Event(), threading.Event(), set[int]()

    class SlowSettings(QSettings):
        def sync(self) -> None:
            threads.add(threading.get_ident())
            waits.set()
            assert goes_on.wait(30)
            super().sync()

    monkeypatch.setattr(window_state, "QSettings", SlowSettings)
    window_state.save_text("window/kind", "tasks")
    assert waits.wait(30)
    window_state.save_text("window/kind", "queues")
    window_state.save("window/splitter", QByteArray(b"\x00\x01"))
    assert window_state.load_text("window/kind") == "queues"
    assert window_state.load("window/splitter") == QByteArray(b"\x00\x01")
    goes_on.set()
    wait_until(lambda: not window_state._waiting, 30, "all of it to be written")
    assert threading.get_ident() not in threads
    assert window_state.load_text("window/kind") == "queues"
    assert window_state.load("window/splitter") == QByteArray(b"\x00\x01")


def test_the_end_of_the_program_waits_for_it(home: Path) -> None:
    words = "from deskq.views.widgets import window_state as s; [s.save_text(f'k/{n}', str(n)) for n in range(50)]"
    subprocess.run([sys.executable, "-c", words], check=True, timeout=240, env=dict(os.environ))
    assert [window_state.load_text(f"k/{n}") for n in range(50)] == [str(n) for n in range(50)]
