"""Passwords in the operating system's keyring; where there is none, in memory for this run."""

from __future__ import annotations

from typing import Final

import keyring
import keyring.errors
from keyring.backends.fail import Keyring as NoKeyring

from deskq.profiles.profile import Secret

SERVICE: Final = "deskq"


class PasswordStore:
    """Get, set and delete the password of a profile, by its name. Blocking: D-Bus may ask the user.

    ``persistent`` is False when passwords last only for this run; ``problem`` then says why.
    """

    def __init__(self) -> None:
        self._memory: dict[str, Secret] = {}
        self.problem = ""
        if isinstance(keyring.get_keyring(), NoKeyring):
            self.problem = "This system has no keyring: passwords are kept for this run only."

    @property
    def persistent(self) -> bool:
        """True if passwords survive this run."""
        return not self.problem

    def get(self, profile: str) -> Secret | None:
        """Return the password, None if none is kept."""
        if profile in self._memory:
            return self._memory[profile]
        if self.persistent:
            try:
                text = keyring.get_password(SERVICE, profile)
            except Exception as error:  # noqa: BLE001 - a keyring may raise anything of its backend's
                self._failed(error)
                return None
            return Secret(text) if text is not None else None
        return None

    def set(self, profile: str, password: Secret) -> None:
        """Keep the password."""
        if self.persistent:
            try:
                keyring.set_password(SERVICE, profile, password.reveal())
            except Exception as error:  # noqa: BLE001 - see get
                self._failed(error)
            else:
                self._memory.pop(profile, None)
                return
        self._memory[profile] = password

    def delete(self, profile: str) -> None:
        """Forget the password, if there is one."""
        self._memory.pop(profile, None)
        if self.persistent:
            try:
                keyring.delete_password(SERVICE, profile)
            except keyring.errors.PasswordDeleteError:
                pass
            except Exception as error:  # noqa: BLE001 - see get
                self._failed(error)

    def _failed(self, error: Exception) -> None:
        self.problem = f"The keyring cannot be used ({error}): passwords are kept for this run only."
