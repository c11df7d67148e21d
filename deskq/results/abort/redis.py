"""Marking records in Redis and Valkey: SET and PUBLISH as Celery's backend does, if what was looked at still is there.

By a script, not WATCH: redis-py tells a connection that ended as a key that changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import redis

from deskq.brokers.redis.connection import mapped_error, mapped_errors
from deskq.errors import UserError
from deskq.results.abort import port as aborting
from deskq.results.abort.port import AbortResult
from deskq.results.record import MOST_BYTES, decode_value
from deskq.results.redis import KEY, RedisResults

_DAY: Final = 86_400.0
"""Celery's own ``result_expires``."""


_SET_IF: Final = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
if tonumber(ARGV[3]) > 0 then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
else redis.call('SET', KEYS[1], ARGV[2]) end
redis.call('PUBLISH', KEYS[1], ARGV[2])
return 1
"""


class RedisMarker(RedisResults):
    """See Marker."""

    def mark(self, task_id: str, *, expires: float | None, create_missing: bool) -> AbortResult:
        """See Marker."""
        key = f"{self._prefix}{KEY}{task_id}"
        for _ in range(aborting.TRIES):
            with mapped_errors(self._profile):
                pipeline = self._link.client().pipeline(transaction=False)
                pipeline.getrange(key, 0, MOST_BYTES)
                pipeline.pttl(key)
                raw, left = pipeline.execute()
            found = _looked_at(task_id, raw, create_missing)
            if isinstance(found, AbortResult):
                return found
            value = json.dumps(aborting.meta_of(task_id, found))
            try:
                lives = _milliseconds(expires, left if raw else None)
                done: Any = self._link.client().eval(_SET_IF, 1, key, raw, value, lives)
            except (redis.RedisError, OSError) as error:
                return self._looked_again(task_id, error)
            if done:
                return aborting.marked(found.get("status"))
        return AbortResult("failed", aborting.TOO_BUSY)

    def _looked_again(self, task_id: str, error: Exception) -> AbortResult:
        """What became of it where the answer is an error, or none came."""
        refused = isinstance(error, redis.ResponseError)
        missed = AbortResult("failed", str(mapped_error(error, self._profile))) if refused else aborting.NOT_KNOWN
        self.close()
        try:
            record = self.get(task_id)
        except UserError:
            return missed
        state = record.state if record is not None else None
        return aborting.NOT_TOLD if state == aborting.ABORTED else aborting.skip_reason(state) or missed


def _looked_at(task_id: str, raw: bytes, create_missing: bool) -> Mapping[str, Any] | AbortResult:
    """Return what is stored, {} for nothing, or why nothing is to be written."""
    if not raw:
        return {} if create_missing else aborting.not_begun(task_id)
    value, kind, _ = decode_value(raw)
    if kind != "json" or not isinstance(value, Mapping) or not isinstance(value.get("status"), str):
        return AbortResult("failed", "Its stored result is not a JSON record: cannot tell whether it has ended.")
    return aborting.skip_reason(value["status"]) or value


def _milliseconds(expires: float | None, left: int | None) -> int:
    """0 = it stays. ``left``: what PTTL says of the record that is there, -1 = it stays; None = there is none."""
    if expires is None:
        return int(_DAY * 1_000) if left is None else max(left, 1) if left >= 0 else 0
    return int(expires * 1_000)
