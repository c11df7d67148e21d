"""Notices that the recorder itself stood still: its machine slept, or somebody stopped the process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

STANDSTILL_SECONDS: Final = 10.0


def running_time() -> float:
    """Return seconds that nobody sets and that go on while the machine sleeps, where the system has them."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # on macOS CLOCK_MONOTONIC goes on
    return time.clock_gettime(clock)


class Standstill:
    """Compares the rounds of the read loop, which come ten times a second."""

    def __init__(self, clock: Callable[[], float] = running_time, limit: float = STANDSTILL_SECONDS) -> None:
        self._clock = clock
        self._limit = limit
        self._last = clock()

    def passed(self) -> float:
        """Return for how many seconds nothing was done since the last call, 0.0 if that is no longer than usual."""
        now = self._clock()
        silent, self._last = now - self._last, now
        return silent if silent > self._limit else 0.0

    def reset(self) -> None:
        """What took long was work: it does not count."""
        self._last = self._clock()
