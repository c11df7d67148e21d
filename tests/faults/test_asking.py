"""Questions to brokers: an idle connection is no burden, and an answer that does not come is not read as one."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deskq.brokers.kombu.broker import GenericBroker
from deskq.brokers.ports import BrokerError, ConnectionLost
from deskq.brokers.rabbitmq.management import Management
from deskq.brokers.rabbitmq.query_connection import QueryConnection
from deskq.profiles import Profile
from tests.faults.conftest import within
from tests.support.servers import RabbitServer
from tests.support.waiting import wait_until


def test_an_idle_connection_to_rabbitmq_is_closed_politely(own_rabbit: RabbitServer) -> None:
    log = next(process for process in own_rabbit._processes if process.log_path.name == "rabbitmq.out")
    asking = QueryConnection(Profile.from_url(own_rabbit.url), idle_seconds=1.0)
    with asking.question() as connection:
        connection.channel().close()
        port = connection._impl._transport._sock.getsockname()[1]

    def said() -> str:
        return "\n".join(line for line in log.log().splitlines() if f"127.0.0.1:{port} ->" in line)

    assert asking.is_open
    wait_until(lambda: not asking.is_open, 10, "the idle connection to be closed")
    wait_until(lambda: "closing AMQP connection" in said(), 10, "RabbitMQ to see it closed")
    assert "[error]" not in said()
    assert "[warning]" not in said()  # as it would say of missed heartbeats, or of a connection that just vanished
    with asking.question() as connection:
        assert connection.is_open
    asking.close()
    assert not asking.is_open


@contextmanager
def dripping(head: bytes) -> Iterator[int]:
    """A server that sends ``head`` and then a blank ten times a second, for ever; yields its port."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            client, _ = server.accept()
            with client:
                try:
                    client.recv(65_536)
                    client.sendall(head)
                    while not stop.wait(0.1):
                        client.sendall(b" ")
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            stop.set()
            thread.join()


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-Long:"])
def test_the_management_api_must_answer_within_a_deadline(head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deskq.brokers.rabbitmq.management.ANSWER_SECONDS", 1.0)
    with dripping(head) as port:
        management = Management(Profile.from_url("amqp://h//", management_url=f"http://127.0.0.1:{port}"))
        (raised,) = within(10, management.queues)
    assert isinstance(raised, ConnectionLost)
    assert "did not respond within" in str(raised)


def test_a_depth_that_kombu_cannot_tell_is_not_no_queue(tmp_path: Path) -> None:
    folder = tmp_path / "messages"
    folder.mkdir()
    query = f"data_folder_in={folder}&data_folder_out={folder}&control_folder={folder}/control"
    broker = GenericBroker(Profile.from_url(f"filesystem://?{query}"))
    (known,) = broker.sample(["emails"])
    assert (known.exists, known.ready) == (True, 0)
    shutil.rmtree(folder)
    with pytest.raises(BrokerError, match="kombu cannot connect"):
        broker.sample(["emails"])
    broker.close()


def test_a_queue_that_a_transport_denies_is_no_queue() -> None:
    broker = GenericBroker(Profile.from_url("memory://"))
    (sample,) = broker.sample(["nowhere"])
    assert sample.exists is False
    assert sample.ready is None
    broker.close()
