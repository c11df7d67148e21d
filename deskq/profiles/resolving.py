"""From what a person types, a URL or a profile's name, to a profile with its passwords."""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import Any

from deskq.errors import UserError
from deskq.profiles.passwords import PasswordStore
from deskq.profiles.profile import Profile
from deskq.profiles.profile_file import ProfileFile
from deskq.profiles.urls import shown


def resolve(text: str, *, profiles: ProfileFile, passwords: PasswordStore, **given: Any) -> Profile:
    """Return the profile; ``given`` fields override. Raises UserError that lists names near to an unknown one."""
    if "://" in text:
        return Profile.from_url(text, **given)
    known = {profile.name: profile for profile in profiles.load()}
    if text not in known:
        near = difflib.get_close_matches(text, known, n=3, cutoff=0.5)
        if near:
            hint = f"Did you mean {' or '.join(f'“{name}”' for name in near)}?"
        elif known:
            hint = f"There are: {', '.join(sorted(known))}."
        else:
            hint = "Give a URL, or add one with: deskq profiles add NAME URL"
        raise UserError(f"There is no profile “{shown(text)}”. {hint}")
    return passwords.completed(replace(known[text], **given))
