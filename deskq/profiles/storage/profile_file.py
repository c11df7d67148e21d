"""The TOML file of profiles: readable, written atomically, with unknown keys and comments kept."""

from __future__ import annotations

import contextlib
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Array

from deskq import paths
from deskq.errors import UserError
from deskq.files.private_files import write_private
from deskq.profiles.profile import Profile, Safety
from deskq.profiles.serialization import KEYS, TABLES, from_values, to_values
from deskq.profiles.upgrades import UPGRADES, VERSION


@dataclass(frozen=True, slots=True)
class Faulty:
    """A profile in the file that cannot be used: why, and what still guards its broker if that can be told."""

    name: str
    reason: str
    guard: Profile | None = None


class ProfileFile:
    """Profiles on disk, without passwords. Blocking. ``faulty``: what the last ``load`` could not use."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or paths.config_dir() / "profiles.toml"
        self._stamp: tuple[int, int] | None = None
        self.faulty: list[Faulty] = []

    def load(self) -> list[Profile]:
        """Return the profiles in the file's order, none if there is no file; raises UserError if it is broken.

        One that is wrong disturbs no other: it is left out, and stands in ``faulty``.
        """
        self._stamp = self._current_stamp()
        document = self._parse()
        profiles: list[Profile] = []
        tables = document.get("profile", [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise UserError(f"{self.path} contains no profiles. Start each one with a line [[profile]].")
        self.faulty = []
        for number, table in enumerate(tables, start=1):
            read = self._read(number, table, {profile.name for profile in profiles})
            if isinstance(read, Profile):
                profiles.append(read)
            else:
                self.faulty.append(read)
        return profiles

    def guards(self) -> list[Profile]:
        """Return what guards brokers: the profiles, and those that cannot be used as read-only ones."""
        return [*self.load(), *(one.guard for one in self.faulty if one.guard is not None)]

    def _read(self, number: int, table: Any, taken: Collection[str]) -> Profile | Faulty:
        """Read one profile by itself; ``number``: its place in the file, from 1; ``taken``: names before it."""
        values = _unwrapped(table)
        name = str(values.get("name") or "")
        try:
            profile = from_values(values)
            if profile.name not in taken:
                return profile
            reason = f"{self.path} has two profiles named “{name}”. Rename one."
        except UserError as error:
            reason = f"Profile {number} in {self.path} is invalid: {error}"
        guard = None
        with contextlib.suppress(UserError):
            guard = Profile.from_url(str(values.get("url")), name=name or f"profile {number}", safety=Safety.READ_ONLY)
        return Faulty(name, reason, guard)

    def save(self, profiles: Iterable[Profile], *, renamed: Mapping[str, str] | None = None, without: str = "") -> None:
        """Write these profiles; raises UserError if the file there is broken, or cannot be written.

        ``renamed``: new name -> the old one, whose unknown keys and comments stay. Faulty profiles stay as they are,
        behind the others, but for one named ``without``.
        """
        document = self._parse()
        if not document:
            document.add(tomlkit.comment("Profiles of deskq, without passwords. Edit them here or in the window."))
        document["version"] = VERSION
        old: dict[Any, Any] = {}
        kept = []
        for number, table in enumerate(document.get("profile", []), start=1):
            read = self._read(number, table, old)
            if isinstance(read, Profile):
                old[read.name] = table
            elif not without or read.name != without:
                kept.append(table)
        before = renamed or {}
        tables = tomlkit.aot()
        for profile in profiles:
            tables.append(_updated(old.get(before.get(profile.name, profile.name)), to_values(profile)))
        for table in kept:
            tables.append(table)
        document["profile"] = tables
        write_private(self.path.resolve(), tomlkit.dumps(document), "The profiles")  # a link to it stays a link
        self._stamp = self._current_stamp()

    @property
    def changed_since_load(self) -> bool:
        """Did somebody else write the file since it was read?"""
        return self._current_stamp() != self._stamp

    def _parse(self) -> tomlkit.TOMLDocument:
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return tomlkit.document()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"The profiles in {self.path} cannot be read: {error}.") from None
        try:
            tomllib.loads(text)  # tomlkit takes more than is TOML, and some of it for something else
            document = tomlkit.parse(text)
        except (ValueError, RecursionError, TOMLKitError) as error:
            raise UserError(
                f"{self.path} is not TOML: {error}. Fix or remove it; deskq does not overwrite it."
            ) from None
        _in_tables(document)
        version = document.get("version", 1 if "profile" in document else VERSION)
        if not isinstance(version, int) or version < 1:
            raise UserError(f"The version in {self.path} must be a whole number. deskq writes {VERSION}.")
        if version > VERSION:
            raise UserError(f"{self.path} was written by a newer deskq (version {version}). Upgrade deskq.")
        while version < VERSION:
            UPGRADES[version](document)
            version += 1
        return document

    def _current_stamp(self) -> tuple[int, int] | None:
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size


def _in_tables(document: tomlkit.TOMLDocument) -> None:
    """Turn ``profile = [{...}]``, which is TOML too, into tables: they can hold tables and be changed."""
    inline = document.get("profile")
    if not isinstance(inline, Array) or not inline or not all(isinstance(table, dict) for table in inline):
        return
    tables = tomlkit.aot()
    for found in inline:
        table = tomlkit.table()
        for key, value in found.items():
            table[key] = value
        tables.append(table)
    document["profile"] = tables


def _unwrapped(table: Any) -> dict[str, Any]:
    values: dict[str, Any] = table.unwrap()
    return values


def _updated(table: Any, values: dict[str, Any]) -> Any:
    """Bring an existing table (or a new one) to these values, leaving unknown keys and comments alone."""
    if table is None:
        table = tomlkit.table()
    _bring(table, {key: value for key, value in values.items() if key not in TABLES}, KEYS)
    for key, known in TABLES.items():
        inner = table.get(key)
        if inner is None and key not in values:
            continue
        if not isinstance(inner, dict):
            inner = tomlkit.table()
            table[key] = inner
        _bring(inner, values.get(key, {}), known)
        if not inner:
            del table[key]
    return table


def _bring(table: Any, values: dict[str, Any], known: frozenset[str]) -> None:
    for key in [key for key in table if key in known and key not in values]:
        del table[key]
    for key, value in values.items():
        if key not in table or table[key] != value:
            table[key] = value


def exported(profiles: Iterable[Profile]) -> str:
    """Return these profiles as the text of a file, for somebody else: without passwords and places of histories."""
    document = tomlkit.document()
    document.add(tomlkit.comment("Profiles of deskq, without passwords. Read them with: deskq profiles import FILE"))
    document["version"] = VERSION
    tables = tomlkit.aot()
    for profile in profiles:
        tables.append(_updated(None, to_values(replace(profile, history=None))))
    document["profile"] = tables
    return tomlkit.dumps(document)
