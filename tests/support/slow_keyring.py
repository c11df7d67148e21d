"""A keyring that answers when it is told to, as one that asks a person first; chosen by PYTHON_KEYRING_BACKEND."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import ClassVar

import keyring.backend
import keyring.errors


class SlowKeyring(keyring.backend.KeyringBackend):
    """Notes which threads wait for it. In a program of its own it never answers, and touches
    $SLOW_KEYRING_ASKED."""

    priority = 1
    threads: ClassVar[list[threading.Thread]] = []
    may_answer: ClassVar[threading.Event] = threading.Event()
    passwords: ClassVar[dict[tuple[str, str], str]] = {}

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._wait()  # for D-Bus

    @classmethod
    def _wait(cls) -> None:
        cls.threads.append(threading.current_thread())
        if asked := os.environ.get("SLOW_KEYRING_ASKED"):
            Path(asked).touch()
        if threading.current_thread() is not threading.main_thread():  # it would hang instead of failing
            cls.may_answer.wait()

    def get_password(self, service: str, username: str) -> str | None:
        self._wait()
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._wait()
        self.passwords[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._wait()
        if self.passwords.pop((service, username), None) is None:
            raise keyring.errors.PasswordDeleteError(username)
