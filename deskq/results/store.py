"""What every kind of result store offers, and which one a profile has."""

from __future__ import annotations

from typing import Protocol

from deskq.errors import UserError
from deskq.results.record import ResultRecord


class ResultsUnreadable(UserError):
    """The result backend cannot be looked at; the message says why and what to do."""


class ResultStore(Protocol):
    """Reads records by task id; used by one thread. Every wait has a deadline; nothing is written."""

    @property
    def place(self) -> str:
        """What it is, for people: no password in it."""

    def get(self, task_id: str) -> ResultRecord | None:
        """Return the record, None if there is none. Raises UserError."""

    def close(self) -> None:
        """Close the connection; never raises."""
