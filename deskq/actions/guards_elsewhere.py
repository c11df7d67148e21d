"""Which profiles guard a server that is reached at another address: it is known by who it says it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from deskq.brokers.opening import connection_number, open_broker
from deskq.errors import UserError
from deskq.history.known_broker import known_at, known_broker
from deskq.profiles import PasswordStore, Profile, Safety
from deskq.profiles.guarding import Hold, level
from deskq.profiles.places import places_of
from deskq.protocol.identity import Identity

_SECONDS: Final = 6.0
"""More than a connection that nobody takes."""


def held_by_identity(
    holds: Iterable[Hold], met: Iterable[tuple[Profile, Identity | None]], saved: Sequence[Profile], least: int
) -> list[Hold]:
    """Return these holds, and those on the same servers at other addresses: through a tunnel or a socket. Blocking.

    ``met``: what is about to be changed, and who it says it is. What another profile's history tells of its broker
    decides where it can, also in doubt about an address; otherwise those that guard more than level ``least`` are
    asked who they are now, all at once. One that does not answer, or cannot say, may be the very broker: its name is to
    be typed then.
    """
    found = list(holds)
    for door, now in met:
        if now is None:  # nobody answers there, or its kind says nothing
            continue
        asked: list[Profile] = []
        for other in saved:
            certain = any(one.profile is other and one.what == "broker" and not one.in_doubt for one in found)
            if certain or other.transport != door.transport or not _same_space(other, door):
                continue
            path = other.history_path()
            was = known_broker(path)
            if was is not None and now.ids and was.is_same(now):
                found.append(Hold(other, "broker"))
            elif was is not None and was.is_unlike(now, known_at(path)):
                if was.lasts:  # else the address that is in doubt may lead to another one by now
                    found = [one for one in found if not (one.doubt and one.profile is other and one.what == "broker")]
            elif level(other.safety) < least:
                asked.append(other)
        for other, answer in zip(asked, _answers(door, now, asked), strict=True):
            if answer is True:
                found.append(Hold(other, "broker"))
            elif answer is not False:
                found.append(Hold(typed(other), "broker at another address", unknown=answer))
    return found


def typed(profile: Profile) -> Profile:
    """Return a profile that has its name typed where it would let nothing be done."""
    return replace(profile, safety=Safety.ASK_NAME) if profile.safety is Safety.READ_ONLY else profile


def _answers(door: Profile, now: Identity, others: Sequence[Profile]) -> list[bool | str]:
    """Ask all of these at once, with the passwords that are kept: is it the same server, or why nobody knows."""
    found: list[bool | str] = [f"that of “{one.name}” has not answered within {_SECONDS:.0f} s" for one in others]

    def ask(number: int) -> None:
        found[number] = _is_same(door, now, others[number])

    threads = [threading.Thread(target=ask, args=(number,), daemon=True) for number in range(len(others))]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + _SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return list(found)


def _is_same(door: Profile, now: Identity, other: Profile) -> bool | str:
    try:
        other = PasswordStore().completed(other)
        broker = open_broker(other)
        try:
            told = broker.identity()
        finally:
            broker.close()
        if told is not None and told.ids and now.ids:
            return told.is_same(now)
        numbers = [connection_number(one) for one in (door, other, door, other)]
    except UserError:
        return f"that of “{other.name}” cannot be asked who it is"
    if None in numbers:
        silent = f"that of “{other.name}”" if now.ids else "what answers here"
        return f"{silent} does not say who it is"
    return numbers == sorted(set(filter(None, numbers)))  # a server counts its connections in their order


def _same_space(one: Profile, other: Profile) -> bool:
    """Can both mean the same database or virtual host?"""
    return any(
        mine.spaces is None or theirs.spaces is None or mine.spaces & theirs.spaces
        for mine in places_of(one.url)
        for theirs in places_of(other.url)
    )
