"""From a profile to the result store of its kind; each kind's client is imported only when it is needed."""

from __future__ import annotations

from urllib.parse import urlsplit

from deskq.profiles import Profile
from deskq.profiles.fields import result_backend_problem
from deskq.profiles.urls import REDIS_SCHEMES
from deskq.results.abort.port import AbortStore
from deskq.results.store import ResultStore, ResultsUnreadable


def open_results(profile: Profile) -> ResultStore:
    """Return the store of a profile; it connects with its first question. Raises ResultsUnreadable without one."""
    url = profile.result_backend_url()
    if not url:
        raise ResultsUnreadable(f"The profile “{profile.name}” has no result backend. Add its URL.")
    if problem := result_backend_problem(url):
        raise ResultsUnreadable(problem)
    scheme = url.partition(":")[0].lower()
    kind = scheme.partition("+")[0]
    if scheme in REDIS_SCHEMES or kind in REDIS_SCHEMES:
        from deskq.results.redis import RedisResults

        return RedisResults(profile)
    if kind in ("db", "django-db", "database"):
        from deskq.results.database import DatabaseResults

        return DatabaseResults(url)
    if scheme in ("file", "filesystem"):
        from deskq.results.files import FileResults

        return FileResults(urlsplit(url).path or url.partition(":")[2])
    if kind in ("rpc", "amqp"):
        raise ResultsUnreadable(
            "An rpc:// backend delivers each result once, to the sender of the task; it cannot be looked up."
        )
    raise ResultsUnreadable(f"deskq cannot read result backends of type “{scheme}”.")


def open_marker(profile: Profile) -> AbortStore:
    """Return what marks records in the profile's result backend; raises ResultsUnreadable where nothing does."""
    scheme = profile.result_backend_url().partition(":")[0].lower()
    kind = scheme.partition("+")[0]
    if scheme in REDIS_SCHEMES or kind in REDIS_SCHEMES:
        from deskq.results.abort.redis import RedisMarker

        return RedisMarker(profile)
    if kind in ("db", "database"):
        from deskq.results.abort.database import DatabaseMarker

        return DatabaseMarker(profile.result_backend_url())
    open_results(profile).close()  # where none is set, or none can be read, it says so
    raise ResultsUnreadable(
        f"deskq aborts tasks in Redis, Valkey and Celery's database backend only: in “{scheme}” it could overwrite "
        "a result."
    )
