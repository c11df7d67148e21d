"""Looking at the messages that run next in a queue of Redis; nothing is moved, and the server carries little."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import redis

PER_LIST: Final = 50
PER_ROUND: Final = 400
LARGEST: Final = 256 * 1024
ROUND_BYTES: Final = 2 * 1024 * 1024
_AT_ONCE: Final = 8
"""Lists that are looked at in one round trip; each has its share of the bytes."""
AGAIN_SECONDS: Final = 60.0
"""How long a list is left alone in which something too large was met."""

# From the end at which workers take, one by one, so that only the first message that is too large is ever touched.
# EVAL_RO runs scripts that can change nothing, and since Redis 7 says so itself.
_LOOK: Final = """
local found, left = {}, tonumber(ARGV[3])
for place = 1, tonumber(ARGV[1]) do
  local message = redis.call('LINDEX', KEYS[1], -place)
  if not message then break end
  if #message > tonumber(ARGV[2]) or #message > left then
    found[#found + 1] = ''
    break
  end
  left = left - #message
  found[#found + 1] = message
end
return found
"""


class WaitingMessages:
    """Looks at what waits in lists, within a budget for each round."""

    def __init__(self) -> None:
        self._not_before: dict[str, float] = {}
        self._refused = False

    def look(self, server: redis.Redis, lists: Sequence[str]) -> list[bytes]:
        """Return messages that run next, as they lie there. Raises redis.RedisError."""
        now = time.monotonic()
        found: list[bytes] = []
        open_ones = [key for key in lists if self._not_before.get(key, 0.0) <= now]
        for first in range(0, len(open_ones), _AT_ONCE):
            left = ROUND_BYTES - sum(map(len, found))
            if self._refused or len(found) >= PER_ROUND or left <= 0:
                break
            found += self._look(server, open_ones[first : first + _AT_ONCE], left // _AT_ONCE, now)
        return found

    def _look(self, server: redis.Redis, keys: Sequence[str], most: int, now: float) -> list[bytes]:
        """One round trip."""
        pipeline = server.pipeline(transaction=False)
        for key in keys:
            pipeline.execute_command("EVAL_RO", _LOOK, 1, key, PER_LIST, LARGEST, most)
        found: list[bytes] = []
        for key, reply in zip(keys, pipeline.execute(raise_on_error=False), strict=True):
            if isinstance(reply, Exception):
                # Where it is no wrong type, the server is older, or the user may run no scripts.
                self._refused = self._refused or "WRONGTYPE" not in str(reply)
                continue
            if reply and not reply[-1]:
                reply.pop()
                self._not_before[key] = now + AGAIN_SECONDS
            found += reply
        return found
