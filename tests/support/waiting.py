"""Waiting for a condition with a deadline, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 4
"""A deadline only ends what would wait for ever: on a machine that does other things too, what takes 5 s takes 20."""


def wait_until(predicate: Callable[[], T], timeout: float = 10, what: str = "the condition") -> T:
    """The first truthy value of `predicate`, asked every 20 ms.

    AssertionError after `timeout` seconds of a machine that does nothing else: see PATIENCE.
    """
    timeout *= PATIENCE
    deadline = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"waited {timeout:g} s for {what}; the last answer was {value!r}")
        time.sleep(0.02)
