"""Whether a changed profile would send a password to another server than before."""

from __future__ import annotations

from deskq.profiles.profile import Profile
from deskq.profiles.urls import server_of


def moved_secrets(profile: Profile, before: Profile) -> list[str]:
    """Return the places whose password, as it was ``before``, would go to another server now."""
    return [place for place in before.secrets() if server_of(profile.url_of(place)) != server_of(before.url_of(place))]


def management_moved(profile: Profile, before: Profile) -> bool:
    """Is the management API that the profile names another server than ``before``?"""
    now = profile.management_url or ""
    return bool(now) and server_of(now) != server_of(before.management_url or "")
