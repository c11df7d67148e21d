"""Gaps as the recorder notes them, and whatever else must still reach a history that cannot be written just now."""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

import apsw

from deskq.history.writing.writer import History

_log = logging.getLogger(__name__)

MOST_WAITING: Final = 1_000


ABSENT: Final = "the recorder was not running"


class Gaps:
    """At most one gap goes on at a time; ``count`` of all so far, ``ended``: when the last one did, if one did.

    What cannot be written waits (the newest MOST_WAITING writes) for a later ``write``.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._waiting: deque[Callable[[], object]] = deque(maxlen=MOST_WAITING)
        self._open: tuple[float, str] | None = None
        self.count = 0
        self.ended: float | None = None

    def begin(self, started: float, cause: str) -> None:
        """Events are being lost since ``started``."""
        if self._open is None:
            self.count += 1
            _log.warning("events are being lost: %s", cause)
            self._open = (started, cause)
            self.moved()

    def moved(self) -> None:
        """Write the one that goes on: it begins, or the history's file is another. Else its end writes it whole."""
        if self._open is not None:
            with contextlib.suppress(apsw.Error):
                self._history.open_gap(*self._open)

    def begin_after_absence(self, last_sign: float, now: float) -> None:
        """Begin with what was lost while no recorder ran, since the last sign of the one before; 0.0: never was one.

        A sign that lies in the future is of a clock that was ahead.
        """
        if last_sign:
            self.later(partial(self._history.close_open_gaps, last_sign))
            self.later(partial(self._history.end_future_gaps, now))
            self.begin(min(last_sign, now), ABSENT)

    def note_absence(self, last_sign: float, until: float) -> None:
        """Note what was lost while no recorder ran, where that is known only now."""
        if last_sign:
            self.later(partial(self._history.close_open_gaps, last_sign))
            self.later(partial(self._history.end_future_gaps, until))
            self.note(min(last_sign, until), until, ABSENT)
            self.moved()

    def note_dropped(self, dropped: tuple[float, int] | None, now: float, kept: int) -> None:
        """Note how many events were dropped since when, if any were, while ``kept`` were held in memory."""
        if dropped is not None:
            since, count = dropped
            cause = f"the history could not be written, and memory holds at most {kept:,} events"
            self.note(since, now, cause, count)

    def end(self, now: float, *, read_again: bool = True) -> None:
        """Events are read again, or the recorder ends; nothing happens if no gap went on."""
        if self._open is not None:
            if read_again:
                _log.info("events are read again after %.1f s", now - self._open[0])
            self.later(partial(self._history.end_gap, *self._open, now))
            self._open, self.ended = None, now

    def note(self, started: float, ended: float, cause: str, estimate: int | None = None) -> None:
        """Note one that is over; ``estimate``: how many events were lost in it."""
        self.count += 1
        _log.warning("events were lost for %.1f s: %s", ended - started, cause)
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
