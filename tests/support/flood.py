"""Events as workers send them, published without a worker: as many, as fast, and as odd as a test wants."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Iterable
from typing import Any

import redis


def envelope(body: Any) -> bytes:
    """One PUBLISH of kombu's Redis transport around an event, or a list of them."""
    return raw_envelope(json.dumps(body).encode())


def raw_envelope(body: bytes) -> bytes:
    """The same around bytes that may be anything."""
    properties: dict[str, Any] = {
        "body_encoding": "base64",
        "delivery_mode": 1,
        "priority": 0,
        "delivery_tag": str(uuid.uuid4()),
    }
    properties["delivery_info"] = {"exchange": "celeryev", "routing_key": "task.x"}
    outer = {"body": base64.b64encode(body).decode(), "content-encoding": "utf-8", "content-type": "application/json"}
    return json.dumps({**outer, "headers": {}, "properties": properties}).encode()


class FakeWorker:
    """A node whose events a test makes up; counts its clock and what it has accepted."""

    def __init__(self, hostname: str = "w1@flood", *, pid: int = 7, clock_ahead: float = 0.0) -> None:
        self.hostname, self.pid, self.clock_ahead = hostname, pid, clock_ahead
        self.clock = 0
        self.processed = 0

    def event(self, kind: str, **fields: Any) -> dict[str, Any]:
        """One event of this worker, now by its clock."""
        self.clock += 1
        common = {"hostname": self.hostname, "pid": self.pid, "clock": self.clock, "utcoffset": 0}
        return {"type": kind, "timestamp": time.time() + self.clock_ahead, **common, **fields}

    def heartbeat(self, **fields: Any) -> dict[str, Any]:
        """Its sign of life."""
        facts = {"freq": 2.0, "active": 0, "processed": self.processed, "loadavg": [0.1, 0.1, 0.1]}
        facts |= {"sw_ident": "py-celery", "sw_ver": "5.7.0", "sw_sys": "Linux"}
        return self.event("worker-heartbeat", **{**facts, **fields})

    def task(self, name: str = "flood.task", **fields: Any) -> list[dict[str, Any]]:
        """The three events of a task that succeeds; its id is in each."""
        number = str(uuid.uuid4())
        self.processed += 1
        call = {"name": name, "args": "(1,)", "kwargs": "{}", "retries": 0, "root_id": number}
        return [
            self.event("task-received", uuid=number, **{**call, **fields}),
            self.event("task-started", uuid=number),
            self.event("task-succeeded", uuid=number, result="'ok'", runtime=0.01),
        ]


def publish(client: redis.Redis, bodies: Iterable[Any], db: int = 0) -> None:
    """Publish each body as Celery does."""
    pipeline = client.pipeline(transaction=False)
    for body in bodies:
        pipeline.publish(f"/{db}.celeryev/task.x", body if isinstance(body, bytes) else envelope(body))
    pipeline.execute()
