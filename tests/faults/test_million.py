"""A million hostile deliveries, as Redis and as RabbitMQ bring them: none is the end, each broken one is one row."""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

import pytest

from deskq.brokers.rabbitmq.event_source import RabbitEventSource
from deskq.brokers.redis.event_source import RedisEventSource
from deskq.profiles import Profile
from deskq.protocol.events import MalformedEvent
from tests.support.bench import Bench
from tests.support.hostile import delivery, payload
from tests.support.soak import rounds
from tests.support.soundness import assert_sound

DELIVERIES = rounds(20_000, 1_000_000)
BATCH = 100
"""No more are broken in one batch than are kept of it."""
READ_EVERY = rounds(5_000, 20_000)
WARM = DELIVERIES // 4
MEGABYTES = 120
"""By so much memory may grow once it is warm: caches of 20,000 records and 200,000 texts may not be full by then."""


def memory() -> float:
    """This process's memory in MB, 0.0 where the system does not tell."""
    if sys.platform != "linux":
        return 0.0
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1_024 for line in lines if line.startswith("VmRSS:"))


@pytest.mark.timeout(7_200)
def test_random_changes_of_real_events(tmp_path: Path) -> None:
    """Half as Redis brings them, half as RabbitMQ does, through the decoding of their sources into one history."""
    redis = RedisEventSource(Profile.from_url("redis://127.0.0.1:1/0"))
    rabbit = RabbitEventSource(Profile.from_url("amqp://127.0.0.1:1//"))
    chance = random.Random(7)
    bench = Bench(tmp_path / "h.sqlite")
    broken = whole = 0
    warm = peak = memory()
    began = time.monotonic()
    try:
        for first in range(0, DELIVERIES, BATCH):
            of_redis = first // BATCH % 2 == 0
            decode = redis.decode if of_redis else rabbit.decode
            batch = [payload(chance) if of_redis else delivery(chance) for _ in range(BATCH)]
            for one in batch:
                try:
                    whole += len(decode(one))  # type: ignore[arg-type]
                except MalformedEvent:
                    broken += 1
            bench.take(batch, decode)
            if first % READ_EVERY == 0:
                bench.read()
            if first % 2_000 == 0:
                peak = max(peak, memory())
                warm = peak if first <= WARM else warm
        bench.read()
        seconds = time.monotonic() - began
        tasks = assert_sound(bench.history.path)
        rows = bench.reader.number("SELECT max(id) FROM malformed")
        print(
            f"{DELIVERIES:,} deliveries in {seconds:,.0f} s: {whole:,} events, {tasks:,} tasks, {broken:,} malformed, "
            f"memory {warm:,.0f} MB warm, {peak:,.0f} MB at most"
        )
        assert (bench.pipeline.events, bench.pipeline.malformed) == (whole, broken)
        assert rows == broken
        kept = bench.reader.malformed(10_000)
        assert len(kept) == min(broken, 1_000)
        assert all(row.reason and row.size >= len(row.raw) for row in kept)
        assert broken > DELIVERIES // 50
        assert whole > DELIVERIES // 4
        assert tasks > 100
        assert peak - warm < MEGABYTES
    finally:
        bench.close()
