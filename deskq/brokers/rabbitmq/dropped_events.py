"""What RabbitMQ drops of our event queue: told by dead letters, of which one at a time is kept."""

from __future__ import annotations

import time
from typing import Any, Final

from deskq.brokers.ports import Loss
from deskq.brokers.read_stall import ReadStallClock

_CAUSES: Final = {
    "maxlen": "RabbitMQ dropped events that deskq had not read: its event queue was full",
    "expired": "RabbitMQ dropped events that deskq had not read in time: they expired",
}
_QUIET_SECONDS: Final = 2.0
LETTER_ARGUMENTS: Final = {"x-expires": 60_000, "x-max-length": 1, "x-overflow": "drop-head"}
"""Dead letters say that something was dropped and why, not how much: the newest is enough."""


class DroppedEvents:
    """Turns dead letters into losses: those that follow each other closely are one."""

    def __init__(self, pace: ReadStallClock) -> None:
        self._pace = pace
        self._causes: list[str] = []
        self._since = self._until = 0.0
        self._heard = 0.0

    def letter(self, headers: dict[str, Any] | None) -> None:
        """Take one in; ``x-death`` lists why a message left which queue, the newest first."""
        deaths = (headers or {}).get("x-death")
        death = deaths[0] if isinstance(deaths, list) and deaths and isinstance(deaths[0], dict) else {}
        cause = _CAUSES.get(str(death.get("reason")), "RabbitMQ dropped events")
        now = time.time()
        if not self._causes:
            still = self._pace.stood_still()
            self._since = min(still[0] if still is not None else now, self._pace.last_read)
        if cause not in self._causes:
            self._causes.append(cause)
        self._until, self._heard = now, time.monotonic()

    def take(self, *, all_of_it: bool = False) -> list[Loss]:
        """Return the loss that seems to be over; with ``all_of_it`` also one that goes on."""
        if not self._causes or (not all_of_it and time.monotonic() - self._heard < _QUIET_SECONDS):
            return []
        loss = Loss(self._since, self._until, "; ".join(self._causes))
        self._causes = []
        return [loss]
