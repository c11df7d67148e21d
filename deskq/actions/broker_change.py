"""Whether the broker that answers is the one that a profile's history is of: another one may stand at its address."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import replace

from deskq.brokers.opening import open_broker
from deskq.brokers.ports import Unanswered
from deskq.errors import UserError
from deskq.history.known_broker import keep_broker, known_broker
from deskq.profiles import Profile
from deskq.profiles.urls import without_password
from deskq.protocol.identity import BrokerChange, Identity, change_between
from deskq.schedules.model import StoreKind
from deskq.schedules.opening import kind_of, server_of_redbeat


def ask_identity(profile: Profile, *, must_answer: bool = False) -> Identity | None:
    """Return who the broker says it is, None where its kind does not say, or nobody answers. Blocking.

    ``must_answer``: raise Unanswered where it takes longer than its deadline: the next question would, too.
    """
    if not profile.has_broker:
        return None
    try:
        with contextlib.closing(open_broker(profile)) as broker:
            return broker.identity()
    except UserError as error:  # what is going to be done tells why
        if must_answer and isinstance(error, Unanswered):
            raise
        return None


def change_of(profile: Profile, now: Identity | None) -> BrokerChange | None:
    """Return how the broker differs from the one that the profile's history is of, None if it does not, or unknown."""
    path = profile.history_path()
    return change_between(known_broker(path), now) if now is not None and path.exists() else None


def accept(profile: Profile, now: Identity | None) -> None:
    """Note who the broker of a profile's history is, where there is a history. Blocking; never raises."""
    path = profile.history_path()
    with contextlib.suppress(UserError):
        if now is not None and path.exists():
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
