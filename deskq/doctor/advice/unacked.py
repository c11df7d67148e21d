"""The ETAs of the tasks that workers of Redis hold, all of them within bounds: HSCAN tells them in no order."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import redis
from redis.exceptions import NoPermissionError

from deskq.protocol.task_record import epoch

SECONDS: Final = 5.0
MOST_BYTES: Final = 128 * 1024 * 1024
_PAGE_BYTES: Final = 4 * 1024 * 1024
_PAGE, _SMALL_PAGE = 1_000, 100


class _Headers(msgspec.Struct):
    eta: str | None = None


class _Message(msgspec.Struct):
    headers: _Headers = msgspec.field(default_factory=_Headers)


_decode = msgspec.json.Decoder(tuple[_Message, str | None, str | None]).decode


@dataclass(frozen=True, slots=True)
class HeldEtas:
    """``etas``: epoch seconds; ``held``: messages that are unacknowledged; ``looked_at``: how many were looked at."""

    etas: list[float] = field(default_factory=list)
    held: int = 0
    looked_at: int = 0

    @property
    def unseen(self) -> int:
        """How many messages nobody looked at; workers take and end some meanwhile."""
        return max(0, self.held - self.looked_at)


def read_etas(server: redis.Redis, key: str, *, seconds: float = SECONDS, most_bytes: int = MOST_BYTES) -> HeldEtas:
    """Look at the unacknowledged messages until all were seen, or time or bytes are used up. Raises what redis-py does.

    A message that comes twice, as HSCAN may hand it out, counts once.
    """
    deadline = time.monotonic() + seconds
    held: Any = server.hlen(key)
    if not held:
        return HeldEtas()
    size: Any = None
    with contextlib.suppress(NoPermissionError):  # then pages are small
        size = server.memory_usage(key, samples=20)
    page = max(1, min(_PAGE, _PAGE_BYTES * held // size)) if size else _SMALL_PAGE
    seen: set[bytes] = set()
    etas: list[float] = []
    cursor = left = 0
    left = most_bytes
    while True:
        found: Any = server.hscan(key, cursor, count=page)
        cursor, fields = found
        for tag, value in fields.items():
            left -= len(value)
            if tag not in seen:
                seen.add(tag)
                if (eta := _eta_of(value)) > 0:
                    etas.append(eta)
        if cursor == 0:
            return HeldEtas(etas, max(held, len(seen)), max(held, len(seen)))
        if left <= 0 or time.monotonic() > deadline:
            return HeldEtas(etas, max(held, len(seen)), len(seen))


def _eta_of(value: bytes) -> float:
    try:
        message, _, _ = _decode(value)
    except msgspec.MsgspecError:
        return 0.0
    return epoch(message.headers.eta)
