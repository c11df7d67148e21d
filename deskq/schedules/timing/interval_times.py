"""The times of an interval; the arithmetic is deskq's own.

What Celery computes differs between its versions near a change of the clock (5.5 and 5.6 subtract wall times). The
times here are those of Celery 5.7, whichever is installed beside deskq.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)
_MINUTE: Final = timedelta(minutes=1)


def interval_following(last: datetime, every: timedelta, *, relative: bool) -> datetime:
    """Return the run after ``last`` (aware, in beat's zone), in UTC.

    ``relative``: rounded down to the day, hour or minute of the wall clock, whichever the interval is at least as
    long as, but never to a time that is not after ``last``.
    """
    start = last.astimezone(UTC)
    if not relative:
        return start + every
    zone = last.tzinfo
    assert zone is not None
    if every >= _DAY:
        # Calendar days, however many hours each of them has.
        end = last + every
        return min(
            (one for one in _occurrences(_rounded(end, every), zone) if one > start), default=end.astimezone(UTC)
        )
    end = (start + every).astimezone(zone)
    candidates = _occurrences(_rounded(end, every), zone)
    found = _latest(candidates, start + every)
    if every >= _MINUTE and found <= start:
        # The clock was put back, and the rounded time lies before the last run.
        unit = _HOUR if every >= _HOUR else _MINUTE
        candidates += _occurrences(_rounded(end + unit, every), zone)
        candidates += _occurrences(_rounded(last + every, every), zone)
        future = [one for one in candidates if one > start]
        return _latest(future, start + every) if future else start + every
    return found


def _latest(candidates: list[datetime], end: datetime) -> datetime:
    """The last one that is not after ``end``, else the first one."""
    return max((one for one in candidates if one <= end), default=min(candidates))


def _rounded(wall: datetime, every: timedelta) -> datetime:
    """The wall time, naive, without what is finer than the interval's unit."""
    wall = wall.replace(microsecond=0, tzinfo=None)
    if every >= _DAY:
        return wall.replace(hour=0, minute=0, second=0)
    if every >= _HOUR:
        return wall.replace(minute=0, second=0)
    if every >= _MINUTE:
        return wall.replace(second=0)
    return wall


def _occurrences(wall: datetime, zone: tzinfo) -> list[datetime]:
    """When it is that wall time, in UTC: twice the same as a rule; one that does not exist is moved past the gap."""
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    exists = first.astimezone(zone).replace(tzinfo=None) == wall
    return [first, second if exists else first]
