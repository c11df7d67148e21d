"""Passwords in the operating system's keyring; where there is none, in memory, or in a file if the person says so."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deskq import paths
from deskq.files.private_files import exclusive
from deskq.profiles.profile import Profile, Secret
from deskq.profiles.storage.password_file import PasswordFile

SERVICE: Final = "deskq"
# The package keyring is imported where it is used: to find the system's keyring it starts D-Bus, which can be slow.


@dataclass(frozen=True, slots=True)
class PasswordStorage:
    """Where passwords are kept, as it was found to be. ``where`` and ``problem``: as PasswordStore has them."""

    has_keyring: bool
    file_allowed: bool
    where: str
    problem: str


class PasswordStore:
    """Get, set and delete passwords by key: a profile's name, or "NAME/PLACE" as :meth:`Profile.secrets` has them.

    Blocking, attributes too, but for ``__init__`` and ``file_path``: D-Bus may ask the user, so nothing of it belongs
    on the GUI's thread. ``persistent`` is False when passwords last only for this run; ``problem`` then says why. Every
    method raises UserError if there is a file of passwords that others can read.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._memory: dict[str, Secret] = {}
        self._file = PasswordFile(path or paths.config_dir() / "passwords.toml")
        self._has_keyring: bool | None = None
        self._finding = threading.Lock()
        self._why = ""

    @property
    def has_keyring(self) -> bool:
        """True if the system has a keyring, and it has not failed yet."""
        with self._finding:
            if self._has_keyring is None:
                self._has_keyring = self._found()
            return self._has_keyring

    def _found(self) -> bool:
        self._why = "This system has no keyring: passwords are kept until deskq quits."
        try:
            import keyring
            from keyring.backends.fail import Keyring as NoKeyring
            from keyring.backends.null import Keyring as NullKeyring

            return not isinstance(keyring.get_keyring(), NoKeyring | NullKeyring)
        except Exception as error:  # noqa: BLE001 - of any backend; or its configuration names one that is not there
            self._why = _unusable(error)
            return False

    def keeping(self) -> PasswordStorage:
        """Return where passwords are kept."""
        return PasswordStorage(self.has_keyring, self.file_allowed, self.where, self.problem)

    @property
    def problem(self) -> str:
        """Why passwords last only for this run; "" if they are kept."""
        return "" if self.persistent else self._why

    @property
    def persistent(self) -> bool:
        """True if passwords survive this run."""
        return self.has_keyring or self.file_allowed

    @property
    def where(self) -> str:
        """A sentence for people: where a password that is given now will be kept."""
        if self.has_keyring:
            return "It is kept in the system's keyring."
        return f"It is kept in {self.file_path}." if self.file_allowed else "It is kept until deskq quits."

    @property
    def file_allowed(self) -> bool:
        """Did the person say that passwords may be kept in a file? The file's existence remembers it."""
        return not self.has_keyring and self._file.exists()

    @property
    def file_path(self) -> Path:
        """Where the file of passwords is, or would be."""
        return self._file.path

    def allow_file(self) -> None:
        """Keep passwords in the file from now on, those in memory too; nothing changes where there is a keyring."""
        if not self.has_keyring:
            with self._changing():
                self._file.save(self._file.load() | {key: secret.reveal() for key, secret in self._memory.items()})
            self._memory.clear()

    def forget_file(self) -> None:
        """Remove the file; its passwords stay in memory for this run, if it can be read."""
        if self.file_allowed:
            self._memory |= {key: Secret(text) for key, text in self._file.load().items()}
        self._file.remove()

    def get(self, key: str) -> Secret | None:
        """Return the password, None if none is kept."""
        if key in self._memory:
            return self._memory[key]
        if self.has_keyring:
            import keyring

            try:
                text = keyring.get_password(SERVICE, key)
            except Exception as error:  # noqa: BLE001 - a keyring may raise anything of its backend's
                self._failed(error)
            else:
                return Secret(text) if text is not None else None
        if self.file_allowed:
            text = self._file.load().get(key)
            return Secret(text) if text is not None else None
        return None

    def set(self, key: str, password: Secret) -> None:
        """Keep the password."""
        if self.has_keyring:
            import keyring

            try:
                keyring.set_password(SERVICE, key, password.reveal())
            except Exception as error:  # noqa: BLE001 - see get
                self._failed(error)
            else:
                self._memory.pop(key, None)
                return
        if self.file_allowed:
            with self._changing():
                self._file.save(self._file.load() | {key: password.reveal()})
            self._memory.pop(key, None)
        else:
            self._memory[key] = password

    def delete(self, key: str) -> None:
        """Forget the password, if there is one."""
        self._memory.pop(key, None)
        if self.has_keyring:
            import keyring
            import keyring.errors

            try:
                keyring.delete_password(SERVICE, key)
            except keyring.errors.PasswordDeleteError:
                pass
            except Exception as error:  # noqa: BLE001 - see get
                self._failed(error)
        elif self.file_allowed and key in self._file.load():
            with self._changing():
                kept = self._file.load()
                kept.pop(key, None)
                self._file.save(kept)

    def completed(self, profile: Profile) -> Profile:
        """Return the profile with the passwords that are kept for it, where it has none of its own."""
        found: dict[str, Secret] = {}
        for place, secret in profile.secrets().items():
            if not secret and (kept := self.get(_key(profile.name, place))) is not None:
                found[place] = kept
        return profile.with_secrets(found)

    def keep(self, name: str, secrets: Mapping[str, Secret]) -> None:
        """Keep a profile's passwords, as :meth:`Profile.secrets` gives them; an empty one is forgotten."""
        for place, secret in secrets.items():
            if secret:
                self.set(_key(name, place), secret)
            else:
                self.delete(_key(name, place))

    def _changing(self) -> AbstractContextManager[None]:
        return exclusive(self._file.path, "The passwords")

    def _failed(self, error: Exception) -> None:
        with self._finding:
            self._has_keyring = False
            self._why = _unusable(error)


def _unusable(error: Exception) -> str:
    return f"The keyring cannot be used ({type(error).__name__}): passwords are kept until deskq quits."


def _key(name: str, place: str) -> str:
    return f"{name}/{place}" if place else name
