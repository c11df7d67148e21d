"""Gaps as the recorder notes them, and whatever else must still reach a history that cannot be written just now."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

import apsw

from deskq.history.rows import RecorderStatus
from deskq.history.store import History

MOST_WAITING: Final = 1_000


class Gaps:
    """At most one gap goes on at a time; ``count`` of all so far, ``ended``: when the last one did, if one did.

    What cannot be written waits (the newest MOST_WAITING writes) for a later ``write``.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._waiting: deque[Callable[[], object]] = deque(maxlen=MOST_WAITING)
        self._open: int | None = None
        self._unwritten: tuple[float, str] | None = None  # the one that goes on, if it could not be written yet
        self.count = 0
        self.ended: float | None = None

    def begin(self, started: float, cause: str) -> None:
        """Events are being lost since ``started``."""
        if self._open is not None or self._unwritten is not None:
            return
        self.count += 1
        try:
            self._open = self._history.open_gap(started, cause)
        except apsw.Error:
            self._unwritten = (started, cause)

    def begin_after_absence(self, before: RecorderStatus | None) -> None:
        """Begin with what was lost while no recorder ran: since the last sign of the one before, if there was one."""
        if before is not None:
            self.later(partial(self._history.close_open_gaps, before.updated))
            if before.updated:
                self.begin(before.updated, "the recorder was not running")

    def end(self, now: float) -> None:
        """Events are read again; nothing happens if no gap went on."""
        if self._open is not None:
            self.later(partial(self._history.close_gap, self._open, now))
            self._open, self.ended = None, now
        if self._unwritten is not None:
            (started, cause), self._unwritten = self._unwritten, None
            self.later(partial(self._history.open_gap, started, cause, now))
            self.ended = now

    def note(self, started: float, ended: float, cause: str, estimate: int | None = None) -> None:
        """Note one that is over; ``estimate``: how many events were lost in it."""
        self.count += 1
        self.ended = ended
        self.later(partial(self._history.open_gap, started, cause, ended, estimate))

    def later(self, write: Callable[[], object]) -> None:
        """Carry out a write as soon as the history can be written, in order; raises nothing if it cannot be now."""
        self._waiting.append(write)
        try:
            self.write()
        except apsw.Error:  # told by the commit
            return

    def write(self) -> None:
        """Carry out what waits; raises apsw.Error and keeps the rest if that fails."""
        while self._waiting:
            self._waiting[0]()
            self._waiting.popleft()
