"""A file of passwords that only its owner can read, for systems without a keyring and people who asked for it."""

from __future__ import annotations

import os
import stat
import sys
import tomllib
from pathlib import Path
from typing import Final

import tomlkit

from deskq.errors import UserError
from deskq.files.private_files import write_private

_HEAD: Final = (
    "Passwords of deskq's profiles, in clear text, since this system has no keyring.",
    "Nobody else may read this file: deskq refuses it if its mode is wider than 0600.",
)


class PasswordFile:
    """Passwords by key in ``passwords.toml``. Blocking; raises UserError if others can read or change the file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def exists(self) -> bool:
        """Is there a file, be it readable or not?"""
        return self.path.is_symlink() or self.path.exists()

    def load(self) -> dict[str, str]:
        """Return every password by its key; nothing where there is no file."""
        try:
            number = os.open(self.path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise UserError(
                f"The passwords in {self.path} cannot be read: {error.strerror}. Fix or remove the file."
            ) from None
        with os.fdopen(number, encoding="utf-8") as file:
            self._check(os.fstat(number))  # of what was opened, not of what may stand there by now
            try:
                found = tomllib.loads(file.read()).get("passwords", {})
            except (ValueError, RecursionError):  # its text would quote a line with a password
                raise UserError(f"{self.path} is not TOML. Fix or remove it; deskq does not overwrite it.") from None
        return {str(key): str(text) for key, text in found.items()} if isinstance(found, dict) else {}

    def save(self, passwords: dict[str, str]) -> None:
        """Write these passwords and no others; the file is private from its first moment."""
        if self.exists():
            self.load()  # refuses what others can read or change
        document = tomlkit.document()
        for line in _HEAD:
            document.add(tomlkit.comment(line))
        table = tomlkit.table()
        for key, text in sorted(passwords.items()):
            table[key] = text
        document["passwords"] = table
        write_private(self.path, tomlkit.dumps(document), "The passwords")

    def remove(self) -> None:
        """Remove the file, if there is one."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise UserError(f"Cannot remove {self.path}: {error.strerror}. Remove it yourself.") from None

    def _check(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise UserError(f"{self.path} is not a regular file. Remove it.")
        if sys.platform == "win32":
            return  # the folder of a person is theirs alone there, and modes say nothing
        if status.st_uid != os.getuid():
            raise UserError(f"{self.path} belongs to another user, so deskq ignores it. Remove it.")
        if stat.S_IMODE(status.st_mode) & 0o177:
            mode = f"{stat.S_IMODE(status.st_mode):04o}"
            raise UserError(
                f"Others can read {self.path} (mode {mode}), so deskq ignores it. Change the passwords in it if "
                f"they may have been read, then run: chmod 600 '{self.path}'"
            )
