"""Celery's events from Redis and Valkey: a subscription, read in large pieces straight from the socket.

kombu/transport/redis.py publishes them to ``{global_keyprefix}{fanout_prefix}celeryev/{routing key}``, or without
the last part where ``fanout_patterns`` is off. Nothing is kept for who does not listen.
"""

from __future__ import annotations

import re
import time
from typing import Any, Final

import hiredis
import redis
from redis.exceptions import NoPermissionError

from deskq.brokers.ports import ConnectionLost, Loss
from deskq.brokers.read_stall import ReadStallClock
from deskq.brokers.redis.connection import database_of, mapped_error, mapped_errors
from deskq.brokers.redis.disconnect_reason import ServerStart, ending, server_start_of
from deskq.brokers.redis.link import CONNECT_SECONDS, connection_class
from deskq.brokers.redis.replies import MOST_BYTES, UnlikeRedis, check_announced
from deskq.profiles import Profile
from deskq.protocol.events import Event, decode_redis_envelope

_READ_BYTES: Final = 256 * 1024
_FED_BYTES: Final = 16 * 1024  # hiredis moves what it was fed and has not read yet, after every second event
_MOST_PAYLOADS: Final = 5_000
_ALIVE: Final = ("LOADING", "MASTERDOWN")  # answers to PING of a server that will publish again
_FULL_BYTES: Final = 16 * 1024  # a TLS record
_FULL_READS: Final = 100  # in a row: the reader does not keep up


class RedisEventSource:
    """See EventSource. ``ping_after``: seconds of silence before a PING; as long again without answer is a loss."""

    def __init__(self, profile: Profile, *, ping_after: float = 5.0) -> None:
        self._profile = profile
        self._ping_after = ping_after
        self._connection: Any = None
        self._reader = hiredis.Reader()
        self._socket: Any = None
        self._waiting = 0
        self._buffer = bytearray(_READ_BYTES)
        self._size = self._fed = 0
        self._heard = self._heard_at = 0.0  # by the monotonic clock, and by the other
        self._pinged: float | None = None
        self._pace = ReadStallClock()
        self._full_reads = 0
        self._full_since = 0.0
        self._life = ServerStart()

    def connect(self) -> None:
        """Subscribe; see EventSource."""
        self.close()
        profile = self._profile
        with mapped_errors(profile):
            kind, arguments = connection_class(profile)
            connection: Any = kind(**arguments | {"socket_timeout": CONNECT_SECONDS})
            self._connection = connection
            connection.connect()
            self._life = server_start_of(connection)
            self._socket = connection._sock.plain  # what comes from now on answers nothing
            channel, pattern = channels(profile)
            connection.send_command("SUBSCRIBE", channel)
            connection.send_command("PSUBSCRIBE", pattern)
            self._reader = hiredis.Reader(protocolError=redis.InvalidResponse)
            self._waiting = 0
            self._size = self._fed = 0
            self._hear()
            self._pace = ReadStallClock()
            self._full_reads = 0
            confirmed = 0
            deadline = time.monotonic() + CONNECT_SECONDS
            while confirmed < 2:
                self._receive(max(0.001, deadline - time.monotonic()))
                while confirmed < 2 and (reply := self._next()) is not False:  # what comes behind them is an event
                    if isinstance(reply, hiredis.ReplyError):
                        raise (
                            NoPermissionError(str(reply)) if "NOPERM" in str(reply) else redis.ResponseError(str(reply))
                        )
                    confirmed += _is_confirmation(reply)
                if time.monotonic() > deadline:
                    raise redis.TimeoutError("no answer to SUBSCRIBE")

    def read(self, timeout: float) -> list[bytes]:
        """Return payloads that are there; see EventSource."""
        if self._socket is None:
            raise ConnectionLost("There is no connection.")
        self._pace.tick()
        try:
            payloads = self._read(timeout)
        except (redis.RedisError, OSError) as error:
            raise self._lost(error, timeout) from None
        self._pace.tick(timeout)
        return payloads

    def _read(self, timeout: float) -> list[bytes]:
        deadline = time.monotonic() + timeout
        payloads: list[bytes] = []
        gets = self._reader.gets
        while True:
            while len(payloads) < _MOST_PAYLOADS and (reply := gets()) is not False:
                if type(reply) is list and len(reply) > 2:
                    if reply[0] == b"pmessage" or reply[0] == b"message":
                        payloads.append(reply[-1])
                elif isinstance(reply, hiredis.ReplyError) and not str(reply).startswith(_ALIVE):
                    raise redis.ConnectionError(str(reply))
            if self._fed < self._size and len(payloads) < _MOST_PAYLOADS:
                self._feed()
                continue
            if payloads:
                return _checked(payloads)
            left = deadline - time.monotonic()
            if left <= 0 and timeout > 0:
                return payloads
            if not self._receive(max(left, 0.0)):
                return payloads

    def losses(self) -> list[Loss]:
        """See EventSource: Redis keeps nothing, so it drops nothing but the connection."""
        return []

    def decode(self, payload: bytes) -> list[Event]:
        """See EventSource."""
        return decode_redis_envelope(payload)

    def close(self) -> None:
        """See EventSource."""
        if self._connection is not None:
            self._connection.disconnect()
            self._connection = self._socket = None

    def _receive(self, timeout: float) -> bool:
        """Take what the socket has, for ``_feed``; False if nothing came in time. What it had before is fed."""
        socket = self._socket
        socket.settimeout(max(timeout, 0.000_1))
        try:
            size = socket.recv_into(self._buffer)
        except (TimeoutError, BlockingIOError):
            self._full_reads = 0
            self._check_alive(socket)
            return False
        if not size:
            raise ConnectionResetError("closed by the server")
        if size < _FULL_BYTES:
            self._full_reads = 0
        else:
            self._full_since = self._full_since if self._full_reads else time.time()
            self._full_reads += 1
        self._hear()
        self._check(size)
        self._size, self._fed = size, 0
        return True

    def _check(self, size: int) -> None:
        """Of what came: is there room for it? No real event comes near to this."""
        self._waiting += size
        if self._waiting > MOST_BYTES:
            self._waiting = self._reader.len() + size  # what was read is no longer in it
            if self._waiting > MOST_BYTES:
                raise UnlikeRedis(f"an event of more than {MOST_BYTES >> 20} MB")
        if size < _FULL_BYTES:  # in a flood it would cost as much as reading does
            check_announced(self._buffer, size)

    def _feed(self) -> None:
        size = min(_FED_BYTES, self._size - self._fed)
        self._reader.feed(self._buffer, self._fed, size)  # type: ignore[arg-type]  # its stub knows bytes alone
        self._fed += size

    def _next(self) -> Any:
        while (reply := self._reader.gets()) is False and self._fed < self._size:
            self._feed()
        return reply

    def _hear(self) -> None:
        self._heard, self._heard_at, self._pinged = time.monotonic(), time.time(), None

    def _check_alive(self, socket: Any) -> None:
        silent = time.monotonic() - self._heard
        if self._pinged is None:
            if silent > self._ping_after:
                self._pinged = time.monotonic()
                socket.settimeout(1.0)
                socket.sendall(b"*1\r\n$4\r\nPING\r\n")
        elif time.monotonic() - self._pinged > self._ping_after:
            raise ConnectionLost(
                f"The broker of “{self._profile.name}” has not responded for {silent:.0f} s.", self._heard_at
            )

    def _lost(self, error: Exception, timeout: float) -> ConnectionLost:
        self._pace.tick(timeout)
        if not (isinstance(error, ConnectionError) or "closed" in str(error)):
            lost = mapped_error(error, self._profile)
            return lost if isinstance(lost, ConnectionLost) else ConnectionLost(str(lost))
        still = self._pace.stood_still()
        since = still[0] if still is not None else self._full_since if self._full_reads > _FULL_READS else None
        return ConnectionLost(ending(self._profile, self._life, behind=since is not None), since)


def _is_confirmation(reply: object) -> bool:
    if not isinstance(reply, list) or not reply:
        raise UnlikeRedis("no answer to SUBSCRIBE")
    return reply[0] in (b"subscribe", b"psubscribe")


def _checked(payloads: list[Any]) -> list[bytes]:
    for payload in payloads:
        if type(payload) is not bytes:
            raise UnlikeRedis("an event that is not text")
    return payloads


def channels(profile: Profile) -> tuple[str, str]:
    """Return the channel and the pattern that Celery's events come by; special characters are taken literally."""
    options = profile.redis
    prefix = options.fanout_prefix.replace("{db}", str(database_of(profile)))
    channel = f"{options.global_keyprefix}{prefix}{profile.event_exchange}"
    escaped = re.sub(r"([\\*?\[\]])", r"\\\1", channel)
    return channel, f"{escaped}/*"
