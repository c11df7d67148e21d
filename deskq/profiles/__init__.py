"""Profiles: how to reach a broker, what it is for, and what deskq may do there."""

from __future__ import annotations

from deskq.profiles.passwords import PasswordStore
from deskq.profiles.profile import Environment, Profile, RedisOptions, Safety, Secret, Tls
from deskq.profiles.profile_file import ProfileFile
from deskq.profiles.resolving import resolve
from deskq.profiles.saved import SavedProfiles
from deskq.profiles.wire import profile_from_json, profile_to_json

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
