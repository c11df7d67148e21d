"""Profiles: how to reach a broker, what it is for, and what deskq may do there.

What reads files and keyrings is imported when it is first used: `deskq --version` and `--help` need neither.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from deskq.profiles.profile import Environment, Profile, RedisOptions, Safety, Secret, Tls
from deskq.profiles.wire import profile_from_json, profile_to_json

if TYPE_CHECKING:
    from deskq.profiles.passwords import PasswordStore
    from deskq.profiles.profile_file import ProfileFile
    from deskq.profiles.resolving import resolve
    from deskq.profiles.saved import SavedProfiles

_LATER: Final = {
    "PasswordStore": "passwords",
    "ProfileFile": "profile_file",
    "SavedProfiles": "saved",
    "resolve": "resolving",
}

__all__ = [
    "Environment",
    "PasswordStore",
    "Profile",
    "ProfileFile",
    "RedisOptions",
    "Safety",
    "SavedProfiles",
    "Secret",
    "Tls",
    "profile_from_json",
    "profile_to_json",
    "resolve",
]


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(f"deskq.profiles.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
