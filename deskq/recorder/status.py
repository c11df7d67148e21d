"""What a recorder says of its run: a line while it goes on, a summary at its end, and how fast events come."""

from __future__ import annotations

import logging
import time
from collections import deque
from dataclasses import dataclass

from deskq.history.rows import RecorderStatus

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class State:
    """What a recorder does, ``since`` when (epoch seconds), and why, "" where that says itself."""

    name: str
    since: float
    message: str = ""

    def becomes(self, name: str, message: str) -> bool:
        """Take on another state or another reason; False if both are as they were."""
        if (name, message) == (self.name, self.message):
            return False
        if name != self.name:
            self.since = time.time()
        self.name, self.message = name, message
        _log.log(logging.WARNING if message else logging.INFO, "%s%s%s", name, ": " if message else "", message)
        return True


@dataclass(slots=True)
class Summary:
    """What one run of a recorder did."""

    events: int
    tasks: int
    malformed: int
    duplicates: int
    gaps: int
    seconds: float


class Rate:
    """Events per second over the last few times that it was asked."""

    def __init__(self) -> None:
        self._counts: deque[tuple[float, int]] = deque(maxlen=6)

    def at(self, now: float, events: int) -> float | None:
        """Return it, with so many events in all until now; None at first."""
        self._counts.append((now, events))
        then, before = self._counts[0]
        return (events - before) / (now - then) if now - then > 0.2 else None


def line(status: RecorderStatus, online: int) -> str:
    """Return one line for a terminal; ``online``: how many workers are."""
    delay = "" if status.delay is None else f" · {status.delay * 1000:,.0f} ms behind"
    rate = "" if status.events_per_second is None else f" · {status.events_per_second:,.0f}/s"
    return (
        f"{status.state} · {status.events:,} events{rate}{delay} · "
        f"{online} workers online · {status.gaps} gaps{' · ' + status.message if status.message else ''}"
    )
