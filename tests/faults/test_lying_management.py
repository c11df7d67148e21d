"""A management API that is none, or answers without an end: one sentence, soon, and little of it is kept."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest

from deskq.brokers.ports import BrokerError
from deskq.brokers.rabbitmq import management
from deskq.brokers.rabbitmq.broker import _sample
from deskq.brokers.rabbitmq.management import Management
from deskq.profiles import Profile
from tests.support.lying_server import LyingServer

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
MEBIBYTE = 1024 * 1024


def lying_api(answer: bytes | Callable[[LyingServer, socket.socket], None]) -> LyingServer:
    def serve(server: LyingServer, connection: socket.socket) -> None:
        with connection.makefile("rb") as asked:
            while asked.readline().strip():
                pass
        if callable(answer):
            answer(server, connection)
        else:
            server.send(connection, answer)
            connection.shutdown(socket.SHUT_RDWR)

    return LyingServer(serve)


def whole(body: bytes) -> bytes:
    return HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


def api_of(server: LyingServer) -> Management:
    url = f"http://127.0.0.1:{server.port}"
    return Management(Profile.from_url("amqp://guest:guest@127.0.0.1:1//", management_url=url))


@pytest.mark.parametrize(
    "body",
    [
        b"<html><body>Sign in</body></html>",
        b"",
        b"null",
        b'"queues"',
        b"7",
        b"{}",
        b"[1, 2]",
        b'[{"name": ["x"]}]',
        b'[{"name": null}]',
        b"[" * 200_000,
        b"\xff\xfe\x00",
    ],
)
def test_what_is_no_list_of_queues(body: bytes) -> None:
    with lying_api(whole(body)) as server, pytest.raises(BrokerError, match="is not a management API"):
        api_of(server).queues()


@pytest.mark.parametrize("body", [b"[" + b"{}," * 500_000 + b"{}]", b'["' + b'","' * 2_000_000 + b'"]'])
def test_what_takes_far_more_room_than_its_bytes(body: bytes) -> None:
    with lying_api(whole(body)) as server, pytest.raises(BrokerError, match="MB that deskq reads"):
        api_of(server).queues()


@pytest.mark.parametrize("beginning", [HEAD + b"\r\n", HEAD + b"Content-Length: 4000000000\r\n\r\n"])
def test_a_body_without_end_is_not_kept(beginning: bytes) -> None:
    def pour(server: LyingServer, connection: socket.socket) -> None:
        server.send(connection, beginning)
        server.pour(connection)

    with lying_api(pour) as server:
        with pytest.raises(BrokerError, match="MB that deskq reads"):
            api_of(server).queues()
        assert server.sent < 64 * MEBIBYTE


@pytest.mark.parametrize("beginning", [b"", HEAD, HEAD + b"\r\n"])
def test_drop_by_drop_is_an_answer_that_does_not_come(beginning: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(management, "ANSWER_SECONDS", 0.4)

    def drip(server: LyingServer, connection: socket.socket) -> None:
        server.send(connection, beginning)
        server.drip(connection, 0.05)

    with lying_api(drip) as server, pytest.raises(BrokerError, match="did not respond within"):
        api_of(server).queues()


@pytest.mark.parametrize("odd", [None, "7", [], {}, -1, 10**30, 1.5])
def test_a_figure_of_another_type_is_none(odd: Any) -> None:
    queue = {"name": "q", "messages_ready": odd, "consumers": odd, "message_stats": odd}
    sample = _sample("q", 0.0, queue, rates=True)
    assert (sample.ready, sample.consumers, sample.unacked) == (None, None, None)
    stats = {"publish_details": odd, "deliver_get_details": {"rate": odd}}
    rated = _sample("q", 0.0, {"message_stats": stats}, rates=True)
    assert all(rate is None or isinstance(rate, float) for rate in (rated.in_rate, rated.out_rate))
