"""A connection to RabbitMQ for questions now and then: opened with one, closed when none has come for a while."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any, Final

import pika.exceptions

from deskq.brokers.rabbitmq.connection import ANSWER_SECONDS, close_connection, connect, deadline, mapped_error
from deskq.profiles import Profile

IDLE_SECONDS: Final = 10.0
"""Nobody serves the heartbeats of an idle connection: the broker would log that it misses them."""
_HEARTBEAT_SECONDS: Final = 60


class QueryConnection:
    """Used by one thread at a time; a thread of its own closes it when it is idle."""

    def __init__(self, profile: Profile, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._profile = profile
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._connection: Any = None
        self._used = 0.0
        self._timer: threading.Timer | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a connection just now."""
        return self._connection is not None

    @contextlib.contextmanager
    def question(self) -> Iterator[Any]:
        """Yield the open connection; raises BrokerError, also when the answers do not come in time.

        pika's ChannelClosedByBroker is the business of who asked: the connection stays.
        """
        with self._lock:
            connection = self._open()
            try:
                with deadline(connection, ANSWER_SECONDS):
                    yield connection
            except pika.exceptions.ChannelClosedByBroker:
                raise
            except (pika.exceptions.AMQPError, OSError) as error:
                self._hang_up(politely=False)
                raise mapped_error(error, self._profile) from None
            finally:
                self._used = time.monotonic()

    def close(self) -> None:
        """Close it; the next question opens it again."""
        with self._lock:
            self._hang_up()

    def _open(self) -> Any:
        if self._connection is not None:
            try:
                with deadline(self._connection, ANSWER_SECONDS):
                    self._connection.process_data_events(time_limit=0)  # what the broker said meanwhile
            except (pika.exceptions.AMQPError, OSError):
                self._hang_up(politely=False)
        if self._connection is None or not self._connection.is_open:
            self._hang_up(politely=False)
            self._connection = connect(self._profile, _HEARTBEAT_SECONDS)
            self._close_later(self._idle_seconds)
        return self._connection

    def _hang_up(self, *, politely: bool = True) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._connection is not None:
            close_connection(self._connection, politely=politely)
            self._connection = None

    def _close_later(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._close_if_idle)
        self._timer.name = "idle RabbitMQ connection"
        self._timer.daemon = True
        self._timer.start()

    def _close_if_idle(self) -> None:
        with self._lock:
            if self._timer is not threading.current_thread():
                return  # another connection's time has begun meanwhile
            left = self._used + self._idle_seconds - time.monotonic()
            if left > 0:
                self._close_later(left)
            else:
                self._hang_up()
