"""Whether a reader of events stood still, so that a loss can be told from a restart of the broker."""

from __future__ import annotations

import time
from typing import Final

from deskq.system import awake_or_not

STILL_SECONDS: Final = 1.0
"""Between two reads; the recorder reads ten times a second."""
_REMEMBERED_SECONDS: Final = 10.0


class ReadStallClock:
    """Told of each read of one connection. Times are epoch seconds; how long a reader stood still is told by a clock
    that nobody sets.
    """

    def __init__(self) -> None:
        self._ticked, self._moment = time.time(), awake_or_not()
        self._still = (0.0, 0.0)
        self._until: float | None = None

    def tick(self, allowed: float = 0.0) -> None:
        """A read begins, or ends and may have waited for ``allowed`` s: a process may be stopped in its midst too."""
        now, moment = time.time(), awake_or_not()
        if moment - self._moment > STILL_SECONDS + allowed:
            since = self._still[0] if self.stood_still() is not None else self._ticked
            self._still, self._until = (since, now), moment
        self._ticked, self._moment = now, moment

    @property
    def last_read(self) -> float:
        """When the last read began or was over."""
        return self._ticked

    def stood_still(self) -> tuple[float, float] | None:
        """From when to when nobody read, if that was a moment ago."""
        recent = self._until is not None and awake_or_not() - self._until < _REMEMBERED_SECONDS
        return self._still if recent else None
