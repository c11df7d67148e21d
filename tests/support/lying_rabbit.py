"""A RabbitMQ that lies: it shakes hands as one does, and answers some methods as a test wants."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import Any

from pika import spec

from tests.support.lying_server import LyingServer

FRAME_END = b"\xce"


def frame(kind: int, channel: int, content: bytes) -> bytes:
    """AMQP's form of one."""
    return struct.pack(">BHI", kind, channel, len(content)) + content + FRAME_END


def method(channel: int, one: Any) -> bytes:
    """Return the frame of a method of pika's."""
    return frame(1, channel, struct.pack(">I", one.INDEX) + b"".join(one.encode()))


def lying_rabbit(lies: dict[str, Any]) -> LyingServer:
    """``lies``: by the method that is answered, "Queue.Declare", or "" for the protocol's header.

    Bytes, or a function of server and connection.
    """
    start = spec.Connection.Start(
        server_properties={"product": "RabbitMQ", "version": "3.12.0"}, mechanisms="PLAIN", locales="en_US"
    )

    def honest(channel: int, name: str, asked: Any) -> bytes:
        answers = {
            "Connection.StartOk": lambda: spec.Connection.Tune(channel_max=100, frame_max=131_072, heartbeat=60),
            "Connection.Open": spec.Connection.OpenOk,
            "Connection.Close": spec.Connection.CloseOk,
            "Channel.Open": spec.Channel.OpenOk,
            "Channel.Close": spec.Channel.CloseOk,
            "Exchange.Declare": spec.Exchange.DeclareOk,
            "Queue.Declare": lambda: spec.Queue.DeclareOk(asked.queue, 0, 0),
            "Queue.Bind": spec.Queue.BindOk,
            "Basic.Consume": lambda: spec.Basic.ConsumeOk(asked.consumer_tag),
        }
        return method(channel, answers[name]()) if name in answers else b""

    def serve(server: LyingServer, connection: socket.socket) -> None:
        with connection.makefile("rb") as came:
            came.read(8)
            _answer(server, connection, lies.get("", method(0, start)))
            for channel, name, asked in _methods(came):
                _answer(server, connection, lies.get(name) or honest(channel, name, asked))

    return LyingServer(serve)


def _answer(server: LyingServer, connection: socket.socket, answer: Any) -> None:
    if callable(answer):
        answer(server, connection)
    else:
        server.send(connection, answer)


def _methods(came: Any) -> Iterator[tuple[int, str, Any]]:
    while len(head := came.read(7)) == 7:
        kind, channel, size = struct.unpack(">BHI", head)
        content = came.read(size + 1)[:-1]
        if kind == 1:
            asked = spec.methods[struct.unpack(">I", content[:4])[0]]()
            asked.decode(content, 4)
            yield channel, asked.NAME, asked
