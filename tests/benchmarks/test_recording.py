"""Events a second of CPU, from payload to committed history, beside what Celery's own receiver and State need.

Figures are printed, and kept in build/bench.json; nothing is asserted about them.
"""

from __future__ import annotations

import base64
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from celery.events.state import State

from deskq.brokers.redis_events import RedisEventSource
from deskq.history.query import Sort, TaskFilter
from deskq.history.reader import HistoryReader
from deskq.history.store import History
from deskq.profiles import Profile
from deskq.protocol.events import decode_redis_envelope
from deskq.recorder.pipeline import Pipeline
from deskq.recorder.queue_watch import QueueWatch
from deskq.recorder.worker_watch import WorkerWatch
from tests.support.servers import RedisServer

TASKS = 30_000
_FIGURES: dict[str, str] = {}


@pytest.fixture(scope="module", autouse=True)
def figures() -> Iterator[dict[str, str]]:
    yield _FIGURES
    folder = Path("build")
    folder.mkdir(exist_ok=True)
    (folder / "bench.json").write_text(json.dumps(_FIGURES, indent=2))
    print()
    for name, figure in _FIGURES.items():
        print(f"{name:<60} {figure}")


def bodies(tasks: int = TASKS) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    for number in range(tasks):
        at = 1_795_000_000 + number / 1_000
        common = {"uuid": str(uuid.uuid4()), "hostname": "w1@host", "pid": 7, "utcoffset": -1}
        received = {"name": f"shop.task{number % 40}", "args": f"({number}, 'anna')", "kwargs": "{}", "retries": 0}
        received |= {"root_id": common["uuid"], "parent_id": None, "eta": None, "expires": None}
        events.append({"type": "task-received", "timestamp": at, "clock": 3 * number, **common, **received})
        events.append({"type": "task-started", "timestamp": at + 0.01, "clock": 3 * number + 1, **common})
        ended = {"result": "'ok'", "runtime": 0.1}
        events.append({"type": "task-succeeded", "timestamp": at + 0.1, "clock": 3 * number + 2, **common, **ended})
    return events


def envelope(body: Any) -> bytes:
    encoded = base64.b64encode(json.dumps(body).encode()).decode()
    properties = {"body_encoding": "base64", "delivery_mode": 1, "priority": 0, "delivery_tag": str(uuid.uuid4())}
    outer = {"body": encoded, "content-encoding": "utf-8", "content-type": "application/json", "headers": {}}
    return json.dumps({**outer, "properties": properties}).encode()


def cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def commit_all(payloads: list[bytes], history: History) -> None:
    pipeline = Pipeline(history, WorkerWatch(), QueueWatch())
    step = 5_000 if len(payloads) > 50_000 else 250
    for first in range(0, len(payloads), step):
        pipeline.take(payloads[first : first + step], decode_redis_envelope, time.time())
        history.commit(time.time())


def test_pipeline(tmp_path: Path) -> None:
    events = bodies()
    single = [envelope(event) for event in events]
    multi = [envelope(events[first : first + 20]) for first in range(0, len(events), 20)]
    figures: dict[str, float] = {}
    for name, payloads in (("single events", single), ("task.multi batches", multi)):
        history = History(tmp_path / f"{name}.sqlite")
        figures[name] = len(events) / cpu(partial(commit_all, payloads, history))
        history.close()
        _FIGURES[f"decode, merge and commit, {name}"] = f"{figures[name]:,.0f} events/s of CPU"

    def with_celery() -> None:
        state = State(max_tasks_in_memory=10 * TASKS)
        for payload in single:
            outer = json.loads(payload)
            event = json.loads(base64.b64decode(outer["body"]))
            event["local_received"] = time.time()
            state.event(event)

    celery = len(events) / cpu(with_celery)
    _FIGURES["Celery's State on the same payloads (keeps nothing)"] = (
        f"{celery:,.0f} events/s of CPU: deskq is {figures['single events'] / celery:.1f}×"
    )


def test_socket(redis_server: RedisServer) -> None:
    payloads = [envelope(event) for event in bodies(10_000)]
    source = RedisEventSource(Profile.from_url(redis_server.url))
    source.connect()
    seen = 0

    def feed() -> None:
        with redis_server.new_client() as client:
            for first in range(0, len(payloads), 500):
                pipeline = client.pipeline(transaction=False)
                for payload in payloads[first : first + 500]:
                    pipeline.publish("/0.celeryev/task.x", payload)
                pipeline.execute()

    feeder = threading.Thread(target=feed)
    feeder.start()
    began = time.thread_time()
    deadline = time.monotonic() + 60
    while seen < len(payloads) and time.monotonic() < deadline:
        for payload in source.read(0.1):
            source.decode(payload)
            seen += 1
    took = time.thread_time() - began
    feeder.join()
    source.close()
    _FIGURES["reading the socket and decoding"] = f"{seen / took:,.0f} events/s of CPU"


def test_queries(tmp_path: Path) -> None:
    history = History(tmp_path / "h.sqlite")
    commit_all([envelope(event) for event in bodies(100_000)], history)
    reader = HistoryReader(history.path)
    for name, question in (
        ("newest 200 of a state", lambda: reader.tasks(TaskFilter(states=("SUCCESS",)), limit=200)),
        ("ids of all tasks", lambda: reader.task_ids(TaskFilter())),
        ("counts by state", reader.counts),
        ("longest 200", lambda: reader.tasks(TaskFilter(), Sort("runtime"), 200)),
        ("free text that occurs nowhere", lambda: reader.tasks(TaskFilter(text="nowhere"), limit=200)),
    ):
        began = time.perf_counter()
        question()
        _FIGURES[f"100,000 tasks: {name}"] = f"{(time.perf_counter() - began) * 1_000:.1f} ms"
    reader.close()
    history.close()
