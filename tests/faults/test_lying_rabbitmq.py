"""A server that speaks AMQP as no RabbitMQ does: one sentence, soon, and without keeping what it pours out."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest
from pika import spec

from deskq.brokers.ports import BrokerError, ConnectionLost
from deskq.brokers.rabbitmq import connection as rabbitmq_connection
from deskq.brokers.rabbitmq.broker import RabbitBroker
from deskq.brokers.rabbitmq.event_source import RabbitEventSource
from deskq.profiles import Profile
from tests.support.lying_rabbit import frame, lying_rabbit, method
from tests.support.lying_server import LyingServer

NESTED = b"F\x00\x00\x00\x08\x01a" * 3_000
TABLE = struct.pack(">I", 10) + b"\x01a?\x00\x00\x00\x00\x00\x00\x00"  # of a type that there is none
GARBAGE = (
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"\x00" * 64,
    b"\xff" * 64,
    frame(1, 0, struct.pack(">I", 0x00FF00FF)),
    frame(1, 0, struct.pack(">I", 0x000A000A) + b"\x00\x09" + TABLE),
    frame(1, 0, struct.pack(">I", 0x000A000A) + b"\x00\x09" + struct.pack(">I", len(NESTED)) + NESTED),
    frame(9, 1, b"abc"),
    frame(2, 0, b"abc"),
    frame(3, 77, b"abc"),
    method(0, spec.Connection.Tune()),
    method(1, spec.Queue.DeclareOk("x", 1, 2)),
)


def profile_of(server: LyingServer) -> Profile:
    return Profile.from_url(f"amqp://guest:guest@127.0.0.1:{server.port}//")


def pouring(beginning: bytes) -> Any:
    def answer(server: LyingServer, connection: socket.socket) -> None:
        server.send(connection, beginning)
        server.pour(connection)

    return answer


HUGE_FRAME = struct.pack(">BHI", 1, 0, 2**31)


def ask(profile: Profile) -> None:
    broker = RabbitBroker(profile)
    try:
        broker.server()
        broker.sample(["celery"])
    finally:
        broker.close()


def listen(profile: Profile) -> list[Any]:
    source = RabbitEventSource(profile)
    try:
        source.connect()
        while not (arrived := source.read(0.2)):
            pass
        return arrived
    finally:
        source.close()


def sentence_of(work: Callable[[], Any]) -> str:
    """What went wrong as people read it, "" if nothing did."""
    try:
        work()
    except BrokerError as error:
        return str(error)
    return ""


@pytest.fixture(autouse=True)
def _short_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rabbitmq_connection, "CONNECT_SECONDS", 0.25)  # an answer that says nothing is waited for


@pytest.mark.parametrize("answer", GARBAGE, ids=range(len(GARBAGE)))
@pytest.mark.parametrize("asked", ["", "Connection.StartOk", "Queue.Declare"])
def test_what_is_no_answer_is_a_sentence(asked: str, answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deskq.brokers.rabbitmq.query_connection.ANSWER_SECONDS", 0.5)
    with lying_rabbit({asked: answer}) as server:
        told = sentence_of(lambda: ask(profile_of(server)))
    assert not told or str(server.port) in told


@pytest.mark.parametrize("asked", ["", "Connection.StartOk", "Channel.Open", "Queue.Declare"])
def test_a_frame_without_end_is_not_kept(asked: str) -> None:
    with lying_rabbit({asked: pouring(HUGE_FRAME)}) as server:
        with pytest.raises(BrokerError, match="is not a RabbitMQ"):
            ask(profile_of(server))
        assert server.sent < 32 * 1024 * 1024


def test_a_message_without_end_is_not_kept() -> None:
    returned = method(1, spec.Basic.Return(312, "NO_ROUTE", "", "celery"))
    head = frame(2, 1, struct.pack(">HHQH", 60, 0, 2**40, 0))
    with (
        lying_rabbit({"Queue.Declare": returned + head}) as server,
        pytest.raises(BrokerError, match="a message of more than 32 MB"),
    ):
        ask(profile_of(server))


def test_drop_by_drop_is_an_answer_that_does_not_come() -> None:
    def drip(server: LyingServer, connection: socket.socket) -> None:
        server.send(connection, struct.pack(">BHI", 1, 0, 100))
        server.drip(connection, 0.05)

    with lying_rabbit({"": drip}) as server, pytest.raises(ConnectionLost, match="does not respond"):
        ask(profile_of(server))
