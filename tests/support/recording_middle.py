"""What lies between deskq and a broker, and keeps what deskq says to it: commands of Redis, methods of AMQP."""

from __future__ import annotations

import socket
from typing import Any

import pika.amqp_object
import pika.exceptions
import pika.frame

from tests.support.middle import Middle

_AMQP_HEADER = 8


class RecordingMiddle(Middle):
    """Passes everything on, and keeps what clients said, each connection by itself."""

    def __init__(self, target: int) -> None:
        super().__init__(target)
        self._said: dict[int, bytearray] = {}
        self._clients: set[int] = set()
        self._numbers: dict[socket.socket, int] = {}

    def heard(self, source: socket.socket, piece: bytes) -> None:
        """Keep it, where it comes from a client."""
        if source.getsockname()[1] == self.port:
            number = self._numbers.setdefault(source, len(self._numbers))
            self._said.setdefault(number, bytearray()).extend(piece)

    def redis_commands(self) -> list[list[bytes]]:
        """Return every command that was sent, its name in upper case."""
        return [command for said in self._said.values() for command in _resp(bytes(said))]

    def amqp_methods(self) -> list[Any]:
        """Return every method that was sent, as pika's objects."""
        return [method for said in self._said.values() for method in _methods(bytes(said))]


def _resp(said: bytes) -> list[list[bytes]]:
    found: list[list[bytes]] = []
    place = 0
    while place < len(said):
        if said[place : place + 1] != b"*":
            raise AssertionError(f"no command of Redis: {said[place : place + 40]!r}")
        end = said.find(b"\r\n", place)
        count, place = int(said[place + 1 : end]), end + 2
        words = []
        for _ in range(count):
            end = said.find(b"\r\n", place)
            if end < 0:
                return found  # what was being sent when the connection ended
            size = int(said[place + 1 : end])
            words.append(said[end + 2 : end + 2 + size])
            place = end + 2 + size + 2
        if words:
            found.append([words[0].upper(), *words[1:]])
    return found


def _methods(said: bytes) -> list[Any]:
    found = []
    rest = said[_AMQP_HEADER:]
    while rest:
        used, frame = pika.frame.decode_frame(rest)
        if not used:
            break
        rest = rest[used:]
        if isinstance(frame, pika.frame.Method):
            found.append(frame.method)
    return found
