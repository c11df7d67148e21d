"""Time zones by their IANA names, and when their clocks change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from deskq.errors import UserError


@dataclass(frozen=True, slots=True)
class OffsetChange:
    """A clock that is moved at ``at`` (aware, UTC) from one wall time to another, both naive.

    Wall times from ``before`` to ``after`` do not exist when it goes forward; from ``after`` to ``before`` they
    happen twice when it goes back.
    """

    at: datetime
    before: datetime
    after: datetime

    @property
    def forward(self) -> bool:
        """Whether wall times are left out; else some happen twice."""
        return self.after > self.before

    @property
    def first(self) -> datetime:
        """The first wall time that is left out or happens twice."""
        return min(self.before, self.after)

    @property
    def width(self) -> timedelta:
        """By how much the clock is moved, always positive."""
        return abs(self.after - self.before)


@lru_cache(maxsize=256)
def zone_of(name: str) -> ZoneInfo:
    """Return the zone of that name, UTC for "". Raises UserError if there is none."""
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError):  # the last two for names that are paths of something else
        raise UserError(f"Unknown time zone “{name}”. Use one such as Europe/Berlin or UTC.") from None


@lru_cache(maxsize=64)
def changes(zone: ZoneInfo, start: datetime, days: int) -> tuple[OffsetChange, ...]:
    """Return the changes of the clock within so many days from ``start``, which is aware."""
    found, left = [], start
    for _ in range(days):
        right = left + timedelta(days=1)
        if left.astimezone(zone).utcoffset() != right.astimezone(zone).utcoffset():
            found.append(_change(zone, left, right))
        left = right
    return tuple(found)


def _change(zone: ZoneInfo, left: datetime, right: datetime) -> OffsetChange:
    before = left.astimezone(zone).utcoffset()
    while right - left > timedelta(seconds=1):
        middle = left + (right - left) // 2
        if middle.astimezone(zone).utcoffset() == before:
            left = middle
        else:
            right = middle
    at = right.astimezone(UTC).replace(microsecond=0)
    assert before is not None
    return OffsetChange(at, at.replace(tzinfo=None) + before, at.astimezone(zone).replace(tzinfo=None))
