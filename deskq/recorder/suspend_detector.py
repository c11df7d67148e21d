"""Notices that the machine slept, or that this process stood still: nobody read the events meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from deskq.system import awake_or_not

STANDSTILL_SECONDS: Final = 10.0
"""Seconds between two rounds of reading from which on it was a standstill: a round takes a tenth of a second."""


@dataclass(frozen=True, slots=True)
class SuspendDetector:
    """From the last sign of life, in epoch seconds by the clock of now, and for how many seconds."""

    since: float
    seconds: float

    @property
    def cause(self) -> str:
        """What the gap in the history is called."""
        whole = round(self.seconds)
        span = f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"
        return f"this machine was suspended, or the recorder stalled, for {span}"


class StandstillWatch:
    """Told of every round; ``clock`` gives seconds that never stop."""

    def __init__(self, threshold: float = STANDSTILL_SECONDS, clock: Callable[[], float] = awake_or_not) -> None:
        self._threshold = threshold
        self._clock = clock
        self._last = clock()

    def round(self, now: float) -> SuspendDetector | None:
        """Say that a round begins at ``now`` (epoch seconds); returns the standstill that it ends, if it ends one."""
        moment = self._clock()
        passed, self._last = moment - self._last, moment
        return SuspendDetector(now - passed, passed) if passed >= self._threshold else None

    def restart(self) -> None:
        """What has passed since the last round was no standstill."""
        self._last = self._clock()
