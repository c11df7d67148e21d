"""Servers that these tests may freeze, kill and restart, and certificates for TLS."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from tests.support.certificates import Certificates, make_certificates
from tests.support.installed_servers import ServerMissing
from tests.support.servers import RabbitServer, RedisServer
from tests.support.waiting import PATIENCE

S = TypeVar("S")
Needs = Callable[[Callable[[], S]], S]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory, needs: Needs[Certificates]) -> Certificates:
    """Certificates of every kind, made once."""

    def make() -> Certificates:
        try:
            return make_certificates(tmp_path_factory.mktemp("certificates"))
        except ImportError:
            raise ServerMissing("no package cryptography: install it to test TLS") from None

    return needs(make)


@pytest.fixture(scope="session")
def own_rabbit(certificates: Certificates, needs: Needs[RabbitServer]) -> Iterator[RabbitServer]:
    """A RabbitMQ with TLS for the tests of this folder. Who freezes or kills it brings it back."""
    with needs(lambda: RabbitServer(tls=certificates, shared=True)) as server:
        yield server


@pytest.fixture
def own_redis(needs: Needs[RedisServer]) -> Iterator[RedisServer]:
    """A Redis for one test."""
    with needs(RedisServer) as server:
        yield server


@pytest.fixture(params=["redis", "rabbitmq"])
def own_server(request: pytest.FixtureRequest) -> RedisServer | RabbitServer:
    """The one and the other, for tests of what both promise; it may be frozen and killed, and is brought back."""
    name = "own_redis" if request.param == "redis" else "own_rabbit"
    server: RedisServer | RabbitServer = request.getfixturevalue(name)
    return server


def within(seconds: float, *calls: Callable[[], object]) -> list[BaseException | None]:
    """What each call raised, or None, when all have run at once; one that blocks for longer is a failure.

    `seconds`: on a machine that does nothing else, as with `wait_until`.
    """
    seconds *= PATIENCE
    raised: list[BaseException | None] = [None] * len(calls)

    def run(number: int) -> None:
        try:
            calls[number]()
        except Exception as error:  # noqa: BLE001 - handed to the test
            raised[number] = error

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(len(calls))]
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
        assert not thread.is_alive(), f"it still blocks after {seconds:g} s"
    return raised
