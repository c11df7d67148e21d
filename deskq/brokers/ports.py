"""What every kind of broker offers deskq, and what may go wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from deskq.errors import UserError
from deskq.profiles import Profile
from deskq.protocol.events import Event
from deskq.protocol.identity import Identity


class BrokerError(UserError):
    """The broker does not do what was asked; the message says why and what to do."""


class Refused(BrokerError):
    """Nobody listens there, or there is no such host."""


class LoginRefused(BrokerError):
    """Wrong user or password. Not to be tried again."""

    EXIT_STATUS: ClassVar = 3
    """Of a recorder that a window started, so that it asks for another password."""


class PermissionRefused(BrokerError):
    """The user may not do this. Not to be tried again."""


class TlsFailed(BrokerError):
    """The certificate, or TLS itself, is not accepted."""


class ConnectionLost(BrokerError):
    """The connection ended, or nothing has come over it for too long.

    ``since``: epoch seconds from which on events may be missing, None = from now on.
    """

    def __init__(self, message: str, since: float | None = None) -> None:
        super().__init__(message)
        self.since = since


class Unanswered(ConnectionLost):
    """It did not answer within the deadline: whoever asks more waits as long again."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Events that the broker dropped while the connection stayed; ``count`` is None where nothing tells."""

    since: float
    until: float
    cause: str
    count: int | None = None


@dataclass(frozen=True, slots=True)
class QueueSample:
    """One queue at one time; None = this broker cannot tell. Rates are messages a second.

    ``kind``: RabbitMQ's type of it (classic, quorum, stream), "" where that is unknown.
    """

    name: str
    at: float
    ready: int | None
    unacked: int | None
    consumers: int | None
    priorities: dict[int, int] | None = None
    in_rate: float | None = None
    out_rate: float | None = None
    exists: bool = True
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Binding:
    """Messages to ``exchange`` with this key go to ``queue``. ``kind``: the exchange's type, "" where none is known."""

    exchange: str
    routing_key: str
    queue: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Why a broker takes no messages from anybody although it answers, and what to do about it, as sentences."""

    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what} {self.remedy}"


@dataclass(frozen=True, slots=True)
class Server:
    """What answers there."""

    product: str
    version: str


class EventSource(Protocol):
    """One subscription to Celery's events, used by one thread."""

    def connect(self) -> None:
        """Subscribe; events sent from now on will be read. Raises BrokerError."""

    def read(self, timeout: float) -> Sequence[Any]:
        """Return at most 5,000 payloads that are there, none after ``timeout`` seconds. Raises ConnectionLost."""

    def losses(self) -> list[Loss]:
        """Return what the broker dropped and has told of since the last call; asks nobody."""

    def decode(self, payload: Any) -> list[Event]:
        """Return the events of a payload; pure. Raises MalformedEvent."""

    def close(self) -> None:
        """End the subscription within seconds, whatever the broker does; never raises."""


class Broker(Protocol):
    """Looking into a broker; used by one thread at a time. Moves nothing, and every wait has a deadline."""

    @property
    def incomplete(self) -> str:
        """Why figures were missing in the last answers although the broker answered, "" where none were."""

    @property
    def alarm(self) -> Alarm | None:
        """The alarm that was set at the last sample, None if the broker took messages, or cannot tell."""

    @property
    def delayed(self) -> int | None:
        """How many messages Celery's delayed delivery held at the last sample, None where there is none."""

    def server(self) -> Server:
        """Return product and version; "" for a version that the user may not know."""

    def identity(self) -> Identity | None:
        """Return who the broker says it is, None where its kind has no way to say that. Raises BrokerError."""

    def clock_difference(self) -> float | None:
        """Return by how many seconds the server's clock is ahead of ours; None where it does not tell. Never raises."""

    def event_source(self) -> EventSource:
        """Return a new subscription, not yet connected."""

    def queue_names(self) -> set[str]:
        """Return the task queues that the broker knows, without Celery's own for events and control."""

    def sample(self, names: Sequence[str]) -> list[QueueSample]:
        """Return the depth of these queues, in as few round trips as possible."""

    def bindings(self) -> list[Binding]:
        """Return what leads to which queue."""

    def connected_nodes(self, names: Sequence[str]) -> dict[str, bool]:
        """Return whether a connection holds the control queue of each of these workers; asks none of them.

        Absent is who nothing tells of: all of them where the broker does not know its consumers, as Redis.
        """

    def waiting(self, names: Sequence[str]) -> list[bytes]:
        """Return some of the messages that wait in these queues, as they lie there, within a budget.

        [] where looking would change something: RabbitMQ marks what was looked at as redelivered.
        """

    def close(self) -> None:
        """Close the connections; never raises."""


def is_task_queue(name: str) -> bool:
    """False for the queues in which Celery and deskq keep events, control messages and replies."""
    return not (
        name.endswith(".pidbox")
        or name.startswith(("celeryev", "deskq."))
        or ".celeryev." in name
        or "celery_delayed_" in name  # kombu may have been given a prefix for these
    )


def login_refused(profile: Profile, place: str, what: str) -> LoginRefused:
    """Return the refusal of a ``what`` ("password", "login"); one that was never given is not called refused."""
    if profile.password:
        return LoginRefused(f"{place} refused the {what}. Check user and password of “{profile.name}”.")
    return LoginRefused(f"{place} requires a password, and “{profile.name}” has none. Set one in the profile.")
