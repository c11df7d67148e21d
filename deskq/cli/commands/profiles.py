"""``deskq profiles``: list, add, change, order and remove saved profiles from a terminal."""

from __future__ import annotations

import getpass
import sys
from dataclasses import replace
from typing import Final

from deskq.cli.colour import Colour
from deskq.cli.common import plain
from deskq.cli.exit_status import ExitStatus
from deskq.cli.listing import Listing
from deskq.cli.options.profiles import (
    MoveOptions,
    NewNameOptions,
    PasswordFileOptions,
    ProfileAddOptions,
    ProfileEditOptions,
    ProfileListOptions,
    RemoveOptions,
    SetPasswordOptions,
)
from deskq.cli.terminal import ask
from deskq.errors import UserError
from deskq.history.recovery.relocate import save_with_history
from deskq.profiles import Environment, PasswordStore, Profile, ProfileFile, SavedProfiles, Secret, Tls
from deskq.profiles.fields import BY_PLACE, is_less_safe, problems
from deskq.profiles.guarding import left_to_others, left_unguarded, lower_than_guarded
from deskq.profiles.moved import moved_secrets
from deskq.profiles.serialization import overridden, to_values
from deskq.profiles.storage.confirmed_code import confirm
from deskq.profiles.storage.profile_store import find

PROFILES: Final = Listing[Profile](
    titles=["NAME", "FOR", "SAFETY", "URL"],
    cells=lambda one: [one.name, one.environment.short, one.safety.value, one.url],
    values=lambda one: {**to_values(one), "environment": one.environment.value, "safety": one.safety.value},
    colours=lambda one: {1: Colour.RED} if one.environment is Environment.PRODUCTION else {},
    empty="No profiles yet. Add one with: deskq profiles add NAME URL",
    keys=("name", "url", "environment", "safety", "history", "result_backend", "schedule_stores"),
)


def list_profiles(options: ProfileListOptions) -> int:
    """Print the saved profiles, without passwords."""
    file = ProfileFile()
    profiles = file.load()
    for one in file.faulty:
        print(f"Error: {plain(one.reason)}", file=sys.stderr)
    if options.names:
        print("".join(f"{plain(one.name)}\n" for one in profiles), end="")
    else:
        PROFILES.write(profiles, options.format, sys.stdout)
    return 0


def add(options: ProfileAddOptions) -> int:
    """Save a new profile."""
    saved = saved_profiles(options)
    if any(profile.name == options.name for profile in saved.load()):
        raise UserError(f"A profile “{options.name}” already exists. Remove it or choose another name.")
    profile = overridden(Profile.from_url(options.url, name=options.name), options.overrides)
    if options.password_stdin:
        profile = replace(profile, password=Secret(sys.stdin.readline().rstrip("\n")))
    check(profile)
    _agree_to_lower(profile, saved, options)
    confirm(profile.schedule_stores)
    saved.put(profile)
    print(f"Saved “{profile.name}”. Open it with: deskq {profile.name}")
    return say_if_not_kept(saved.passwords, profile)


def edit(options: ProfileEditOptions) -> int:
    """Change fields of a profile; its passwords stay, but for that of a URL which is another one now."""
    saved = saved_profiles(options)
    before = saved.named(options.name)
    given = options.overrides
    if not given and options.url is None:
        raise UserError("Give at least one option to change, such as --safety read-only")
    changed = overridden(before, given)
    if options.url is not None:
        made = Profile.from_url(options.url)
        tls = made.tls if made.tls != Tls() else changed.tls
        changed = replace(changed, url=made.url, password=made.password or before.password, tls=tls)
    now = changed.secrets()
    forgotten = [
        place for place in moved_secrets(changed, before) if now.get(place) and now[place] == before.secrets()[place]
    ]
    changed = changed.with_secrets(dict.fromkeys(forgotten, Secret()))
    check(changed)
    if is_less_safe(before, changed) and not options.yes:
        levels = f"from {before.safety.value} to {changed.safety.value}"
        if not sys.stdin.isatty():
            raise UserError(f"This lowers the safety level of “{before.name}” {levels}. Add --yes to confirm.")
        if ask(f"Lower the level of “{before.name}” {levels}? [y/N] ").strip().lower() not in ("y", "yes"):
            raise UserError("Cancelled; nothing was changed.")
    elif changed.url != before.url:
        _agree_to_lower(changed, saved, options)
        _agree(left_unguarded(before, changed, saved.file.guards()), options)
    confirm(set(changed.schedule_stores) - set(before.schedule_stores))
    saved.put(changed, was=before.name)
    print(f"Saved “{changed.name}”.")
    if "" in forgotten:
        print(f"The server changed. Set its password: deskq profiles set-password {changed.name}")
    return say_if_not_kept(saved.passwords, changed)


def _agree_to_lower(profile: Profile, saved: SavedProfiles, options: ProfileAddOptions | ProfileEditOptions) -> None:
    """Ask before a broker gets a second profile with a lower level than the first one's; raises UserError if not."""
    _agree(lower_than_guarded(profile, saved.file.guards()), options)


def _agree(
    reason: str,
    options: ProfileAddOptions | ProfileEditOptions | RemoveOptions,
    question: str = "Save it?",
    otherwise: str = "Nothing was saved.",
) -> None:
    """Ask whether to go on, "" for no reason to ask; raises UserError if not."""
    if not reason or options.yes:
        return
    if not sys.stdin.isatty():
        raise UserError(f"{reason} Add --yes to confirm.")
    if ask(f"{reason} {question} [y/N] ").strip().lower() not in ("y", "yes"):
        raise UserError(otherwise)


def rename(options: NewNameOptions) -> int:
    """Give a profile another name; its passwords go along, and its history if it has no place of its own."""
    saved = SavedProfiles(ProfileFile(), PasswordStore())
    profile = replace(saved.named(options.name), name=options.new)
    _, about_history = save_with_history(saved, profile, options.name)
    print(f"Renamed “{options.name}” to “{options.new}”. {about_history}".rstrip())
    return 0


def duplicate(options: NewNameOptions) -> int:
    """Save a copy of a profile, with its passwords and without its history."""
    SavedProfiles(ProfileFile(), PasswordStore()).duplicate(options.name, options.new)
    print(f"Saved “{options.new}”.")
    return 0


def move(options: MoveOptions) -> int:
    """Change the order of profiles."""
    moved = SavedProfiles(ProfileFile(), PasswordStore()).move(
        options.name, before=None if options.last else options.before
    )
    print("\n".join(profile.name for profile in moved))
    return 0


def remove(options: RemoveOptions) -> int:
    """Remove a profile and its passwords; its history stays."""
    saved = SavedProfiles(ProfileFile(), PasswordStore())
    guards = saved.file.guards()
    removed = next((one for one in guards if one.name == options.name), None)
    if removed is not None:
        _agree(left_to_others(removed, guards), options, "Remove it?", "Nothing was removed.")
    saved.remove(options.name)
    print(f"Removed “{options.name}”. Its history stays.")
    return 0


def set_password(options: SetPasswordOptions) -> int:
    """Ask for a password and keep it: the broker's, or that of another URL of the profile."""
    saved = saved_profiles(options)
    profile = find(saved.load(), options.name, saved.file.faulty)
    place = {"broker": "", "result-backend": "result_backend", "management-url": "management_url"}.get(
        options.place, f"schedule_stores/{options.place}"
    )
    if place not in profile.secrets():
        known = ", ".join(("broker", "result-backend", "management-url", *profile.schedule_stores))
        raise UserError(f"“{profile.name}” has no such URL. Choose one of: {known}.")
    text = (
        sys.stdin.readline().rstrip("\n")
        if options.password_stdin
        else getpass.getpass(f"Password of {options.name}{f' ({options.place})' if place else ''}: ")
    )
    saved.passwords.keep(profile.name, {place: Secret(text)})
    if words := not_kept(saved.passwords, profile.with_secrets({place: Secret(text)})):
        raise UserError(words)
    return 0


def saved_profiles(options: PasswordFileOptions) -> SavedProfiles:
    """Return the saved profiles; with --password-file-ok, passwords go into a file where there is no keyring."""
    passwords = PasswordStore()
    if options.password_file_ok and not passwords.has_keyring and not passwords.file_allowed:
        passwords.allow_file()
    return SavedProfiles(ProfileFile(), passwords)


def check(profile: Profile) -> None:
    """Raise UserError for the first thing that does not go together in a profile."""
    for place, sentence in problems(profile).items():
        option = BY_PLACE[place].flag
        raise UserError(f"{sentence} ({option})" if option else sentence)


def not_kept(passwords: PasswordStore, *profiles: Profile) -> str:
    """Return a sentence if one of these has a password and there is nowhere to keep it, else ""."""
    if passwords.persistent or not any(any(profile.secrets().values()) for profile in profiles):
        return ""
    what = "The password was" if len(profiles) == 1 else "The passwords were"
    return (
        f"{what} not kept. {passwords.problem} Say --password-file-ok to have it kept in "
        f"{passwords.file_path}, which only you can read, or type it when the window asks for it."
    )


def say_if_not_kept(passwords: PasswordStore, *profiles: Profile) -> int:
    """Print what not_kept says; returns the exit status of a command that has saved the profiles all the same."""
    words = not_kept(passwords, *profiles)
    if words:
        print(f"deskq: {plain(words)}", file=sys.stderr)
    return ExitStatus.FAILED if words else ExitStatus.DONE
