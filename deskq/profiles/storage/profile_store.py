"""Changes to the saved profiles: each reads the file anew, changes one thing, and takes the passwords along."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from deskq.errors import UserError
from deskq.files.private_files import exclusive
from deskq.profiles.fields import name_problem
from deskq.profiles.moved import management_moved, moved_secrets
from deskq.profiles.profile import Profile, Secret
from deskq.profiles.storage.password_store import PasswordStore
from deskq.profiles.storage.profile_file import Faulty, ProfileFile
from deskq.profiles.urls import shown


class SavedProfiles:
    """The file of profiles and their passwords as one thing. Blocking; every method raises UserError."""

    def __init__(self, file: ProfileFile, passwords: PasswordStore) -> None:
        self.file, self.passwords = file, passwords

    def load(self) -> list[Profile]:
        """Return the profiles in their order, without passwords."""
        return self.file.load()

    def named(self, name: str) -> Profile:
        """Return a profile with its passwords."""
        return self.passwords.completed(find(self.load(), name, self.file.faulty))

    def put(self, profile: Profile, *, was: str = "") -> list[Profile]:
        """Save a profile in the place of the one it ``was``, or as the last one; returns all as they are now.

        Its passwords are kept as they are in it, so an empty one is forgotten.
        """
        with self._changing():
            profiles = self.load()
            _check_name(profile.name)
            if profile.name != was and any(other.name == profile.name for other in profiles):
                raise UserError(f"A profile “{profile.name}” already exists. Choose another name.")
            self._check_not_faulty(profile.name)
            place = next((number for number, other in enumerate(profiles) if other.name == was), len(profiles))
            before = profiles[place : place + 1]
            _check_history(profile, before, profiles)
            profiles[place : place + 1] = [profile]
            self.file.save(profiles, renamed={profile.name: was} if was else None)
        self.passwords.keep(profile.name, profile.secrets())
        for old in before:  # its former name, or a URL that it no longer has
            stale = old.secrets().keys() - (profile.secrets().keys() if old.name == profile.name else set())
            self.passwords.keep(old.name, dict.fromkeys(stale, Secret()))
        return profiles

    def remove(self, name: str) -> list[Profile]:
        """Remove a profile and its passwords; its history stays."""
        with self._changing():
            profiles = self.load()
            if name in {one.name for one in self.file.faulty} - {profile.name for profile in profiles}:
                self.file.save(profiles, without=name)
                self.passwords.keep(name, {"": Secret()})
                return profiles
            gone = find(profiles, name)
            left = [profile for profile in profiles if profile.name != name]
            self.file.save(left)
        self.passwords.keep(name, dict.fromkeys(gone.secrets(), Secret()))
        return left

    def rename(self, old: str, new: str) -> Profile:
        """Give a profile another name; returns it, with its passwords."""
        profile = replace(self.named(old), name=new)
        self.put(profile, was=old)
        return profile

    def duplicate(self, name: str, new: str) -> Profile:
        """Save a copy behind the original, with the passwords, with a history of its own; returns it."""
        profile = replace(self.named(name), name=new, history=None)
        profiles = self.put(profile)
        following = next((p.name for p in profiles[profiles.index(find(profiles, name)) + 1 :]), new)
        if following != new:
            self.move(new, before=following)
        return profile

    def move(self, name: str, *, before: str | None) -> list[Profile]:
        """Put a profile before another one, or last."""
        with self._changing():
            profiles = self.load()
            moved = find(profiles, name)
            left = [profile for profile in profiles if profile.name != name]
            if before == name:
                return profiles
            place = len(left) if before is None else left.index(find(left, before))
            left.insert(place, moved)
            self.file.save(left)
            return left

    def add_all(self, profiles: Iterable[Profile]) -> list[Profile]:
        """Save several: one whose name is known overwrites that profile.

        A password that it does not bring stays, unless its URL is another one: none goes to another server unasked.
        """
        with self._changing():
            saved = self.load()
            kept: list[tuple[str, dict[str, Secret]]] = []
            for profile in profiles:
                _check_name(profile.name)
                self._check_not_faulty(profile.name)
                place = next((number for number, other in enumerate(saved) if other.name == profile.name), len(saved))
                _check_history(profile, saved[place : place + 1], saved)
                secrets = {key: secret for key, secret in profile.secrets().items() if secret}
                for old in saved[place : place + 1]:
                    moved = moved_secrets(profile, old)
                    if not profile.management_login()[0] and management_moved(profile, old):
                        moved.append("")  # the broker's login would go there
                    secrets = dict.fromkeys(moved, Secret()) | secrets
                kept.append((profile.name, secrets))
                saved[place : place + 1] = [profile]
            self.file.save(saved)
        for name, secrets in kept:
            self.passwords.keep(name, secrets)
        return saved

    def _check_not_faulty(self, name: str) -> None:
        """Raise UserError if the file has a profile of this name that cannot be used."""
        for one in self.file.faulty:
            if one.name == name:
                raise UserError(f"{one.reason} Correct or remove it.")

    def _changing(self) -> AbstractContextManager[None]:
        """No other process changes the file meanwhile. A keyring is not asked in it: it may wait for a person."""
        return exclusive(self.file.path, "The profiles")


def find(profiles: Iterable[Profile], name: str, faulty: Iterable[Faulty] = ()) -> Profile:
    """Return the profile of this name; raises UserError with what is wrong with it, or that lists names near to it."""
    known = {profile.name: profile for profile in profiles}
    if name in known:
        return known[name]
    for one in faulty:
        if one.name == name:
            raise UserError(one.reason)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        hint = f"Did you mean {' or '.join(f'“{other}”' for other in near)}?"
    elif known:
        hint = f"Profiles: {', '.join(sorted(known))}."
    else:
        hint = "Use a URL, or add a profile: deskq profiles add NAME URL"
    raise UserError(f"No profile “{shown(name)}”. {hint}")


def free_name(wanted: str, taken: Iterable[str]) -> str:
    """Return the name, with a number behind it if it is taken."""
    names = set(taken)
    if wanted not in names:
        return wanted
    return next(name for number in range(2, len(names) + 3) if (name := f"{wanted} {number}") not in names)


def _check_name(name: str) -> None:
    problem = name_problem(name)
    if problem:
        raise UserError(problem)


def _check_history(profile: Profile, before: Sequence[Profile], others: Iterable[Profile]) -> None:
    """Raise UserError if tasks of another profile would stand in its history; ``before``: what it was, if anything."""
    if any(old.history_path() == profile.history_path() for old in before):
        return
    for other in others:
        if other not in before and profile.shares_history(other):
            raise UserError(
                f"“{other.name}” already uses the history {other.history_path()}. Choose another name or history file."
            )
