"""The times of Celery's solar schedules, computed by ephem without Celery.

Celery 5.5 and 5.6 compute some of them wrongly (``dusk_astronomical`` with the sun above the horizon, a run on every
day of the polar night); the times here are those of Celery 5.7, whichever is installed beside deskq.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import ephem

_SEARCHED_DAYS: Final = 366
"""As in Celery: who waits for an event that does not happen at all looks again after that."""


@dataclass(frozen=True, slots=True)
class _Event:
    """``method``: ephem's; ``horizon``: the height of the sun in degrees; ``center``: of its center, or of its edge."""

    method: str
    horizon: str
    center: bool = True


EVENTS: Final[Mapping[str, _Event]] = {
    "dawn_astronomical": _Event("next_rising", "-18"),
    "dawn_nautical": _Event("next_rising", "-12"),
    "dawn_civil": _Event("next_rising", "-6"),
    "sunrise": _Event("next_rising", "-0:34", center=False),
    "solar_noon": _Event("next_transit", "0", center=False),
    "sunset": _Event("next_setting", "-0:34", center=False),
    "dusk_civil": _Event("next_setting", "-6"),
    "dusk_nautical": _Event("next_setting", "-12"),
    "dusk_astronomical": _Event("next_setting", "-18"),
}
"""The names that Celery knows."""


def sun_following(event: str, latitude: float, longitude: float) -> Callable[[datetime], datetime]:
    """Return what computes the event after an aware time, in UTC. Check the event and the place before."""
    kind, sun = EVENTS[event], ephem.Sun()
    place = ephem.Observer()
    place.lat, place.lon, place.elev = str(latitude), str(longitude), 0
    place.horizon, place.pressure = kind.horizon, 0
    options: dict[str, Any] = {"use_center": True} if kind.center else {}

    def following(last: datetime) -> datetime:
        place.date = start = ephem.Date(last.astimezone(UTC).replace(tzinfo=None))
        for _ in range(_SEARCHED_DAYS):
            try:
                start = getattr(place, kind.method)(sun, start=start, **options)
                break
            except ephem.CircumpolarError:  # it does not happen within a day
                start = place.next_antitransit(sun, start=start)
        found: datetime = start.datetime()
        return found.replace(tzinfo=UTC)

    return following
