"""The check for leaks finds them, and Qt's and Python's warnings fail a test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

TESTS = """
import subprocess, sys, tempfile, threading, time, warnings
from PySide6.QtCore import qWarning

stop = threading.Event()

def test_thread():
    threading.Thread(target=stop.wait, name="forgotten-thread").start()

def test_process():
    global child
    child = subprocess.Popen([sys.executable, "-c", "input() # forgotten-process"], stdin=subprocess.PIPE)

def test_end_both():
    stop.set()
    child.communicate()

def test_folder():
    tempfile.mkdtemp(prefix="forgotten-folder")

def test_python_warning():
    warnings.warn("python warned")

def test_qt_warning(qtbot):
    qWarning("qt warned")

def test_clean(deskq_home):
    assert list(deskq_home.iterdir()) == []
"""


@pytest.mark.timeout(300)
def test_each_leak_fails_its_own_test(tmp_path: Path) -> None:
    (tmp_path / "test_leaks.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", "pyproject.toml", "--no-header", "-rA"]
    ran = subprocess.run(
        [*command, "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    out = ran.stdout
    assert "left behind: thread forgotten-thread" in out, out + ran.stderr
    assert "left behind: process" in out
    assert "forgotten-folder" in out
    assert "forgotten-process" in out
    bad = {line.split("::")[1].split(" ")[0] for line in out.splitlines() if line.startswith(("FAILED", "ERROR"))}
    assert bad == {"test_thread", "test_process", "test_folder", "test_python_warning", "test_qt_warning"}
