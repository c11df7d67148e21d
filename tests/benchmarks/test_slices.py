"""How long the work beside recording holds the writer of a history of a million tasks: retention, salvage, commits."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from deskq.history.recovery.quarantine import set_aside
from deskq.history.recovery.salvage import Salvage
from deskq.history.writing.retention import Retention
from deskq.history.writing.writer import History
from deskq.protocol.events import decode_body
from deskq.recorder.gc_tuning import relaxed_gc
from deskq.recorder.recorder import COMMIT_SECONDS
from tests.benchmarks.feed import events_of
from tests.benchmarks.figures import Figures, quantile, size
from tests.benchmarks.test_history import long_history

TASKS = size(1_000_000)
SLICES = size(400)
_EACH_TIME = 100
"""Tasks that are recorded between two slices."""


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A history of a million tasks. Do not change it."""
    path = tmp_path_factory.mktemp("long") / "history.sqlite"
    long_history(path, TASKS)
    return path


@pytest.fixture
def path(long: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of it."""
    copy = Path(shutil.copy(long, tmp_path / "history.sqlite"))
    os.sync()  # else the disk is busy with the copy while the slices are measured
    yield copy
    shutil.rmtree(tmp_path)


def slices(history: History, step: Callable[[], bool]) -> tuple[list[float], list[float]]:
    """Record as a recorder does, with a slice in each round; for how many ms each slice and each commit took."""
    held: list[float] = []
    committed: list[float] = []
    numbers = count()
    for _ in range(SLICES):
        round_ends = time.monotonic() + COMMIT_SECONDS
        now = time.time()
        for _ in range(_EACH_TIME):
            task = str(uuid.uuid4())
            for body in events_of(next(numbers), now):
                for event in decode_body(body.encode(), None, None):
                    history.record(task, now).add(event)
        began = time.perf_counter()
        history.commit(now)
        committed.append(1_000 * (time.perf_counter() - began))
        began = time.perf_counter()
        if not step():
            break
        held.append(1_000 * (time.perf_counter() - began))
        time.sleep(max(0.0, round_ends - time.monotonic()))
    return held, committed


def tell(figures: Figures, name: str, held: list[float], committed: list[float]) -> None:
    figures.note(f"{name}: a slice holds the writer, p50", quantile(held, 0.5), "ms")
    figures.at_most(f"{name}: a slice holds the writer, p99", quantile(held, 0.99), 50, "ms")
    figures.note(f"{name}: a slice holds the writer, max", max(held), "ms")
    figures.note(f"{name}: a commit of {_EACH_TIME} tasks beside it, p99", quantile(committed, 0.99), "ms")


@pytest.mark.parametrize("by", ["age", "size"])
def test_retention(path: Path, figures: Figures, by: str) -> None:
    history = History(path)
    retention = Retention(history, 1, 1, 0) if by == "age" else Retention(history, 0, 0, path.stat().st_size / 5e6)
    later = time.time() + (2 * 86_400 if by == "age" else 0)
    try:
        with relaxed_gc():
            held, committed = slices(history, lambda: retention.step(later))
    finally:
        history.close()
    name = f"{TASKS:,} tasks, retention by {by}"
    tell(figures, name, held, committed)
    figures.note(f"{name}: tasks deleted in a slice", retention.deleted / len(held), "tasks")


def test_salvage(path: Path, figures: Figures) -> None:
    aside = set_aside(path)
    history = History(path, least_id=aside.least_id)
    salvage = Salvage(history)
    try:
        while (salvage.part or 0.0) < 0.5:  # what stands beside tasks is quickly read
            salvage.step(time.time())
        before = str(salvage)
        with relaxed_gc():
            held, committed = slices(history, lambda: salvage.step(time.time()))
        after = str(salvage)
    finally:
        salvage.close()
        history.close()
    name = f"{TASKS:,} tasks, salvage of a damaged history"
    tell(figures, name, held, committed)
    figures.note(f"{name}: tasks saved in a slice", (_saved(after) - _saved(before)) / len(held), "tasks")


def _saved(text: str) -> int:
    return int(text.rpartition("done, ")[2].split()[0].replace(",", ""))
