"""``deskq profiles``: list, add and remove saved profiles from a terminal."""

from __future__ import annotations

import argparse
import getpass
import json
import sys

from deskq.cli.common import table
from deskq.cli.profile_options import given_fields
from deskq.errors import UserError
from deskq.profiles import PasswordStore, Profile, ProfileFile, Secret
from deskq.profiles.wire import overridden, to_values


def list_profiles(options: argparse.Namespace) -> int:
    """Print the saved profiles, without passwords."""
    profiles = ProfileFile().load()
    if options.format == "json":
        print(json.dumps([to_values(profile) for profile in profiles], indent=2))
    elif profiles:
        rows = [[p.name, p.environment.short, p.safety.value, p.url] for p in profiles]
        print(table(["NAME", "FOR", "SAFETY", "URL"], rows))
    else:
        print("No profiles yet. Add one with: deskq profiles add NAME URL")
    return 0


def add(options: argparse.Namespace) -> int:
    """Save a new profile."""
    file = ProfileFile()
    profiles = file.load()
    if any(profile.name == options.name for profile in profiles):
        raise UserError(f"There is a profile “{options.name}” already. Remove it first, or choose another name.")
    profile = overridden(Profile.from_url(options.url, name=options.name), given_fields(options))
    password = Secret(sys.stdin.readline().rstrip("\n")) if options.password_stdin else profile.password
    file.save([*profiles, profile])
    if password:
        _keep(profile.name, password)
    print(f"Saved “{profile.name}”. Open it with: deskq {profile.name}")
    return 0


def remove(options: argparse.Namespace) -> int:
    """Remove a profile and its password; its history stays."""
    file = ProfileFile()
    profiles = file.load()
    left = [profile for profile in profiles if profile.name != options.name]
    if len(left) == len(profiles):
        raise UserError(f"There is no profile “{options.name}”.")
    file.save(left)
    PasswordStore().delete(options.name)
    print(f"Removed “{options.name}”. Its history stays.")
    return 0


def set_password(options: argparse.Namespace) -> int:
    """Ask for a password and keep it."""
    if not any(profile.name == options.name for profile in ProfileFile().load()):
        raise UserError(f"There is no profile “{options.name}”.")
    text = (
        sys.stdin.readline().rstrip("\n")
        if options.password_stdin
        else getpass.getpass(f"Password of {options.name}: ")
    )
    _keep(options.name, Secret(text))
    return 0


def _keep(name: str, password: Secret) -> None:
    passwords = PasswordStore()
    passwords.set(name, password)
    if not passwords.persistent:
        raise UserError(f"The password was not kept. {passwords.problem} Give it in the URL when you start deskq.")
