"""From an event to its painted row, and the longest stalls of the window, while events pour in."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.benchmarks.feed import EVENTS_OF_A_TASK, feeder
from tests.benchmarks.figures import Figures, size
from tests.benchmarks.window import Result, measure
from tests.support.servers import RedisServer

SECONDS = max(5, size(30))


def _measure(scenario: str, server: RedisServer, rate: int, folder: Path) -> Result:
    """A window with a recorder of its own, and so many events a second."""
    feeding: list[subprocess.Popen[bytes]] = []
    tasks = rate * (SECONDS + 3) // EVENTS_OF_A_TASK

    def begin() -> None:
        feeding.append(feeder(server.url, tasks, rate=rate, multi=True, workers=20))

    try:
        return measure(scenario, server.url, folder / "history.sqlite", SECONDS, begin)
    finally:
        for one in feeding:
            one.terminate()
            one.wait(30)


@pytest.mark.parametrize("rate", [3_000, 20_000])
def test_delay(patient_redis: RedisServer, tmp_path: Path, figures: Figures, rate: int) -> None:
    found = _measure("delay", patient_redis, rate, tmp_path)
    figures.at_most(f"event to painted row, {rate:,} events/s, median", found["delay median"], 100, "ms")
    figures.at_most(f"event to painted row, {rate:,} events/s, p99", found["delay p99"], 200, "ms")
    figures.note(f"event to painted row, {rate:,} events/s, rows", found["rows"], "")


def test_stalls(patient_redis: RedisServer, tmp_path: Path, figures: Figures) -> None:
    found = _measure("stalls", patient_redis, 20_000, tmp_path)
    figures.note("gap of the window's loop, 20,000 events/s, median", found["gap median"], "ms")
    figures.at_most("gap of the window's loop, 20,000 events/s, p99", found["gap p99"], 20, "ms")
    figures.at_most("gap of the window's loop, 20,000 events/s, max", found["gap max"], 60, "ms")
    figures.at_most("own CPU in one turn of the loop, 20,000 events/s, p99", found["gap own p99"], 20, "ms")
    figures.at_most("own CPU in one turn of the loop, 20,000 events/s, max", found["gap own max"], 60, "ms")
