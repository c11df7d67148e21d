"""Servers that lie: they accept connections, read what they are asked, and answer whatever a test wants."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Self


class LyingServer:
    """Each connection is served by a thread; ``sent`` counts the bytes that went out."""

    def __init__(self, serve: Callable[[LyingServer, socket.socket], None]) -> None:
        self._serve = serve
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.sent = self.connections = 0
        self.over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(10)
        for one in self._open:
            one.close()

    def send(self, connection: socket.socket, data: bytes) -> None:
        """Send it; raises OSError where nobody reads it any more."""
        connection.sendall(data)
        self.sent += len(data)

    def drip(self, connection: socket.socket, seconds: float) -> None:
        """Send a byte every so many seconds, until the other end has had enough."""
        while not self.over.wait(seconds):
            self.send(connection, b"x")

    def pour(self, connection: socket.socket) -> None:
        """Send bytes without end, until the other end has had enough."""
        while not self.over.is_set():
            self.send(connection, b"x" * 65_536)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self.connections += 1
                self._open.append(connection)
                self._start(partial(self._talk, connection))

    def _talk(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            self._serve(self, connection)

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name="lying server", daemon=True)
        self._threads.append(thread)
        thread.start()


INFO = b"# Server\r\nredis_version:7.2.0\r\nrun_id:abc\r\nrole:master\r\nloading:0\r\n"


def bulk(text: bytes) -> bytes:
    """RESP's form of a string."""
    return b"$%d\r\n%s\r\n" % (len(text), text)


def lying_redis(lies: dict[bytes, Any]) -> LyingServer:
    """A Redis that answers some commands with these bytes, or by a function of server and connection."""
    honest: dict[bytes, bytes] = {
        b"INFO": bulk(INFO),
        b"PING": b"+PONG\r\n",
        b"SCAN": b"*2\r\n$1\r\n0\r\n*0\r\n",
        b"SSCAN": b"*2\r\n$1\r\n0\r\n*0\r\n",
        b"HSCAN": b"*2\r\n$1\r\n0\r\n*0\r\n",
        b"SCRIPT": bulk(b"a" * 40),
        b"SMEMBERS": b"*0\r\n",
        b"SUBSCRIBE": b"*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n",
        b"PSUBSCRIBE": b"*3\r\n$10\r\npsubscribe\r\n$1\r\nx\r\n:1\r\n",
    }
    simple = (b"CLIENT", b"SELECT", b"AUTH", b"HELLO")

    def serve(server: LyingServer, connection: socket.socket) -> None:
        with connection.makefile("rb") as asked:
            for command in _commands(asked):
                answer = lies.get(command, honest.get(command, b"+OK\r\n" if command in simple else b":0\r\n"))
                if callable(answer):
                    answer(server, connection)
                else:
                    server.send(connection, answer)

    return LyingServer(serve)


def _commands(asked: Any) -> Iterator[bytes]:
    while line := asked.readline():
        words = []
        for _ in range(int(line[1:])):
            size = int(asked.readline()[1:])
            words.append(asked.read(size + 2)[:-2])
        yield words[0].upper()
