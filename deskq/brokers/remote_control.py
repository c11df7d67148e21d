"""Celery's remote control, without its traps: no foreign visibility timeout, no pickle, no waiting without end."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import celery
from celery.app.control import Control
from celery.loaders.app import AppLoader
from kombu.common import maybe_declare
from kombu.messaging import Producer
from kombu.pidbox import Mailbox

from deskq.brokers.kombu.packages import check_installed
from deskq.brokers.kombu.transport_options import kombu_url, tls_options, transport_class, transport_options
from deskq.brokers.ports import BrokerError, ConnectionLost, LoginRefused, Refused, login_refused
from deskq.brokers.rabbitmq.alarms import AlarmProbe
from deskq.brokers.redis.connection import missing_right
from deskq.profiles import Profile

_NOT_PUBLISHED: Final = ("'publish' command", "access a channel")
"""Of what Redis says to who may not publish."""
_BEAT: Final = "celerybeat@"


def is_beat(name: str) -> bool:
    """Is this node a beat? One with ``beat_enable_remote_control`` answers ``ping``, and nothing else (Celery 5.7)."""
    return name.startswith(_BEAT)


def registered_names(replies: Mapping[str, object]) -> dict[str, frozenset[str]]:
    """Return hostname -> names of tasks, of the replies to ``registered``; who refused is left out.

    Workers say "name [rate_limit=5/m]", and leave out Celery's own, whose names begin with "celery.".
    """
    return {
        worker: frozenset(line.split(" [", 1)[0] for line in reply if isinstance(line, str))
        for worker, reply in replies.items()
        if isinstance(reply, list)
    }


class NotTold(ConnectionLost):
    """There was no connection: nobody was told anything."""


@contextlib.contextmanager
def only_asking() -> Iterator[None]:
    """Within, workers are only asked: where that fails nobody was told anything. Raises NotTold, LoginRefused."""
    try:
        yield
    except LoginRefused:
        raise
    except BrokerError as error:
        raise NotTold(str(error)) from None


@contextlib.contextmanager
def having_told() -> Iterator[None]:
    """Within, workers were told already, whatever comes of what is still to be asked. Raises ConnectionLost."""
    try:
        yield
    except (NotTold, LoginRefused) as error:
        raise ConnectionLost(str(error)) from None


class _Once(Producer):
    """Publishes once. kombu's mailbox has a message sent again, without end, whenever a connection is lost; workers
    would then do twice what they were told."""

    begin: Callable[[], None]

    def publish(self, *arguments: Any, declare: Sequence[Any] = (), **named: Any) -> Any:
        for entity in declare:  # where that is refused, nobody has been told anything
            maybe_declare(entity, self.channel)
        self.begin()
        return super().publish(*arguments, **named | {"retry": False})  # type: ignore[no-untyped-call]


class _Mailbox(Mailbox):
    begin: Callable[[], None] = staticmethod(lambda: None)
    """Called when a message is about to leave."""

    @property
    def oid(self) -> str:
        """The name of the queue for replies begins as all of deskq's own do, so that one right covers them."""
        return f"deskq.{super().oid}"

    @contextlib.contextmanager
    def producer_or_acquire(self, producer: Any = None, channel: Any = None) -> Iterator[Producer]:
        """On the connection that the answers come by, which has just been found alive."""
        producer = _Once(channel, auto_declare=False)  # type: ignore[no-untyped-call]
        producer.begin = self.begin
        yield producer


class _Control(Control):  # type: ignore[misc]
    Mailbox = _Mailbox


class _NothingLoaded(AppLoader):  # type: ignore[misc]
    """Of a shell that is set up for a project, CELERY_CONFIG_MODULE, CELERY_LOADER and DJANGO_SETTINGS_MODULE name
    code of the present folder, which Celery's loaders and fix-ups would run in this process."""

    def read_configuration(self, env: str = "") -> None:
        """Read nothing, whatever the environment names."""


class RemoteControl:
    """Asks workers and steers them. Blocking; one call at a time, from any thread."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._lock = threading.Lock()
        self._app = celery.Celery(
            "deskq",
            set_as_current=False,
            broker=kombu_url(profile),
            changes={},
            control=_Control,
            loader=_NothingLoaded,
            fixups=[],
        )
        self._app.conf.update(
            broker_transport=transport_class(profile),
            broker_transport_options=transport_options(profile),
            broker_use_ssl=tls_options(profile),
            broker_connection_timeout=5,
            broker_connection_retry=False,
            broker_pool_limit=1,
            result_backend=None,
            accept_content=["json"],
            task_serializer="json",
            control_exchange=profile.control_exchange,
            event_exchange=profile.event_exchange,
        )
        self._begun = False
        self._app.control.mailbox.begin = self._begin

    def inspect(
        self,
        method: str,
        *,
        destination: Sequence[str] | None = None,
        timeout: float = 1.0,
        limit: int | None = None,
        arguments: dict[str, Any] | None = None,
    ) -> dict[str, object]:
        """Return hostname -> reply; who is silent for ``timeout`` s is absent. Raises BrokerError.

        NotTold and LoginRefused mean that nothing was sent; after any other it may have been, and is not sent again.
        With ``limit`` it returns as soon as so many have answered. A refusal is the reply ``{"error": text}``.
        """
        return self._broadcast(method, destination, timeout, limit, arguments)

    def check(self) -> None:
        """Raise BrokerError where the broker cannot be reached; nobody is told anything."""
        with self._lock:
            try:
                self._check_alarm()
                with self._open() as connection:
                    connection.ensure_connection(max_retries=1, timeout=5)
            except Exception as error:  # noqa: BLE001 - each transport raises its client's own
                raise self._sentence(error, NotTold) from None

    def _begin(self) -> None:
        self._begun = True

    @contextlib.contextmanager
    def _open(self) -> Iterator[Any]:
        check_installed(self._profile)
        connection = self._app.connection_for_write(transport_options=transport_options(self._profile))
        try:
            yield connection
        except Exception:
            if (inner := connection._connection) is not None and self._profile.transport.closes_by_handshake:
                inner.collect()  # who has not answered does not answer a goodbye either
            raise
        finally:
            connection.release()

    def _check_alarm(self) -> None:
        """RabbitMQ under an alarm would take the question of a new connection, but no worker's reply."""
        if not self._profile.transport.has_alarms:
            return
        probe = AlarmProbe(self._profile)
        try:
            alarm = probe.alarm()
        finally:
            probe.close()
        if alarm is not None:
            raise NotTold(f"No command was sent to workers: {alarm}")

    def close(self) -> None:
        """Close the connections; never raises."""
        with self._lock:
            try:
                self._app.close()
            except Exception:  # noqa: BLE001 - kombu may raise anything while it closes
                return

    def _broadcast(
        self,
        method: str,
        destination: Sequence[str] | None,
        timeout: float,
        limit: int | None,
        arguments: dict[str, Any] | None,
    ) -> dict[str, object]:
        with self._lock:
            self._begun = False
            try:
                self._check_alarm()
                with self._open() as connection:
                    connection.ensure_connection(max_retries=1, timeout=5)
                    replies = self._app.control.broadcast(
                        method,
                        arguments=arguments or {},
                        destination=list(destination) if destination is not None else None,
                        connection=connection,
                        reply=True,
                        timeout=timeout,
                        limit=limit,
                    )
            except Exception as error:  # noqa: BLE001 - each transport raises its client's own
                raise self._sentence(error, ConnectionLost if self._begun else NotTold) from None
        merged: dict[str, object] = {}
        for reply in replies or ():
            for host, answer in reply.items() if isinstance(reply, dict) else ():
                name, before = str(host), merged.get(str(host))
                # Two processes of one name: what each of them lists is there.
                if isinstance(before, list) and isinstance(answer, list):
                    answer = before + answer
                merged[name] = answer
        return merged

    def _sentence(self, error: Exception, kind: type[ConnectionLost]) -> BrokerError:
        if isinstance(error, NotTold | LoginRefused):
            return error
        if isinstance(error, Refused):  # for want of a package
            return NotTold(str(error))
        refused = missing_right(error)
        text = refused or str(error) or type(error).__name__
        if refused or ("ACCESS_REFUSED" in text and "access to" in text):
            if any(part in text for part in (f"exchange '{self._profile.control_exchange}.pidbox'", *_NOT_PUBLISHED)):
                kind = NotTold
            said = self._profile.password.hidden_in(text.partition("ACCESS_REFUSED - ")[2] or text)
            return kind(f"The user is not permitted to inspect workers ({said.rstrip('.')}). {self._remedy()}")
        if "ACCESS_REFUSED" in text or "WRONGPASS" in text or "NOAUTH" in text or "invalid username" in text:
            return login_refused(self._profile, "The broker", "login")
        return kind(f"Cannot reach the workers: {self._profile.password.hidden_in(text)}")

    def _remedy(self) -> str:
        """What to do about a right that is missing."""
        exchange = f"{self._profile.control_exchange}.pidbox"
        silent = "or set the profile to silent to only watch"
        if self._profile.transport.rights_by_pattern:
            return (
                f"Grant configure and write on “deskq\\..*”, “{exchange}” and “reply.{exchange}”, and read on "
                f"“deskq\\..*” and “reply.{exchange}”, {silent}."
            )
        return f"Grant the permission (ACL SETUSER), {silent}."
