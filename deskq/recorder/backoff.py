"""How long a recorder waits before it connects again: a broker that ends each connection at once is not hammered."""

from __future__ import annotations

import time
from typing import Final

PAUSES: Final = (0.2, 0.5, 1.0, 2.0)
"""Seconds before it is tried again, the last one for all further times."""
LASTING_SECONDS: Final = 5.0
"""A connection that lasted so long was one: after its end the next is tried at once."""


class Backoff:
    """Without it a server that accepts and hangs up makes hundreds of connections and gaps a second."""

    def __init__(self) -> None:
        self._connected = 0.0
        self._short = 0

    def connected(self) -> None:
        """A connection stands."""
        self._connected = time.monotonic()

    def after_loss(self) -> float:
        """It has ended: return the seconds to wait before the next one."""
        if time.monotonic() - self._connected >= LASTING_SECONDS:
            self._short = 0
            return 0.0
        self._short += 1
        return pause_after(self._short)


def pause_after(failures: int) -> float:
    """Return the seconds to wait after so many failures in a row, 1 or more."""
    return PAUSES[min(failures, len(PAUSES)) - 1]
