"""Profiles: how to reach a broker, what it is for, and what deskq may do there.

What reads files and keyrings is imported when it is first used: `deskq --version` and `--help` need neither.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from deskq.profiles.profile import Environment, Profile, RedisOptions, Safety, Secret, Tls
from deskq.profiles.serialization import profile_from_json, profile_to_json

if TYPE_CHECKING:
    from deskq.profiles.storage.password_store import PasswordStore
    from deskq.profiles.storage.profile_file import ProfileFile
    from deskq.profiles.storage.profile_store import SavedProfiles
    from deskq.profiles.storage.resolve import resolve

_LATER: Final = {
    "PasswordStore": "storage.password_store",
    "ProfileFile": "storage.profile_file",
    "SavedProfiles": "storage.profile_store",
    "resolve": "storage.resolve",
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
