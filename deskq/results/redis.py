"""Result records in Redis and Valkey: one string for each task, with an expiry (celery/backends/redis.py)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from deskq.brokers.redis.connection import mapped_errors
from deskq.brokers.redis.link import RedisLink
from deskq.profiles import Profile
from deskq.results.record import MOST_BYTES, RAW_BYTES, ResultRecord, decode_meta

KEY: Final = "celery-task-meta-"


class RedisResults:
    """See ResultStore. Reads with STRLEN, GETRANGE and PTTL.

    The keys have the *result backend's* own ``global_keyprefix`` (``result_backend_transport_options``), which may be
    given in the URL's query.
    """

    def __init__(self, profile: Profile) -> None:
        url = profile.result_backend or ""
        prefix = parse_qs(urlsplit(url).query).get("global_keyprefix", [""])[0]
        bare = url.partition("?")[0] if prefix else url
        self._profile = replace(profile, name=f"{profile.name}: results", url=bare, password=profile.result_password)
        self._prefix = prefix
        self._link = RedisLink(self._profile)

    @property
    def place(self) -> str:
        """See ResultStore."""
        return self._profile.url

    def get(self, task_id: str) -> ResultRecord | None:
        """See ResultStore."""
        key = f"{self._prefix}{KEY}{task_id}"
        with mapped_errors(self._profile):
            pipeline = self._link.client().pipeline(transaction=False)
            pipeline.strlen(key)
            pipeline.getrange(key, 0, MOST_BYTES)
            pipeline.pttl(key)
            found: list[Any] = pipeline.execute()
        size, raw, left = found
        if not size:
            return None
        record = decode_meta(task_id, raw)
        return replace(record, size=size, raw=raw[:RAW_BYTES], expires_in=left / 1_000 if left > 0 else None)

    def close(self) -> None:
        """See ResultStore."""
        self._link.close()
