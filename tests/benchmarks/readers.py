"""The programs that read a stream of events while their CPU time and memory are measured: deskq, Flower, Celery.

``python -m tests.benchmarks.readers URL EVENTS`` is Celery's own receiver with its State, and nothing else.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.processes import Process, free_port
from tests.support.waiting import wait_until

_ROOT = Path(__file__).resolve().parents[2]
_TICK = os.sysconf("SC_CLK_TCK")


def cpu_of(pid: int) -> float:
    """Return the seconds of CPU that a process has used, by /proc (in steps of 10 ms)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def memory_of(pid: int, field: str = "Rss") -> float:
    """Return a process's memory in MB: "Rss", or "Pss", its share of what it shares."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no {field} of process {pid}")


def wait_until_idle(pid: int, timeout: float) -> None:
    """Wait until a process uses less than a tenth of a CPU: it has read what there was."""
    seen = [(time.monotonic(), cpu_of(pid))]

    def idle() -> bool:
        now = (time.monotonic(), cpu_of(pid))
        if now[0] - seen[-1][0] < 1.5:
            return False
        seen.append(now)
        return (now[1] - seen[-2][1]) / (now[0] - seen[-2][0]) < 0.1

    wait_until(idle, timeout, "the reader to have read everything")


@contextmanager
def flower(url: str, tasks: int) -> Iterator[tuple[Process, int]]:
    """A real Flower that keeps ``tasks`` tasks; yields its process and its port when it answers."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "celery", f"--broker={url}", "flower", f"--port={port}"]
        command += ["--address=127.0.0.1", f"--max_tasks={tasks}", "--logging=error"]
        process = Process(command, log=Path(folder) / "flower.log", env=dict(os.environ), cwd=Path(folder))
        try:
            wait_until(lambda: flower_events(port) is not None, 60, "Flower to answer")
            wait_until_idle(process.pid, 60)
            yield process, port
        finally:
            process.end(10)


def flower_events(port: int) -> float | None:
    """Return how many events Flower has counted, None while it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return None
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("flower_events_total{"))


@contextmanager
def celery_receiver(url: str, events: int) -> Iterator[Process]:
    """Celery's receiver and State as a process that ends after so many events and then prints its CPU time."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.benchmarks.readers", url, str(events)]
        process = Process(command, log=Path(folder) / "receiver.log", env=dict(os.environ), cwd=_ROOT)
        try:
            wait_until(lambda: "ready" in process.log(), 30, "the receiver to be ready")
            yield process
        finally:
            process.end(5)


def _receive(url: str, events: int) -> None:
    from celery import Celery

    app = Celery("bench", broker=url)
    state = app.events.State(max_tasks_in_memory=events)
    seen, began = 0, 0.0

    def on_event(event: Any) -> None:
        nonlocal seen
        state.event(event)
        seen += 1
        if seen == events:
            raise KeyboardInterrupt

    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": on_event})
        consuming = receiver.itercapture(limit=None, timeout=None, wakeup=False)
        next(consuming)  # it consumes now
        print("ready", flush=True)
        began = time.process_time()
        try:
            for _ in consuming:
                pass
        except KeyboardInterrupt:
            print(json.dumps({"cpu": time.process_time() - began}), flush=True)


if __name__ == "__main__":
    _receive(sys.argv[1], int(sys.argv[2]))
