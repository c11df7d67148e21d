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
PASSED_BYTES: Final = 8 * 1024 * 1024
"""Bytes of messages that are too large which the server may touch for one look into a list."""
_AT_ONCE: Final = 8
"""Lists that are looked at in one round trip; each has its share of the bytes."""
AGAIN_SECONDS: Final = 60.0
"""How long a list is left alone in which more than that was touched, once the rest of it was seen."""

# From the end at which workers take, one by one. Redis tells no length of an element before it has touched it: what is
# too large is passed over, and where that costs much the look ends behind it, for the next one to go on there.
# EVAL_RO runs scripts that can change nothing, and since Redis 7 says so itself.
_LOOK: Final = """
local found, left, passed = {0, 0}, tonumber(ARGV[3]), 0
local place = tonumber(ARGV[5])
while place <= tonumber(ARGV[1]) do
  local message = redis.call('LINDEX', KEYS[1], -place)
  if not message then place = 0 break end
  if #message > tonumber(ARGV[2]) then
    passed = passed + #message
    if passed > tonumber(ARGV[4]) then place = place + 1 break end
  elseif #message > left then break
  else
    left = left - #message
    found[#found + 1] = message
  end
  place = place + 1
end
if place > tonumber(ARGV[1]) then place = 0 end
found[1], found[2] = place, passed
return found
"""
"""ARGV: places, the largest message, bytes of all, bytes that may be passed over, the first place. Returns the place
at which the next look goes on, 0 for the beginning, the bytes that were passed over, and the messages."""


class ReadyMessages:
    """Looks at what waits in lists, within a budget for each round."""

    def __init__(self) -> None:
        self._not_before: dict[str, float] = {}
        self._next_place: dict[str, int] = {}
        self._costly: set[str] = set()
        self._refused = False

    def look(self, server: redis.Redis, lists: Sequence[str]) -> list[bytes]:
        """Return messages that run next, as they lie there. Raises redis.RedisError."""
        now = time.monotonic()
        found: list[bytes] = []
        left = ROUND_BYTES
        open_ones = [key for key in lists if self._not_before.get(key, 0.0) <= now]
        while open_ones and left > 0 and len(found) < PER_ROUND and not self._refused:
            keys, open_ones = open_ones[:_AT_ONCE], open_ones[_AT_ONCE:]
            seen, unfinished = self._look(server, keys, max(left // len(keys), LARGEST), now)
            found += seen
            left -= sum(map(len, seen))
            open_ones += unfinished  # what the others left of the bytes is theirs
        return found

    def _look(self, server: redis.Redis, keys: Sequence[str], most: int, now: float) -> tuple[list[bytes], list[str]]:
        """One round trip; ``most``: bytes of a list, never less than one message may have.

        Returns what was seen, and the lists of which more could be.
        """
        pipeline = server.pipeline(transaction=False)
        for key in keys:
            place = self._next_place.get(key, 1)
            pipeline.execute_command("EVAL_RO", _LOOK, 1, key, PER_LIST, LARGEST, most, PASSED_BYTES, place)
        found: list[bytes] = []
        unfinished: list[str] = []
        for key, reply in zip(keys, pipeline.execute(raise_on_error=False), strict=True):
            if isinstance(reply, Exception):
                # Where it is no wrong type, the server is older, or the user may run no scripts.
                self._refused = self._refused or "WRONGTYPE" not in str(reply)
                continue
            place, passed, *messages = reply
            found += messages
            if passed > PASSED_BYTES:
                self._costly.add(key)
            if place:
                self._next_place[key] = place
                if messages and passed <= PASSED_BYTES:
                    unfinished.append(key)
                continue
            self._next_place.pop(key, None)
            if key in self._costly:
                self._costly.remove(key)
                self._not_before[key] = now + AGAIN_SECONDS
        return found, unfinished
