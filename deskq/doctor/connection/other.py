"""The steps of the connection test where kombu alone knows the transport: what cannot be known is skipped."""

from __future__ import annotations

from deskq.brokers.kombu.broker import GenericBroker, GenericEventSource
from deskq.doctor.connection.probes import ProbeOutcome
from deskq.doctor.observed import Observed
from deskq.profiles import Profile


class OtherSteps:
    """See ServerSteps."""

    def __init__(self, profile: Profile, observed: Observed) -> None:
        self._profile = profile
        self._observed = observed
        self._broker = GenericBroker(profile)

    def login(self) -> ProbeOutcome:
        """See ServerSteps."""
        self._observed.server = self._broker.server()
        self._observed.unheard = self._broker.incomplete
        # Some transports (Pyro, SQS) connect only when a queue is looked at.
        self._broker.sample([next(iter(self._profile.watch_queues), "celery")])
        return ProbeOutcome("ok", f"kombu's transport “{self._profile.scheme}” connects.")

    def permission(self) -> ProbeOutcome:
        """See ServerSteps."""
        return ProbeOutcome(
            "skipped", "This transport has no permissions that can be tested without changing something."
        )

    def server(self) -> ProbeOutcome:
        """See ServerSteps."""
        if self._observed.server is None:
            return ProbeOutcome("skipped", "This transport does not report a server version.")
        driver = self._observed.server
        return ProbeOutcome("ok", f"Through {driver.product} {driver.version}; the server reports no version.")

    def database(self) -> ProbeOutcome:
        """See ServerSteps."""
        return ProbeOutcome("skipped", "This transport opens its database with the connection.")

    def messages(self) -> ProbeOutcome:
        """See ServerSteps."""
        return ProbeOutcome("skipped", "This transport does not report whether it accepts messages.")

    def events(self) -> GenericEventSource | ProbeOutcome:
        """See ServerSteps."""
        if self._broker.incomplete:
            return ProbeOutcome("warning", self._broker.incomplete)
        return GenericEventSource(self._profile)

    def close(self) -> None:
        """See ServerSteps."""
        self._broker.close()
