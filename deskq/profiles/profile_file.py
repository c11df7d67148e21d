"""The TOML file of profiles: readable, written atomically, with unknown keys and comments kept."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import tomlkit
from tomlkit.exceptions import TOMLKitError

from deskq import paths
from deskq.errors import UserError
from deskq.profiles.profile import Profile
from deskq.profiles.wire import NESTED, from_values, to_values

VERSION: Final = 1
UPGRADES: Final[dict[int, Callable[[tomlkit.TOMLDocument], None]]] = {}
"""From version N to N+1, on the parsed file."""
_KEYS: Final = frozenset(Profile.__dataclass_fields__)


class ProfileFile:
    """Profiles on disk, without passwords. Blocking."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or paths.config_dir() / "profiles.toml"
        self._stamp: tuple[int, int] | None = None

    def load(self) -> list[Profile]:
        """Return the profiles in the file's order, none if there is no file; raises UserError if it is broken."""
        self._stamp = self._current_stamp()
        document = self._parse()
        profiles: list[Profile] = []
        for number, table in enumerate(document.get("profile", []), start=1):
            try:
                profiles.append(from_values(_unwrapped(table)))
            except (UserError, AttributeError) as error:
                raise UserError(f"Profile {number} in {self.path} is wrong: {error}") from None
        names = [profile.name for profile in profiles]
        for name in names:
            if names.count(name) > 1:
                raise UserError(f"{self.path} has two profiles named “{name}”. Rename one.")
        return profiles

    def save(self, profiles: Iterable[Profile]) -> None:
        """Write these profiles; raises UserError if the file there is broken, or cannot be written."""
        document = self._parse()
        document["version"] = VERSION
        old = {table.get("name"): table for table in document.get("profile", [])}
        tables = tomlkit.aot()
        for profile in profiles:
            tables.append(_updated(old.get(profile.name), to_values(profile)))
        document["profile"] = tables
        self._write(tomlkit.dumps(document))
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
            document = tomlkit.parse(text)
        except TOMLKitError as error:
            raise UserError(
                f"{self.path} is not TOML: {error}. Mend or remove it; deskq does not overwrite it."
            ) from None
        version = document.get("version", VERSION)
        if not isinstance(version, int) or version > VERSION:
            raise UserError(f"{self.path} was written by a newer deskq (version {version}). Upgrade deskq.")
        while version < VERSION:
            UPGRADES[version](document)
            version += 1
        return document

    def _write(self, text: str) -> None:
        """Write to a file beside it, bring that to disk, and rename it over the old one."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            number, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
            temporary = Path(name)
            try:
                with os.fdopen(number, "w", encoding="utf-8") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(self.path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise UserError(f"The profiles cannot be written to {self.path}: {error.strerror}.") from None

    def _current_stamp(self) -> tuple[int, int] | None:
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size


def _unwrapped(table: Any) -> dict[str, Any]:
    values: dict[str, Any] = table.unwrap()
    return values


def _updated(table: Any, values: dict[str, Any]) -> Any:
    """Bring an existing table (or a new one) to these values, leaving unknown keys and comments alone."""
    if table is None:
        table = tomlkit.table()
    for key in [key for key in table if key in _KEYS and key not in values]:
        if key not in NESTED:
            del table[key]
    for key, value in values.items():
        if key in NESTED:
            inner = table.get(key)
            if inner is None:
                inner = tomlkit.table()
                table[key] = inner
            for name in [name for name in inner if name in NESTED[key].__dataclass_fields__ and name not in value]:
                del inner[name]
            for name, item in value.items():
                inner[name] = item
        elif table.get(key) != value:
            table[key] = value
    for key in NESTED:
        if key in table and key not in values:
            for name in [name for name in table[key] if name in NESTED[key].__dataclass_fields__]:
                del table[key][name]
            if not table[key]:
                del table[key]
    return table
