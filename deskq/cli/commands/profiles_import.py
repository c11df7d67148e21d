"""``deskq profiles import`` and ``export``: profiles from what people have, and for others to have."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from deskq import paths
from deskq.cli.commands.profiles import check, saved_profiles, say_if_not_kept
from deskq.cli.common import plain
from deskq.cli.options.profiles import ProfileExportOptions, ProfileImportOptions
from deskq.cli.terminal import ask
from deskq.errors import UserError
from deskq.files.private_files import write_private
from deskq.profiles import Profile, ProfileFile
from deskq.profiles.guarding import lower_than_guarded
from deskq.profiles.importing.proposals import Proposal, from_app, from_django, from_environment, save_all
from deskq.profiles.storage.profile_file import exported
from deskq.profiles.storage.profile_store import find


def run(options: ProfileImportOptions) -> int:
    """Say what there is to import, and save it if somebody says yes."""
    try:
        proposals = _proposals(options)
    except UserError as error:
        for line in error.details.splitlines():
            print(f"  {plain(line)}", file=sys.stderr)
        raise
    if options.name:
        if len(proposals) > 1:
            raise UserError(f"--name fits one profile only; there are {len(proposals)}.")
        proposals = [replace(one, profile=replace(one.profile, name=options.name)) for one in proposals]
    known = {profile.name: profile for profile in ProfileFile().load()}
    proposals = _complete(proposals)
    for proposal in proposals:
        _say(proposal, known.get(proposal.profile.name))
    if options.dry_run:
        print("Nothing was saved (--dry-run).")
        return 0
    overwritten = [one.profile.name for one in proposals if one.profile.name in known]
    saved = saved_profiles(options)
    reasons = [f"This overwrites {', '.join(overwritten)}."] if overwritten else []
    reasons += [reason for one in proposals if (reason := lower_than_guarded(one.profile, saved.file.guards()))]
    if not options.yes and not _agreed(reasons, len(proposals)):
        raise UserError("Nothing was saved.")
    save_all(saved, proposals)
    print(f"Saved: {', '.join(plain(proposal.profile.name) for proposal in proposals)}")
    return say_if_not_kept(saved.passwords, *(proposal.profile for proposal in proposals))


def export(options: ProfileExportOptions) -> int:
    """Write profiles to a file or to standard output; passwords stay here."""
    names, target = _split(options.names)
    file = ProfileFile()
    profiles = file.load()
    chosen = [find(profiles, name, file.faulty) for name in names] if names else profiles
    text = exported(chosen)
    if target == "-":
        sys.stdout.write(text)
        return 0
    path = paths.written(target)
    if path.exists():
        raise UserError(f"{path} already exists. Remove it or choose another name.")
    write_private(path, text, "The profiles")
    print(f"Wrote {len(chosen)} of {len(profiles)} profiles to {path}, without passwords.")
    return 0


def _proposals(options: ProfileImportOptions) -> list[Proposal]:
    folder = paths.written(options.folder).absolute()
    python = _python(options.python) if options.python else None
    if options.app:
        return [from_app(options.app, folder=folder, python=python, timeout=options.timeout)]
    if options.django:
        return [from_django(options.django, folder=folder, python=python, timeout=options.timeout)]
    if options.env:
        found = from_environment(os.environ)
        if not found:
            raise UserError("No broker in the environment. Set CELERY_BROKER_URL.")
        return found
    path = paths.written(options.file)
    if not path.exists():
        raise UserError(f"There is no file {path}.")
    file = ProfileFile(path)
    found = [Proposal(profile, (("url", str(path)),)) for profile in file.load()]
    if not found:
        raise UserError(" ".join(one.reason for one in file.faulty) or f"{path} contains no profiles.")
    for one in file.faulty:
        print(f"Not imported: {plain(one.reason)}", file=sys.stderr)
    return found


def _python(text: str) -> Path:
    """What a person typed means a file from here; where there is none, one from the project's folder."""
    path = paths.written(text)
    here = path.absolute()
    return here if len(path.parts) > 1 and here.exists() else path


def _complete(proposals: Sequence[Proposal]) -> list[Proposal]:
    """Return those that can be saved, and say what the others lack; raises UserError if there is none."""
    found = []
    for proposal in proposals:
        try:
            check(proposal.profile)
        except UserError as error:
            place = dict(proposal.sources)["url"]
            by_hand = f"{error} Add it yourself: deskq profiles add NAME URL, with the URL from {place}."
            if len(proposals) == 1:
                raise UserError(by_hand) from None
            print(f"Left out: {plain(proposal.profile.name)}. {plain(by_hand)}", file=sys.stderr)
        else:
            found.append(proposal)
    if not found:
        raise UserError("None of the profiles is complete.")
    return found


def _say(proposal: Proposal, saved: Profile | None) -> None:
    profile = proposal.profile
    print(f"{plain(profile.name)} ({proposal.fate(saved)}): {plain(profile.url)}")
    for line in proposal.lines(saved):
        print(f"  {plain(line)}")


def _agreed(reasons: Sequence[str], number: int) -> bool:
    """Ask, with the reasons to think twice; raises UserError where nobody can be asked."""
    if not sys.stdin.isatty():
        raise UserError(" ".join([*reasons, "No terminal to confirm on. Check with --dry-run, then add --yes."]))
    saving = "Save this profile?" if number == 1 else f"Save these {number} profiles?"
    return ask(" ".join([*reasons, f"{saving} [y/N] "])).strip().lower() in ("y", "yes")


def _split(words: Sequence[str]) -> tuple[list[str], str]:
    """Names, and the file that is the last word if it looks like one."""
    if words and (words[-1] == "-" or words[-1].endswith(".toml") or ("/" in words[-1] and not _is_name(words[-1]))):
        return list(words[:-1]), words[-1]
    return list(words), "-"


def _is_name(text: str) -> bool:
    return any(profile.name == text for profile in ProfileFile().load())
