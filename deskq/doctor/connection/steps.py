"""The connection test: from the host's name to task events, one step after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from deskq.brokers.ports import BrokerError, EventSource
from deskq.doctor.connection import network
from deskq.doctor.connection import workers as worker_steps
from deskq.doctor.connection.probes import Probe, ProbeOutcome, run
from deskq.doctor.finding import ProbedStep
from deskq.doctor.observed import Observed
from deskq.errors import UserError
from deskq.profiles import Profile
from deskq.profiles.transport import RABBITMQ, REDIS

_FEW_DAYS: Final = 21


class ServerSteps(Protocol):
    """The steps that differ from one kind of broker to the other. All raise BrokerError where they fail."""

    def login(self) -> ProbeOutcome:
        """Open the connection on which the other steps ask."""

    def permission(self) -> ProbeOutcome:
        """Try what deskq needs, changing nothing."""

    def server(self) -> ProbeOutcome:
        """Which product, which version; old ones are a warning."""

    def database(self) -> ProbeOutcome:
        """Does the database, or the virtual host, exist?"""

    def messages(self) -> ProbeOutcome:
        """Does the broker take messages, or is an alarm set?"""

    def events(self) -> EventSource | ProbeOutcome:
        """Return a subscription to listen on, or why there is nothing to listen to."""

    def close(self) -> None:
        """Close the connections; never raises."""


def examine_connection(profile: Profile, *, cancelled: Callable[[], bool]) -> Iterator[ProbedStep]:
    """Yield each step as it ends; blocking, at most 30 s where nothing answers. Nothing is changed on the broker."""
    yield from connection_steps(profile, Observed(), cancelled, in_full=False)


def connection_steps(
    profile: Profile, observed: Observed, cancelled: Callable[[], bool], *, in_full: bool
) -> Iterator[ProbedStep]:
    """The same, leaving what was seen in ``observed``; ``in_full``: with all that the checks need."""
    server = _server_steps(profile, observed)
    probes = (
        Probe("host", "Host name", lambda: _host(profile)),
        Probe("tcp", "Connection", lambda: _tcp(profile), ("host",)),
        Probe("tls", "TLS", lambda: _tls(profile), ("tcp",)),
        Probe("login", "Login", server.login, ("tls",)),
        Probe("permission", "Permissions", server.permission, ("login",)),
        Probe("server", "Server", server.server, ("login",)),
        Probe("database", profile.transport.space, server.database, ("login",)),
        Probe("messages", "Messages are accepted", server.messages, ("login", "database")),
        Probe(
            "workers",
            "Workers reply",
            lambda: worker_steps.ask_workers(profile, observed, in_full=in_full),
            ("login", "database"),
        ),
        Probe(
            "events",
            "Events arrive",
            lambda: _listen(server, observed, cancelled, in_full),
            ("login", "permission", "database"),
        ),
        Probe(
            "task-events",
            "Task events are on",
            lambda: worker_steps.task_events(profile, observed),
            ("login", "events"),
        ),
    )
    try:
        yield from run(probes, profile, cancelled)
    finally:
        server.close()


def _server_steps(profile: Profile, observed: Observed) -> ServerSteps:
    if profile.transport is REDIS:
        from deskq.doctor.connection.redis import RedisSteps

        return RedisSteps(profile, observed)
    if profile.transport is RABBITMQ:
        from deskq.doctor.connection.rabbitmq import RabbitSteps

        return RabbitSteps(profile, observed)
    from deskq.doctor.connection.other import OtherSteps

    return OtherSteps(profile, observed)


def _listen(server: ServerSteps, observed: Observed, cancelled: Callable[[], bool], in_full: bool) -> ProbeOutcome:
    source = server.events()
    if isinstance(source, ProbeOutcome):
        return source
    return worker_steps.listen(source, observed, cancelled, in_full=in_full)


def _host(profile: Profile) -> ProbeOutcome:
    places = network.places(profile)
    if not places:
        return ProbeOutcome("skipped", f"{profile.scheme}:// names no host.")
    if places[0].path:
        return ProbeOutcome("skipped", f"{places[0]} is a local socket: no host name to resolve.")
    known: list[str] = []
    problem: BrokerError | None = None
    for place in places:
        try:
            known.append(f"{place.host}: {', '.join(network.resolve(place))}")
        except BrokerError as error:
            problem = error
    if problem is None:
        return ProbeOutcome("ok", "; ".join(known))
    if not known:
        raise problem
    return ProbeOutcome("warning", "; ".join(known), str(problem))


def _tcp(profile: Profile) -> ProbeOutcome:
    """One place that listens is enough: of several sentinels some may be down."""
    places = network.places(profile)
    if not places or (not places[0].path and not places[0].port):
        return ProbeOutcome("skipped", f"{profile.scheme}:// names no port to try.")
    reached: list[str] = []
    problem: BrokerError | None = None
    share = network.CONNECT_SECONDS if len(places) == 1 else network.CONNECT_SECONDS / len(places)
    for place in places:
        began = time.monotonic()
        try:
            network.connect(place, profile, share).close()
            reached.append(f"{place} in {(time.monotonic() - began) * 1_000:.1f} ms")
        except BrokerError as error:
            problem = error
    if problem is None:
        return ProbeOutcome("ok", ", ".join(reached))
    if not reached:
        raise problem
    return ProbeOutcome("warning", ", ".join(reached), str(problem))


def _tls(profile: Profile) -> ProbeOutcome:
    if not profile.endpoint.tls:
        return ProbeOutcome("skipped", f"{profile.scheme}:// has none: traffic can be read in transit.")
    (place,) = network.places(profile)
    if not profile.tls.verify:
        return _unchecked(place, profile)
    made = network.handshake(place, profile.tls, profile, verify=True)
    left = network.days_left(made.certificate, time.time())
    evidence = f"{made.protocol}, {_certificate(made)}"
    if left is not None and left < _FEW_DAYS:
        return ProbeOutcome("warning", evidence, f"The certificate expires in {left} days. Renew it.")
    return ProbeOutcome("ok", evidence)


def _unchecked(place: network.ServerAddress, profile: Profile) -> ProbeOutcome:
    """Without a check anybody may stand in between: tell what a check would say."""
    made = network.handshake(place, profile.tls, profile, verify=False)
    try:
        checked = network.handshake(place, profile.tls, profile, verify=True)
    except UserError as error:
        would = f"verification would fail: {error} Fingerprint (SHA-256) {made.fingerprint}"
        return ProbeOutcome(
            "warning",
            f"{made.protocol}, CERTIFICATE NOT VERIFIED; {would}",
            "The password can be intercepted. Set the CA file in the profile and turn verification on.",
        )
    return ProbeOutcome(
        "warning",
        f"{made.protocol}, CERTIFICATE NOT VERIFIED, although it would pass: {_certificate(checked)}",
        "Turn verification on in the profile.",
    )


def _certificate(made: network.Handshake) -> str:
    subject = network.certificate_name(made.certificate.get("subject"))
    issuer = network.certificate_name(made.certificate.get("issuer"))
    left = network.days_left(made.certificate, time.time())
    return f"certificate of {subject} by {issuer}, {'?' if left is None else left} days left"
