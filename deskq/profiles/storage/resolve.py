"""From what a person types, a URL or a profile's name, to a profile with its passwords."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from deskq.profiles.fields import SAFETY_ORDER
from deskq.profiles.profile import Profile
from deskq.profiles.storage.password_store import PasswordStore
from deskq.profiles.storage.profile_file import ProfileFile
from deskq.profiles.storage.profile_store import find

_PORTS: Final = {"redis": 6379, "amqp": 5672}


def resolve(text: str, *, profiles: ProfileFile, passwords: PasswordStore, **given: Any) -> Profile:
    """Return the profile; ``given`` fields override. Raises UserError that lists names near to an unknown one."""
    if "://" in text:
        return Profile.from_url(text, **given)
    return passwords.completed(replace(find(profiles.load(), text, profiles.faulty), **given))


def guarding(profile: Profile, saved: Iterable[Profile]) -> Profile | None:
    """Return the saved profile of the same broker with the safest level, None if none is saved.

    Who names a broker by its URL means no less safety than was chosen for it.
    """
    places = _places(profile)
    same = [each for each in saved if _places(each) & places]
    return min(same, key=lambda each: SAFETY_ORDER.index(each.safety), default=None)


def _places(profile: Profile) -> set[tuple[str, str, int | None, str]]:
    """Where the brokers are, whoever logs in: transport, host, port, and database or virtual host of each."""
    found: set[tuple[str, str, int | None, str]] = set()
    for part in profile.url.split(";"):
        parts = urlsplit(part if "://" in part else f"{profile.scheme}://{part}")
        try:
            port = parts.port
        except ValueError:  # no broker is there
            continue
        host = parts.hostname or "127.0.0.1"
        place = "127.0.0.1" if host == "localhost" else host
        found.add((profile.transport, place, port or _PORTS.get(profile.transport), parts.path.strip("/")))
    return found
