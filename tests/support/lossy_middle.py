"""What lies between deskq and a server, and loses the replies on one connection, or delivers its bytes much later."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType

from tests.support.middle import Middle

_TAIL = 64


class LossyMiddle(Middle):
    """Passes everything on but for one connection at a time: the first whose client says what was waited for."""

    def __init__(self, target: int) -> None:
        super().__init__(target)
        self._mark = b""
        self._how = ""
        self._lock = threading.Lock()
        self._tails: dict[socket.socket, bytes] = {}
        self._chosen: dict[socket.socket, bytearray | None] = {}  # the client's end -> what is held, None = only muted
        self._deaf: set[socket.socket] = set()  # the server's ends of those connections
        self._late: list[tuple[bytearray, socket.socket]] = []
        self.met = threading.Event()
        """Set once a connection said it."""

    def mute(self, mark: bytes) -> None:
        """The next connection whose client says this is served, and hears nothing of it, nor of what follows."""
        self._wait_for(mark, "mute")

    def vanish(self, mark: bytes) -> None:
        """Once a client has said this, and the server has it, everything is swallowed; see `swallow`."""
        self._wait_for(mark, "vanish")

    def cut(self, mark: bytes) -> None:
        """The next connection whose client says this ends when the server has it, before it answers."""
        self._wait_for(mark, "cut")

    def hold(self, mark: bytes) -> None:
        """What the next connection says from the piece with this on is kept, also when its client hangs up."""
        self._wait_for(mark, "hold")

    def lose(self, mark: bytes) -> None:
        """The next connection whose client says this ends, and the server does not hear it."""
        self._wait_for(mark, "lose")

    def deliver(self) -> bytes:
        """Hand the server what was held, as a network does that comes back; return what it answers."""
        answers = b""
        with self._lock:
            late, self._late = self._late, []
        for held, server in late:
            with server:
                server.settimeout(10)
                server.sendall(held)
                server.shutdown(socket.SHUT_WR)
                while piece := server.recv(65_536):
                    answers += piece
        return answers

    def lead_to(self, port: int | None) -> None:
        """New connections lead there from now on, as after a failover."""
        assert port is not None
        self._target = port

    @property
    def holding(self) -> bool:
        """Has the client hung up whose bytes are held?"""
        with self._lock:
            return bool(self._late)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, value, trace)
        for each in (*self._chosen, *self._deaf):
            each.close()

    def _wait_for(self, mark: bytes, how: str) -> None:
        self.met.clear()
        self._how = how
        self._mark = mark

    def _pass_on(self, source: socket.socket, pair: tuple[socket.socket, list[bool]]) -> None:
        if source in self._deaf or source in self._chosen:
            self._swallow(source, pair[0])
        else:
            super()._pass_on(source, pair)

    def passes(self, source: socket.socket, target: socket.socket, piece: bytes) -> bool:
        """Choose the connection that says it; its piece is passed on only where the replies alone are lost."""
        if not self._mark or source.getsockname()[1] != self.port:
            return True
        said = self._tails.get(source, b"") + piece
        self._tails[source] = said[-_TAIL:]
        if self._mark not in said:
            return True
        self._mark = b""
        self.met.set()
        if self._how == "vanish":
            self.swallow()
            return True
        if self._how == "cut":
            target.sendall(piece)
        if self._how in ("lose", "cut"):
            raise OSError("it is to be lost")  # both ends are closed then
        self._chosen[source] = bytearray(piece) if self._how == "hold" else None
        self._deaf.add(target)
        return self._how == "mute"

    def _swallow(self, source: socket.socket, other: socket.socket) -> None:
        try:
            piece = source.recv(65_536)
        except OSError:
            piece = b""
        if source in self._deaf:  # the server: its replies are lost
            if not piece:
                self._selector.unregister(source)
            return
        held = self._chosen[source]
        if piece and held is not None:
            held += piece
        elif piece:
            with contextlib.suppress(OSError):
                other.sendall(piece)
        else:
            self._selector.unregister(source)
            source.close()
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(other)
            if held is None:
                other.close()
            else:
                with self._lock:
                    self._late.append((held, other))
