"""How pytest-xdist spreads the tests: those that wait for servers first, and the slow ones of them one by one.

Most tests wait for what programs do at their own pace, and for deadlines: the processors have room for more of them
than there are processors. What a process has once for all its tests, such as a database server, is not started in
every process: the tests that need it stay together.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

PER_PROCESSOR = 3
MOST = 8
"""Processes: each has some 300 MB, and as much again with what it starts."""
_FOLDERS = ("e2e", "faults", "brokers", "gui", "unit")
"""The longest tests first, so that no process has one of them left when the others have ended."""
_ONE_BY_ONE = ("tests/e2e/",)
"""Of these no two tests have anything in common that is dear."""
_TOGETHER = {
    "PostgreSQL and MariaDB": (
        *("tests/brokers/test_aborting.py", "tests/brokers/test_abort_lost.py", "tests/brokers/test_results.py"),
        *("tests/brokers/test_django_beat.py", "tests/brokers/test_django_beat_refusals.py"),
        "tests/brokers/test_lost_replies.py",
    ),
    "a RabbitMQ that is killed": (
        *("tests/faults/test_asking.py", "tests/faults/test_frozen.py"),
        *("tests/faults/test_refusals.py", "tests/faults/test_restarts.py"),
    ),
}
_GROUPS = {file: name for name, files in _TOGETHER.items() for file in files}


def processes() -> int:
    """How many processes `--numprocesses=auto` means."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(MOST, PER_PROCESSOR * cores)


def unit_of(nodeid: str) -> str:
    """What is run by one process, in order: a test, a file, or several files."""
    file = nodeid.partition("::")[0]
    return nodeid if file.startswith(_ONE_BY_ONE) else _GROUPS.get(file, file)


def in_order(items: list[pytest.Item]) -> list[pytest.Item]:
    """The tests as they are begun."""
    places = {folder: place for place, folder in enumerate(_FOLDERS)}

    def place(item: pytest.Item) -> tuple[int, bool]:
        file = item.nodeid.partition("::")[0]
        return places.get(file.split("/")[1] if "/" in file else "", len(places)), file not in _GROUPS

    return sorted(items, key=place)


class Spreading(LoadScopeScheduling):  # type: ignore[misc]
    """Takes the units in the order of their first tests."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)
