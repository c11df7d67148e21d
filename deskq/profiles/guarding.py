"""Which saved profiles guard the servers that URLs lead to: a broker is guarded however its URL is spelled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from deskq.profiles.addresses import addresses_of
from deskq.profiles.fields import SAFETY_ORDER, is_less_safe
from deskq.profiles.places import Place, places_of
from deskq.profiles.profile import Environment, Profile, Safety


@dataclass(frozen=True, slots=True)
class Hold:
    """A saved profile that guards what is about to be changed. ``what``: its broker, result backend or schedule store.

    ``doubt``: the hosts that nobody could look up, ``unknown``: why a server at another address may be the same, as a
    part of a sentence: whether it is the same server is unknown then, and the guard holds.
    """

    profile: Profile
    what: str
    doubt: tuple[str, ...] = ()
    unknown: str = ""

    @property
    def in_doubt(self) -> bool:
        """Is it unknown whether this is the same server?"""
        return bool(self.doubt or self.unknown)

    @property
    def words(self) -> str:
        """Why it holds, as a part of a sentence."""
        if self.unknown:
            return f"whether this is its {self.what} is unknown, since {self.unknown}"
        if self.doubt:
            hosts = " and ".join(f"“{host}”" for host in self.doubt)
            return f"whether this is its {self.what} is unknown, since {hosts} could not be looked up"
        return f"this is its {self.what}"


def level(safety: Safety) -> int:
    """Return how little a level guards: 0 is the safest."""
    return SAFETY_ORDER.index(safety)


def guarding(profile: Profile, saved: Iterable[Profile]) -> Profile | None:
    """Return the saved profile of the same broker with the safest level, None if none is saved. Blocking.

    Who names a broker by its URL means no less safety than was chosen for it.
    """
    held = min(holds_on([profile.url], saved), key=lambda hold: level(hold.profile.safety), default=None)
    return None if held is None else held.profile


def under_guard(profile: Profile, saved: Iterable[Profile]) -> Profile:
    """Return a profile of a URL with the level of the saved profile that guards its broker, where that is safer.

    Blocking. It is for what that broker is for, unless something else was said.
    """
    guard = guarding(profile, saved)
    if guard is None or not is_less_safe(guard, profile):
        return profile
    said = profile.environment is not Environment.DEVELOPMENT
    return replace(profile, safety=guard.safety, environment=profile.environment if said else guard.environment)


def lower_than_guarded(profile: Profile, saved: Iterable[Profile]) -> str:
    """Return a sentence on another saved profile that guards this one's broker more safely, "" if none does.

    Blocking: looks hosts up.
    """
    guard = guarding(profile, [one for one in saved if one.name != profile.name])
    if guard is None or not is_less_safe(guard, profile):
        return ""
    return (
        f"“{guard.name}” guards this broker ({guard.safety.value}), and “{profile.name}” would have a lower level "
        f"({profile.safety.value})."
    )


def left_unguarded(before: Profile, changed: Profile, saved: Iterable[Profile]) -> str:
    """Return a sentence where a profile's change of URL leaves the broker that it was for without its guard, else "".

    Only a level that refuses, or wants a name typed, is missed. ``saved`` are the others. Blocking: looks hosts up.
    """
    if not before.has_broker or level(before.safety) > level(Safety.ASK_NAME):
        return ""
    guard = guarding(before, [*(one for one in saved if one.name != before.name), changed])
    if guard is not None and not is_less_safe(before, guard):
        return ""
    return (
        f"“{before.name}” guards its broker ({before.safety.value}). With another URL, no saved profile guards that "
        "broker as safely."
    )


def left_to_others(removed: Profile, saved: Iterable[Profile]) -> str:
    """Return a sentence where other profiles reach the broker that a profile guards more safely, "" where none does.

    Only a level that refuses, or wants a name typed, is missed. Blocking: looks hosts up.
    """
    if not removed.has_broker or level(removed.safety) > level(Safety.ASK_NAME):
        return ""
    others = [one for one in saved if one.name != removed.name and holds_on([removed.url], [one], brokers_only=True)]
    guard = min(others, key=lambda one: level(one.safety), default=None)
    if guard is None or not is_less_safe(removed, guard):
        return ""
    names = ", ".join(f"“{one.name}” ({one.safety.value})" for one in others)
    return f"“{removed.name}” guards its broker ({removed.safety.value}), which remains within reach of {names}."


def holds_on(urls: Iterable[str], saved: Iterable[Profile], *, brokers_only: bool = False) -> list[Hold]:
    """Return which saved profiles guard what these URLs lead to, the safest first. Blocking: looks hosts up.

    ``brokers_only``: what another profile chose is looked at only where it is that profile's very broker.
    """
    meant = {place for url in urls for place in places_of(url)}
    found: list[tuple[Profile, str, Place, Place]] = []
    for profile in saved:
        for what, url in _guarded(profile, brokers_only):
            found += [(profile, what, own, place) for own in places_of(url) for place in meant if own.may_be(place)]
    unlike = {host for _, _, own, place in found if own.host != place.host for host in (own.host, place.host)}
    addresses = addresses_of(host for host in unlike if not host.startswith("/"))
    holds: dict[tuple[str, str], Hold] = {}
    for profile, what, own, place in found:
        doubt = _doubt(own, place, addresses)
        if doubt is not None:
            known = holds.get((profile.name, what))
            if known is None or (known.doubt and not doubt):
                holds[profile.name, what] = Hold(profile, what, tuple(doubt))
    return sorted(holds.values(), key=lambda hold: (level(hold.profile.safety), len(hold.doubt)))


def _guarded(profile: Profile, brokers_only: bool) -> Iterable[tuple[str, str]]:
    if profile.has_broker:
        yield "broker", profile.url
    if brokers_only:
        return
    if profile.result_backend:
        yield "result backend", profile.result_backend
    for store in profile.schedule_stores:
        yield "schedule store", store


def _doubt(one: Place, other: Place, addresses: dict[str, frozenset[str] | None]) -> Sequence[str] | None:
    """Return [] if both are one server, the hosts that leave it in doubt, None if they are different ones."""
    if one.host == other.host:
        return []
    mine, theirs = addresses.get(one.host), addresses.get(other.host)
    if one.host.startswith("/") or other.host.startswith("/"):
        return None
    if mine is not None and theirs is not None:
        return [] if mine & theirs else None
    if frozenset() in (mine, theirs):  # there is no such host, so nothing can be changed there
        return None
    return sorted(host for host, found in ((one.host, mine), (other.host, theirs)) if found is None)
