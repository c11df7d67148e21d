"""A process that publishes Celery's events as kombu's transports do: flat out, or at a rate with true timestamps.

``python -m tests.benchmarks.feed URL --tasks 1000 [--rate EVENTS_PER_SECOND] [--multi] [--workers 500]``
"""

from __future__ import annotations

import argparse
import base64
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

EVENTS_OF_A_TASK: Final = 3
_MULTI: Final = 20
_BLOCK: Final = 500
_ROOT: Final = Path(__file__).resolve().parents[2]


def events_of(number: int, at: float, worker: int = 1, clock: int = 0) -> tuple[str, str, str]:
    """Return received, started and succeeded of a new task, as JSON text, at the same moment."""
    uuid = f"{random.getrandbits(128):032x}"
    uuid = f"{uuid[:8]}-{uuid[8:12]}-{uuid[12:16]}-{uuid[16:20]}-{uuid[20:]}"
    common = f'"hostname": "w{worker}@host", "utcoffset": -1, "pid": {7 + worker}, "uuid": "{uuid}"'
    clock = clock or EVENTS_OF_A_TASK * number
    received = (
        f'{{{common}, "clock": {clock}, "timestamp": {at!r}, "type": "task-received", '
        f'"name": "shop.task{number % 40}", "args": "({number}, \'anna\')", "kwargs": "{{}}", "root_id": "{uuid}", '
        '"parent_id": null, "retries": 0, "eta": null, "expires": null}'
    )
    started = f'{{{common}, "clock": {clock + 1}, "timestamp": {at + 0.001!r}, "type": "task-started"}}'
    succeeded = (
        f'{{{common}, "clock": {clock + 2}, "timestamp": {at + 0.002!r}, "type": "task-succeeded", '
        f'"result": "\'ok\'", "runtime": {0.001 + number % 1000 / 1000}}}'
    )
    return received, started, succeeded


def heartbeat_of(worker: int, at: float) -> str:
    """Return a worker's heartbeat as JSON text; it has accepted nothing, so that nothing counts as missed."""
    return (
        f'{{"hostname": "w{worker}@host", "utcoffset": -1, "pid": {7 + worker}, "clock": 1, "timestamp": {at!r}, '
        '"type": "worker-heartbeat", "freq": 2.0, "sw_ident": "py-celery", "sw_ver": "5.5.0", "sw_sys": "Linux", '
        f'"active": {worker % 4}, "processed": 0, "loadavg": [0.1, {worker % 9}.2, 0.3]}}'
    )


def envelope(body: str) -> bytes:
    """Return what kombu publishes to Redis for one body."""
    encoded = base64.b64encode(body.encode()).decode()
    return (
        f'{{"body": "{encoded}", "content-encoding": "utf-8", "content-type": "application/json", '
        '"headers": {"hostname": "w1@host"}, "properties": {"delivery_mode": 1, "delivery_info": {"exchange": '
        '"celeryev", "routing_key": "task.x"}, "priority": 0, "body_encoding": "base64", '
        f'"delivery_tag": "{random.getrandbits(128):032x}"}}}}'
    ).encode()


class RedisFeed:
    """Publishes in pipelines, straight into the socket, so that feeding costs less than what is measured."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port))
        self._database = parts.path.strip("/") or "0"

    def __call__(self, bodies: Sequence[str], key: str) -> None:
        channel = f"/{self._database}.celeryev/{key}".encode()
        head = b"*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%s\r\n" % (len(channel), channel)
        pieces = []
        for body in bodies:
            payload = envelope(body)
            pieces.append(b"%s$%d\r\n%s\r\n" % (head, len(payload), payload))
        self._socket.sendall(b"".join(pieces))
        answered = 0
        while answered < len(bodies):
            answered += self._socket.recv(65_536).count(b"\n")


class RabbitFeed:
    """Publishes to the topic exchange celeryev."""

    def __init__(self, url: str) -> None:
        import pika

        self._properties = pika.BasicProperties(
            content_type="application/json", content_encoding="utf-8", delivery_mode=1
        )
        self._connection: Any = pika.BlockingConnection(pika.URLParameters(url))
        self._channel = self._connection.channel()
        self._channel.exchange_declare("celeryev", exchange_type="topic", durable=True)

    def __call__(self, bodies: Sequence[str], key: str) -> None:
        for body in bodies:
            self._channel.basic_publish("celeryev", key, body.encode(), self._properties)
        self._connection.process_data_events(0)


def feed(publish: Callable[[Sequence[str], str], None], tasks: int, rate: float, *, multi: bool, workers: int) -> None:
    """Publish ``tasks`` tasks, at ``rate`` events a second (0: flat out), and heartbeats of ``workers`` workers."""
    block = min(_BLOCK, max(1, int(rate / EVENTS_OF_A_TASK / 50))) if rate else _BLOCK
    began, next_beats = time.time(), 0.0
    for first in range(0, tasks, block):
        if rate:
            ahead = began + first * EVENTS_OF_A_TASK / rate - time.time()
            if ahead > 0:
                time.sleep(ahead)
        now = time.time()
        if workers and now >= next_beats:
            next_beats = now + 2.0
            publish([heartbeat_of(worker, now) for worker in range(1, workers + 1)], "worker.heartbeat")
        bodies: list[str] = []
        for number in range(first, min(first + block, tasks)):
            bodies += events_of(number, now, number % max(workers, 1) + 1)
        if multi:
            bodies = [f"[{', '.join(bodies[at : at + _MULTI])}]" for at in range(0, len(bodies), _MULTI)]
        publish(bodies, "task.multi" if multi else "task.x")


def feeder(url: str, tasks: int, *, rate: float = 0, multi: bool = False, workers: int = 0) -> subprocess.Popen[bytes]:
    """Start the process; the caller waits for its end."""
    command = [sys.executable, "-m", "tests.benchmarks.feed", url, f"--tasks={tasks}", f"--rate={rate}"]
    return subprocess.Popen([*command, f"--workers={workers}", *(["--multi"] if multi else [])], cwd=_ROOT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--tasks", type=int, required=True)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--multi", action="store_true")
    parser.add_argument("--workers", type=int, default=0)
    chosen = parser.parse_args()
    publish = RedisFeed(chosen.url) if chosen.url.startswith("redis") else RabbitFeed(chosen.url)
    feed(publish, chosen.tasks, chosen.rate, multi=chosen.multi, workers=chosen.workers)


if __name__ == "__main__":
    main()
