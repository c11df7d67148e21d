"""The servers of the tests start, die, come back, and leave nothing running."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pika
import pytest
import redis

from deskq.brokers.control_nodes import control_nodes
from deskq.profiles import Profile
from tests.support.celery_worker import CeleryWorker
from tests.support.installed_servers import ServerMissing
from tests.support.processes import children
from tests.support.sample_app import sample_client
from tests.support.servers import RabbitServer, RedisServer
from tests.support.waiting import wait_until


def processes_mentioning(text: str) -> list[str]:
    """The command lines of all living processes, of any parent, whose command line or environment holds the text."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
            if text.encode() in command + (entry / "environ").read_bytes():
                found.append(command.replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return [command for command in found if command]


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("flavour", ["redis", "valkey"])
def test_redis_starts_and_stops(flavour: str, needs: Callable[[Callable[[], RedisServer]], RedisServer]) -> None:
    with needs(lambda: RedisServer(flavour, password="secret")) as server:  # type: ignore[arg-type]
        assert server.client().set("a", 1)
        assert server.client(5).get("a") is None
        assert "secret" in server.url
        server.kill()
        assert not is_open(server.port)
        server.start()
        assert server.client().get("a") is None
        pid = server.pid
        assert pid in children()
    assert not is_open(server.port)
    assert not server.directory.exists()
    assert pid not in children()


def test_a_frozen_redis_answers_again_when_thawed(needs: Callable[[Callable[[], RedisServer]], RedisServer]) -> None:
    with needs(RedisServer) as server:
        server.freeze()
        with redis.Redis.from_url(server.url, socket_timeout=0.2) as client, pytest.raises(redis.TimeoutError):
            client.ping()
        server.thaw()
        assert server.client().ping()


def test_rabbitmq_starts_and_stops(needs: Callable[[Callable[[], RabbitServer]], RabbitServer]) -> None:
    with needs(RabbitServer) as server:
        with server.vhost("one") as url:
            connection = pika.BlockingConnection(pika.URLParameters(url))
            connection.channel().queue_declare("q", durable=True)
            connection.close()
            names = [queue["name"] for queue in server.management("GET", "/api/queues/one")]
            assert names == ["q"]
        server.restart()
        assert "one" not in {vhost["name"] for vhost in server.management("GET", "/api/vhosts")}
        server.kill()
        assert not is_open(server.port)
        assert processes_mentioning(str(server.directory)) == []
        server.start()
        marker = str(server.directory)
        assert processes_mentioning(marker)
    assert processes_mentioning(marker) == []
    assert not server.directory.exists()


def test_servers_end_when_the_test_run_is_killed(tmp_path: Path) -> None:
    try:
        RedisServer().stop()
    except ServerMissing as missing:
        pytest.skip(str(missing))
    program = (
        "import os, signal\n"
        "from tests.support.servers import RedisServer\n"
        "server = RedisServer().start()\n"
        "print(server.directory, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=240, check=False)
    directory = ran.stdout.strip()
    assert directory, ran.stderr
    wait_until(lambda: not processes_mentioning(directory), what="the orphaned server to end")
    shutil.rmtree(directory)


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_a_worker_does_work_and_leaves_nothing(pool: str, redis_url: str) -> None:
    with sample_client(redis_url) as app:
        with CeleryWorker(redis_url, pool=pool) as worker:
            assert app.send_task("sample.add", (2, 3)).get(timeout=80) == 5
            marker = worker.hostname
            assert processes_mentioning(marker)
        assert processes_mentioning(marker) == []
        assert "Warm shutdown" in worker.log()
        with CeleryWorker(redis_url, pool=pool) as worker:
            worker.kill()
            assert processes_mentioning(worker.hostname) == []


def test_a_worker_on_rabbitmq(rabbit_vhost_url: str) -> None:
    config = {"result_backend": "rpc://"}
    with sample_client(rabbit_vhost_url, **config) as app, CeleryWorker(rabbit_vhost_url, config=config):
        assert app.send_task("sample.add", (2, 3)).get(timeout=80) == 5


def test_a_database_is_nobody_else_s(needs: Callable[[Callable[[], RedisServer]], RedisServer]) -> None:
    """However many are asked for: what one fixture holds, or a client is still in, no test is given."""
    with needs(RedisServer) as server, server.database() as held:
        with server.database() as url:
            staying = redis.Redis.from_url(url)
            staying.set("a", 1)
        with staying:
            given = []
            for _ in range(130):
                with server.database() as other:
                    given.append(other)
        assert not {held, url, server.url} & set(given)
        assert len(set(given)) == 61
        with redis.Redis.from_url(url) as client:
            assert client.dbsize() == 1
        again = []
        for _ in range(130):
            with server.database() as other, redis.Redis.from_url(other) as client:
                assert client.dbsize() == 0
                again.append(other)
        assert url in again


@pytest.mark.parametrize("pool", ["prefork", "solo", "threads"])
def test_a_started_worker_listens(pool: str, redis_url: str) -> None:
    """A broadcast that nobody has subscribed to is gone, on Redis, and a worker is ready before it subscribes."""
    profile = Profile.from_url(redis_url)
    for _ in range(3):
        with CeleryWorker(redis_url, pool=pool, concurrency=1):
            nodes = control_nodes(profile)
            assert nodes is not None
            assert nodes.connected == 1
