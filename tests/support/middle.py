"""What lies between deskq and a server: passes bytes on until it swallows them, as a lost route does."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from types import TracebackType
from typing import Self


class Middle:
    """Listens at ``port`` and connects each client with a port of 127.0.0.1. One thread."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._swallows = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._server, selectors.EVENT_READ)
        self._ends, self._wake = socket.socketpair()
        self._selector.register(self._ends, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name="middle")

    def swallow(self) -> None:
        """From now on nothing is passed on, in neither direction; connections stay open, and new ones are silent."""
        self._swallows.set()

    def heal(self) -> None:
        """End `swallow`: connections of that time are dead, new ones pass."""
        self._swallows.clear()

    def heard(self, source: socket.socket, piece: bytes) -> None:
        """What was passed on from one side; for those who want to keep it."""

    def passes(self, source: socket.socket, target: socket.socket, piece: bytes) -> bool:
        """Is this to be passed on? For those who keep it back."""
        return True

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._ends:
                    return
                if key.fileobj is self._server:
                    self._accept()
                else:
                    assert isinstance(key.fileobj, socket.socket)
                    self._pass_on(key.fileobj, key.data)

    def _accept(self) -> None:
        client, _ = self._server.accept()
        try:
            other = socket.create_connection(("127.0.0.1", self._target))
        except OSError:  # the server is down: so is this
            client.close()
            return
        dead: list[bool] = [self._swallows.is_set()]
        self._selector.register(client, selectors.EVENT_READ, (other, dead))
        self._selector.register(other, selectors.EVENT_READ, (client, dead))

    def _pass_on(self, source: socket.socket, pair: tuple[socket.socket, list[bool]]) -> None:
        target, dead = pair
        try:
            piece = source.recv(65_536)
            if self._swallows.is_set():
                dead[0] = True
            if piece and not dead[0] and self.passes(source, target, piece):
                self.heard(source, piece)
                target.sendall(piece)
        except OSError:
            piece = b""
        if not piece:
            for end in (source, target):
                with contextlib.suppress(KeyError, ValueError):  # its other end was closed in the same turn
                    self._selector.unregister(end)
                end.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wake.send(b"x")
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()
        self._selector.close()
        self._wake.close()
