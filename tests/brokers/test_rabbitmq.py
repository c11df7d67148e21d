"""RabbitMQ and the transports that kombu speaks: depths, errors, and leaving everything as it was."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import kombu
import pytest

from deskq.brokers.kombu.broker import GenericBroker
from deskq.brokers.ports import BrokerError, ConnectionLost, LoginRefused, PermissionRefused, Refused
from deskq.brokers.rabbitmq.broker import RabbitBroker
from deskq.brokers.rabbitmq.connection import close_connection, connect, deadline, virtual_host
from deskq.brokers.rabbitmq.management import Management
from deskq.profiles import Profile
from deskq.protocol.events import Event
from tests.support.celery_worker import CeleryWorker
from tests.support.sample_app import sample_client
from tests.support.servers import RabbitServer
from tests.support.waiting import wait_until


def profile_of(url: str, server: RabbitServer, **fields: Any) -> Profile:
    return Profile.from_url(url, management_url=server.management_url, **fields)


def read_until(source: Any, done: Callable[[list[Event]], Any], timeout: float = 20) -> list[Event]:
    events: list[Event] = []

    def enough() -> Any:
        for payload in source.read(0.1):
            events.extend(source.decode(payload))
        return done(events)

    wait_until(enough, timeout, "events")
    return events


def test_a_deadline_that_passes_in_the_turn_in_which_the_connection_is_lost(rabbit_vhost_url: str) -> None:
    connection = connect(Profile.from_url(rabbit_vhost_url))
    transport, connection._impl._transport = connection._impl._transport, None  # as pika leaves it then
    with deadline(connection, 0.0):
        connection.process_data_events(0.05)
    connection._impl._transport = transport
    close_connection(connection)
    assert connection.is_closed


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_events_of_a_real_worker_arrive(rabbit_vhost_url: str, pool: str) -> None:
    source = RabbitBroker(Profile.from_url(rabbit_vhost_url)).event_source()
    source.connect()  # before any worker has declared the exchange
    try:
        with CeleryWorker(rabbit_vhost_url, pool=pool), sample_client(rabbit_vhost_url) as client:
            task = client.send_task("sample.add", (1, 2)).id
            events = read_until(source, lambda seen: any(e.type == "task-succeeded" for e in seen))
    finally:
        source.close()
    assert {event.type for event in events if event.uuid == task} == {
        "task-sent",
        "task-received",
        "task-started",
        "task-succeeded",
    }


def test_depths_with_and_without_the_management_api(rabbit_vhost_url: str, rabbit_server: RabbitServer) -> None:
    with sample_client(rabbit_vhost_url) as client:
        for _ in range(3):
            client.send_task("sample.add", (1, 2), queue="emails")
    managed = RabbitBroker(profile_of(rabbit_vhost_url, rabbit_server))

    def counted() -> tuple[int | None, ...]:
        (sample,) = managed.sample(["emails"])
        return sample.ready, sample.unacked, sample.consumers

    wait_until(lambda: counted() == (3, 0, 0), 15, "the API to count, which it does one by one")
    assert managed.queue_names() == {"emails"}
    assert ("emails", "emails", "emails") in [(b.exchange, b.routing_key, b.queue) for b in managed.bindings()]
    assert managed.server().product == "RabbitMQ"
    assert managed.clock_difference() == pytest.approx(0, abs=2)
    managed.close()

    bare = RabbitBroker(Profile.from_url(rabbit_vhost_url, management_url="http://127.0.0.1:1"))
    known, unknown = bare.sample(["emails", "unknown"])
    assert (known.ready, known.consumers, known.unacked) == (3, 0, None)
    assert (unknown.ready, unknown.exists) == (None, False)
    assert bare.queue_names() == set()
    assert "No management API" in bare.management_problem
    assert bare.clock_difference() is None
    bare.close()


@pytest.mark.parametrize("exclusive", [True, False])
def test_who_is_connected_with_and_without_the_management_api(
    rabbit_vhost_url: str, rabbit_server: RabbitServer, exclusive: bool
) -> None:
    """A killed node's control queue goes with its connection; before Celery 5.7 none was exclusive."""
    managed = RabbitBroker(profile_of(rabbit_vhost_url, rabbit_server))
    bare = RabbitBroker(Profile.from_url(rabbit_vhost_url, management_url="http://127.0.0.1:1"))
    config = {"control_queue_exclusive": exclusive}
    with closing(managed), closing(bare):
        worker = CeleryWorker(rabbit_vhost_url, config=config).start()
        there = {worker.hostname: True, "nobody@nowhere": False}

        def told(*, alike: dict[str, bool]) -> bool:
            return all(broker.connected_nodes(list(there)) == alike for broker in (managed, bare))

        try:
            wait_until(lambda: told(alike=there), 20, "it to be there")
        finally:
            worker.kill()
        wait_until(lambda: told(alike=dict.fromkeys(there, False)), 30, "it to be gone")


def test_watching_leaves_everything_as_it_was(rabbit_vhost_url: str, rabbit_server: RabbitServer) -> None:
    with sample_client(rabbit_vhost_url) as client:
        client.send_task("sample.add", (1, 2), queue="emails")
    host = virtual_host(Profile.from_url(rabbit_vhost_url))

    def definitions() -> list[Any]:
        found = [rabbit_server.management("GET", f"/api/{what}/{host}") for what in ("exchanges", "bindings", "queues")]
        return [sorted(item.get("name", item.get("destination", "")) for item in items) for items in found]

    broker = RabbitBroker(profile_of(rabbit_vhost_url, rabbit_server))
    wait_until(lambda: broker.sample(["emails"])[0].ready == 1, 15, "the message")
    before = definitions()
    source = broker.event_source()
    source.connect()
    source.read(0.1)
    assert broker.queue_names() == {"emails"}  # not the queue of our own
    broker.bindings()
    source.close()
    broker.close()
    after = wait_until(lambda: definitions()[2] == before[2] and definitions(), 10, "our own queue to go")
    assert set(after[0]) - set(before[0]) <= {"celeryev"}
    taken = rabbit_server.management(
        "POST", f"/api/queues/{host}/emails/get", {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}
    )
    assert taken[0]["redelivered"] is False


def test_a_connection_that_the_broker_closes(rabbit_vhost_url: str, rabbit_server: RabbitServer) -> None:
    source = RabbitBroker(Profile.from_url(rabbit_vhost_url)).event_source()
    source.connect()
    host = virtual_host(Profile.from_url(rabbit_vhost_url))
    names = wait_until(
        lambda: [c["name"] for c in rabbit_server.management("GET", "/api/connections") if c.get("vhost") == host], 15
    )
    for name in names:
        rabbit_server.management("DELETE", f"/api/connections/{name.replace(' ', '%20').replace('>', '%3E')}")
    with pytest.raises(ConnectionLost):
        wait_until(lambda: source.read(0.1), 10)
    source.connect()
    assert source.read(0.05) == []
    source.close()


@pytest.mark.parametrize(
    ("change", "kind", "says"),
    [
        (("guest:guest@", "guest:wr0ng@"), LoginRefused, "refused the login"),
        (("/test", "/nowhere-test"), PermissionRefused, "no virtual host"),
    ],
)
def test_errors_say_what_to_do(
    rabbit_vhost_url: str, change: tuple[str, str], kind: type[Exception], says: str
) -> None:
    broker = RabbitBroker(Profile.from_url(rabbit_vhost_url.replace(*change)))
    with pytest.raises(kind, match=says) as raised:
        broker.server()
    assert "wr0ng" not in str(raised.value)
    with pytest.raises(Refused, match="Nothing is listening"):
        RabbitBroker(Profile.from_url("amqp://127.0.0.1:1//")).server()


@pytest.mark.parametrize(
    ("url", "host"), [("amqp://h", "/"), ("amqp://h/", "/"), ("amqp://h//", "/"), ("amqp://h/a%2Fb", "a/b")]
)
def test_virtual_hosts(url: str, host: str) -> None:
    assert virtual_host(Profile.from_url(url)) == host


def test_a_redirect_does_not_carry_the_login_away() -> None:
    """The management API's answer may name any host; the password goes only to the one in the profile."""
    seen: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{port}/elsewhere")
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        management = Management(Profile.from_url("amqp://a:b@h//", management_url=f"http://127.0.0.1:{port}"))
        with pytest.raises(BrokerError, match="answered 302"):
            management.queues()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert len(seen) == 1


def test_a_database_as_a_broker(tmp_path: Path) -> None:
    """It refuses options that it does not know; a passive declare would make the queue, so depths are not known."""
    broker = GenericBroker(Profile.from_url(f"sqla+sqlite:///{tmp_path}/broker.db"))
    (sample,) = broker.sample(["emails"])
    source = broker.event_source()
    source.connect()
    assert (sample.ready, source.read(0.05)) == (None, [])
    source.close()
    broker.close()


def test_the_filesystem_transport_of_kombu(tmp_path: Path) -> None:
    """A transport that deskq has no module for: depths by kombu, and its limits are said."""
    options = {"data_folder_in": str(tmp_path), "data_folder_out": str(tmp_path), "control_folder": str(tmp_path / "c")}
    query = "&".join(f"{key}={value}" for key, value in options.items())
    with sample_client("filesystem://", broker_transport_options=options) as client:
        client.send_task("sample.add", (1, 2), queue="emails")
    broker = GenericBroker(Profile.from_url(f"filesystem://?{query}"))
    (sample,) = broker.sample(["emails"])
    assert sample.consumers is None
    assert "cannot list queues" in broker.limits["queue_names"]
    source = broker.event_source()
    source.connect()
    assert source.read(0.05) == []
    own = source._queue.name
    source.close()
    if kombu.VERSION >= (5, 7):  # earlier ones never take a queue out of this transport's tables
        assert not [path for path in tmp_path.rglob("*") if path.is_file() and own in path.read_text()]
    broker.close()
