"""Connections to Redis are opened when they are needed, known by name, one for each link, and closed for good."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import redis

import deskq
from deskq.brokers.ports import Refused
from deskq.brokers.redis.link import RedisLink, connected, connection_number, linked
from deskq.profiles import Profile
from tests.support.processes import free_port
from tests.support.waiting import wait_until

PACKAGE = Path(deskq.__file__).parent


def ours(server: redis.Redis) -> int:
    """How many connections the server has that say they are deskq's."""
    return sum(one["name"] == "deskq" for one in server.client_list())


def test_a_link_is_one_connection_until_it_is_closed(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as server:
        before = ours(server)
        link = RedisLink(Profile.from_url(redis_url))
        assert not link.is_open
        link.close()
        for _ in range(2):
            assert link.client().ping()
            assert link.client() is link.client()
            assert ours(server) == before + 1
            link.close()
            assert not link.is_open
            wait_until(lambda: ours(server) == before)


def test_what_is_asked_in_passing_leaves_nothing(redis_url: str) -> None:
    profile = Profile.from_url(redis_url)
    with redis.Redis.from_url(redis_url) as server:
        before = ours(server)
        with linked(profile) as client:
            assert client.ping()
            assert ours(server) == before + 1
        with connected(profile, socket_timeout=1.0) as connection:
            assert ours(server) == before + 1
            assert connection.socket_timeout == 1.0
        first, second = connection_number(profile), connection_number(profile)
        assert first is not None
        assert second is not None
        assert second > first
        wait_until(lambda: ours(server) == before)


def test_what_fails_is_a_sentence() -> None:
    port = free_port()
    with (
        pytest.raises(Refused, match=f"127.0.0.1:{port}"),
        linked(Profile.from_url(f"redis://127.0.0.1:{port}/0")) as client,
    ):
        client.ping()


def test_nobody_opens_one_in_another_way() -> None:
    """The demo's own server is none of a profile's."""
    making = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func) in ("redis.Redis", "redis.ConnectionPool", "redis.Redis.from_url", "redis.from_url")
    }
    assert making == {"brokers/redis/replies.py", "demo/services.py"}
