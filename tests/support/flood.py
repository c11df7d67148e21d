"""Events as Celery's workers publish them to Redis, made up and sent by the thousand."""

from __future__ import annotations

import base64
import json
import threading
import time
import uuid
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

import redis

CHANNEL = "/{db}.celeryev/task.multi"


def envelope(body: Any) -> bytes:
    """Return what kombu publishes for an event, or for a list of them."""
    encoded = base64.b64encode(json.dumps(body).encode()).decode()
    properties = {"body_encoding": "base64", "delivery_mode": 1, "priority": 0, "delivery_tag": str(uuid.uuid4())}
    outer = {"body": encoded, "content-encoding": "utf-8", "content-type": "application/json", "headers": {}}
    return json.dumps({**outer, "properties": properties}).encode()


def task_events(
    task: str, clock: int = 1, *, hostname: str = "w1@host", pid: int = 7, at: float | None = None, **fields: Any
) -> list[dict[str, Any]]:
    """Return received, started and succeeded of one task; ``fields`` go into the first."""
    at = time.time() if at is None else at
    common = {"uuid": task, "hostname": hostname, "pid": pid, "utcoffset": 0}
    received = {"name": "shop.task", "args": "(1, 'anna')", "kwargs": "{}", "retries": 0, "root_id": task}
    received |= {"parent_id": None, "eta": None, "expires": None, **fields}
    return [
        {"type": "task-received", "timestamp": at, "clock": clock, **common, **received},
        {"type": "task-started", "timestamp": at + 0.01, "clock": clock + 1, **common},
        {"type": "task-succeeded", "timestamp": at + 0.11, "clock": clock + 2, **common, "result": "3", "runtime": 0.1},
    ]


def heartbeat(processed: int, *, hostname: str = "w1@host", pid: int = 7, at: float | None = None) -> dict[str, Any]:
    """Return a worker's heartbeat."""
    facts = {"freq": 2.0, "sw_ident": "py-celery", "sw_ver": "5.5.0", "sw_sys": "Linux", "loadavg": [0.1, 0.2, 0.3]}
    at = time.time() if at is None else at
    common = {"type": "worker-heartbeat", "hostname": hostname, "pid": pid, "timestamp": at, "utcoffset": 0}
    return {**common, "clock": 1, "active": 0, "processed": processed, **facts}


class Feed:
    """Publishes to one database of Redis."""

    def __init__(self, url: str) -> None:
        self.client = redis.Redis.from_url(url)
        self._db = url.rpartition("/")[2]
        self.channel = CHANNEL.format(db=self._db)

    def send(self, *bodies: Any) -> None:
        """Publish each as a delivery of its own."""
        self.raw(envelope(body) for body in bodies)

    def subscribers(self) -> list[dict[str, Any]]:
        """The clients that are subscribed in its database, as CLIENT LIST tells them: the server is shared."""
        clients: list[dict[str, Any]] = self.client.client_list(_type="pubsub")
        return [client for client in clients if client["db"] == self._db]

    def raw(self, payloads: Iterable[bytes]) -> None:
        """Publish bytes as they are."""
        pipeline = self.client.pipeline(transaction=False)
        for payload in payloads:
            pipeline.publish(self.channel, payload)
        pipeline.execute()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()


class Flood:
    """Publishes tasks from a thread, ``per_second`` of them, until it is left; ``sent``: (time, id) of each."""

    def __init__(self, url: str, per_second: int = 1_000) -> None:
        self.sent: list[tuple[float, str]] = []
        self._url = url
        self._per_second = per_second
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="flood")

    def _run(self) -> None:
        pause = 0.02
        clock = 0
        with Feed(self._url) as feed:
            while not self._stop.wait(pause):
                tasks = [str(uuid.uuid4()) for _ in range(max(1, round(self._per_second * pause)))]
                events: list[list[dict[str, Any]]] = []
                for task in tasks:
                    clock += 3
                    events.append(task_events(task, clock))
                feed.send(*events)
                now = time.time()
                self.sent += [(now, task) for task in tasks]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
