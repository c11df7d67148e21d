"""The time by which the recorder deletes old records: no single clock is trusted.

The wall clock of a machine may be wrong by years (a flat battery, a wrong time server, a restored virtual machine), and
whoever deletes by it once has deleted all. So the time for ages is never later than the broker's clock and most
workers' say; and where the wall clock has gone ahead of a clock that only counts, or of what the last recorder noted,
nothing goes for its age until the recorder has run for hours and has said so all the while. That also leaves time to
whoever looks into a history after a long holiday.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from deskq.system import awake_or_not

LEAST_JUMP: Final = 3_600.0
"""Seconds; a clock that is set by less deletes little that was not to go soon."""
HELD_SECONDS: Final = 8 * 3_600.0
"""Of running, by any number of recorders, until what is too old goes after a jump or a long pause."""
HEARD_SECONDS: Final = 60.0
"""At the start of a run, until which those that may contradict the clock have been heard."""
_WITNESS_SECONDS: Final = 600.0
_MOST_COUNTED: Final = 10.0
"""Of the time between two rounds: a machine that sleeps does not run."""


class _Hold(msgspec.Struct):
    """``left``: seconds of running until it is over."""

    left: float
    why: str


class TrustedClock:
    """Told of every round; ``clock`` gives seconds that never stop and that nobody sets. Does no I/O.

    ``limits``: the ages in seconds at which something goes, 0 for never.
    """

    def __init__(self, limits: Iterable[float], clock: Callable[[], float] = awake_or_not) -> None:
        shortest = min((limit for limit in limits if limit > 0), default=None)
        self._tells = shortest is not None
        self._most = max(LEAST_JUMP, (shortest or 0.0) / 10)
        self._clock = clock
        self._began = self._last = clock()
        self._offset: float | None = None
        self._jump = 0.0
        self._hold: _Hold | None = None
        self._witnesses: dict[str, tuple[float, float]] = {}

    def begin(self, now: float, last_sign: float, noted: str | None) -> None:
        """A run begins: ``last_sign`` of the recorder before (0.0: there was none), and what that has ``noted``."""
        with contextlib.suppress(msgspec.MsgspecError):
            self._hold = msgspec.json.decode(noted or "", type=_Hold)
        if self._hold is None and last_sign and now - last_sign > self._most:
            self._begin_hold(
                f"by this machine's clock no recorder ran for {_span(now - last_sign)}. If the clock is wrong, set it. "
                "To keep old tasks, copy the history with deskq history copy"
            )

    def round(self, now: float) -> None:
        """A round begins, at ``now`` by the wall clock."""
        moment = self._clock()
        passed, self._last = moment - self._last, moment
        if self._offset is None:
            self._offset = now - moment
        ahead = now - moment - self._offset
        if abs(ahead) > self._most:
            self._offset += ahead
            self._jump += ahead
            if ahead > 0:
                self._begin_hold(f"this machine's clock jumped ahead by {_span(ahead)}")
            elif self._hold is not None and abs(self._jump) <= self._most:
                self._hold = None  # it was set back
        elif passed > self._most:
            self._begin_hold(f"this machine was suspended for {_span(passed)}")
        if self._hold is not None:
            self._hold.left -= min(passed, _MOST_COUNTED)
            if self._hold.left <= 0:
                self._hold = None

    def witness(self, who: str, difference: float) -> None:
        """Take in by how much another clock is ahead of ours, in seconds: the broker's, or that of most workers."""
        self._witnesses[who] = (difference, self._last)

    def time(self, now: float) -> float | None:
        """Return the time by which ages are told, never later than ``now``; None: nothing is to go for its age."""
        if self._hold is not None or self._last - self._began < HEARD_SECONDS:
            return None
        return now - self._too_far()

    @property
    def notice(self) -> str:
        """The notice for the status; "" if the clocks agree."""
        if not self._tells:
            return ""
        if self._hold is not None:
            return f"Nothing is deleted by age yet: {self._hold.why}."
        behind = self._too_far()
        if behind <= self._most:
            return ""
        return (
            f"This machine's clock is {_span(behind)} ahead of the broker's or the workers', so age is measured by "
            "theirs. Set the clock."
        )

    def noted(self) -> str | None:
        """Return what the next run should know, None if nothing."""
        return None if self._hold is None else msgspec.json.encode(self._hold).decode()

    def _too_far(self) -> float:
        """By how much our clock is ahead of the broker's, or of most workers'; 0.0 if it is not."""
        said = [difference for difference, at in self._witnesses.values() if self._last - at < _WITNESS_SECONDS]
        return max(0.0, -min(said, default=0.0))

    def _begin_hold(self, why: str) -> None:
        self._hold = _Hold(HELD_SECONDS, why)


def _span(seconds: float) -> str:
    if seconds >= 2 * 86_400:
        return f"{seconds / 86_400:,.0f} days"
    return f"{seconds / 3_600:.0f} hours"
