"""What every kind of result store offers, and which one a profile has."""

from __future__ import annotations

from typing import Protocol
from urllib.parse import urlsplit

from deskq.errors import UserError
from deskq.profiles import Profile
from deskq.profiles.urls import REDIS_SCHEMES
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


def open_results(profile: Profile) -> ResultStore:
    """Return the store of a profile; it connects with its first question. Raises ResultsUnreadable without one."""
    url = profile.result_backend_url()
    if not url:
        raise ResultsUnreadable(f"No result backend is set in the profile “{profile.name}”: add its URL there.")
    scheme = url.partition(":")[0].lower()
    kind = scheme.partition("+")[0]
    if scheme in REDIS_SCHEMES or kind in REDIS_SCHEMES:
        from deskq.results.redis_store import RedisResults

        return RedisResults(profile)
    if kind in ("db", "django-db", "database"):
        from deskq.results.database_store import DatabaseResults

        return DatabaseResults(url)
    if scheme in ("file", "filesystem"):
        from deskq.results.file_store import FileResults

        return FileResults(urlsplit(url).path or url.partition(":")[2])
    if kind in ("rpc", "amqp"):
        raise ResultsUnreadable(
            "An rpc:// backend sends each result once, to who sent the task: none can be looked up."
        )
    raise ResultsUnreadable(f"deskq cannot look into a result backend of the kind “{scheme}”.")
