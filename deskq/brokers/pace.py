"""Whether a reader of events stood still, so that a loss can be told from a restart of the broker."""

from __future__ import annotations

import time
from typing import Final

STILL_SECONDS: Final = 1.0
"""Between two reads; the recorder reads ten times a second."""
_REMEMBERED_SECONDS: Final = 10.0


class Pace:
    """Told of each read of one connection. Times are epoch seconds."""

    def __init__(self) -> None:
        self._ticked = time.time()
        self._still = (0.0, 0.0)

    def tick(self, allowed: float = 0.0) -> None:
        """A read begins, or ends and may have waited for ``allowed`` s: a process may be stopped in its midst too."""
        now = time.time()
        if now - self._ticked > STILL_SECONDS + allowed:
            since = self._still[0] if self.stood_still() is not None else self._ticked
            self._still = (since, now)
        self._ticked = now

    @property
    def last_read(self) -> float:
        """When the last read began or was over."""
        return self._ticked

    def stood_still(self) -> tuple[float, float] | None:
        """From when to when nobody read, if that was a moment ago."""
        return self._still if time.time() - self._still[1] < _REMEMBERED_SECONDS else None
