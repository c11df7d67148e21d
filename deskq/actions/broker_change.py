"""Whether the broker that answers is the one that a profile's history is of: another one may stand at its address."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from deskq.brokers.opening import open_broker
from deskq.errors import UserError
from deskq.history.known_broker import keep_broker, known_broker
from deskq.profiles import Profile
from deskq.profiles.guarding import Hold
from deskq.profiles.places import places_of
from deskq.protocol.identity import BrokerChange, Identity, change_between


def ask_identity(profile: Profile) -> Identity | None:
    """Return who the broker says it is, None where its kind does not say, or nobody answers. Blocking."""
    if not profile.has_broker:
        return None
    try:
        with contextlib.closing(open_broker(profile)) as broker:
            return broker.identity()
    except UserError:  # what is going to be done tells why
        return None


def change_of(profile: Profile, now: Identity | None) -> BrokerChange | None:
    """Return how the broker differs from the one that the profile's history is of, None if it does not, or unknown."""
    path = profile.history_path()
    return change_between(known_broker(path), now) if now is not None and path.exists() else None


def accept(profile: Profile, now: Identity | None) -> None:
    """Note who the broker of a profile's history is, where there is a history. Blocking; never raises."""
    path = profile.history_path()
    with contextlib.suppress(UserError):
        if now is not None and path.exists() and known_broker(path) != now:
            keep_broker(path, now)


def by_identity(holds: Iterable[Hold], profile: Profile, saved: Iterable[Profile], now: Identity | None) -> list[Hold]:
    """Return what guards a broker by who it is: through a tunnel or a socket it is the same broker.

    A doubt about an address is none where the other profile's history tells that its broker is another one.
    """
    found = list(holds)
    if now is None or not now.ids:
        return found
    for other in saved:
        was = known_broker(other.history_path()) if other.transport == profile.transport else None
        if was is None or not was.ids:
            continue
        if not was.is_same(now):
            found = [hold for hold in found if not (hold.doubt and hold.profile is other and hold.what == "broker")]
        elif _same_space(other, profile) and not any(hold.profile is other and not hold.doubt for hold in found):
            found.append(Hold(other, "broker"))
    return found


def _same_space(one: Profile, other: Profile) -> bool:
    """Can both mean the same database or virtual host?"""
    return any(
        mine.spaces is None or theirs.spaces is None or mine.spaces & theirs.spaces
        for mine in places_of(one.url)
        for theirs in places_of(other.url)
    )
