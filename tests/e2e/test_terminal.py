"""What brokers and files say steers no terminal: the program in a real one, on hostile names."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.bench import Bench
from tests.support.flood import envelope, task_events
from tests.support.waiting import wait_until

ESCAPE = "\x1b]0;owned\x07\x1b[2J\x9b31m\x7fb\rc\u202ed"
COLOURS = re.compile("\x1b\\[(?:1|31|32|33|34|35|0)m")
"""Those of deskq."""
STEERS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e]|\r(?!\n)")


class Terminal:
    """A program on a pseudo-terminal, and all that reached it."""

    def __init__(self, *arguments: str, **more: str) -> None:
        self.text = ""
        ours, theirs = pty.openpty()
        self._ours = ours
        environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "COLUMNS": "400", "TERM": "xterm", **more}
        command = [sys.executable, "-m", "deskq", *arguments]
        self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
        os.close(theirs)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        raw = b""
        with contextlib.suppress(OSError):  # its other end is closed
            while chunk := os.read(self._ours, 65_536):
                raw += chunk
                self.text = raw.decode("utf-8", "replace")

    def end(self) -> str:
        self.process.wait(60)
        self._reader.join()
        os.close(self._ours)
        return self.text


@pytest.fixture
def hostile_history(tmp_path: Path) -> Path:
    path = tmp_path / "history.sqlite"
    bench = Bench(path)
    events = task_events(str(uuid.uuid4()), hostname=f"w{ESCAPE}@host", name=f"n{ESCAPE}", args=f"('{ESCAPE}\n',)")
    bench.take([envelope(events)])
    bench.close()
    return path


@pytest.mark.parametrize("form", ["csv", "json", "table"])
def test_tasks(form: str, hostile_history: Path) -> None:
    terminal = Terminal("tasks", str(hostile_history), "--format", form)
    text = terminal.end()
    assert terminal.process.returncode == 0, text
    assert "owned" in text
    assert STEERS.findall(COLOURS.sub("", text)) == []
    assert bool(COLOURS.search(text)) == (form == "table")


def test_without_colours(hostile_history: Path) -> None:
    text = Terminal("tasks", str(hostile_history), NO_COLOR="1").end()
    assert "owned" in text
    assert STEERS.findall(text) == []


def test_csv_in_a_pipe_holds_no_controls_and_json_the_very_same(hostile_history: Path, tmp_path: Path) -> None:
    def said(*arguments: str) -> str:
        command = [sys.executable, "-m", "deskq", *arguments]
        return subprocess.run(command, capture_output=True, timeout=240, check=True).stdout.decode()

    text = said("tasks", str(hostile_history), "--format", "csv")
    assert STEERS.sub("", text).count("\n") == text.count("\n")
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["name"] == "n<U+001B>]0;owned<U+0007><U+001B>[2J<U+009B>31m<U+007F>b<U+000D>c\u202ed"
    text = said("tasks", str(hostile_history), "--format", "jsonl")
    assert STEERS.findall(text) == []
    assert json.loads(text)["name"] == f"n{ESCAPE}"
    place = tmp_path / "out.csv"
    said("history", "export", str(hostile_history), "--output", str(place), "--format", "csv")
    assert not re.search(r"[\x1b\x9b\x7f]", place.read_text(encoding="utf-8"))


@contextlib.contextmanager
def server_that_refuses(words: str) -> Iterator[int]:
    """A port where whatever is asked is answered with an error of Redis' form."""
    listening = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve() -> None:
        while True:
            opened, _ = listening.accept()
            with opened, contextlib.suppress(OSError):
                if ended.is_set():
                    return
                while opened.recv(4096):
                    opened.sendall(f"-ERR {words}\r\n".encode() * 4)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        ended.set()
        socket.create_connection(listening.getsockname()).close()
        thread.join(10)
        listening.close()


def test_the_status_line_of_the_recorder(tmp_path: Path) -> None:
    with server_that_refuses(ESCAPE.replace("\r", "")) as port:
        terminal = Terminal(
            "record", f"redis://127.0.0.1:{port}/0", "--history", str(tmp_path / "h.sqlite"), "--silent"
        )
        try:
            wait_until(lambda: "owned" in terminal.text and " · " in terminal.text, 30, "the server's words")
        finally:
            terminal.process.send_signal(signal.SIGINT)
            text = terminal.end()
    assert STEERS.findall(text) == []
    assert "<U+001B>]0;owned" in text


def test_what_is_told_of_a_wrong_command() -> None:
    terminal = Terminal("tasks", f"no{ESCAPE}such.sqlite")
    assert STEERS.findall(terminal.end()) == []
    terminal = Terminal(f"--no{ESCAPE}")
    assert STEERS.findall(terminal.end()) == []
