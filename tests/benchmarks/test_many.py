"""Ten thousand queues on Redis and five hundred workers: one sample, and the window that shows them."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from deskq.brokers.redis.broker import RedisBroker
from deskq.profiles import Profile
from tests.benchmarks.feed import EVENTS_OF_A_TASK, feeder
from tests.benchmarks.figures import Figures, size
from tests.benchmarks.window import measure
from tests.support.servers import RedisServer

QUEUES = size(10_000)
WORKERS = size(500)
SECONDS = max(5, size(30))
_RATE = 3_000


def _fill(server: RedisServer) -> None:
    """Declare the queues as kombu does; every third holds messages."""
    with server.new_client() as client:
        pipeline = client.pipeline(transaction=False)
        for number in range(QUEUES):
            pipeline.sadd("_kombu.binding.celery", f"key{number}\x06\x16\x06\x16queue{number}")
            if number % 3 == 0:
                pipeline.lpush(f"queue{number}", *[b"{}"] * (number % 7 + 1))
        pipeline.execute()


def test_sample(patient_redis: RedisServer, figures: Figures) -> None:
    _fill(patient_redis)
    broker = RedisBroker(Profile.from_url(patient_redis.url))
    names = sorted(broker.queue_names())
    assert len(names) == QUEUES
    began, used = time.perf_counter(), time.process_time()
    assert sum(sample.ready or 0 for sample in broker.sample(names)) > 0
    figures.at_most(f"{QUEUES:,} queues: one sample", time.perf_counter() - began, 1, "s")
    figures.note(f"{QUEUES:,} queues: one sample, CPU", time.process_time() - used, "s")
    broker.close()


@pytest.mark.usefixtures("deskq_home")
def test_views(patient_redis: RedisServer, tmp_path: Path, figures: Figures) -> None:
    _fill(patient_redis)
    feeding: list[subprocess.Popen[bytes]] = []

    def begin() -> None:
        tasks = _RATE * (SECONDS + 20) // EVENTS_OF_A_TASK
        feeding.append(feeder(patient_redis.url, tasks, rate=_RATE, multi=True, workers=WORKERS))

    try:
        found = measure("many", patient_redis.url, tmp_path / "history.sqlite", SECONDS, begin)
    finally:
        for one in feeding:
            one.terminate()
            one.wait(30)
    name = f"{found['queues']:,.0f} queues, {found['workers']:,.0f} workers"
    figures.at_most(f"{name}: gap of the loop, p99", found["gap p99"], 20, "ms")
    figures.at_most(f"{name}: gap of the loop, max", found["gap max"], 60, "ms")
    figures.at_most(f"{name}: own CPU in one turn, p99", found["gap own p99"], 20, "ms")
    figures.at_most(f"{name}: own CPU in one turn, max", found["gap own max"], 60, "ms")
