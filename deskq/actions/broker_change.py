"""Whether the broker that answers is the one that a profile's history is of: another one may stand at its address."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from deskq.brokers.opening import open_broker
from deskq.errors import UserError
from deskq.history.known_broker import keep_broker, known_broker
from deskq.profiles import PasswordStore, Profile
from deskq.profiles.guarding import Hold
from deskq.profiles.guarding import level as guards
from deskq.profiles.places import places_of
from deskq.profiles.urls import without_password
from deskq.protocol.identity import BrokerChange, Identity, change_between
from deskq.schedules.model import StoreKind
from deskq.schedules.opening import kind_of, server_of_redbeat

_SECONDS: Final = 6.0
"""More than a connection that nobody takes."""


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


def doors(urls: Iterable[str], profile: Profile) -> list[Profile]:
    """Return by what the servers of Redis behind these URLs, of a profile's stores or by themselves, can be asked."""
    named = [*profile.schedule_store_urls(), *([profile.result_backend_url()] if profile.result_backend else [])]
    passwords = {without_password(url): url for url in named}
    found: list[Profile] = []
    for url in urls:
        with contextlib.suppress(UserError):  # none of Redis, or none at all: nothing can be changed there
            if kind_of(url) is StoreKind.REDBEAT:
                door = server_of_redbeat(passwords.get(url, url), profile)
                same = url == profile.url and not door.password
                found.append(replace(door, password=profile.password) if same else door)
    return found


def by_identity(
    holds: Iterable[Hold], met: Iterable[tuple[Profile, Identity | None]], saved: Sequence[Profile], level: int
) -> list[Hold]:
    """Return what guards servers by who they are: through a tunnel or a socket it is the same broker.

    ``met``: what is about to be changed, and who it says it is. A doubt about an address is none where the other
    profile's history tells that its broker is another one, by a name that outlasts a restart. Who a broker was is no
    longer true once it has started again, so that those that guard more than ``level`` are asked who they are now, all
    at once. Blocking.
    """
    found = list(holds)
    for door, now in met:
        if now is None or not now.ids:
            continue
        others = [one for one in saved if one.transport == door.transport]
        unlike: list[Profile] = []
        for other in others:
            was = known_broker(other.history_path())
            if was is not None and was.is_same(now):
                found += _held(found, other, door)
                continue
            if was is not None and was.lasts:
                found = [hold for hold in found if not (hold.doubt and hold.profile is other and hold.what == "broker")]
            if guards(other.safety) < level and _same_space(other, door):
                unlike.append(other)
        for other, is_now in zip(unlike, _who_they_are(unlike), strict=True):
            if is_now is not None and is_now.ids and is_now.is_same(now):
                found += _held(found, other, door)
    return found


def _held(holds: Iterable[Hold], other: Profile, door: Profile) -> list[Hold]:
    known = any(hold.profile is other and hold.what == "broker" and not hold.doubt for hold in holds)
    return [] if known or not _same_space(other, door) else [Hold(other, "broker")]


def _who_they_are(profiles: Sequence[Profile]) -> list[Identity | None]:
    """Ask all of these at once who they are, with the passwords that are kept; None of those that do not answer."""
    found: list[Identity | None] = [None] * len(profiles)

    def ask(number: int) -> None:
        with contextlib.suppress(UserError):
            found[number] = ask_identity(PasswordStore().completed(profiles[number]))

    threads = [threading.Thread(target=ask, args=(number,), daemon=True) for number in range(len(profiles))]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + _SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return list(found)


def _same_space(one: Profile, other: Profile) -> bool:
    """Can both mean the same database or virtual host?"""
    return any(
        mine.spaces is None or theirs.spaces is None or mine.spaces & theirs.spaces
        for mine in places_of(one.url)
        for theirs in places_of(other.url)
    )
