"""What a Redis may answer: whole within a deadline, no larger than deskq has room for, and of the command's own type.

redis-py waits anew after every byte, keeps whatever comes, and hands a reply of another type to whoever asked.
"""

from __future__ import annotations

import contextlib
import re
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import redis
from redis.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection

MOST_BYTES: Final = 32 * 1024 * 1024
"""Of all replies to what was sent in one piece; the largest that deskq asks for are pages of a few MB."""
SLOWEST: Final = 64 * 1024
"""Bytes a second by which a large answer may take longer than a small one."""
MOST_ELEMENTS: Final = 10_000_000
_HEADER: Final = re.compile(rb"\n[*~](\d{8,})")
_FIRST_HEADER: Final = re.compile(rb"[*~](\d{8,})")
_HEADER_BYTES: Final = 24


class UnlikeRedis(redis.InvalidResponse):
    """The answer is not one that Redis or Valkey gives; the text says in what way."""


class BoundedSocket:
    """A socket on which what comes after something was sent is one answer, with a deadline and a size.

    ``plain``: the socket itself, for a subscription, whose messages answer nothing.
    """

    def __init__(self, plain: Any) -> None:
        self.plain = plain
        self._received = 0
        self._began = 0.0
        self._end = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plain, name)

    def sendall(self, data: Any) -> None:
        """Send it; what comes from now on is another answer."""
        self._received, self._began, self._end = 0, 0.0, b""
        self.plain.sendall(data)

    def recv_into(self, buffer: Any, *arguments: Any) -> int:
        """See socket.recv_into; raises TimeoutError, UnlikeRedis."""
        size: int = self._within_time(self.plain.recv_into, buffer, *arguments)
        self._check(memoryview(buffer)[:size])
        return size

    def recv(self, size: int, flags: int = 0) -> bytes:
        """See socket.recv; raises TimeoutError, UnlikeRedis."""
        if flags:  # a look, which takes nothing
            seen: bytes = self.plain.recv(size, flags)
            return seen
        data: bytes = self._within_time(self.plain.recv, size)
        self._check(data)
        return data

    def _within_time(self, receive: Callable[..., Any], *arguments: Any) -> Any:
        patience = self.plain.gettimeout()
        if not patience:  # it does not wait, or its owner wants it to wait for ever
            return receive(*arguments)
        now = time.monotonic()
        self._began = self._began or now
        left = self._began + patience + self._received / SLOWEST - now
        if left <= 0:
            raise TimeoutError("the answer is not complete")
        if left >= patience:
            return receive(*arguments)
        self.plain.settimeout(left)
        try:
            return receive(*arguments)
        finally:
            self.plain.settimeout(patience)

    def _check(self, data: bytes | memoryview) -> None:
        self._received += len(data)
        if self._received > MOST_BYTES:
            raise UnlikeRedis(f"more than {MOST_BYTES >> 20} MB in one answer")
        whole = self._end + bytes(data)
        check_announced(whole)
        self._end = whole[-_HEADER_BYTES:]


class Bounded(AbstractConnection):
    """Mixed into a kind of connection of redis-py's."""

    def _connect(self) -> Any:
        connect: Any = super()._connect  # type: ignore[safe-super]  # of the kind that it is mixed into
        return BoundedSocket(connect())


class BoundedRedisConnection(Bounded, Connection):
    """Over TCP."""


class BoundedTlsConnection(Bounded, SSLConnection):
    """Over TLS."""


class BoundedUnixConnection(Bounded, UnixDomainSocketConnection):
    """Over a socket of this machine."""


def check_announced(data: bytes | bytearray, size: int = sys.maxsize) -> None:
    """Look at the numbers of elements that these replies announce; raises UnlikeRedis.

    hiredis makes a list of that many places at once, and takes half a minute to let go of it.
    """
    found = _FIRST_HEADER.match(data, 0, size) or _HEADER.search(data, 0, size)
    if found is not None and int(found[1]) > MOST_ELEMENTS:
        raise UnlikeRedis("a list of more elements than there is room for")


def _list_of_bytes(reply: object) -> bool:
    return isinstance(reply, list | set | tuple) and all(isinstance(one, bytes) for one in reply)


def _page(reply: object) -> bool:
    """A cursor, and a list of names or a table of fields."""
    if not isinstance(reply, tuple | list) or len(reply) != 2 or not isinstance(reply[0], int):
        return False
    found = reply[1]
    return _table(found) if isinstance(found, dict) else _list_of_bytes(found)


def _table(reply: object) -> bool:
    return isinstance(reply, dict) and _list_of_bytes([*reply, *reply.values()])


def _pair_of_integers(reply: object) -> bool:
    return isinstance(reply, tuple | list) and len(reply) == 2 and all(isinstance(one, int) for one in reply)


def _place_bytes_and_messages(reply: object) -> bool:
    """What the script of ready_messages returns."""
    return isinstance(reply, list) and _pair_of_integers(reply[:2]) and _list_of_bytes(reply[2:])


def _whole(reply: object) -> bool:
    return isinstance(reply, int)


def _text(reply: object) -> bool:
    return isinstance(reply, bytes)


def _text_or_nothing(reply: object) -> bool:
    return reply is None or isinstance(reply, bytes)


KINDS: Final[dict[str, Callable[[Any], bool]]] = {
    "EVAL_RO": _place_bytes_and_messages,
    "EXISTS": _whole,
    "GET": _text_or_nothing,
    "GETRANGE": _text,
    "HELLO": lambda reply: isinstance(reply, list | dict),
    "HGET": _text_or_nothing,
    "HGETALL": _table,
    "HLEN": _whole,
    "HSCAN": _page,
    "INFO": lambda reply: isinstance(reply, dict),
    "LLEN": _whole,
    "LRANGE": _list_of_bytes,
    "MEMORY USAGE": lambda reply: reply is None or isinstance(reply, int),
    "PTTL": _whole,
    "PUBLISH": _whole,
    "SCAN": _page,
    "SCARD": _whole,
    "SENTINEL MASTERS": lambda reply: isinstance(reply, dict),
    "SMEMBERS": _list_of_bytes,
    "SSCAN": _page,
    "STRLEN": _whole,
    "TIME": _pair_of_integers,
    "ZCARD": _whole,
}
"""What the reply to a command is, as redis-py hands it on."""


def checked_reply(command: str, ask: Callable[[], Any]) -> Any:
    """Return the reply of ``ask`` if it is of the command's type; raises what redis-py does, UnlikeRedis too."""
    try:
        reply = ask()
    except (redis.RedisError, OSError):
        raise
    except Exception:  # noqa: BLE001 - redis-py takes replies apart in many ways, and trusts all of them
        raise UnlikeRedis(f"an answer to {command} that cannot be read") from None
    fits = KINDS.get(command)
    if fits is not None and not fits(reply):
        raise UnlikeRedis(f"an answer to {command} of another type")
    return reply


class _Pipeline(redis.client.Pipeline):
    def parse_response(self, connection: Any, command_name: Any, **options: Any) -> Any:
        ask: Any = super().parse_response
        return checked_reply(_name(command_name), lambda: ask(connection, command_name, **options))


class AskingRedis(redis.Redis):
    """A client whose replies are what the commands return, or raise."""

    def parse_response(self, connection: Any, command_name: Any, **options: Any) -> Any:
        """See redis.Redis; raises UnlikeRedis."""
        ask: Any = super().parse_response
        return checked_reply(_name(command_name), lambda: ask(connection, command_name, **options))

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> _Pipeline:
        """See redis.Redis."""
        return _Pipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


def client_of(kind: type[AbstractConnection], arguments: Mapping[str, Any]) -> AskingRedis:
    """Return a client with at most one connection, not yet open."""
    return AskingRedis(connection_pool=redis.ConnectionPool(connection_class=kind, max_connections=1, **arguments))


def close_client(client: redis.Redis) -> None:
    """Close the connection of such a client; never raises."""
    with contextlib.suppress(redis.RedisError, OSError):
        client.close()
        client.connection_pool.disconnect()


def _name(command: Any) -> str:
    return command.decode("ascii", "replace") if isinstance(command, bytes) else str(command)
