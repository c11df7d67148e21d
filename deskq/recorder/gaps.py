"""Spans in which events were lost: noted in the history, or held in memory while that cannot be written."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Final

import apsw

from deskq.history.rows import RecorderStatus
from deskq.history.store import History

JOIN_SECONDS: Final = 20.0


@dataclass(slots=True)
class _Gap:
    started: float
    cause: str
    ended: float | None = None
    estimate: int | None = None
    id: int | None = None
    joins: bool = False


class Gaps:
    """Used by the recorder's thread. ``count``: how many were noted; ``ended``: when the last one ended.

    One gap may be open; a further cause within it belongs to it. Nothing here raises apsw.Error.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._open: _Gap | None = None
        self._last: _Gap | None = None
        self._unwritten: list[_Gap] = []
        self.count = 0
        self.ended: float | None = None

    def after_absence(self, before: RecorderStatus | None) -> None:
        """Begin with what was lost while no recorder ran: since the last sign of the one before."""
        if before is None:
            return
        with contextlib.suppress(apsw.Error):
            self._history.close_open_gaps(before.updated)
        if before.updated:
            self.begin(before.updated, "the recorder was not running")

    def begin(self, started: float, cause: str, *, joins: bool = False) -> None:
        """Events are lost since then, unless a gap is open already.

        ``joins``: another gap that begins within JOIN_SECONDS of its end is its consequence, and goes on with it.
        """
        last = self._last
        if self._open is not None:
            return
        if last is not None and last.joins and last.ended is not None and started - last.ended < JOIN_SECONDS:
            last.ended, self._open = None, last
            return
        self._open = _Gap(started, cause, joins=joins)
        self.count += 1
        self._write(self._open)

    def end(self, now: float) -> None:
        """Events are read again."""
        gap, self._open = self._open, None
        if gap is not None:
            self._last = gap
            gap.ended = self.ended = now
            self._write(gap)

    def note(self, started: float, ended: float, cause: str, estimate: int | None = None) -> None:
        """Events were lost in a span that is over."""
        self.count += 1
        self.ended = ended
        self._write(_Gap(started, cause, ended, estimate))

    def flush(self) -> None:
        """Write what could not be written before."""
        waiting, self._unwritten = self._unwritten, []
        for gap in waiting:
            self._write(gap)

    def _write(self, gap: _Gap) -> None:
        try:
            if gap.id is None:
                gap.id = self._history.open_gap(gap.started, gap.cause)
            if gap.ended is not None:
                self._history.close_gap(gap.id, gap.ended, gap.estimate)
        except apsw.Error:
            if gap not in self._unwritten:
                self._unwritten.append(gap)
