"""CPU per event of the real recorder, from socket to committed history, beside Flower and Celery; and its memory."""

from __future__ import annotations

import importlib.util
import json

import pytest

from tests.benchmarks.feed import EVENTS_OF_A_TASK, feeder
from tests.benchmarks.figures import Figures, size
from tests.benchmarks.readers import (
    celery_receiver,
    cpu_of,
    flower,
    flower_events,
    memory_of,
    wait_until_idle,
)
from tests.support.recording import Recording
from tests.support.servers import RedisServer
from tests.support.waiting import wait_until

TASKS = size(200_000)
FEW = size(60_000)


def _recorded(url: str, tasks: int, *, multi: bool = False) -> float:
    """Events a second of CPU of a recorder of its own."""
    with Recording(url) as recording:
        return _record(recording, url, tasks, multi=multi)


def _record(recording: Recording, url: str, tasks: int, *, multi: bool = False) -> float:
    """The same of one that runs: the CPU of all its threads, from the first event to the commit of the last."""
    pid = recording.status().pid
    before, known = cpu_of(pid), recording.reader.counts().total
    feeding = feeder(url, tasks, multi=multi)
    wait_until(lambda: recording.reader.counts().by_state.get("SUCCESS", 0) == known + tasks, 1_200, "the last commit")
    used = cpu_of(pid) - before
    assert feeding.wait(60) == 0
    return tasks * EVENTS_OF_A_TASK / used


def test_redis(patient_redis: RedisServer, figures: Figures) -> None:
    url = patient_redis.url
    single = _recorded(url, FEW)
    figures.at_least("recorder, Redis, single events", single, 70_000, "events/s CPU")
    figures.at_least("recorder, Redis, task.multi", _recorded(url, FEW, multi=True), 120_000, "events/s CPU")
    events = FEW * EVENTS_OF_A_TASK
    with celery_receiver(url, events) as receiver:
        feeding = feeder(url, FEW)
        wait_until(lambda: "cpu" in receiver.log(), 600, "Celery's receiver")
        assert feeding.wait(60) == 0
        celery = events / float(json.loads(receiver.log().splitlines()[-1])["cpu"])
    figures.note("Celery's receiver and State, Redis", celery, "events/s CPU")
    figures.at_least("recorder against Celery's receiver and State", single / celery, 4, "times less")


def test_flower(patient_redis: RedisServer, figures: Figures) -> None:
    if importlib.util.find_spec("flower") is None:
        pytest.skip("Flower is not installed: make bench installs it")
    url = patient_redis.url
    single = _recorded(url, TASKS)
    with flower(url, TASKS) as (process, port):
        before = cpu_of(process.pid)
        feeding = feeder(url, TASKS)
        assert feeding.wait(600) == 0
        wait_until_idle(process.pid, 1_200)
        used = cpu_of(process.pid) - before
        read = flower_events(port) or 0.0
        memory = memory_of(process.pid)
    figures.note(f"Flower, Redis, {TASKS:,} tasks", read / used, "events/s CPU")
    figures.note(f"Flower's memory after {TASKS:,} tasks", memory, "MB")
    figures.at_least("recorder against Flower", single / (read / used), 10, "times less")


def test_rabbitmq(rabbit_vhost_url: str, figures: Figures) -> None:
    figures.at_least("recorder, RabbitMQ, single events", _recorded(rabbit_vhost_url, FEW), 35_000, "events/s CPU")


def test_memory(patient_redis: RedisServer, figures: Figures) -> None:
    with Recording(patient_redis.url) as recording:
        pid, told = recording.status().pid, 0
        figures.note("recorder's memory at the start", memory_of(pid), "MB")
        for tasks in (TASKS, 10 * TASKS):
            _record(recording, patient_redis.url, tasks - told, multi=True)
            told = tasks
            figures.at_most(f"recorder's memory after {tasks:,} tasks", memory_of(pid), 150, "MB")
            figures.note(f"recorder's Pss after {tasks:,} tasks", memory_of(pid, "Pss"), "MB")
