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
        self._ended = time.time()
        self._still = (0.0, 0.0)

    def begin(self) -> None:
        """A read begins."""
        now = time.time()
        if now - self._ended > STILL_SECONDS:
            since = self._still[0] if self.stood_still() is not None else self._ended
            self._still = (since, now)

    def end(self) -> None:
        """A read is over."""
        self._ended = time.time()

    @property
    def last_read(self) -> float:
        """When the last read was over."""
        return self._ended

    def stood_still(self) -> tuple[float, float] | None:
        """From when to when nobody read, if that was a moment ago."""
        return self._still if time.time() - self._still[1] < _REMEMBERED_SECONDS else None
