"""A server that answers as no Redis does: one sentence, soon, and without keeping what it pours out."""

from __future__ import annotations

import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from deskq.brokers.kombu import transport_options
from deskq.brokers.ports import BrokerError, ConnectionLost
from deskq.brokers.publishing import OutgoingMessage
from deskq.brokers.redis import event_source as redis_events
from deskq.brokers.redis import link as redis_link
from deskq.brokers.redis.broker import RedisBroker
from deskq.brokers.redis.event_source import RedisEventSource
from deskq.brokers.redis.publisher import RedisPublisher
from deskq.brokers.redis.replies import MOST_BYTES
from deskq.brokers.remote_control import RemoteControl
from deskq.cli import main
from deskq.profiles import Profile
from deskq.protocol.message import new_message
from deskq.recorder.backoff import PAUSES
from tests.support.lying_server import LyingServer, bulk, lying_redis
from tests.support.processes import Process
from tests.support.waiting import wait_until

CONFIRMED = b"*3\r\n$10\r\npsubscribe\r\n$1\r\nx\r\n:1\r\n"
EVENT = b"*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n"
WRONG_TYPES = (b"$-1\r\n", b":5\r\n", b"*0\r\n", b"*-1\r\n", b"*1\r\n*1\r\n:1\r\n", b"$3\r\nabc\r\n", b"+OK\r\n")
HUGE_LIST = b"*2147483647\r\n"
DEEP = b"*1\r\n" * 200_000


def profile_of(server: LyingServer) -> Profile:
    return Profile.from_url(f"redis://127.0.0.1:{server.port}/0")


def pouring(beginning: bytes) -> Any:
    def answer(server: LyingServer, connection: socket.socket) -> None:
        server.send(connection, beginning)
        server.pour(connection)

    return answer


def sentence_of(work: Callable[[], None]) -> str:
    """What went wrong as people read it, "" if nothing did."""
    try:
        work()
    except BrokerError as error:
        return str(error)
    return ""


def read(source: RedisEventSource, times: int) -> None:
    """Connect and read; a payload is an event that somebody sent."""
    source.connect()
    for _ in range(times):
        assert source.read(0.05) == []


def look(profile: Profile) -> None:
    """Do what a recorder does to see the queues."""
    broker = RedisBroker(profile)
    try:
        broker.server()
        broker.bindings()
        broker.sample(["celery"])
        broker.waiting(["celery"])
        assert broker.clock_difference() is None or isinstance(broker.clock_difference(), float)
    finally:
        broker.close()


@pytest.mark.parametrize("answer", [*WRONG_TYPES, HUGE_LIST, DEEP, b"?what\r\n", bulk(b"\xff\xfe:\xff\r\nx:y=z,q\r\n")])
@pytest.mark.parametrize("command", [b"INFO", b"SCAN", b"LLEN", b"HLEN", b"MEMORY", b"TIME", b"EVAL_RO"])
def test_an_answer_of_another_kind_is_a_sentence_or_a_figure_less(command: bytes, answer: bytes) -> None:
    with lying_redis({command: answer}) as server:
        told = sentence_of(lambda: look(profile_of(server)))
        assert not told or str(server.port) in told


@pytest.mark.parametrize("answer", WRONG_TYPES)
def test_bindings_of_another_kind(answer: bytes) -> None:
    exchanges = b"*2\r\n$1\r\n0\r\n*1\r\n" + bulk(b"_kombu.binding.celery")
    with lying_redis({b"SCAN": exchanges, b"SMEMBERS": answer}) as server:
        told = sentence_of(lambda: look(profile_of(server)))
        assert not told or "is not a Redis" in told


@pytest.mark.parametrize("command", [b"INFO", b"SCAN", b"LLEN", b"PING"])
def test_what_is_poured_out_is_not_kept(command: bytes) -> None:
    with lying_redis({command: pouring(b"$2000000000\r\n")}) as server:
        with pytest.raises(BrokerError, match="more than 32 MB"):
            look(profile_of(server)) if command != b"PING" else RedisPublisher(profile_of(server)).publish([])
        assert server.sent < 2 * MOST_BYTES * server.connections


def test_a_list_of_too_many_elements_is_refused_before_there_is_room_made_for_it() -> None:
    with (
        lying_redis({b"INFO": HUGE_LIST}) as server,
        pytest.raises(BrokerError, match="a list of more elements"),
    ):
        look(profile_of(server))


@pytest.mark.parametrize("command", [b"PING", b"EXEC"])
def test_what_is_poured_out_to_a_question_for_workers_is_not_kept(command: bytes) -> None:
    """kombu's own connections have no bound."""
    with lying_redis({command: pouring(b"$2000000000\r\n")}) as server:
        with closing(RemoteControl(profile_of(server))) as remote, pytest.raises(ConnectionLost):
            remote.inspect("ping")
        assert 65_536 < server.sent < 2 * MOST_BYTES * server.connections


def test_drop_by_drop_is_no_answer_to_a_question_for_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_options, "REDIS_SECONDS", 0.5)

    def drip(server: LyingServer, connection: socket.socket) -> None:
        server.send(connection, b"$100000\r\n")
        server.drip(connection, 0.1)

    with (
        lying_redis({b"EXEC": drip}) as server,
        closing(RemoteControl(profile_of(server))) as remote,
        pytest.raises(ConnectionLost, match="Timeout"),
    ):
        remote.inspect("ping")


def test_a_command_asks_who_does_not_answer_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each question has its deadline: four of them one after the other would be 40 s."""
    monkeypatch.setattr(redis_link, "ANSWER_SECONDS", 0.5)

    def drip(server: LyingServer, connection: socket.socket) -> None:
        server.send(connection, b"$100000\r\n")
        server.drip(connection, 0.1)

    with lying_redis(dict.fromkeys((b"INFO", b"SCAN", b"PING"), drip)) as server:
        assert main(["send", profile_of(server).url, "t", "--yes"]) == 2
        assert "does not respond" in capsys.readouterr().err
        assert server.connections == 1
        assert main(["revoke", profile_of(server).url, "an-id", "--yes"]) == 2
        assert server.connections == 2


def test_drop_by_drop_is_an_answer_that_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_link, "ANSWER_SECONDS", 0.5)

    def drip(server: LyingServer, connection: socket.socket) -> None:
        server.send(connection, b"$100000\r\n")
        server.drip(connection, 0.1)

    with lying_redis({b"INFO": drip}) as server, pytest.raises(ConnectionLost, match="does not respond"):
        look(profile_of(server))


@pytest.mark.parametrize("answer", [*WRONG_TYPES, HUGE_LIST, DEEP, pouring(b"$2000000000\r\n")])
@pytest.mark.parametrize("command", [b"INFO", b"SUBSCRIBE", b"PSUBSCRIBE"])
def test_a_subscription_that_is_none(command: bytes, answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_events, "CONNECT_SECONDS", 0.3)
    with lying_redis({command: answer}) as server:
        source = RedisEventSource(profile_of(server))
        told = sentence_of(lambda: read(source, 3))
        source.close()
        assert not told or str(server.port) in told
        assert server.sent < 2 * MOST_BYTES


@pytest.mark.parametrize(
    "event",
    [
        b"*0\r\n",
        EVENT + b":5\r\n",
        EVENT + b"$-1\r\n",
        EVENT + b"*1\r\n:1\r\n",
        EVENT + HUGE_LIST,
        HUGE_LIST,
        DEEP,
        b"?",
    ],
)
def test_an_event_that_is_none_ends_the_connection_or_nothing(event: bytes) -> None:
    with lying_redis({b"PSUBSCRIBE": CONFIRMED + event}) as server:
        source = RedisEventSource(profile_of(server))
        told = sentence_of(lambda: read(source, 2))
        source.close()
        assert not told or str(server.port) in told


def test_an_event_without_end_is_not_kept() -> None:
    with lying_redis({b"PSUBSCRIBE": pouring(CONFIRMED + EVENT + b"$2000000000\r\n")}) as server:
        source = RedisEventSource(profile_of(server))
        with pytest.raises(ConnectionLost, match="more than 32 MB"):
            read(source, sys.maxsize)
        source.close()
        assert server.sent < 2 * MOST_BYTES


@pytest.mark.parametrize("answer", [b"$-1\r\n", b"*0\r\n", b"+OK\r\n"])
def test_a_sending_whose_answer_cannot_be_read_is_unknown(answer: bytes) -> None:
    message = new_message("t", "an-id", [], {}, origin="here")
    with lying_redis({b"EVALSHA": answer}) as server:
        publisher = RedisPublisher(profile_of(server))
        (told,) = publisher.publish([OutgoingMessage("an-id", "celery", message)])
        publisher.close()
    assert told.sent is None
    assert "unknown" in told.words


def test_a_recorder_that_waits_for_an_answer_stops_at_once(tmp_path: Path) -> None:
    waits = threading.Event()

    def never(server: LyingServer, connection: socket.socket) -> None:
        waits.set()
        server.drip(connection, 1.0)

    with lying_redis({b"INFO": never}) as server:
        url = f"redis://127.0.0.1:{server.port}/0"
        history = str(tmp_path / "history.sqlite")
        program = [sys.executable, "-P", "-m", "deskq", "record", url, "--history", history]
        recorder = Process(program, log=tmp_path / "log")
        try:
            wait_until(waits.is_set, 30, "the recorder to ask")
            recorder.send(signal.SIGINT)
            recorder.wait(6)  # an answer may take 10 s
            assert '"events": 0' in recorder.log()
            assert "Traceback" not in recorder.log()
        finally:
            recorder.kill()


def test_a_server_that_hangs_up_at_once_is_not_hammered(tmp_path: Path) -> None:
    """Each connection that a recorder loses is a gap: the pauses between them grow."""
    asked: list[float] = []

    def hang_up(server: LyingServer, connection: socket.socket) -> None:
        asked.append(time.monotonic())
        server.send(connection, CONFIRMED)
        connection.shutdown(socket.SHUT_RDWR)

    with lying_redis({b"PSUBSCRIBE": hang_up}) as server:
        url = f"redis://127.0.0.1:{server.port}/0"
        program = [sys.executable, "-P", "-m", "deskq", "record", url, "--history", str(tmp_path / "history.sqlite")]
        recorder = Process(program, log=tmp_path / "log")
        try:
            wait_until(lambda: len(asked) >= 5, 60, "five connections")
            assert asked[4] - asked[0] >= sum(PAUSES) * 0.95  # a slow machine takes longer
        finally:
            recorder.kill()
