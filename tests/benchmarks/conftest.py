"""The figures of all benchmarks of a run, and a Redis that cuts no slow reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.figures import Figures
from tests.support.servers import RedisServer


@pytest.fixture(scope="session")
def figures() -> Iterator[Figures]:
    collected = Figures()
    yield collected
    collected.save(Path("build") / "bench.json")
    print(f"\n{collected.table()}")


@pytest.fixture
def patient_redis(needs: Callable[[Callable[[], RedisServer]], Any]) -> Iterator[RedisServer]:
    """A Redis of the test's own that holds what slow readers have not read yet, however much it is."""
    extra = ("--client-output-buffer-limit", "pubsub 0 0 0")
    with needs(lambda: RedisServer(extra=extra)) as server:
        yield server
