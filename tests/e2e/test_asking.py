"""A password that no keyring has is asked for at the terminal, once; without a terminal it is an error as before."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final

import pytest
import redis

from tests.support.recording import deskq
from tests.support.servers import RedisServer

PASSWORD: Final = "c4n4ry-Übung"
_IN_A_TERMINAL: Final = "import pty, sys; sys.exit(pty.spawn([sys.executable, '-m', 'deskq', *sys.argv[1:]]) >> 8)"


@pytest.fixture
def guarded_url(needs: Callable[[Callable[[], RedisServer]], RedisServer]) -> Iterator[str]:
    with needs(RedisServer) as server, server.new_client() as client:
        client.config_set("requirepass", PASSWORD)
        yield server.url
        client.config_set("requirepass", "")


class Terminal:
    """deskq in a terminal of its own. ``shown``: what a person sees."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _IN_A_TERMINAL, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=dict(os.environ),
        )
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        self.shown = ""

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + 60
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            self._look()
            time.sleep(0.02)

    def type(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(text.encode() + b"\n")
        self._process.stdin.flush()

    def end(self) -> int:
        status = self._process.wait(60)
        self._look()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        return status

    def _look(self) -> None:
        assert self._process.stdout is not None
        self.shown += (self._process.stdout.read() or b"").decode()


def test_it_is_asked_once_and_never_shown(guarded_url: str) -> None:
    terminal = Terminal("send", guarded_url, "sample.add", "--queue", "quiet", "--yes")
    terminal.wait_for("Password (not saved):")
    terminal.type(PASSWORD)
    assert terminal.end() == 0, terminal.shown
    assert PASSWORD not in terminal.shown
    with redis.Redis.from_url(guarded_url, password=PASSWORD) as client:
        assert client.llen("quiet") == 1


def test_a_second_refusal_is_an_error(guarded_url: str) -> None:
    terminal = Terminal("send", guarded_url, "sample.add", "--queue", "quiet", "--yes")
    terminal.wait_for("Password (not saved):")
    terminal.type("wrong")
    assert terminal.end() == 2
    assert terminal.shown.count("Password (not saved):") == 1
    with redis.Redis.from_url(guarded_url, password=PASSWORD) as client:
        assert client.llen("quiet") == 0


def test_nobody_is_asked_where_nobody_is(guarded_url: str) -> None:
    refused = deskq("send", guarded_url, "sample.add", "--yes")
    assert refused.returncode == 2
    assert "Password (not saved)" not in refused.stdout + refused.stderr
