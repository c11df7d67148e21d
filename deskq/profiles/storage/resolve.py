"""From what a person types, a URL or a profile's name, to a profile with its passwords."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from deskq.profiles.profile import Profile
from deskq.profiles.storage.password_store import PasswordStore
from deskq.profiles.storage.profile_file import ProfileFile
from deskq.profiles.storage.profile_store import find


def resolve(text: str, *, profiles: ProfileFile, passwords: PasswordStore, **given: Any) -> Profile:
    """Return the profile; ``given`` fields override. Raises UserError that lists names near to an unknown one."""
    if "://" in text:
        return Profile.from_url(text, **given)
    return passwords.completed(replace(find(profiles.load(), text, profiles.faulty), **given))
